"""Following: the state of one walk through a rule.

In: nothing. Out: `Walk`, one per rule, and `Frame`, one per function that is being followed.
Separate because statements, expressions and calls all carry it along.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._values import Unknown, Value, is_own, of_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

    from iota_engine.conditions._forms import Condition
    from iota_engine.conditions._modules import Module, Pack

MAX_STEPS = 20_000
MAX_CALLS = 12


class TooMuch(Exception):
    """The rule branches more than can be written down."""


@dataclass
class Walk:
    """One rule, from its first line to each of its returns."""

    pack: Pack
    is_panther: bool
    # What must have been decided to come to where we are.
    path: list[Condition] = field(default_factory=list)
    # Where later calls could see a difference if this one were skipped, and why at the first of them.
    touching: list[Condition] = field(default_factory=list)
    why: str = ""
    # What may raise on the way of a statement although its value says nothing of it.
    risks: list[Condition] = field(default_factory=list)
    # How often something that the call made for itself was changed.
    changes: int = 0
    steps: int = 0

    def step(self) -> None:
        """Count a step of the walk."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooMuch

    def touch(self, why: str) -> None:
        """Note that what outlives the call is used here: an event that comes here must not be skipped."""
        # What an item of a loop is asked means nothing outside of its loop.
        here = forms.conjunction(part for part in self.path if not forms.is_of_item(part))
        if here not in self.touching:
            self.touching.append(here)
            self.why = self.why or why

    def taken(self, mark: int) -> Condition:
        """Return what may have raised since there were `mark` risks, and forget it."""
        risks = [
            forms.risk(forms.anything("an item of a loop") if forms.is_of_item(part) else part)
            for part in self.risks[mark:]
        ]
        del self.risks[mark:]
        return forms.conjunction(risks)


@dataclass
class Frame:
    """One function that is being followed."""

    walk: Walk
    module: Module
    names: dict[str, Value]
    # How many functions lie around it, and how many loops over lists of the event.
    calls: int = 0
    loops: int = 0
    # Names that the function binds: reading one before is an error, never a global.
    own: frozenset[str] = frozenset()
    # Those of them, and of its parameters, that are bound once and for all: a function inside may keep them.
    steady: frozenset[str] = frozenset()
    line: int = 0
    # Where it is called from, or what it is a branch of: names there may stand for the same lists.
    outer: Frame | None = None

    def branch(self) -> Frame:
        """Return a frame whose names can change alone."""
        return replace(self, names=dict(self.names), outer=self)

    def round(self, node: ast.AST) -> Frame:
        """Return a frame for the items of a loop over a list of the event."""
        inner = replace(self.branch(), loops=self.loops + 1)
        for name, value in inner.names.items():
            if of_item(value):
                inner.names[name] = self.unknown(node, "an item of an outer loop; use one loop, or a helper")
        return inner

    def unknown(self, node: ast.AST | None, why: str) -> Unknown:
        """Return a value that is not understood."""
        line = getattr(node, "lineno", None) or self.line
        return Unknown(f"line {line}: {why}")

    def shared(self, node: ast.AST | None, why: str) -> Unknown:
        """Return a value that is not understood and may change what later calls see."""
        found = self.unknown(node, why)
        self.walk.touch(found.reason)
        return found

    def changed(self, node: ast.AST) -> None:
        """Forget the lists and dicts that the call has made: any name may stand for the one that is changed."""
        self.walk.changes += 1
        line = getattr(node, "lineno", None) or self.line
        for frame in self._chain():
            for name, value in frame.names.items():
                if is_own(value):
                    frame.names[name] = Unknown(f"line {line}: `{name}` is changed step by step", own=True)

    def _chain(self) -> Iterator[Frame]:
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.outer


class path_of:  # noqa: N801  # it reads as a statement
    """`with path_of(walk, condition):` what is met inside is met only if the condition holds."""

    def __init__(self, walk: Walk, condition: Condition) -> None:
        self._walk = walk
        self._condition = condition

    def __enter__(self) -> None:
        self._walk.path.append(self._condition)

    def __exit__(self, *_: object) -> None:
        self._walk.path.pop()
