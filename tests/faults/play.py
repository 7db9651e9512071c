"""Plays a plan as Lambda and S3 would, retries included, and checks after every attempt what docs/delivery.md promises.

A broken promise is an `AssertionError` that says what was expected and what came.
"""

import base64
import functools
import gzip
import json
import signal
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from desk import Desk, Taken
from plan import ALERTS_TO, BUCKET, SPOILT, Event, LogFile, Plan, Unit, marker
from world import MARGIN_MS, Function, Json, Orders, World, signal_to

# No attempt takes longer, however it is disturbed: three times the SDK's own limit of 20 s.
HANG_S = 60.0
# Faults are finite, so a run comes to its end; this is more than any plan can need.
MOST_ATTEMPTS = 20
DAY_MS = 86_400_000
# Events that need their moment, and may miss it.
WATCHED = {
    "worker_killed_at_start",
    "worker_killed_at",
    "worker_killed_often",
    "worker_frozen",
    "frozen",
    "frozen_past_deadline",
    "killed_at",
    "killed_at_first_alert",
    "stdout_blocked",
    "stdout_closed_at_first_alert",
}
# A rule's own failure takes pairs: each is owned up to in a line.
MAY_LOSE = ("rule_kills_worker_twice", "worker_killed_often")
# An answer may be so late on a machine that is busy; the function stops 300 ms before its deadline.
LATE_MS = 5_000


@dataclass
class Attempt:
    """What one invocation came to."""

    event: Event
    lines: list[Json]
    # What the function posted, as far as the platform got it: whether it failed, and the body.
    answer: tuple[bool, Any] | None
    # Standard output went nowhere: nothing may succeed.
    deaf: bool
    # What the event says came about.
    struck: bool
    # How the last GET of each key was answered, and all misdeeds.
    served: dict[str, str]
    faults: list[str]
    # What came where alerts must be acknowledged.
    taken: Taken


@dataclass
class Result:
    """What one run came to, for the summary."""

    faults: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    alerts: int = 0
    repeats: int = 0


@functools.cache
def desk() -> Desk:
    """One for all plans of a process."""
    return Desk()


def play(plan: Plan, world: World) -> Result:
    """Plays a plan to its end."""
    result = Result()
    at = {
        "AWS_ENDPOINT_URL_SQS": f"http://{desk().address}",
        "AWS_ENDPOINT_URL_EVENTBRIDGE": f"http://{desk().address}",
    }
    world.set(at | {"IOTA_ALERTS_TO": ALERTS_TO[plan.alerts_to]} if plan.alerts_to else {})
    desk().expect(plan.misdeeds)
    world.s3.clear()
    for file in plan.files():
        world.s3.put(file.key, file.body, file.answers)
        result.faults.update([f"damage: {file.damage}"] if file.damage else [])
    events, seen = list(plan.events), Counter[str]()
    pending = plan.units
    for tries in range(MOST_ATTEMPTS):
        event = events.pop(0) if events else Event()
        calm = not events and not world.s3.left(file.key for unit in pending for file in unit.files)
        # Who is sent nothing does nothing.
        calm = calm and not (desk().left() and any(file.pairs() for unit in pending for file in unit.files))
        attempt = _attempt(plan, pending, event, world, tries)
        result.attempts += 1
        result.faults.update([event.what] if attempt.struck and event.what != "none" else [])
        result.faults.update(attempt.faults)
        seen.update(line["alert_id"] for line in attempt.lines if line["kind"] == "alert")
        _check_lines(plan, pending, attempt)
        _check_taken(plan, pending, attempt)
        pending = _check_answer(plan, pending, attempt)
        if calm and event.what == "none":
            _expect_settled(pending)
            result.alerts, result.repeats = len(seen), seen.total() - len(seen)
            return result
        if not pending:
            # Lambda is content; what is planned for later does not happen.
            result.alerts, result.repeats = len(seen), seen.total() - len(seen)
            return result
    objects = [line for line in attempt.lines if line["kind"] == "object"]
    left = world.s3.left(file.key for unit in pending for file in unit.files) + desk().left()
    raise AssertionError(f"not settled after {MOST_ATTEMPTS} attempts; to come: {left}; of the last: {objects}")


