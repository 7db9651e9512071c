"""Match: what one engine said of one record that one rule matched, in a form that two engines can be compared by.

In: the words of an engine. Out: `Match`, `Place`. Separate because every engine is turned into it, and the comparison
knows nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where a match lies. The position is the key: event ids are repeated in real records and missing in mutants."""

    rule: str
    file: str
    record: int


@dataclass(frozen=True)
class Match:
    """The fields that are compared; a field that an engine does not give is None on both sides."""

    event_id: str | None
    title: str | None = None
    severity: str | None = None
    dedup: str | None = None
    context: str | None = None


FIELDS = ("event_id", "title", "severity", "dedup", "context")


def event_id(record: dict[str, Any]) -> str | None:
    """Return the id of a record, None where it is no text."""
    found = record.get("eventID")
    return found if isinstance(found, str) else None


def canonical(value: Any) -> str:
    """Return JSON text that is equal for equal values; the order of members says nothing in JSON."""
    return json.dumps(value, sort_keys=True)
