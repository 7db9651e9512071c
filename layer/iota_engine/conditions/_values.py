"""Values: what an expression of a rule stands for, as far as that is known before there is an event.

In and out: nothing; these are the nouns of the package.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from iota_engine.conditions import _forms as forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Callable
    from typing import Any

    from iota_engine.conditions._forms import Condition
    from iota_engine.conditions._modules import Module


class Value:
    """Anything an expression can stand for."""


@dataclass(frozen=True, eq=False)
class Const(Value):
    """A Python object that is the same for every event. `shared`: it outlives the call."""

    value: Any
    shared: bool = False


@dataclass(frozen=True, eq=False)
class Term(Value):
    """A value of the event, by the steps that lead to it. `depth`: of how many loops its item is the innermost."""

    steps: tuple[Any, ...] = ()
    depth: int = 0

    def then(self, step: Any) -> Term:
        """Return what one more step leads to."""
        return Term((*self.steps, step), self.depth)

    @property
    def is_event(self) -> bool:
        """It is the whole event."""
        return not self.steps and not self.depth

    @property
    def cannot_raise(self) -> bool:
        """It comes to be for every event."""
        return self.is_event or (not self.depth and forms.never_raises(list(self.steps)))

    def form(self) -> list[Any]:
        """Return the term as the pack writes it."""
        return (["item"] if self.depth else []) + list(self.steps)


@dataclass(frozen=True, eq=False)
class Test(Value):
    """True or false, by a condition."""

    condition: Condition


@dataclass(frozen=True, eq=False)
class Either(Value):
    """One value or the other, by a condition."""

    test: Condition
    yes: Value
    no: Value


@dataclass(frozen=True, eq=False)
class Several(Value):
    """A tuple or list of values that are not all constant."""

    items: tuple[Value, ...]
    is_list: bool = False


@dataclass(frozen=True, eq=False)
class Stream(Value):
    """What is used up by the first that walks through it: a generator, `zip`, `enumerate`."""

    of: Value


@dataclass(frozen=True, eq=False)
class Function(Value):
    """A function of the pack, or a lambda."""

    node: ast.FunctionDef | ast.Lambda
    module: Module
    # What the names around it stood for when it was made; none for a function of a module.
    around: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Library(Value):
    """Something of the standard library or a builtin, by its dotted name."""

    name: str


@dataclass(frozen=True, eq=False)
class PackModule(Value):
    """A module of the pack."""

    module: Module


@dataclass(frozen=True, eq=False)
class Bound(Value):
    """A method of a value."""

    of: Value
    name: str


@dataclass(frozen=True, eq=False)
class Opaque(Value):
    """Something truthy that is no text, number or list: the match that a pattern found."""


@dataclass(frozen=True, eq=False)
class Raised(Value):
    """No value: it raises."""


@dataclass(frozen=True, eq=False)
class Unknown(Value):
    """Not understood, and why. `shared`: it outlives the call, so touching it may change what later calls see.

    `own`: a list, dict or set that this very call has made.
    """

    reason: str
    shared: bool = False
    own: bool = False


NONE = Const(None)
EVENT = Term()


def is_own(value: Value) -> bool:
    """Tell whether a value is, or holds, something that this call has made and could change."""
    match value:
        case Const():
            return not value.shared and changeable(value.value)
        case Several():
            return value.is_list or any(map(is_own, value.items))
        case Either():
            return is_own(value.yes) or is_own(value.no)
        case Bound() | Stream():
            return is_own(value.of)
        case Term():
            # What `split` made, or a default that stands in for what is missing.
            return any(_makes(step) for step in value.steps)
        case Unknown():
            return value.own
    return False


def _makes(step: Any) -> bool:
    return isinstance(step, dict) and (
        "split" in step or any(isinstance(step.get(name), list | dict) for name in ("default", "or"))
    )


def changeable(value: object) -> bool:
    """Tell whether a constant is, or holds, a list, dict or set."""
    if isinstance(value, tuple):
        return any(map(changeable, value))
    return isinstance(value, list | dict | set) or (isinstance(value, Value) and is_own(value))


def of_item(value: Value) -> bool:
    """Tell whether a value speaks of the item of a loop over the event."""
    match value:
        case Term():
            return value.depth > 0
        case Test():
            return forms.is_of_item(value.condition)
        case Either():
            return forms.is_of_item(value.test) or of_item(value.yes) or of_item(value.no)
        case Several():
            return any(map(of_item, value.items))
        case Bound() | Stream():
            return of_item(value.of)
        case Function():
            return any(map(of_item, value.around.values()))
        case Const():
            return _holds_item(value.value)
    return False


def _holds_item(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_item, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_holds_item, value))
    return isinstance(value, Value) and of_item(value)


def leaves(value: Value, change: Callable[[Value], Value]) -> Value:
    """Return `value` with every alternative changed."""
    if isinstance(value, Either):
        return either(value.test, leaves(value.yes, change), leaves(value.no, change))
    return change(value)


def either(test: Condition, yes: Value, no: Value) -> Value:
    """Return a value that depends on a condition."""
    if test == forms.ALWAYS:
        return yes
    if test == forms.NEVER:
        return no
    return Either(test, yes, no)
