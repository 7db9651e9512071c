"""Expressions: what an expression stands for in the frame it is in.

In: a node of the syntax tree and a frame. Out: a value. What is not understood is unknown with its line; what may
change something that later calls see is noted with the path that leads to it.
"""

from __future__ import annotations

import ast
import operator

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._follow import Frame, path_of
from iota_engine.conditions._truth import comparable, constant, scalar, truth
from iota_engine.conditions._values import (
    Bound,
    Const,
    Function,
    Library,
    Opaque,
    PackModule,
    Raised,
    Several,
    Term,
    Test,
    Unknown,
    Value,
    either,
    leaves,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from iota_engine.conditions._forms import Condition

_MAX_CONST = 5000
# What the engine adds to a record: the bytes that a condition is asked about do not have it.
_ADDED = frozenset(("p_log_type", "p_event_time"))
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.Mod: operator.mod,
}
_ORDER = {ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal"}
_TURNED = {"less": "greater", "less_equal": "greater_equal", "greater": "less", "greater_equal": "less_equal"}


def evaluate(node: ast.expr, frame: Frame) -> Value:
    """Return what an expression stands for."""
    frame.walk.step()
    match node:
        case ast.Constant(value=value):
            return Const(value) if scalar(value) else frame.unknown(node, "a constant of a kind that JSON has not")
        case ast.Name(id=name):
            return _name(name, node, frame)
        case ast.BoolOp(op=op, values=values):
            return _logic(isinstance(op, ast.And), values, frame)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Test(forms.negation(condition(operand, frame)))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return Const(-value)
        case ast.Compare():
            return Test(_comparison(node, frame))
        case ast.IfExp(test=test, body=yes, orelse=no):
            return _choice(condition(test, frame), yes, no, frame)
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            return _collection(node, items, frame)
        case ast.Dict():
            return _dict(node, frame)
        case ast.Attribute(value=value, attr=name):
            return leaves(evaluate(value, frame), lambda of: _attribute(node, of, name, frame))
        case ast.Subscript(value=value, slice=index):
            key = evaluate(index, frame)
            return leaves(evaluate(value, frame), lambda of: leaves(key, lambda at: _subscript(node, of, at, frame)))
        case ast.JoinedStr(values=parts):
            return _joined(node, parts, frame)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return evaluate(value, frame)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(node, evaluate(left, frame), op, evaluate(right, frame), frame)
        case ast.NamedExpr(target=target, value=value):
            found = evaluate(value, frame)
            frame.names[target.id] = found
            return found
        case ast.Lambda():
            return Function(node, frame.module, dict(frame.names))
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return _comprehension(node, frame)
        case ast.DictComp():
            return _dict_comprehension(node, frame)
        case ast.Call():
            # Calls need all of this, and this needs calls.
            from iota_engine.conditions._calls import call

            return call(node, frame)
    return frame.shared(node, f"`{type(node).__name__}` is not followed")


def condition(node: ast.expr, frame: Frame) -> Condition:
    """Return when an expression is truthy."""
    return truth(evaluate(node, frame), frame)


def _name(name: str, node: ast.expr, frame: Frame) -> Value:
    found = frame.names.get(name)
    if found is None:
        found = Raised() if name in frame.own else frame.module.name(name)
    if isinstance(found, Unknown):
        return frame.shared(node, found.reason) if found.shared else found
    return found


def _logic(is_and: bool, nodes: list[ast.expr], frame: Frame) -> Value:
    found = evaluate(nodes[0], frame)
    if len(nodes) == 1:
        return found
    rest = nodes[1:]
    if not is_and and isinstance(found, Term) and len(rest) == 1:
        # `event.get("x") or {}`
        default = evaluate(rest[0], frame.branch())
        if isinstance(default, Const) and constant(default.value) is not None:
            return found.then({"or": default.value})
    test = truth(found, frame)
    with path_of(frame.walk, test if is_and else forms.negation(test)):
        other = _logic(is_and, rest, frame)
    if isinstance(found, Test) and _is_bool(other):
        join = forms.conjunction if is_and else forms.disjunction
        return Test(join((test, truth(other, frame))))
    return either(test, other, found) if is_and else either(test, found, other)


def _is_bool(value: Value) -> bool:
    return isinstance(value, Test) or (isinstance(value, Const) and isinstance(value.value, bool))


def _choice(test: Condition, yes: ast.expr, no: ast.expr, frame: Frame) -> Value:
    if test in (forms.ALWAYS, forms.NEVER):
        return evaluate(yes if test == forms.ALWAYS else no, frame)
    with path_of(frame.walk, test):
        first = evaluate(yes, frame)
    with path_of(frame.walk, forms.negation(test)):
        second = evaluate(no, frame)
    return either(test, first, second)


def _collection(node: ast.expr, items: list[ast.expr], frame: Frame) -> Value:
    values: list[Value] = []
    for item in items:
        if isinstance(item, ast.Starred):
            inner = evaluate(item.value, frame)
            if not isinstance(inner, Const) or not isinstance(inner.value, list | tuple | set | frozenset | dict):
                return frame.unknown(node, "an unpacked value that is not constant")
            values += [Const(each) for each in ordered(inner.value)]
        else:
            values.append(evaluate(item, frame))
    if all(isinstance(value, Const) for value in values):
        made = tuple(value.value for value in values if isinstance(value, Const))
        try:
            return Const({ast.List: list, ast.Set: set}.get(type(node), tuple)(made))
        except TypeError:
            return Raised()
    if isinstance(node, ast.Set):
        return frame.unknown(node, "a set of values that are not constant")
    return Several(tuple(values))


def _dict(node: ast.Dict, frame: Frame) -> Value:
    made: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        found = evaluate(value, frame)
        if key is None:
            if not isinstance(found, Const) or not isinstance(found.value, dict):
                return frame.unknown(node, "an unpacked mapping that is not constant")
            made.update(found.value)
            continue
        name = evaluate(key, frame)
        if not isinstance(name, Const):
            return frame.unknown(node, "a dict with keys that are not constant")
        try:
            # Values that are no constants stay values: a table of functions is looked up in like any other.
            made[name.value] = found.value if isinstance(found, Const) else found
        except TypeError:
            return Raised()
    return Const(made)


def _attribute(node: ast.AST, of: Value, name: str, frame: Frame) -> Value:
    if isinstance(of, PackModule):
        found = of.module.name(name) if of.module.has(name) else frame.unknown(node, f"`{name}` is not there")
        return frame.shared(node, found.reason) if isinstance(found, Unknown) and found.shared else found
    if isinstance(of, Library):
        import re

        flag = getattr(re, name, None) if of.name == "re" else None
        return Const(int(flag)) if isinstance(flag, re.RegexFlag) else Library(f"{of.name}.{name}")
    if isinstance(of, Raised):
        return of
    if isinstance(of, Unknown):
        return of
    return Bound(of, name)


def _subscript(node: ast.AST, of: Value, key: Value, frame: Frame) -> Value:
    if isinstance(of, Raised | Unknown):
        return of
    if isinstance(key, Const):
        if isinstance(of, Term):
            if key_of_event(key.value, of):
                return of.then({"item": key.value})
            if type(key.value) is int and not of.is_event:
                return of.then({"at": key.value})
        if isinstance(of, Const):
            return folded(lambda: of.value[key.value], of, frame, node)
        if isinstance(of, Several) and type(key.value) is int:
            return of.items[key.value] if -len(of.items) <= key.value < len(of.items) else Raised()
    if isinstance(of, Const) and isinstance(of.value, dict) and isinstance(key, Term):
        return table(of, key, Raised(), frame, node)
    return frame.unknown(node, "a subscript that is not followed")


def table(of: Const, key: Term, missing: Value, frame: Frame, node: ast.AST) -> Value:
    """Return what a dict of the rule holds under a value of the event."""
    if any(not scalar(each) for each in of.value):
        return frame.unknown(node, "a table with keys that are no plain values")
    groups: list[tuple[Any, list[Any]]] = []
    for name, value in of.value.items():
        for group in groups:
            if group[0] is value or (scalar(value) and type(value) is type(group[0]) and value == group[0]):
                group[1].append(name)
                break
        else:
            groups.append((value, [name]))
    found = missing
    if len(groups) > 200:
        return frame.unknown(node, "a table that is too large")
    for value, names in reversed(groups):
        test = {"op": "in", "term": key.form(), "set": names, "hashed": True}
        found = either(test, value if isinstance(value, Value) else Const(value, of.shared), found)
    return comparable(key, frame, node) or found


def key_of_event(key: object, of: Term) -> bool:
    """Tell whether a key may be asked of a value of the event."""
    return isinstance(key, str) and key.isascii() and not (of.is_event and key.lower() in _ADDED)


def _joined(node: ast.AST, parts: list[ast.expr], frame: Frame) -> Value:
    texts = []
    for part in parts:
        found = evaluate(part, frame)
        if not isinstance(found, Const) or not isinstance(found.value, str | int) or isinstance(found.value, bool):
            return frame.unknown(node, "a text that is put together from the event")
        texts.append(str(found.value))
    return Const("".join(texts))


def _binary(node: ast.AST, left: Value, op: ast.operator, right: Value, frame: Frame) -> Value:
    do = _ARITHMETIC.get(type(op))
    if do is not None and isinstance(left, Const) and isinstance(right, Const):
        return folded(lambda: do(left.value, right.value), Const(None), frame, node)
    for side in (left, right):
        if isinstance(side, Raised):
            return side
    return frame.unknown(node, "arithmetic on values of the event")


def folded(make: Callable[[], Any], of: Const, frame: Frame, node: ast.AST) -> Value:
    """Return a constant that is made of constants, as Python makes it."""
    try:
        made = make()
    except Exception:
        return Raised()
    if isinstance(made, Value):
        return made
    if isinstance(made, str | list | tuple | set | frozenset | dict) and len(made) > _MAX_CONST:
        return frame.unknown(node, "a constant that is too large")
    return Const(made, of.shared)


def ordered(values: Any) -> list[Any]:
    """Return the members of a collection; those of a set in an order that is the same every time."""
    return (
        sorted(values, key=lambda each: (type(each).__name__, repr(each)))
        if isinstance(values, set | frozenset)
        else list(values)
    )


# Comparisons


def _comparison(node: ast.Compare, frame: Frame) -> Condition:
    left = evaluate(node.left, frame)
    parts: list[Condition] = []
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        if parts:
            with path_of(frame.walk, forms.conjunction(parts)):
                right = evaluate(right_node, frame)
        else:
            right = evaluate(right_node, frame)
        parts.append(compare(node, left, op, right, frame))
        left = right
    return forms.conjunction(parts)


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
    if isinstance(op, ast.NotEq):
        return forms.negation(_pair(node, left, ast.Eq(), right, frame))
    if isinstance(op, ast.NotIn):
        return forms.negation(_pair(node, left, ast.In(), right, frame))
    if isinstance(op, ast.IsNot):
        return forms.negation(_pair(node, left, ast.Is(), right, frame))
    if isinstance(left, Const) and isinstance(right, Const):
        return _constants(left, op, right)
    found: Condition | None = None
    if isinstance(op, ast.Eq):
        found = _equal(left, right) or _equal(right, left)
    elif isinstance(op, ast.In):
        found = _contained(left, right, node, frame)
    elif isinstance(op, ast.Is):
        found = _same(left, right)
    elif type(op) in _ORDER:
        name = _ORDER[type(op)]
        found = _ordered(left, name, right) or _ordered(right, _TURNED[name], left)
    if found is not None:
        return found
    line = getattr(node, "lineno", frame.line)
    return forms.anything(f"line {line}: a comparison of two values that are not constant")


def _constants(left: Const, op: ast.cmpop, right: Const) -> Condition:
    compare: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
        ast.Eq: operator.eq,
        ast.In: lambda a, b: a in b,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
    }
    if isinstance(op, ast.Is):
        if left.value is None or right.value is None:
            return forms.ALWAYS if left.value is right.value else forms.NEVER
        return forms.anything("`is` between constants")
    try:
        return forms.ALWAYS if compare[type(op)](left.value, right.value) else forms.NEVER
    except TypeError:
        return forms.RAISES