def _expect_settled(pending: list[Unit]) -> None:
    for unit in pending:
        expect(any(file.damage for file in unit.files), f"nothing disturbs unit `{unit.name}` any more, and it fails")


def expect(holds: bool, otherwise: str) -> None:
    """Fails the run."""
    if not holds:
        raise AssertionError(otherwise)


# The payload.


def payload(plan: Plan, units: list[Unit]) -> Json:
    """What is sent for these units."""
    match plan.envelope:
        case "sqs":
            message = {"eventSource": "aws:sqs", "attributes": {}}
            bodies = [(unit.name, _message(unit)) for unit in units]
            return {"Records": [message | {"messageId": name, "body": json.dumps(body)} for name, body in bodies]}
        case "s3_batch":
            tasks = [
                {"taskId": unit.name, "s3Key": quote_plus(unit.files[0].key), "s3VersionId": None, "s3Bucket": BUCKET}
                for unit in units
            ]
            return {"invocationSchemaVersion": "2.0", "invocationId": "i", "job": {"id": "j"}, "tasks": tasks}
        case "sns":
            body = json.dumps(_s3(units[0].files))
            return {"Records": [{"EventSource": "aws:sns", "Sns": {"Type": "Notification", "Message": body}}]}
        case "eventbridge":
            return _created(units[0].files[0])
        case "trail":
            return _trail(units[0].files)
        case "logs":
            return _logs(units[0].files[0])
    return _s3(units[0].files)


def _message(unit: Unit) -> Json:
    match unit.wrapping:
        case "sns":
            return {"Type": "Notification", "Message": json.dumps(_s3(unit.files))}
        case "trail":
            return _trail(unit.files)
        case "eventbridge":
            return _created(unit.files[0])
    return _s3(unit.files)


def _s3(files: list[LogFile]) -> Json:
    def record(file: LogFile) -> Json:
        s3 = {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(file.key), "size": len(file.body)}}
        return {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}

    return {"Records": [record(file) for file in files]}


def _created(file: LogFile) -> Json:
    detail = {"bucket": {"name": BUCKET}, "object": {"key": file.key}}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def _trail(files: list[LogFile]) -> Json:
    return {"s3Bucket": BUCKET, "s3ObjectKey": [file.key for file in files]}


def _logs(file: LogFile) -> Json:
    _, group, stream = file.key.split("/", 2)
    events = [{"id": str(at), "message": _text(element.raw)} for at, element in enumerate(file.elements)]
    data = {"messageType": "DATA_MESSAGE", "logGroup": group, "logStream": stream, "logEvents": events}
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode(), 1)).decode()}}


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


# One attempt.


def _attempt(plan: Plan, units: list[Unit], event: Event, world: World, tries: int) -> Attempt:
    deaf = event.what in ("stdout_full_device", "stdout_closed")
    function = world.start("/dev/full") if event.what == "stdout_full_device" else world.function()
    orders = _orders(plan, event, function, world)
    if event.what == "stdout_closed":
        function.close_output()
    if event.what == "worker_killed_while_idle" and not function.workers():
        _warm(function)
    struck = event.what != "worker_killed_while_idle" or _to_workers(function, signal.SIGKILL) > 0
    deadline_ms = _deadline(units, event, world, tries)
    world.s3.take_served()
    desk().take()
    function.invoke(json.dumps(payload(plan, units)).encode(), deadline_ms)
    answer, done = _disturb(function, event)
    struck = struck and done and not (orders and orders.take_back())
    served, faults = world.s3.take_served()
    taken, misdeeds = desk().take()
    expect(answer is not None or event.what.startswith("killed"), f"the function died of `{event.what}`")
    if event.what.startswith("killed"):
        answer = None
    late = time.time() * 1000 - deadline_ms
    # A process that stands still, or whose lines nobody takes, can't keep a deadline; one that is past binds nobody.
    free = event.what in ("frozen", "frozen_past_deadline", "stdout_blocked")
    free = free or any(line.get("event") == "deadline_ignored" for line in function.lines)
    expect(free or late < LATE_MS, f"answered {late:.0f} ms after the deadline")
    lines = function.lines
    # A rule that failed often may be behind a fence for a minute, and nobody reads what is printed to nowhere.
    if "closed" in event.what or deaf or answer is None or event.what == "worker_killed_often":
        world.end()
    return Attempt(event, lines, answer, deaf, struck, served, faults + misdeeds, taken)


