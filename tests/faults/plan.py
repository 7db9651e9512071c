"""What one run does, drawn from its seed: log files, the envelope that names them, and the faults that meet them.

Pure: no clock, no process, no network. `match_id` is the documented way to an id (docs/delivery.md), written down a
second time on purpose: what the function prints is compared with it.
"""

import gzip
import hashlib
import json
import random
from dataclasses import dataclass, field
from typing import Any

BUCKET = "logs"
# The function is started with it, so that an oversize record is cheap.
MAX_RECORD_BYTES = 8192
# How many records the function judges at a time: some files have more.
BATCH_RECORDS = 256

# Event name to the rules that match it; `rules()` in world.py is their code. Of `Good` the prefilter can tell that none
# does, of `Watched` only Python.
MATCHES = {
    "Bad": ("bad",),
    "Both": ("bad", "other"),
    "Slow": ("slow",),
    "Fatal": ("fatal",),
    "Good": (),
    "Watched": (),
}

# What S3 does with one GET: what nobody may take for the object, and what is slow, or tried again by the SDK.
SPOILT = [
    "403",
    "404",
    "reset_in_body",
    "cut_in_body",
    "length_too_long",
    "length_too_short",
    "wrong_checksum",
    "damaged_bytes",
    "empty_body",
    "stall",
    "silence",
]
ANSWERS = [*SPOILT, "500", "503", "reset", "garbage", "slow_body"]
# They take 20 s, the client's own limits for a body and for its first byte, so they are drawn seldom.
LONG = ["long_stall", "long_silence"]

# Where alerts must be acknowledged, and what is done there with one call.
ALERTS_TO = {
    "queue": "arn:aws:sqs:us-east-1:111122223333:alerts",
    "fifo": "arn:aws:sqs:us-east-1:111122223333:alerts.fifo",
    "bus": "arn:aws:events:us-east-1:111122223333:event-bus/alerts",
}
DESK = [
    "desk_500",
    "desk_throttles",
    "desk_denies",
    "desk_reset",
    "desk_garbage",
    "desk_silence",
    "desk_says_nothing",
    "desk_slow",
    "desk_puts_off",
    "desk_refuses",
    "desk_forgets",
]

# What happens to the processes during one attempt.
EVENTS = [
    "worker_killed_at_start",
    "worker_killed_while_idle",
    "worker_killed_at",
    "worker_killed_often",
    "worker_frozen",
    "rule_kills_worker",
    "rule_exits_worker",
    "rule_kills_worker_twice",
    "title_kills_worker",
    "import_kills_worker",
    "frozen",
    "frozen_past_deadline",
    "killed_at_first_alert",
    "killed_at",
    "killed_with_the_answer",
    "stdout_closed",
    "stdout_closed_at_first_alert",
    "stdout_full_device",
    "stdout_blocked",
    "deadline_past",
    "deadline_1970",
    "deadline_far",
    "deadline_tiny",
    "deadline_short",
]
# These need a record of the rule that obeys them.
BY_RULE = {
    "rule_kills_worker",
    "rule_exits_worker",
    "rule_kills_worker_twice",
    "title_kills_worker",
    "import_kills_worker",
}


@dataclass
class Element:
    """One element of a log file: its bytes, what must become of it, and the matches it must give."""

    raw: bytes
    fate: str = "judged"
    pairs: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class LogFile:
    """One object in S3 (or records in the payload), and how its GETs are answered before they succeed."""

    key: str
    layout: str
    elements: list[Element]
    body: bytes
    # The word of the fault that no retry cures, if it has one.
    damage: str | None = None
    answers: list[str] = field(default_factory=list)

    def pairs(self) -> set[tuple[str, str]]:
        """Every rule and match id that must be alerted."""
        return {pair for element in self.elements for pair in element.pairs}

    def count(self, fate: str) -> int:
        """How many elements share a fate."""
        return sum(element.fate == fate for element in self.elements)


@dataclass
class Unit:
    """What succeeds or fails together: a message, a task, or all of the payload."""

    name: str
    files: list[LogFile]
    wrapping: str = "s3"


@dataclass
class Event:
    """One thing that happens during an attempt: what, when, for how long."""

    what: str = "none"
    at_ms: int = 0
    for_ms: int = 0


