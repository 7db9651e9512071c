"""Comparisons: when `==`, `in`, `is` and the like hold.

In: two values and an operator. Out: a condition.
"""

from __future__ import annotations

import ast
import operator

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._collections import key_of_event
from iota_engine.conditions._constants import View, compares, items_of, ordered, scalar
from iota_engine.conditions._truth import comparable, truth
from iota_engine.conditions._values import Const, Opaque, Raised, Several, Stream, Term, Test, Unknown, Value, leaves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from iota_engine.conditions._follow import Frame
    from iota_engine.conditions._forms import Condition

_ORDER = {ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal"}
_TURNED = {"less": "greater", "less_equal": "greater_equal", "greater": "less", "greater_equal": "less_equal"}
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.NotEq: ast.Eq, ast.NotIn: ast.In, ast.IsNot: ast.Is}
_PYTHON: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.In: lambda left, right: left in right,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def compare(node: ast.AST, left: Value, op: ast.cmpop, right: Value, frame: Frame) -> Condition:
    """Return when a comparison holds."""

    def outer(mine: Value) -> Value:
        return leaves(right, lambda theirs: Test(_pair(node, mine, op, theirs, frame)))

    return truth(leaves(left, outer), frame)


def _pair(node: ast.AST, left: Value, op: ast.cmpop, right: Value, frame: Frame) -> Condition:
    for side in (left, right):
        if isinstance(side, Raised):
            return forms.RAISES
        if isinstance(side, Unknown):
            return forms.anything(side.reason)
        if isinstance(side, Term) and (problem := comparable(side, frame, node)):
            return forms.anything(problem.reason)
    if opposite := _OPPOSITES.get(type(op)):
        return forms.negation(_pair(node, left, opposite(), right, frame))
    found = _decided(left, op, right, node, frame)
    if found is None:
        return forms.anything(frame.unknown(node, "a comparison of two values that are not constant").reason)
    return found


def _decided(left: Value, op: ast.cmpop, right: Value, node: ast.AST, frame: Frame) -> Condition | None:
    if isinstance(left, Const) and isinstance(right, Const):
        return _constants(left.value, op, right.value)
    if isinstance(op, ast.Eq):
        return _equal(left, right) or _equal(right, left)
    if isinstance(op, ast.In):
        return _contained(left, right, node, frame)
    if isinstance(op, ast.Is):
        return _same(left, right) or _same(right, left)
    name = _ORDER[type(op)]
    return _ordered(left, name, right) or _ordered(right, _TURNED[name], left)


def _constants(left: object, op: ast.cmpop, right: object) -> Condition | None:
    if isinstance(op, ast.Is):
        if left is None or right is None:
            return forms.ALWAYS if left is right else forms.NEVER
        return None
    # What only walks through a dict is looked into as a list, but equals none.
    if isinstance(op, ast.In) and isinstance(right, View) and compares(left) and all(map(compares, right)):
        if right.is_hashed and not _hashable(left):
            return forms.RAISES
        return forms.ALWAYS if left in right else forms.NEVER
    if not (compares(left) and compares(right)):
        return None
    try:
        return forms.ALWAYS if _PYTHON[type(op)](left, right) else forms.NEVER
    except TypeError:
        return forms.RAISES


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _equal(left: Value, right: Value) -> Condition | None:
    if isinstance(left, Term) and isinstance(right, Const) and not left.is_event and scalar(right.value):
        return {"op": "equals", "term": left.form(), "to": right.value}
    if isinstance(left, Test) and isinstance(right, Const) and isinstance(right.value, bool):
        return left.condition if right.value else forms.negation(left.condition)
    return None


def _same(left: Value, right: Value) -> Condition | None:
    if not isinstance(right, Const):
        return None
    if right.value is None:
        if isinstance(left, Term):
            return {"op": "is_null", "term": left.form()}
        if isinstance(left, Test):
            return forms.conjunction((forms.disjunction((left.condition, forms.ALWAYS)), forms.NEVER))
        return forms.NEVER if isinstance(left, Opaque | Several | Stream) else None
    if not isinstance(right.value, bool):
        return None
    if isinstance(left, Term) and not left.is_event:
        is_bool = {"op": "is_type", "term": left.form(), "types": ["bool"]}
        return forms.conjunction((is_bool, {"op": "equals", "term": left.form(), "to": right.value}))
    if isinstance(left, Test):
        return left.condition if right.value else forms.negation(left.condition)
    return None


def _contained(left: Value, right: Value, node: ast.AST, frame: Frame) -> Condition | None:
    if isinstance(right, Stream):
        right = right.of
    if isinstance(left, Term) and not left.is_event and isinstance(right, Const):
        return _among(left, right.value)
    if isinstance(right, Term) and isinstance(left, Const) and scalar(left.value):
        if right.is_event and not key_of_event(left.value, right):
            return None
        return {"op": "contains", "term": right.form(), "const": left.value}
    if isinstance(right, Several):
        return forms.disjunction(_pair(node, left, ast.Eq(), item, frame) for item in items_of(right) or ())
    return None


def _among(left: Term, collection: object) -> Condition | None:
    if isinstance(collection, str):
        return {"op": "within", "term": left.form(), "text": collection} if collection.isascii() else None
    hashed = isinstance(collection, set | frozenset | dict) or (isinstance(collection, View) and collection.is_hashed)
    if not hashed and not isinstance(collection, list | tuple):
        return None
    members = ordered(collection)
    return {"op": "in", "term": left.form(), "set": members, "hashed": hashed} if all(map(scalar, members)) else None


def _ordered(left: Value, name: str, right: Value) -> Condition | None:
    if isinstance(left, Term) and not left.is_event and isinstance(right, Const):
        value = right.value
        if isinstance(value, int | float) and not isinstance(value, bool) and scalar(value):
            return {"op": name, "term": left.form(), "to": value}
    return None