def _orders(plan: Plan, event: Event, function: Function, world: World) -> Orders | None:
    name = marker(plan.seed)
    match event.what:
        case "rule_kills_worker":
            return Orders(world.folder, f"rule-{name}", b"a")
        case "rule_exits_worker":
            return Orders(world.folder, f"rule-{name}", b"e")
        case "rule_kills_worker_twice":
            return Orders(world.folder, f"rule-{name}", b"aa")
        case "title_kills_worker":
            return Orders(world.folder, f"title-{name}", b"a")
        case "import_kills_worker":
            # Rules are imported by a worker that starts.
            _to_workers(function, signal.SIGKILL)
            return Orders(world.folder, f"import-{function.process.pid}", b"a")
    return None


def _warm(function: Function) -> None:
    """One record, so that there is a worker."""
    call = {"detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "Watched"}}
    function.invoke(json.dumps(call).encode(), int(time.time() * 1000) + 50_000)
    while function.wait(0.2) is None:
        expect(function.alive(), "the function died of one record")


def _deadline(units: list[Unit], event: Event, world: World, tries: int) -> int:
    now = int(time.time() * 1000)
    if {"stall", "silence", "desk_silence"} & {
        *world.s3.left(file.key for unit in units for file in unit.files),
        *desk().left(),
    }:
        # Nothing else ends the wait for a peer that is silent before its 20 s are over. Longer each time: a worker
        # that had no time to start has none at the next attempt either.
        return now + MARGIN_MS + 250 * (tries + 1)
    match event.what:
        case "deadline_past":
            return now - 1_000
        case "deadline_1970":
            return 0
        case "deadline_far":
            return now + 40_000 * DAY_MS
        case "deadline_tiny":
            return now + event.at_ms
        case "deadline_short":
            return now + MARGIN_MS + 2 * event.at_ms
        case "frozen_past_deadline":
            return now + MARGIN_MS + event.at_ms
    return now + 50_000


Answer = tuple[bool, Any] | None


def _disturb(function: Function, event: Event) -> tuple[Answer, bool]:
    """Does to the processes what the event says while the invocation runs; gives back the answer, and whether it could
    be done before that.
    """
    frozen: list[int] = []
    try:
        return _disturbed(function, event, frozen)
    finally:
        for pid in frozen:
            signal_to(pid, signal.SIGCONT)


def _disturbed(function: Function, event: Event, frozen: list[int]) -> tuple[Answer, bool]:
    started = time.monotonic()
    at, until = started + event.at_ms / 1000, started + (event.at_ms + event.for_ms) / 1000
    what, thawed = event.what, False
    # What is no matter of time is done already.
    struck = what not in WATCHED
    while True:
        now = time.monotonic()
        expect(now - started < HANG_S, f"no answer after {HANG_S:.0f} s")
        reading = what != "stdout_blocked" or now >= until
        # Often where something is watched for, seldom where nothing is.
        pause = 0.001 if what == "worker_killed_at_start" and not struck else 0.02 if what != "none" else 0.2
        answer = function.wait(min(pause, max(at - now, 0.0)) if now < at else pause, read=reading)
        if answer is not None:
            function.read()
            return answer, struck
        if not function.alive():
            return None, struck
        now = time.monotonic()
        alerted = "first_alert" in what and any(line["kind"] == "alert" for line in function.lines)
        match what:
            case "worker_killed_at_start" if not struck:
                struck = _to_workers(function, signal.SIGKILL) > 0
            case "worker_killed_at" if now >= at and not struck:
                struck = _to_workers(function, signal.SIGKILL) > 0
            case "worker_killed_often" if now >= at and (not struck or now < until):
                if _to_workers(function, signal.SIGKILL) > 0 and not struck:
                    struck, until = True, now + event.for_ms / 1000
            case "worker_frozen" | "frozen" | "frozen_past_deadline" if now >= at and not struck:
                frozen += function.workers() if what == "worker_frozen" else [function.process.pid, *function.workers()]
                struck = bool(frozen)
                for pid in frozen:
                    signal_to(pid, signal.SIGSTOP)
                if what == "frozen_past_deadline":
                    until = now + (MARGIN_MS + event.at_ms + event.for_ms) / 1000
            case "worker_frozen" | "frozen" | "frozen_past_deadline" if now >= until and not thawed:
                thawed = True
                for pid in frozen:
                    signal_to(pid, signal.SIGCONT)
            case "killed_at" if now >= at:
                return None, True
            case "killed_at_first_alert" if alerted:
                return None, True
            case "stdout_blocked" if now >= until:
                struck = True
            case "stdout_closed_at_first_alert" if alerted and not struck:
                struck = True
                function.close_output()


def _to_workers(function: Function, number: int) -> int:
    workers = function.workers()
    for pid in workers:
        signal_to(pid, number)
    return len(workers)


# What must hold.


def _check_lines(plan: Plan, units: list[Unit], attempt: Attempt) -> None:
    """Lines one by one, in the order of their printing: what a line says must be so when it is out."""
    files = {file.key: file for unit in units for file in unit.files}
    told: set[tuple[str, str]] = set()
    file_told: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    # Pairs that a rule's own failure took: each is owned up to in a line, at the end.
    lost: Counter[str] = Counter()
    for line in attempt.lines:
        if line["kind"] == "rule_error":
            lost[line["rule_id"]] += line["count"]
    blind = sum(line["blind"] for line in attempt.lines if line["kind"] == "object")
    may_lose = attempt.event.what in MAY_LOSE
    # A rule may fail on what damaged bytes have made of a record.
    expect(
        may_lose or "damaged_bytes" in attempt.faults or not lost, f"rules failed: {lost}, by `{attempt.event.what}`"
    )
    expect(may_lose or not blind, f"{blind} pairs were not judged, by `{attempt.event.what}`")
    for line in attempt.lines:
        if line["kind"] == "alert":
            file = files.get(line["log"]["key"])
            pair = line["rule_id"], line["match_id"]
            # Damaged bytes may make other records, which are told before the checksum at the end gives them away.
            strange = file is None or (pair not in file.pairs() and "damaged_bytes" not in file.answers)
            expect(not strange, f"an alert that nobody expects: {line}")
            expect(line["alert_id"] == line["match_id"], f"alone, and not named by its match: {line}")
            told.add(pair)
            file_told[line["log"]["key"]].add(pair)
        if line["kind"] == "object":
            expect(line["key"] in files, f"an object that nobody asked for: {line}")
            file = files[line["key"]]
            served = attempt.served.get(file.key, "200")
            if line["status"] == "done":
                _check_account(line, file)
                expect(served not in SPOILT, f"{file.key} is done, but its GET was answered with `{served}`")
                odd = file_told[file.key] - file.pairs()
                expect(not odd, f"{line['key']} is done, with alerts that nobody expects: {odd}")
                missing = Counter(rule for rule, _ in file.pairs() - told)
                if may_lose and missing:
                    missing = +(missing - lost) if not blind else Counter()
                expect(not missing, f"{line['key']} is done, but alerts of {missing} are missing: {line}")
            elif line["error"] == file.damage and served not in SPOILT:
                # All of its records stand before the damage.
                missing = Counter(rule for rule, _ in file.pairs() - told)
                expect(may_lose or not missing, f"{line['key']} is damaged behind its records; {missing} are missing")


def _check_taken(plan: Plan, units: list[Unit], attempt: Attempt) -> None:
    """What must be acknowledged was, before its object was called done; and nothing else was sent."""
    if not plan.alerts_to:
        expect(not attempt.taken.alerts, f"nobody asked for these: {attempt.taken.alerts}")
        return
    files = {file.key: file for unit in units for file in unit.files}
    # What was still in the pipe when the function ended, or when nobody read any more, went unread.
    read = attempt.answer is not None and not attempt.deaf and "closed" not in attempt.event.what
    printed = [line for line in attempt.lines if line["kind"] == "alert"]
    told = {line["match_id"] for line in printed}
    for alert in attempt.taken.alerts:
        file = files.get(alert["log"]["key"])
        pair = alert["rule_id"], alert["match_id"]
        strange = file is None or (pair not in file.pairs() and "damaged_bytes" not in file.answers)
        expect(not strange, f"an alert that nobody expects was sent: {alert}")
        expect(not read or alert["match_id"] in told, f"it was sent and not printed: {alert}")
    for line in attempt.lines:
        file = files.get(line.get("key", ""))
        if line["kind"] != "object" or file is None or (line["status"] != "done" and line["error"] != file.damage):
            continue
        pairs = {match for _, match in file.pairs()}
        if attempt.event.what in MAY_LOSE or line["status"] != "done":
            # Another file may have told what was lost of this one.
            pairs &= {alert["match_id"] for alert in printed if alert["log"]["key"] == file.key}
        at = datetime.fromisoformat(line["timestamp"]).timestamp() + 0.001
        late = [match for match in pairs if attempt.taken.acknowledged.get(match, float("inf")) > at]
        expect(not late, f"{line['key']} is {line['status']}, and these are not acknowledged: {late}")


def _check_account(line: Json, file: LogFile) -> None:
    """The balance, and every part of it against what was put into the file."""
    parts = sum(line[name] for name in ("evaluated", "repeat", "malformed", "oversize"))
    expect(line["records"] == parts, f"the account does not balance: {line}")
    expect(file.damage is None, f"a damaged file is done ({file.damage}): {line}")
    expected = {
        "records": len(file.elements),
        "malformed": file.count("malformed"),
        "oversize": file.count("oversize"),
    }
    got = {name: line[name] for name in expected}
    expect(got == expected, f"expected {expected} of {file.key}, got {got}")


def _check_answer(plan: Plan, units: list[Unit], attempt: Attempt) -> list[Unit]:
    """The answer against the lines. Gives back the units that Lambda sends again."""
    if attempt.answer is None:
        return units
    failed, body = attempt.answer
    status: dict[str, str] = {}
    for line in attempt.lines:
        if line["kind"] == "object":
            expect(line["key"] not in status, f"two object lines for `{line['key']}` in one invocation")
            status[line["key"]] = line["status"]
    unheard = failed and body["errorType"] == "OutputFailed"
    expect(unheard or not attempt.deaf, f"nobody hears it, and it answers {attempt.answer}")
    # What was read until nobody listened any more may be all there was to say; then the answer must be right.
    if unheard and (attempt.deaf or attempt.event.what == "stdout_closed_at_first_alert"):
        return units
    failing = _failing(plan, units, attempt.answer)
    for unit in units:
        unwell = [file.key for file in unit.files if status.get(file.key) != "done"]
        expect(
            (unit in failing) == bool(unwell),
            f"not done of unit `{unit.name}` are {unwell}, the answer is {attempt.answer}",
        )
        for file in unit.files:
            expect(file.key in status, f"no object line for `{file.key}`; the answer is {attempt.answer}")
    if failed:
        expect(body["errorType"] == "ObjectFailed", f"an answer of its own: {body}")
        for key in [key for key, word in status.items() if word == "failed"]:
            expect(key in body["errorMessage"], f"`{key}` failed and is not named: {body}")
    return failing


def _failing(plan: Plan, units: list[Unit], answer: tuple[bool, Any]) -> list[Unit]:
    failed, body = answer
    names = [unit.name for unit in units]
    if plan.envelope == "sqs" and not failed:
        ids = [item["itemIdentifier"] for item in body["batchItemFailures"]]
        expect(set(ids) <= set(names) and len(ids) == len(set(ids)), f"of {names}, failed are {ids}")
        return [unit for unit in units if unit.name in ids]
    if plan.envelope == "s3_batch" and not failed:
        results = {result["taskId"]: result["resultCode"] for result in body["results"]}
        expect(list(results) == names and len(body["results"]) == len(names), f"tasks {names}, results {body}")
        return [unit for unit in units if results[unit.name] != "Succeeded"]
    expect(plan.envelope not in ("sqs", "s3_batch"), f"a batch fails as a whole: {body}")
    expect(failed or body == {}, f"an answer of its own: {body}")
    return list(units) if failed else []
