"""Comparison: two sets of matches, field by field, and a reason for each difference.

In: matches of iota and of the reference. Out: `Comparison`, whose unexplained differences are faults.
Separate because the list of deliberate differences is here and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matches import FIELDS, Match, Place, canonical

# Rules that put a Python `set` of strings into a list: its order is another one in every process.
_SET_ORDER = frozenset({"AWS.SSM.DecryptSSMParams", "AWS.SSM.DistributedCommand"})
_RAISED = re.compile(r"[A-Za-z_.]+\(")

# Every reason here is a decision, described in docs/compatibility.md.
PRINTS = "a list or mapping of the event prints like Python's own, not `ImmutableList((…))`"
RAISES = "`alert_context` raises the same exception, but its text names the engine's own classes"
ORDER = "the rule makes a list of a set: its order differs from process to process"
KINDNESS = "`engine.py` takes a rule that raises for no match; here `get` gives its default for null, and it matches"
UNWRAPS = (
    "`engine.py` judges only `requestParameters` of records whose `eventSource` it takes for another log's, such as "
    "`eks.amazonaws.com`; iota judges the record"
)


@dataclass
class Comparison:
    """What two engines disagree in: how many fields or matches for each deliberate reason, and what has none."""

    reasons: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)


def compare(
    reference: dict[Place, Match],
    found: dict[Place, Match],
    *,
    printed: dict[Place, Match] | None = None,
    excuses: dict[Place, str] | None = None,
) -> Comparison:
    """Compare.

    `printed` holds what the reference says when its containers print like Python's own; `excuses` says why it may have
    missed what iota found.
    """
    printed = printed or {}
    told = Comparison()
    for place in sorted(reference.keys() ^ found.keys()):
        if excuses and place in excuses and place in found:
            told.reasons[excuses[place]] += 1
            continue
        side = "the reference" if place in reference else "iota"
        told.unexplained.append(f"{_name(place)}: only {side} matches")
    for place in sorted(reference.keys() & found.keys()):
        for name in FIELDS:
            expected, got = getattr(reference[place], name), getattr(found[place], name)
            if expected == got:
                continue
            reason = _reason(place, name, expected, got, getattr(printed.get(place), name, None))
            if reason is None:
                told.unexplained.append(f"{_name(place)}: {name} is {_short(got)}, expected {_short(expected)}")
            else:
                told.reasons[reason] += 1
    return told


def differing(reference: dict[Place, Match], found: dict[Place, Match]) -> set[tuple[str, int]]:
    """Return the records that some rule's match differs on."""
    both = reference.keys() & found.keys()
    return {(place.file, place.record) for place in both if reference[place] != found[place]}


def _reason(place: Place, name: str, expected: Any, got: Any, printed: Any) -> str | None:
    if printed == got and got is not None:
        return PRINTS
    if name != "context" or expected is None or got is None:
        return None
    one, other = json.loads(expected), json.loads(got)
    if _exception(one) is not None and _exception(one) == _exception(other):
        return RAISES
    if place.rule in _SET_ORDER and canonical(_unordered(one)) == canonical(_unordered(other)):
        return ORDER
    return None


def _exception(context: Any) -> str | None:
    """Return the class of the exception that stands in place of a context."""
    told = context.get("_error") if isinstance(context, dict) and len(context) == 1 else None
    start = _RAISED.match(told) if isinstance(told, str) else None
    return start[0] if start else None


def _unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unordered(child) for key, child in value.items()}
    return sorted(map(_unordered, value), key=canonical) if isinstance(value, list) else value


def _name(place: Place) -> str:
    return f"{place.rule} at {Path(place.file).name}, record {place.record}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