def _equal(left: Value, right: Value) -> Condition | None:
    if isinstance(left, Term) and isinstance(right, Const) and not left.is_event:
        if scalar(right.value):
            return {"op": "equals", "term": left.form(), "to": right.value}
        return None
    if isinstance(left, Test) and isinstance(right, Const) and isinstance(right.value, bool):
        return left.condition if right.value else forms.negation(left.condition)
    return None


def _same(left: Value, right: Value) -> Condition | None:
    if isinstance(right, Const) and isinstance(left, Term):
        if right.value is None:
            return {"op": "is_null", "term": left.form()}
        if isinstance(right.value, bool):
            is_bool = {"op": "is_type", "term": left.form(), "types": ["bool"]}
            return forms.conjunction((is_bool, {"op": "equals", "term": left.form(), "to": right.value}))
    if isinstance(right, Const) and isinstance(left, Test):
        if isinstance(right.value, bool):
            return left.condition if right.value else forms.negation(left.condition)
        if right.value is None:
            return forms.conjunction((forms.disjunction((left.condition, forms.ALWAYS)), forms.NEVER))
    if isinstance(right, Const) and right.value is None and isinstance(left, Opaque | Several):
        return forms.NEVER
    return None


def _contained(left: Value, right: Value, node: ast.AST, frame: Frame) -> Condition | None:
    if isinstance(left, Term) and not left.is_event and isinstance(right, Const):
        if isinstance(right.value, str):
            return {"op": "within", "term": left.form(), "text": right.value} if right.value.isascii() else None
        hashed = isinstance(right.value, set | frozenset | dict)
        if hashed or isinstance(right.value, list | tuple):
            members = ordered(right.value)
            if all(scalar(member) for member in members):
                return {"op": "in", "term": left.form(), "set": members, "hashed": hashed}
        return None
    if isinstance(right, Term) and isinstance(left, Const) and scalar(left.value):
        if right.is_event and not key_of_event(left.value, right):
            return None
        return {"op": "contains", "term": right.form(), "const": left.value}
    if isinstance(right, Several):
        return forms.disjunction(_pair(node, left, ast.Eq(), item, frame) for item in right.items)
    return None


