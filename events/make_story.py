#!/usr/bin/env python3
"""Writes what lies in this folder: the synthetic bucket, the payloads that announce it, and the alerts it must give.

    python3 events/make_story.py            write everything
    python3 events/make_story.py --check    change nothing; exit 1 where a file differs from what would be written

Compressed files are compared by what they hold, since another zlib may pack the same text into other bytes.
"""

import argparse
import base64
import gzip
import json
import sys
from pathlib import Path

from story.attack import Step, attack
from story.delivery import deliver, pack
from story.envelopes import envelopes
from story.noise import ordinary_morning
from story.record import at
from story.scenes import scenes

HERE = Path(__file__).resolve().parent
MARKS = ("<!-- story: written by make_story.py -->\n", "<!-- /story -->\n")


def main() -> int:
    """Write or check; the number of differences decides the exit code."""
    parser = argparse.ArgumentParser(description="write the synthetic bucket and its payloads")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    wanted = build()
    return check(wanted) if parser.parse_args().check else write(wanted)


def build() -> dict[str, bytes]:
    """Path below this folder -> bytes of every generated file."""
    steps = list(attack())
    noise = [*ordinary_morning(at("08:40:00"), at("09:50:00")), *scenes()]
    bucket = deliver([*noise, *(step.record for step in steps)])
    out = {f"bucket/{key}": pack(content) for key, content in bucket.items()}
    for path, payload in envelopes(bucket, steps[0].record).items():
        out[path] = pretty(payload)
    out["expected-alerts.json"] = pretty(
        [
            {
                "rule_id": rule,
                "event_id": step.record["eventID"],
                "event_time": step.record["eventTime"],
                "event_name": step.record["eventName"],
                "keys": [key for key, content in bucket.items() if step.record in content.get("Records", [])],
            }
            for step in steps
            for rule in step.rules
        ]
    )
    out["README.md"] = readme(steps)
    return out


def readme(steps: list[Step]) -> bytes:
    """The README with the story's table between its marks written anew."""
    before, _, rest = (HERE / "README.md").read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    rows = ["| time | event | what happens | caught by |", "|---|---|---|---|"]
    for step in steps:
        entry = step.record
        caught = ", ".join(f"`{rule}`" for rule in step.rules)
        row = f"| {entry['eventTime'][11:19]} | `{entry['eventName']}` | {step.meaning} | {caught} |"
        # Repeated steps differ in their time alone: one row stands for all.
        if row[11:] != rows[-1][11:]:
            rows.append(row)
    return "".join([before, MARKS[0], "\n".join(rows), "\n", MARKS[1], after]).encode()


def write(wanted: dict[str, bytes]) -> int:
    """Write every file and remove what an earlier seed left in the bucket and among the envelopes."""
    for path in stale(wanted):
        path.unlink()
    for name, content in wanted.items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    print(f"wrote {len(wanted)} files below {HERE.name}/")
    return 0


def check(wanted: dict[str, bytes]) -> int:
    """Name every file that is missing, unknown or different."""
    problems = [f"`{path.relative_to(HERE)}` is not part of the story" for path in stale(wanted)]
    for name, content in wanted.items():
        path = HERE / name
        if not path.is_file():
            problems.append(f"`{name}` is missing")
        elif unpacked(path.read_bytes()) != unpacked(content):
            problems.append(f"`{name}` differs")
    for problem in problems:
        print(f"{problem}: run `python3 events/make_story.py`", file=sys.stderr)
    return 1 if problems else 0


def stale(wanted: dict[str, bytes]) -> list[Path]:
    """Files in the generated folders that the story doesn't have."""
    found = [path for folder in ("bucket", "envelopes") for path in (HERE / folder).rglob("*") if path.is_file()]
    return sorted(path for path in found if str(path.relative_to(HERE)) not in wanted)


def unpacked(content: bytes) -> object:
    """What a file says, whatever packed it: gzip is opened, and so is the gzip inside a CloudWatch Logs payload."""
    if content.startswith(b"\x1f\x8b"):
        return gzip.decompress(content)
    if not content.startswith((b"{", b"[")):
        return content
    value = json.loads(content)
    if isinstance(value, dict) and "awslogs" in value:
        return json.loads(gzip.decompress(base64.b64decode(value["awslogs"]["data"])))
    return value


def pretty(value: object) -> bytes:
    """JSON for people, with a line feed at the end."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    sys.exit(main())