@dataclass
class Plan:
    """One run."""

    seed: str
    envelope: str
    units: list[Unit]
    events: list[Event]
    # Where alerts must be acknowledged, if anywhere, and what the next calls meet there.
    alerts_to: str = ""
    misdeeds: list[str] = field(default_factory=list)

    def files(self) -> list[LogFile]:
        """Every log file of the run."""
        return [file for unit in self.units for file in unit.files]

    def shown(self) -> str:
        """For a person who looks into a failure."""
        lines = [f"seed {self.seed}; envelope {self.envelope}; events {self.events}"]
        if self.alerts_to:
            lines.append(f"  alerts to the {self.alerts_to}, which does {self.misdeeds}")
        for unit in self.units:
            for file in unit.files:
                fates = {fate: file.count(fate) for fate in ("judged", "malformed", "oversize")}
                lines.append(
                    f"  unit `{unit.name}` ({unit.wrapping}): {file.key} {file.layout}, {fates}, "
                    f"{len(file.pairs())} matches, damage {file.damage}, answers {file.answers}"
                )
        return "\n".join(lines)


def match_id(rule: str, event_id: str | None, raw: bytes) -> str:
    """The id of a match, as docs/delivery.md says."""
    name = b"\0id\0" + event_id.encode() if event_id else b"\0raw\0" + raw
    return hashlib.sha256(b"iota/1\0" + rule.encode() + name).hexdigest()[:32]


def draw(seed: str, only: str | None = None) -> Plan:
    """The plan of a seed. `only` names the one fault that it shall have, at its first attempt."""
    rng = random.Random(seed)
    envelope = rng.choice(["s3", "s3", "sqs", "sqs", "sns", "eventbridge", "trail", "s3_batch", "logs"])
    if only and only in ANSWERS + LONG and envelope == "logs":
        envelope = "s3"
    count = 1 if envelope in ("eventbridge", "logs") else rng.randint(1, 4)
    events = _events(rng)
    if only:
        events = [Event(only, rng.randrange(30), 200)] if only in EVENTS else []
    # One alert at least, where it matters.
    fatal = any(event.what in BY_RULE for event in events) or only in DESK
    files: list[LogFile] = []
    for at in range(count):
        files.append(_log_file(rng, seed, at, envelope == "logs", files, fatal=fatal and at == 0))
    for file in files:
        drawn = _answers(rng)
        if envelope != "logs":
            file.answers = drawn if only is None else [only] if only in ANSWERS + LONG else []
    plan = Plan(seed, envelope, _units(rng, envelope, files), events)
    # Of its own, so that the rest of a seed's plan stays what it was before there was anybody to acknowledge alerts.
    rng = random.Random(f"{seed}/desk")
    if only in DESK or (rng.random() < 0.5 and only is None):
        plan.alerts_to = rng.choice(list(ALERTS_TO))
        drawn = [rng.choice(DESK) for _ in range(rng.choice([0, 0, 1, 1, 2, 4]))]
        plan.misdeeds = drawn if only is None else [only]
    return plan


def _events(rng: random.Random) -> list[Event]:
    events = []
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        what = rng.choice(EVENTS)
        events.append(Event(what, round(40 * rng.random() ** 2), round(30 + 600 * rng.random() ** 3)))
    return events


def _answers(rng: random.Random) -> list[str]:
    if rng.random() < 0.002:
        return [rng.choice(LONG)]
    if rng.random() < 0.55:
        return []
    return [rng.choice(ANSWERS) for _ in range(rng.choice([1, 1, 1, 2, 3]))]


def _units(rng: random.Random, envelope: str, files: list[LogFile]) -> list[Unit]:
    if envelope == "s3_batch":
        return [Unit(f"task-{at}", [file]) for at, file in enumerate(files)]
    if envelope != "sqs":
        return [Unit("", files)]
    units: list[Unit] = []
    left = list(files)
    while left:
        taken = [left.pop() for _ in range(min(len(left), rng.choice([1, 1, 2])))]
        wrapping = rng.choice(["s3", "sns", "trail"] + ["eventbridge"] * (len(taken) == 1))
        units.append(Unit(f"message-{len(units)}", taken, wrapping))
    return units


