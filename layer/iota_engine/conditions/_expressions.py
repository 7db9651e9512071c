"""Expressions: what an expression stands for in the frame it is in.

In: a node of the syntax tree and a frame. Out: a value. What is not understood is unknown with its line; what may
change something that later calls see is noted with the path that leads to it.
"""

from __future__ import annotations

import ast

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._collections import arithmetic, attribute, collection, dictionary, subscript, text
from iota_engine.conditions._compare import compare
from iota_engine.conditions._constants import constant, scalar
from iota_engine.conditions._follow import Frame, path_of
from iota_engine.conditions._truth import risky, truth
from iota_engine.conditions._values import (
    Const,
    Function,
    Raised,
    Stream,
    Term,
    Test,
    Unknown,
    Value,
    either,
    is_own,
    leaves,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iota_engine.conditions._forms import Condition


def evaluate(node: ast.expr, frame: Frame) -> Value:
    """Return what an expression stands for."""
    frame.walk.step()
    match node:
        case ast.Constant(value=value):
            return Const(value) if scalar(value) else frame.unknown(node, "a constant of a kind that JSON has not")
        case ast.Name(id=name):
            return _name(name, node, frame)
        case ast.BoolOp(op=op, values=values):
            return _logic(values, frame, is_and=isinstance(op, ast.And))
        case ast.Compare():
            return Test(_comparison(node, frame))
        case ast.IfExp(test=test, body=yes, orelse=no):
            return _choice(condition(test, frame), yes, no, frame)
        case ast.NamedExpr(target=target, value=value):
            frame.names[target.id] = found = evaluate(value, frame)
            return found
        case ast.Lambda():
            return closure(node, frame)
        case ast.Call():
            # Calls need all of this, and this needs calls.
            from iota_engine.conditions._calls import call

            return call(node, frame)
    return _operation(node, frame)


def condition(node: ast.expr, frame: Frame) -> Condition:
    """Return when an expression is truthy."""
    return truth(evaluate(node, frame), frame)


def _operation(node: ast.expr, frame: Frame) -> Value:
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Test(forms.negation(condition(operand, frame)))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return Const(-value)
        case ast.UnaryOp(operand=operand):
            found = evaluate(operand, frame)
            return found if isinstance(found, Raised) else frame.unknown(node, "arithmetic on values of the event")
        case ast.BinOp(left=left, op=op, right=right):
            return arithmetic(node, evaluate(left, frame), op, evaluate(right, frame), frame)
        case ast.Attribute(value=value, attr=name):
            return leaves(evaluate(value, frame), lambda of: attribute(node, of, name, frame))
        case ast.Subscript(value=value, slice=index):
            of, key = evaluate(value, frame), evaluate(index, frame)
            risky(key, frame)
            return leaves(of, lambda of: leaves(key, lambda at: subscript(node, of, at, frame)))
    return _display(node, frame)


def _display(node: ast.expr, frame: Frame) -> Value:
    def inner(part: ast.expr) -> Value:
        return evaluate(part, frame)

    match node:
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            return collection(node, items, inner, frame)
        case ast.Dict():
            return dictionary(node, inner, frame)
        case ast.JoinedStr(values=parts):
            return text(node, [inner(part) for part in parts], frame)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return evaluate(value, frame)
        case ast.FormattedValue(value=value, format_spec=spec):
            for part in filter(None, (value, spec)):
                evaluate(part, frame)
            return frame.unknown(node, "a text that is put together from the event")
        case ast.Slice(lower=low, upper=high, step=step):
            for part in filter(None, (low, high, step)):
                evaluate(part, frame)
            return frame.unknown(node, "a slice; use `startswith`, `endswith` or one index")
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            from iota_engine.conditions._comprehensions import comprehension

            return comprehension(node, frame)
    return frame.shared(node, f"`{type(node).__name__}` is not followed")


def _name(name: str, node: ast.expr, frame: Frame) -> Value:
    found = frame.names.get(name)
    if found is None:
        found = Raised() if name in frame.own else frame.module.name(name)
    if isinstance(found, Unknown) and found.shared:
        return frame.shared(node, found.reason)
    if isinstance(found, Stream):
        return frame.unknown(node, f"`{name}` is used up by its first use; use a list")
    return found


def closure(node: ast.FunctionDef | ast.Lambda, frame: Frame) -> Function:
    """Return a function that is made here; it sees what names around it stand for when it is called, not now."""
    for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
        risky(evaluate(default, frame), frame)
    around: dict[str, Value] = {}
    for name in frame.own | frame.names.keys():
        value = frame.names.get(name)
        if value is None or name not in frame.steady or is_own(value) or isinstance(value, Stream):
            around[name] = frame.unknown(node, f"`{name}` may be another when the function is called; pass it on")
        else:
            around[name] = value
    return Function(node, frame.module, around)


def under(frame: Frame, test: Condition, nodes: Sequence[ast.expr], make: Callable[[Frame], Value]) -> Value:
    """Return what `make` makes of expressions that are come to only if `test` holds."""
    is_binding = any(isinstance(child, ast.NamedExpr) for node in nodes for child in ast.walk(node))
    inner = frame.branch() if is_binding else frame
    with path_of(frame.walk, test):
        found = make(inner)
    for name, value in inner.names.items():
        if value is not frame.names.get(name):
            frame.names[name] = either(test, value, frame.names.get(name) or Raised())
    return found


def _logic(nodes: list[ast.expr], frame: Frame, *, is_and: bool) -> Value:
    found = evaluate(nodes[0], frame)
    if len(nodes) == 1:
        return found
    rest = nodes[1:]
    if not is_and and isinstance(found, Term) and not found.is_event and isinstance(rest[0], _PLAIN) and not rest[1:]:
        # `event.get("x") or {}`
        default = evaluate(rest[0], frame)
        if isinstance(default, Const) and constant(default.value):
            return found.then({"or": default.value})
    test = truth(found, frame)
    path = test if is_and else forms.negation(test)
    other = under(frame, path, rest, lambda inner: _logic(rest, inner, is_and=is_and))
    if isinstance(found, Test) and _is_bool(other):
        join = forms.conjunction if is_and else forms.disjunction
        return Test(join((test, truth(other, frame))))
    # A test that was asked for its truth is that truth to what follows.
    first = leaves(found, lambda each: Const(not is_and) if isinstance(each, Test) else each)
    return either(test, other, first) if is_and else either(test, first, other)


# Defaults that have no effect of their own.
_PLAIN = ast.Constant | ast.List | ast.Dict | ast.Name


def _is_bool(value: Value) -> bool:
    return isinstance(value, Test) or (isinstance(value, Const) and isinstance(value.value, bool))


def _choice(test: Condition, yes: ast.expr, no: ast.expr, frame: Frame) -> Value:
    if test in (forms.ALWAYS, forms.NEVER):
        return evaluate(yes if test == forms.ALWAYS else no, frame)
    first = under(frame, test, [yes], lambda inner: evaluate(yes, inner))
    second = under(frame, forms.negation(test), [no], lambda inner: evaluate(no, inner))
    return either(test, first, second)


def _comparison(node: ast.Compare, frame: Frame) -> Condition:
    left = evaluate(node.left, frame)
    parts: list[Condition] = []
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        if parts:
            path = forms.conjunction(parts)
            right = under(frame, path, [right_node], lambda inner, right=right_node: evaluate(right, inner))  # type: ignore[misc]
        else:
            right = evaluate(right_node, frame)
        parts.append(compare(node, left, op, right, frame))
        left = right
    return forms.conjunction(parts)
