"""A queue and a bus that must acknowledge alerts, and misbehave as they are told: SQS's and EventBridge's batch calls.

What counts as acknowledged is what an answer says that was sent, and when: not what was taken.
"""

import json
import socket
import threading
import time
from typing import NamedTuple

from world import Connections, Json, misbehave, send

_TYPE = "content-type: application/x-amz-json-1.0"
# Whole calls: what the SDK tries again, what it does not, and answers that are none.
_CALLS = {
    "desk_500": ("500 X", "InternalFailure"),
    "desk_throttles": ("400 X", "ThrottlingException"),
    "desk_denies": ("403 X", "AccessDenied"),
}


class Taken(NamedTuple):
    """A call's alerts: all that came, and when each was acknowledged, by its id."""

    alerts: list[Json]
    acknowledged: dict[str, float]


class Desk:
    """Takes alerts; of the next calls each meets its own misdeed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._misdeeds: list[str] = []
        self._done: list[str] = []
        self._taken = Taken([], {})
        self.address = Connections(self._call).address

    def expect(self, misdeeds: list[str]) -> None:
        """How the next calls are answered."""
        with self._lock:
            self._misdeeds, self._done, self._taken = list(misdeeds), [], Taken([], {})

    def left(self) -> list[str]:
        """Misdeeds that are still to come."""
        with self._lock:
            return list(self._misdeeds)

    def take(self) -> tuple[Taken, list[str]]:
        """What came since this was asked, and the misdeeds it met."""
        with self._lock:
            taken, self._taken = self._taken, Taken([], {})
            done, self._done = self._done, []
            return taken, done

    def _call(self, peer: socket.socket, _line: str, body: bytes) -> bool:
        asked = json.loads(body)
        entries, of_queue = asked["Entries"], "QueueUrl" in asked
        alerts = [json.loads(entry["MessageBody" if of_queue else "Detail"]) for entry in entries]
        with self._lock:
            misdeed = self._misdeeds.pop(0) if self._misdeeds else ""
            if misdeed:
                self._done.append(misdeed)
            self._taken.alerts.extend(alerts)
        match misdeed:
            case "desk_reset" | "desk_garbage" | "desk_silence":
                return misbehave(peer, misdeed.removeprefix("desk_"), b"")
            case "desk_says_nothing":
                return send(peer, "200 OK", [_TYPE], b"{}")
            case "desk_slow":
                time.sleep(0.2)
        if misdeed in _CALLS:
            status, code = _CALLS[misdeed]
            return send(
                peer, status, [_TYPE], json.dumps({"__type": f"com.amazonaws#{code}", "message": "so"}).encode()
            )
        odd = [misdeed if at % 2 == 0 else "" for at in range(len(entries))]
        answer = _of_queue(entries, odd) if of_queue else _of_bus(odd)
        now = time.time()
        with self._lock:
            for alert, bad in zip(alerts, odd, strict=True):
                if not bad or misdeed == "desk_slow":
                    self._taken.acknowledged.setdefault(alert["match_id"], now)
        return send(peer, "200 OK", [_TYPE], json.dumps(answer).encode())


def _of_queue(entries: list[Json], odd: list[str]) -> Json:
    answer: Json = {"Successful": [], "Failed": []}
    for entry, misdeed in zip(entries, odd, strict=True):
        failed = {"Id": entry["Id"], "Message": "so"}
        if misdeed == "desk_puts_off":
            answer["Failed"].append(failed | {"Code": "InternalError", "SenderFault": False})
        elif misdeed == "desk_refuses":
            answer["Failed"].append(failed | {"Code": "InvalidMessageContents", "SenderFault": True})
        elif misdeed != "desk_forgets":
            answer["Successful"].append({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0"})
    return answer


def _of_bus(odd: list[str]) -> Json:
    codes = {"desk_puts_off": "ThrottlingException", "desk_refuses": "MalformedDetail"}
    results: list[Json] = []
    for misdeed in odd:
        if misdeed in codes:
            results.append({"ErrorCode": codes[misdeed], "ErrorMessage": "so"})
        else:
            results.append({} if misdeed == "desk_forgets" else {"EventId": "e"})
    return {"FailedEntryCount": sum("EventId" not in result for result in results), "Entries": results}
