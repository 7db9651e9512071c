"""Truth: when a value is truthy, as a condition.

In: a value. Out: a condition. Separate because expressions, calls and statements all end in it.
"""

from __future__ import annotations

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._values import Const, Either, Raised, Several, Term, Test, Unknown, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast

    from iota_engine.conditions._follow import Frame
    from iota_engine.conditions._forms import Condition

_EXACT = 10**15


def truth(value: Value, frame: Frame) -> Condition:
    """Return when `value` is truthy."""
    frame.walk.step()
    if isinstance(value, Const):
        return forms.ALWAYS if value.value else forms.NEVER
    if isinstance(value, Test):
        return value.condition
    if isinstance(value, Term):
        if problem := comparable(value, frame, None):
            return forms.anything(problem.reason)
        return forms.anything("the event itself") if value.is_event else {"op": "truthy", "term": value.form()}
    if isinstance(value, Either):
        return forms.choice(value.test, truth(value.yes, frame), truth(value.no, frame))
    if isinstance(value, Raised):
        return forms.RAISES
    if isinstance(value, Unknown):
        return forms.anything(value.reason)
    if isinstance(value, Several):
        return forms.ALWAYS if value.items else forms.NEVER
    return forms.ALWAYS


def comparable(term: Term, frame: Frame, node: ast.AST | None) -> Unknown | None:
    """Return why a term cannot be written here: an item is known only in its own loop."""
    if term.depth and term.depth != frame.loops:
        line = getattr(node, "lineno", frame.line)
        return Unknown(f"line {line}: an item of an outer loop")
    return None


def scalar(value: object) -> bool:
    """Tell whether a constant can be written in a condition and compares there as in Python."""
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str):
        return value.isascii()
    if isinstance(value, int):
        return abs(value) < _EXACT
    return isinstance(value, float) and value == value and abs(value) < 1e300  # noqa: PLR0124


def constant(value: object) -> object | None:
    """Return what a step can take as a default, in a one-element tuple; None if it cannot."""
    if scalar(value) or (isinstance(value, dict | list) and not value):
        return (value,)
    if isinstance(value, list) and all(scalar(each) for each in value):
        return (value,)
    return None
