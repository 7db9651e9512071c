"""Loops: `for` and `while` statements.

In: a loop, its frame, and what comes behind it. Out: what the function gives back. Loops over constants are unrolled,
a loop over a list of the event that only returns becomes `some`; of any other only is known what it binds.
"""

from __future__ import annotations

import ast

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._comprehensions import bind, unbind
from iota_engine.conditions._constants import is_loose, items_of
from iota_engine.conditions._expressions import evaluate
from iota_engine.conditions._follow import Frame, path_of
from iota_engine.conditions._scopes import bound_by
from iota_engine.conditions._statements import Exits, after, block
from iota_engine.conditions._truth import comparable
from iota_engine.conditions._values import (
    Const,
    Either,
    Opaque,
    Raised,
    Term,
    Unknown,
    Value,
    either,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from iota_engine.conditions._forms import Condition
    from iota_engine.conditions._statements import Next

_MAX_ROUNDS = 200
_HARD = ast.Break | ast.For | ast.While | ast.Try | ast.With | ast.Match


class _Left(Value):
    """A round that ends without a return."""


_LEFT = _Left()


def _go_on(_: Frame) -> Value:
    return _LEFT


def follow_for(node: ast.For, frame: Frame, on: Next, exits: Exits) -> Value:
    """Follow a `for` loop and what is behind it."""
    mark = len(frame.walk.risks)
    source = evaluate(node.iter, frame)
    risk = frame.walk.taken(mark)
    items = items_of(source)

    def done(last: Frame) -> Value:
        return block(node.orelse, last, on, exits)

    if isinstance(source, Raised):
        return source
    if items is not None and len(items) <= _MAX_ROUNDS and not (is_loose(source) and len(items) > 1):
        return after(risk, _rounds(node, items, frame, on, done))
    if isinstance(source, Term) and not source.is_event and isinstance(node.target, ast.Name):
        found = _over_event(node, source, frame, on)
        if found is not None:
            return after(risk, found)
    return after(risk, blurred(node, frame, on, done))


def _rounds(node: ast.For, items: list[Value], frame: Frame, out: Next, done: Next) -> Value:
    if not items:
        return done(frame)

    def again(last: Frame) -> Value:
        return _rounds(node, items[1:], last, out, done)

    mark = len(frame.walk.risks)
    if not bind(node.target, items[0], frame):
        why = frame.unknown(node, "an item that is taken apart")
        frame.walk.risks.append(forms.anything(why.reason))
        unbind(node.target, frame, why)
    risk = frame.walk.taken(mark)
    return after(risk, block(node.body, frame, again, Exits(out, again)))


def _forget_bound(node: ast.AST, frame: Frame) -> None:
    """Forget what a loop binds: which round was the last, nobody knows."""
    for child in ast.walk(node):
        for name in bound_by(child):
            frame.names[name] = frame.unknown(node, "a loop that is followed only roughly; use `any(... for ...)`")


def _twice(frame: Frame, body: Next) -> Value:
    """Return what a round gives back that may be any: after one that has changed lists it is another."""
    changes = frame.walk.changes
    found = body(frame)
    return body(frame) if frame.walk.changes > changes else found


def blurred(node: ast.For | ast.While, frame: Frame, on: Next, done: Next) -> Value:
    """Follow a loop of which only is known what it binds: any round may be the last, or none come."""
    why = frame.unknown(node, "a loop that is followed only roughly; `any(... for ...)` is understood").reason
    outer = frame.branch()
    _forget_bound(node, outer)

    def body(_: Frame) -> Value:
        inner = outer.branch()
        if isinstance(node, ast.While):
            evaluate(node.test, inner)
        return block(node.body, inner, _go_on, Exits(_go_on, _go_on))

    mark = len(frame.walk.risks)
    returned = _twice(outer, body)
    frame.walk.taken(mark)
    behind = on(outer.branch())
    if node.orelse:
        behind = either(forms.anything(why), behind, done(outer.branch()))
    return either(forms.anything(why), _without_left(returned, behind), behind)


def _without_left(value: Value, behind: Value) -> Value:
    if isinstance(value, Either):
        return either(value.test, _without_left(value.yes, behind), _without_left(value.no, behind))
    return behind if isinstance(value, _Left) else value


def _over_event(node: ast.For, source: Term, frame: Frame, on: Next) -> Value | None:
    """Return what comes of a loop over a list of the event whose body does nothing but return or go on."""
    if comparable(source, frame, node) or node.orelse or not isinstance(node.target, ast.Name):
        return None
    if any(isinstance(child, _HARD) for child in ast.walk(node) if child is not node):
        return None
    target = node.target.id
    outer = frame.branch()
    _forget_bound(node, outer)

    def body(_: Frame) -> Value:
        inner = outer.round(node)
        inner.names[target] = Term((), inner.loops)
        return block(node.body, inner, _go_on, Exits(None, _go_on))

    found = _twice(outer, body)
    some: Condition = {"op": "some", "in": source.form(), "where": _returned(found)}
    with path_of(frame.walk, forms.negation(some)):
        behind = on(outer.branch())
    return either(some, _what_returned(found, frame, node), behind)


def _returned(value: Value) -> Condition:
    if isinstance(value, Either):
        return forms.choice(value.test, _returned(value.yes), _returned(value.no))
    if isinstance(value, _Left):
        return forms.NEVER
    if isinstance(value, Raised):
        return forms.RAISES
    # An unknown may be a return, or stand for a statement that was not followed.
    return forms.anything(value.reason) if isinstance(value, Unknown) else forms.ALWAYS


def _what_returned(value: Value, frame: Frame, node: ast.AST) -> Value:
    """Return what a loop gives back, whichever of its returns it came to."""
    found: list[Const] = []
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, Either):
            pending += [each.yes, each.no]
        elif isinstance(each, Const) and isinstance(each.value, str | int | float | None):
            if not any(type(other.value) is type(each.value) and other.value == each.value for other in found):
                found.append(each)
        elif not isinstance(each, _Left | Raised):
            return frame.unknown(node, "a loop that returns what depends on its item")
    if not found:
        return Raised()
    if len(found) > 1 and all(each.value for each in found):
        return Opaque()
    reason = frame.unknown(node, "which return of a loop is reached").reason
    result: Value = found[0]
    for each in found[1:]:
        result = either(forms.anything(reason), each, result)
    return result
