"""Calls: what a call stands for, and the functions of the pack, which are followed with what they are given.

In: a call and its frame. Out: a value. A function that is not known is taken to change something, so an event that
comes to it is never skipped.
"""

from __future__ import annotations

import ast

from iota_engine.conditions._aliases import MUTATORS
from iota_engine.conditions._comprehensions import any_or_all
from iota_engine.conditions._constants import unpacked
from iota_engine.conditions._expressions import evaluate
from iota_engine.conditions._follow import MAX_CALLS, Frame
from iota_engine.conditions._library import library
from iota_engine.conditions._methods import method
from iota_engine.conditions._scopes import bound_in, steady_in
from iota_engine.conditions._truth import risky
from iota_engine.conditions._values import (
    Bound,
    Const,
    Either,
    Function,
    Library,
    Raised,
    Several,
    Unknown,
    Value,
    changeable,
    is_own,
    leaves,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Given:
    """What a call passes on."""

    def __init__(self, values: list[Value]) -> None:
        self.values = values
        self.named: dict[str, Value] = {}
        # Whether all of it is known by place or name.
        self.plain = True

    def all(self) -> list[Value]:
        """Return all values."""
        return [*self.values, *self.named.values()]

    def constants(self) -> list[Any] | None:
        """Return the arguments if all are constant."""
        found = [value.value for value in self.values if isinstance(value, Const)]
        return found if len(found) == len(self.values) and not self.named and self.plain else None


def _given(node: ast.Call, frame: Frame) -> Given:
    given = Given([])
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            items = unpacked(evaluate(argument.value, frame), frame, node)
            given.plain = given.plain and not isinstance(items, Unknown)
            given.values += [items] if isinstance(items, Unknown) else items
        else:
            given.values.append(evaluate(argument, frame))
    for keyword in node.keywords:
        found = evaluate(keyword.value, frame)
        given.named[keyword.arg or "**"] = found
        given.plain = given.plain and keyword.arg is not None
    for value in given.all():
        risky(value, frame)
    return given


def call(node: ast.Call, frame: Frame) -> Value:
    """Return what a call stands for."""
    target = evaluate(node.func, frame)
    if isinstance(target, Library) and target.name in ("any", "all") and not node.keywords:
        match node.args:
            case [argument] if not isinstance(argument, ast.Starred):
                return any_or_all(node, argument, frame, is_any=target.name == "any")
    given = _given(node, frame)
    if any(isinstance(value, Raised) for value in given.all()):
        return Raised()
    return leaves(target, lambda of: _called(node, of, given, frame))


def _called(node: ast.Call, target: Value, given: Given, frame: Frame) -> Value:
    match target:
        case Raised():
            return target
        case Function():
            return follow(node, target, given, frame)
        case Library():
            hand_over(node, given, frame, calm=not target.name.startswith("operator."))
            return library(node, target.name, given, frame)
        case Bound():
            hand_over(node, given, frame, calm=True)
            return method(node, target, given, frame)
        case Unknown():
            return frame.shared(node, target.reason.partition(": ")[2] or target.reason)
        case Const():
            return Raised()
    return frame.shared(node, "a call that is not followed")


def hand_over(node: ast.Call, given: Given, frame: Frame, *, calm: bool) -> None:
    """Note what code that is not followed may do with what it is given: call functions, change lists."""
    for value in given.all():
        if not calm and is_own(value):
            frame.changed(node)
        _offer(node, value, frame)


def _offer(node: ast.Call, value: Value, frame: Frame) -> None:
    match value:
        case Function():
            # Whatever it is called with, this is what it may touch.
            arguments = value.node.args
            count = len(arguments.posonlyargs) + len(arguments.args)
            unknown: list[Value] = [frame.unknown(node, "what a function is called with") for _ in range(count)]
            mark, changes = len(frame.walk.risks), frame.walk.changes
            follow(node, value, Given(unknown), frame.branch())
            del frame.walk.risks[mark:]
            if frame.walk.changes > changes:
                frame.changed(node)
        case Either():
            _offer(node, value.yes, frame)
            _offer(node, value.no, frame)
        case Several():
            for item in value.items:
                _offer(node, item, frame)
        case Bound(name=name) if name in MUTATORS:
            frame.changed(node)
            frame.shared(node, "a method that is passed on; use a `lambda`")
        case Const() if _holds_functions(value.value):
            frame.shared(node, "functions that are passed on")


def _holds_functions(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_functions, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_functions, value))
    return isinstance(value, Function | Bound | Either)


def follow(node: ast.AST, function: Function, given: Given, frame: Frame) -> Value:
    """Return what a function of the pack gives back."""
    from iota_engine.conditions._statements import run

    if frame.calls >= MAX_CALLS or not given.plain:
        return frame.shared(node, "a call that is too deep, or whose arguments are unpacked")
    if any(isinstance(child, ast.Yield | ast.YieldFrom | ast.Await) for child in ast.walk(function.node)):
        return frame.shared(node, "a generator; return a list")
    own = bound_in(function.node)
    around = {name: value for name, value in function.around.items() if name not in own}
    inner = Frame(frame.walk, function.module, around, frame.calls + 1, frame.loops, outer=frame)
    inner.line = getattr(node, "lineno", frame.line)
    inner.steady = frozenset(around) | steady_in(function.node)
    if not _pass(function, given, inner):
        return Raised()
    inner.own = frozenset(own)
    if isinstance(function.node, ast.Lambda):
        return evaluate(function.node.body, inner)
    return run(function.node, inner)


def _pass(function: Function, given: Given, inner: Frame) -> bool:
    """Give the parameters their values; False if the call cannot be made so."""
    arguments = function.node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    if len(given.values) > len(names) and arguments.vararg is None:
        return False
    filled: dict[str, Value] = dict(zip(names, given.values, strict=False))
    if arguments.vararg is not None:
        filled[arguments.vararg.arg] = Several(tuple(given.values[len(names) :]))
    by_name = {*names[len(arguments.posonlyargs) :], *(each.arg for each in arguments.kwonlyargs)}
    for name, value in given.named.items():
        if name in by_name and name not in filled:
            filled[name] = value
        elif arguments.kwarg is None or name in by_name:
            return False
    if arguments.kwarg is not None:
        filled[arguments.kwarg.arg] = Unknown("`**` arguments are not followed", own=True)
    missing = ({*names} | by_name) - filled.keys()
    defaults = _defaults(function, missing, inner)
    if defaults is None:
        return False
    inner.names.update(filled | defaults)
    return True


def _defaults(function: Function, missing: set[str], inner: Frame) -> dict[str, Value] | None:
    """Return the values of parameters that are not given; None if one has no default."""
    arguments = function.node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    nodes: dict[str, ast.expr | None] = dict(
        zip(names[len(names) - len(arguments.defaults) :], arguments.defaults, strict=True)
    )
    nodes |= {each.arg: node for each, node in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)}
    filled: dict[str, Value] = {}
    for name in missing:
        node = nodes.get(name)
        if node is None:
            return None
        # A default is made once and lives as long as the function.
        found = evaluate(node, Frame(inner.walk, function.module, dict(function.around), inner.calls))
        is_plain = isinstance(found, Function | Library) or (isinstance(found, Const) and not changeable(found.value))
        filled[name] = found if is_plain else Unknown(f"the default of `{name}` may change; use None", shared=True)
    return filled