def _log_file(rng: random.Random, seed: str, at: int, inline: bool, before: list[LogFile], *, fatal: bool) -> LogFile:
    many = rng.random() < 0.05
    count = rng.randint(BATCH_RECORDS + 1, 3 * BATCH_RECORDS) if many else rng.randint(1, 50)
    usual = (["Good"] if rng.random() < 0.5 else ["Watched"]) * (20 if many else 5)
    elements = [_element(rng, f"{seed}-{at}-{n}", inline, usual) for n in range(count)]
    for other in before:
        # Real trails deliver events twice.
        if rng.random() < 0.4:
            copies = [element for element in other.elements if element.fate == "judged"]
            elements += rng.sample(copies, min(len(copies), rng.randint(1, 10)))
    if fatal:
        elements.append(_record(rng, f"{seed}-{at}-fatal", "Fatal", marker=marker(seed)))
    rng.shuffle(elements)
    if inline:
        return LogFile(f"cloudwatch-logs/trail/{seed}", "lines", elements, b"")
    # A key holds what must be encoded on its way.
    key = f"AWSLogs/{seed.replace('/', '-')}/{rng.choice(['plain', 'a b', 'c+d', 'é%'])}/{at}.json.gz"
    layout = rng.choice(["plain", "gzip", "gzip", "members", "lines", "array"])
    file = LogFile(key, layout, elements, _body(rng, layout, elements))
    if rng.random() < 0.06 and not fatal:
        _damage(rng, file)
    return file


def _element(rng: random.Random, event_id: str, inline: bool, usual: list[str]) -> Element:
    drawn = rng.random()
    if drawn < 0.03 and not inline:
        return Element(rng.choice([b"7", b"null", b'"x"', b'{"eventName":"Bad","a":tru}', b"[1,2]"]), "malformed")
    if drawn < 0.04:
        return Element(b'{"eventName":"Bad","a":' + b"[" * 200 + b"]" * 200 + b"}", "malformed")
    if drawn < 0.06:
        size = MAX_RECORD_BYTES + rng.randrange(9000)
        return Element(b'{"eventName":"Bad","a":"' + b"x" * size + b'"}', "oversize")
    names = [*usual, "Bad", "Both"] + ["Slow"] * (rng.random() < 0.1)
    return _record(rng, event_id, rng.choice(names), anonymous=drawn < 0.1 and not inline)


def marker(seed: str) -> str:
    """The name of the file that tells a rule to kill its worker."""
    return seed.replace("/", "-")


def _record(rng: random.Random, event_id: str, name: str, *, anonymous: bool = False, marker: str = "") -> Element:
    parameters = {"pad": "p" * rng.randrange(600), "text": rng.choice(["", "]}", '"\\', "é\u2028", "[{"])}
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "eventTime": f"2026-03-14T09:{rng.randrange(60):02}:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/u"},
        "requestParameters": parameters,
        "recipientAccountId": "111122223333",
    }
    if marker:
        parameters["marker"] = marker
    if anonymous:
        # Its bytes are its name, and they must be its own.
        parameters["nonce"] = event_id
    else:
        record["eventID"] = event_id
    raw = json.dumps(record, ensure_ascii=rng.random() < 0.5).encode()
    if rng.random() < 0.02 and not anonymous:
        raw = raw.replace(b"IAMUser", b"IAM\xffser")
    named = None if anonymous else event_id
    return Element(raw, "judged", [(rule, match_id(rule, named, raw)) for rule in MATCHES[name]])


def _body(rng: random.Random, layout: str, elements: list[Element]) -> bytes:
    if layout == "lines":
        for element in elements:
            # At the top, an element that is no object is no log file.
            if element.fate == "malformed" and not element.raw.startswith(b"{"):
                element.raw = b'{"eventName":tru}'
        text = b"\n".join(element.raw for element in elements) + b"\n"
    elif layout == "array":
        text = b"[" + b",".join(element.raw for element in elements) + b"]"
    else:
        text = b'{"Records":[' + b",".join(element.raw for element in elements) + b"]}"
    if layout == "members" or (layout in ("lines", "array") and rng.random() < 0.3):
        cut = rng.randrange(1, len(text))
        return gzip.compress(text[:cut], 1, mtime=0) + gzip.compress(text[cut:], 1, mtime=0)
    return gzip.compress(text, 1, mtime=0) if layout == "gzip" else text


def _damage(rng: random.Random, file: LogFile) -> None:
    kinds = ["empty", "not_cloudtrail"]
    if file.body.startswith(b"\x1f\x8b"):
        kinds += ["gzip_trailing", "gzip_truncated"]
    elif file.layout == "plain":
        kinds += ["structure"] * 3
    file.damage = rng.choice(kinds)
    if file.damage in ("empty", "not_cloudtrail"):
        file.elements, file.body = [], b"" if file.damage == "empty" else b'{"rubbish":1}'
    elif file.damage == "gzip_trailing":
        file.body += b"more"
    elif file.damage == "gzip_truncated":
        # In the trailer: every record is whole.
        file.body = file.body[: -rng.randint(1, 8)]
    else:
        file.body = file.body.removesuffix(b"]}") + b","
