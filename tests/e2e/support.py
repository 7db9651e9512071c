"""What the end-to-end tests share: where things are, and how lines and commands are read.

Not in `conftest.py`, whose name other folders of tests have too.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
BUCKET = "example-trail-111122223333"
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def binary(name: str) -> Path:
    """A built binary; the test is skipped where there is none."""
    path = BINARIES / name
    if not path.is_file():
        pytest.skip(f"`{path}` is missing: run `cargo build --release`")
    return path


def log_keys() -> list[str]:
    """Every key of the synthetic bucket, the digest file included, in order."""
    folder = EVENTS / "bucket"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.json.gz"))


def notification(key: str) -> Json:
    """What S3 sends for one file: the sample payload with another key."""
    payload: Json = json.loads((EVENTS / "s3-put.json").read_text(encoding="utf-8"))
    payload["Records"][0]["s3"]["object"]["key"] = key
    return payload


def expected_alerts(keys: Iterable[str]) -> set[tuple[str, str]]:
    """Rule and event id of every alert that these files of the synthetic bucket must give."""
    wanted = set(keys)
    alerts: list[Json] = json.loads((EVENTS / "expected-alerts.json").read_text(encoding="utf-8"))
    return {(alert["rule_id"], alert["event_id"]) for alert in alerts if wanted & set(alert["keys"])}


def found_alerts(lines: Iterable[Json]) -> set[tuple[str, str]]:
    """Rule and event id of the alerts among some lines."""
    return {(line["rule_id"], line["event_id"]) for line in lines if line["kind"] == "alert"}


def read_lines(text: str) -> list[Json]:
    """Lines as the function prints them. Anything that is not one of our lines fails the test."""
    lines: list[Json] = []
    for number, raw in enumerate(text.splitlines(), 1):
        try:
            line = json.loads(raw)
        except ValueError:
            raise AssertionError(f"line {number} is not JSON: `{raw[:300]}`") from None
        missing = {"kind", "schema", "level", "timestamp"} - line.keys()
        assert not missing, f"line {number} has no {missing}: `{raw[:300]}`"
        lines.append(line)
    return lines


def scan(folder: Path, pack: Path) -> list[Json]:
    """The alerts that the command line finds in a folder."""
    command: list[str | Path] = [binary("iota"), "scan", folder, "--rulepack", pack, "--python", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return read_lines(done.stdout)
