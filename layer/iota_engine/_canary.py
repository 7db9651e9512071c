"""The rule that iota brings along: it matches the record by which the function proves that alerts arrive.

In: a record that the function made itself. Out: a match. Separate from the pack's rules, behind which it stands: the
pack does not list it, `null` in a batch does not mean it, and Rust asks it about no other record.
"""

from __future__ import annotations

from iota_engine._rule import Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from iota_engine._cell import Cell
    from iota_engine._clock import Clock
    from iota_engine._loading import Sources

ID = "iota.canary"


class Canary(Rule):
    """A rule whose functions stand here: no file of the pack decides whether an alert is a test."""

    def __init__(self, index: int) -> None:
        super().__init__(index, {"id": ID, "form": "iota", "path": __name__, "severity": "INFO"})

    def load(self, _sources: Sources, _cell: Cell, _clock: Clock) -> None:
        """Take the functions below; nothing is read and nothing can fail."""
        self.namespace = {"rule": rule, "title": title}
        self.functions, self.answers = ("title",), {"title": title}
        self.call = rule


def rule(event: Any) -> bool:
    """Match what Rust made."""
    return bool(event.get("eventSource") == ID)


def title(_event: Any) -> str:
    """Say what to do with it: nothing."""
    return "canary: an alert of this function arrives where you read this; nothing happened"
