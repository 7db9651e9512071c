"""Collections and what is taken out of them: displays, attributes, subscripts, texts, arithmetic.

In: values. Out: a value. Separate from `_expressions`, which walks through the syntax.
"""

from __future__ import annotations

import ast
import operator

from iota_engine.conditions._constants import View, collected, compares, constant, folded, scalar, solid, unpacked
from iota_engine.conditions._truth import comparable, risky
from iota_engine.conditions._values import (
    NONE,
    Bound,
    Const,
    Library,
    PackModule,
    Raised,
    Several,
    Stream,
    Term,
    Unknown,
    Value,
    either,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from iota_engine.conditions._follow import Frame

# What the engine adds to a record: the bytes that a condition is asked about do not have it.
_ADDED = frozenset(("p_log_type", "p_event_time"))
_MAX_TABLE = 200
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.Mod: operator.mod,
}


def collection(node: ast.expr, items: list[ast.expr], inner: Callable[[ast.expr], Value], frame: Frame) -> Value:
    """Return what a tuple, list or set display stands for."""
    kind: type[Any] = {ast.List: list, ast.Set: set}.get(type(node), tuple)
    values: list[Value] = []
    for item in items:
        if not isinstance(item, ast.Starred):
            values.append(inner(item))
            risky(values[-1], frame)
            continue
        found = inner(item.value)
        if isinstance(found, Const) and kind is set and isinstance(found.value, set | frozenset):
            values += [Const(each) for each in found.value]
            continue
        more = unpacked(found, frame, node)
        if isinstance(more, Unknown):
            return more
        values += more
    return collected(kind, values, frame, node)


def dictionary(node: ast.Dict, inner: Callable[[ast.expr], Value], frame: Frame) -> Value:
    """Return what a dict display stands for."""
    made: dict[Any, Any] = {}
    problem: Value | None = None
    for key, value in zip(node.keys, node.values, strict=True):
        found = inner(value)
        risky(found, frame)
        if key is None:
            if isinstance(found, Const) and isinstance(found.value, dict):
                made.update(found.value)
            else:
                problem = problem or frame.unknown(node, "an unpacked mapping that is not constant")
            continue
        name = inner(key)
        if not isinstance(name, Const):
            risky(name, frame)
            problem = problem or frame.unknown(node, "a dict with keys that are not constant")
            continue
        if isinstance(found, Stream):
            found = frame.unknown(node, "an iterator that is kept")
        try:
            # Values that are no constants stay values: a table of functions is looked up in like any other.
            made[name.value] = found.value if isinstance(found, Const) else found
        except TypeError:
            return Raised()
    return problem or Const(made)


def attribute(node: ast.AST, of: Value, name: str, frame: Frame) -> Value:
    """Return what `of.name` stands for."""
    if isinstance(of, PackModule):
        missing = Unknown(f"`{name}` is not in that file; import it by name", shared=True)
        found = of.module.name(name) if of.module.has(name) else missing
        return frame.shared(node, found.reason) if isinstance(found, Unknown) and found.shared else found
    if isinstance(of, Library):
        if name in frame.walk.pack.changed:
            return frame.shared(node, f"`{name}` is changed somewhere in the rules")
        return frame.module.of_library(f"{of.name}.{name}")
    if isinstance(of, Raised) or (isinstance(of, Const) and not hasattr(of.value, name)):
        return Raised()
    return Bound(of, name)


def subscript(node: ast.AST, of: Value, key: Value, frame: Frame) -> Value:
    """Return what `of[key]` stands for."""
    if isinstance(of, Raised | Unknown):
        # What lies in a list of this call is of this call as well, or is not: nobody knows.
        return Unknown(of.reason) if isinstance(of, Unknown) else of
    if isinstance(key, Raised):
        return key
    if isinstance(key, Const):
        if isinstance(of, Term):
            if key_of_event(key.value, of):
                return of.then({"item": key.value})
            if type(key.value) is int and not of.is_event:
                return of.then({"at": key.value})
        if isinstance(of, Const) and not isinstance(of.value, View):
            return folded(lambda: of.value[key.value], of, frame, node)
        if isinstance(of, Several) and type(key.value) is int:
            return of.items[key.value] if -len(of.items) <= key.value < len(of.items) else Raised()
    if isinstance(of, Const) and isinstance(of.value, dict) and isinstance(key, Term):
        return table(of, key, Raised(), frame, node)
    return frame.unknown(node, "a subscript that is not followed")


def table(of: Const, key: Term, missing: Value, frame: Frame, node: ast.AST) -> Value:
    """Return what a dict of the rule holds under a value of the event."""
    if key.is_event or any(not scalar(each) for each in of.value):
        return frame.unknown(node, "a table with keys that are no plain values")
    groups: list[tuple[Any, list[Any]]] = []
    for name, value in of.value.items():
        for group in groups:
            if group[0] is value or (scalar(value) and type(value) is type(group[0]) and value == group[0]):
                group[1].append(name)
                break
        else:
            groups.append((value, [name]))
    if len(groups) > _MAX_TABLE:
        return frame.unknown(node, "a table that is too large")
    # A key that is a list raises, in an empty table too.
    found = missing
    for value, names in reversed(groups or [(NONE, [])]):
        test = {"op": "in", "term": key.form(), "set": names, "hashed": True}
        found = either(test, value if isinstance(value, Value) else Const(value, of.shared), found)
    return comparable(key, frame, node) or found


def key_of_event(key: object, of: Term) -> bool:
    """Tell whether a key may be asked of a value of the event."""
    return isinstance(key, str) and key.isascii() and not (of.is_event and key.lower() in _ADDED)


def text(node: ast.AST, parts: list[Value], frame: Frame) -> Value:
    """Return what an f-string of such parts stands for."""
    texts = []
    for part in parts:
        if isinstance(part, Raised):
            return part
        if not isinstance(part, Const) or not isinstance(part.value, str | int) or isinstance(part.value, bool):
            return frame.unknown(node, "a text that is put together from the event")
        texts.append(str(part.value))
    return Const("".join(texts))


def arithmetic(node: ast.AST, left: Value, op: ast.operator, right: Value, frame: Frame) -> Value:
    """Return what `left op right` stands for."""
    for side in (left, right):
        if isinstance(side, Raised):
            return side
    do = _ARITHMETIC.get(type(op))
    if do is not None and isinstance(left, Const) and isinstance(right, Const):
        is_text = isinstance(op, ast.Mod) and isinstance(left.value, str)
        if all((solid if is_text else compares)(side.value) for side in (left, right)):
            return folded(lambda: do(left.value, right.value), Const(None), frame, node)
    return frame.unknown(node, "arithmetic on values of the event")


def with_default(node: ast.AST, of: Term, step: dict[str, Any], default: Value, frame: Frame) -> Value:
    """Return what a step leads to whose default is a value."""
    if isinstance(default, Raised | Unknown):
        return default
    if isinstance(default, Const):
        if default.value is None:
            return of.then({name: value for name, value in step.items() if name != "null"})
        if constant(default.value):
            return of.then({**step, "default": default.value})
    return frame.unknown(node, "a default that is not a plain constant")
