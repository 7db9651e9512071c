"""Truth: when a value is truthy, as a condition.

In: a value. Out: a condition. Separate because expressions, calls and statements all end in it.
"""

from __future__ import annotations

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._values import (
    Bound,
    Const,
    Either,
    Function,
    Library,
    Opaque,
    Raised,
    Several,
    Stream,
    Term,
    Test,
    Unknown,
    Value,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast

    from iota_engine.conditions._follow import Frame
    from iota_engine.conditions._forms import Condition


def truth(value: Value, frame: Frame) -> Condition:
    """Return when `value` is truthy."""
    frame.walk.step()
    match value:
        case Const():
            return forms.ALWAYS if value.value else forms.NEVER
        case Test():
            return value.condition
        case Term():
            if problem := comparable(value, frame, None):
                return forms.anything(problem.reason)
            return forms.anything("the event itself") if value.is_event else {"op": "truthy", "term": value.form()}
        case Either():
            return forms.choice(value.test, truth(value.yes, frame), truth(value.no, frame))
        case Raised():
            return forms.RAISES
        case Unknown():
            return forms.anything(value.reason)
        case Several():
            return forms.ALWAYS if value.items else forms.NEVER
        case Function() | Opaque() | Stream():
            return forms.ALWAYS
        case Library() if "." not in value.name:
            return forms.ALWAYS
        case Bound(name=name):
            return forms.anything(f"line {frame.line}: what `{name}` is; call it")
    return forms.anything(f"line {frame.line}: something of the library; compare with a constant")


def comparable(term: Term, frame: Frame, node: ast.AST | None) -> Unknown | None:
    """Return why a term cannot be written here: an item is known only in its own loop."""
    if term.depth and term.depth != frame.loops:
        return frame.unknown(node, "an item of an outer loop; use one loop, or a helper")
    return None


def risky(value: Value, frame: Frame) -> None:
    """Note that a value may raise which nobody may look at."""
    found = raised_by(value, frame)
    if found is not None:
        frame.walk.risks.append(found)


def raised_by(value: Value, frame: Frame) -> Condition | None:
    """Return a condition that raises where making the value does; None if it comes to be for every event."""
    if isinstance(value, Const | Function | Library | Opaque | Stream) or (
        isinstance(value, Term) and value.cannot_raise
    ):
        return None
    if isinstance(value, Several):
        # Its items were noted when it was made.
        return None
    found = truth(value, frame)
    return found if forms.may_raise(found) else None
