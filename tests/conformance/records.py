"""Records: the events that both engines judge, as files that `iota scan` reads and as dictionaries for the judge.

In: a folder of CloudTrail files, or a JSON lines file. Out: `Corpus`. Separate because the position of a record
(file, index in it) must mean the same to both sides.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SUFFIXES = (".json.gz", ".json", ".jsonl")


@dataclass(frozen=True)
class Corpus:
    """A named set of records."""

    name: str
    path: Path

    def __iter__(self) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Yield file, index in it and record, in the order in which iota scans."""
        files = [self.path] if self.path.is_file() else _files(self.path)
        for file in files:
            for index, record in enumerate(_records(file)):
                yield str(file), index, record


def _files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.name.endswith(_SUFFIXES)]
    return sorted(found, key=lambda path: (_delivered(path.name), path))


def _delivered(name: str) -> str:
    """Return the time of delivery in a name like `…_us-east-1_20260314T0905Z_x.json.gz`, empty when there is none."""
    parts = (part for part in name.split("_") if len(part) == 14 and part[8] + part[13] == "TZ")
    return next((part for part in parts if (part[:8] + part[9:13]).isdigit()), "")


def _records(file: Path) -> list[dict[str, Any]]:
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in data.splitlines() if line.strip()]
    records: list[dict[str, Any]] = json.loads(data).get("Records", [])
    return records
