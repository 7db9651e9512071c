"""Checkout: the parts of a clone of panther-analysis that the judge reads; nothing of it is copied into the project.

In: the clone's folder. Out: its YAML documents. Separate because three sections of the judgement ask for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

LOG_TYPE = "AWS.CloudTrail"


def documents(folder: Path, kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the file and the content of every YAML below `folder` whose `AnalysisType` is `kind`."""
    for file in sorted(folder.rglob("*.y*ml")):
        document = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
        if isinstance(document, dict) and document.get("AnalysisType") == kind:
            yield file, document


def cloudtrail_rules(clone: Path) -> Path:
    """Return the folder of CloudTrail rules."""
    return clone / "rules" / "aws_cloudtrail_rules"


def test_events(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return a name and the log of every test of every rule in `folder`."""
    return [
        (f"{document['RuleID']}/{number}", test["Log"])
        for _, document in documents(folder, "rule")
        for number, test in enumerate(document.get("Tests") or [])
    ]
