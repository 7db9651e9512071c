"""Iota: the command under judgement, run as a user runs it.

In: the binary, an interpreter, rules and a corpus. Out: matches, or the report of `iota test`.
Separate because nothing else knows its options and its lines.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matches import Match, Place, canonical

_FIELDS = ("event_id", "title", "severity", "dedup")

# A line may be a megabyte long here, so that no context is shortened.
_ENVIRONMENT = {**os.environ, "IOTA_MAX_ALERT_BYTES": str(1 << 20)}


@dataclass
class Scan:
    """What one scan printed."""

    matches: dict[Place, Match] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    shortened: int = 0


@dataclass(frozen=True)
class Iota:
    """One binary and the interpreter it uses."""

    binary: Path
    python: Path

    def scan(self, rules: Path, path: Path, *more: str) -> Scan:
        """Run all rules, one file after the other in one worker: some rules remember what they saw."""
        command = [str(self.binary), "scan", str(path), "--rules", str(rules), "--python", str(self.python), "--jobs"]
        command += ["1", "--no-dedup", "--include-disabled", "--signals", "--lines", "all", *more]
        scan = Scan()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_ENVIRONMENT, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            for text in process.stdout:
                _take(scan, json.loads(text))
            errors = process.stderr.read()
        if process.returncode != 0:
            message = f"{' '.join(command)} ended with {process.returncode}: {errors}"
            raise RuntimeError(message)
        return scan

    def test(self, rules: Path, *more: str) -> dict[str, Any]:
        """Return the report of `iota test`."""
        command = [str(self.binary), "test", str(rules), "--python", str(self.python), "--format", "json"]
        command += more
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        if not done.stdout:
            message = f"{' '.join(command)} ended with {done.returncode} and reported nothing"
            raise RuntimeError(message)
        report: dict[str, Any] = json.loads(done.stdout)
        return report


def _take(scan: Scan, line: dict[str, object]) -> None:
    kind = line["kind"]
    if kind in ("alert", "signal", "suppressed"):
        log = line["log"]
        assert isinstance(log, dict)
        place = Place(str(line["rule_id"]), log["key"], log["index"])
        scan.shortened += bool(line["truncated"])
        said = {name: None if line[name] is None else str(line[name]) for name in _FIELDS}
        scan.matches[place] = Match(**said, context=canonical(line["context"]))
    elif kind == "object":
        for name in ("records", "evaluated", "malformed", "oversize", "rule_errors", "blind"):
            count = line[name]
            assert isinstance(count, int)
            scan.counts[name] += count
