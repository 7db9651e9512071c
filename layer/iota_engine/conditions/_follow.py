"""Following: the state of one walk through a rule.

In: nothing. Out: `Walk`, one per rule, and `Frame`, one per function that is being followed.
Separate because statements, expressions and calls all carry it along.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._values import Unknown, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast

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
    # Where later calls could see a difference if this one were skipped.
    touching: list[Condition] = field(default_factory=list)
    # Names of lists and dicts that the call makes for itself, step by step.
    made: set[str] = field(default_factory=set)
    steps: int = 0

    def step(self) -> None:
        """Count a step of the walk."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooMuch

    def touch(self) -> None:
        """Note that what outlives the call is used here: an event that comes here must not be skipped."""
        # What an item of a loop is asked means nothing outside of its loop.
        here = forms.conjunction(part for part in self.path if not forms.is_of_item(part))
        if here not in self.touching:
            self.touching.append(here)


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
    line: int = 0

    def branch(self) -> Frame:
        """Return a frame whose names can change alone."""
        return Frame(self.walk, self.module, dict(self.names), self.calls, self.loops, self.own, self.line)

    def unknown(self, node: ast.AST, why: str) -> Unknown:
        """Return a value that is not understood."""
        line = getattr(node, "lineno", None) or self.line
        return Unknown(f"line {line}: {why}")

    def shared(self, node: ast.AST, why: str) -> Unknown:
        """Return a value that is not understood and may change what later calls see."""
        self.walk.touch()
        return self.unknown(node, why)


class path_of:
    """`with path_of(walk, condition):` what is met inside is met only if the condition holds."""

    def __init__(self, walk: Walk, condition: Condition) -> None:
        self._walk = walk
        self._condition = condition

    def __enter__(self) -> None:
        self._walk.path.append(self._condition)

    def __exit__(self, *_: object) -> None:
        self._walk.path.pop()