def _ordered(left: Value, name: str, right: Value) -> Condition | None:
    if isinstance(left, Term) and not left.is_event and isinstance(right, Const):
        value = right.value
        if isinstance(value, int | float) and not isinstance(value, bool) and scalar(value):
            return {"op": name, "term": left.form(), "to": value}
    return None


# Comprehensions


def items_of(value: Value) -> list[Value] | None:
    """Return the items of a collection that is not the event's; None where they cannot be told."""
    if isinstance(value, Several):
        return list(value.items)
    if isinstance(value, Const) and isinstance(value.value, str | list | tuple | set | frozenset | dict):
        members = ordered(value.value)
        return [
            member if isinstance(member, Value) else Const(member, value.shared and not scalar(member))
            for member in members
        ]
    return None


def _comprehension(node: ast.ListComp | ast.SetComp | ast.GeneratorExp, frame: Frame) -> Value:
    made = []
    found = _unrolled(node, [node.elt], node.generators, frame)
    if found is None:
        return frame.unknown(node, "a comprehension that is not constant")
    for (value,) in found:
        if not isinstance(value, Const):
            return (
                Several(tuple(values[0] for values in found))
                if isinstance(node, ast.ListComp)
                else frame.unknown(node, "a comprehension of values that are not constant")
            )
        made.append(value.value)
    try:
        return Const(set(made) if isinstance(node, ast.SetComp) else made)
    except TypeError:
        return Raised()


