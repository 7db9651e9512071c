"""Upstream: the engine of bilals12/iota, the project that iota's own form of rules comes from.

In: a clone and a corpus. Out: matches. Separate because it imports that project's `engine.py`: nothing else needs it.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from compare import KINDNESS, UNWRAPS
from matches import Match, Place, event_id


def rules_folder(clone: Path) -> Path:
    """Return the folder of CloudTrail rules."""
    return clone / "rules" / "aws_cloudtrail"


def matches(
    clone: Path, corpus: Iterable[tuple[str, int, dict[str, Any]]]
) -> tuple[dict[Place, Match], dict[Place, str]]:
    """Return all matches (that engine makes no context), and where it misses matches for a reason that is known."""
    sys.path.insert(0, str(clone / "engines" / "iota"))
    import engine

    judge = engine.Engine(str(rules_folder(clone)))
    found: dict[Place, Match] = {}
    excuses: dict[Place, str] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for file, index, record in corpus:
            for match in judge.analyze([record])["matches"]:
                place = Place(match["rule_id"], file, index)
                found[place] = Match(event_id(record), match["title"], match["severity"], match["dedup"])
            for rule in judge.rules:
                place = Place(rule.rule_id, file, index)
                if judge._unwrap_event(record) is not record:
                    excuses[place] = UNWRAPS
                # The engine does not tell that a rule raised, so the rule is asked once more.
                try:
                    rule.module.rule(record)
                except Exception:
                    excuses[place] = KINDNESS
    return found, excuses