def _dict_comprehension(node: ast.DictComp, frame: Frame) -> Value:
    found = _unrolled(node, [node.key, node.value], node.generators, frame)
    if found is None or not all(isinstance(key, Const) for key, _ in found):
        return frame.unknown(node, "a dict comprehension that is not constant")
    return Const(
        {
            key.value: value.value if isinstance(value, Const) else value
            for key, value in found
            if isinstance(key, Const)
        }
    )


def _unrolled(
    node: ast.AST, elements: list[ast.expr], generators: list[ast.comprehension], frame: Frame
) -> list[list[Value]] | None:
    """Return the values of the elements for every round over constants; None if it is not that plain."""
    inner = frame.branch()
    if not generators:
        return [[evaluate(element, inner) for element in elements]]
    first = generators[0]
    items = items_of(evaluate(first.iter, inner))
    if items is None or first.is_async:
        return None
    rounds: list[list[Value]] = []
    for item in items:
        inner = frame.branch()
        if not bind(first.target, item, inner):
            return None
        keep = forms.conjunction(condition(test, inner) for test in first.ifs)
        if keep == forms.NEVER:
            continue
        if keep != forms.ALWAYS:
            return None
        more = _unrolled(node, elements, generators[1:], inner)
        if more is None:
            return None
        rounds += more
    return rounds


def bind(target: ast.expr, value: Value, frame: Frame) -> bool:
    """Give a name, or a tuple of names, its value; False where that cannot be told."""
    if isinstance(target, ast.Name):
        frame.names[target.id] = value
        return True
    if isinstance(target, ast.Tuple | ast.List):
        items = items_of(value)
        if items is not None and len(items) == len(target.elts):
            return all(bind(part, item, frame) for part, item in zip(target.elts, items, strict=True))
    return False


def unbind(target: ast.AST, frame: Frame, why: Unknown) -> None:
    """Forget what all names in a target stand for."""
    for node in ast.walk(target):
        if isinstance(node, ast.Name):
            frame.names[node.id] = why
