"""Statements: what a function gives back, followed through every branch.

In: a function and a frame with its arguments. Out: one value, which says by conditions which return is reached.
What follows a statement is handed to it, so a branch that returns does not come to what follows.
"""

from __future__ import annotations

import ast

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._comprehensions import bind, unbind
from iota_engine.conditions._expressions import closure, condition, evaluate
from iota_engine.conditions._follow import Frame, path_of
from iota_engine.conditions._truth import raised_by, risky
from iota_engine.conditions._values import (
    NONE,
    Const,
    Raised,
    Term,
    Value,
    either,
    is_own,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from iota_engine.conditions._forms import Condition

    Next = Callable[[Frame], Value]


class Exits:
    """Where `break` and `continue` lead."""

    def __init__(self, out: Next | None = None, again: Next | None = None) -> None:
        self.out = out
        self.again = again


def run(function: ast.FunctionDef, frame: Frame) -> Value:
    """Return what a function gives back."""
    return block(function.body, frame, lambda _: NONE, Exits())


def block(body: list[ast.stmt], frame: Frame, then: Next, exits: Exits) -> Value:
    """Return what the function gives back from here: these statements, then what is after them."""
    if not body:
        return then(frame)
    node, rest = body[0], body[1:]
    frame.walk.step()
    frame.line = getattr(node, "lineno", frame.line)

    def on(next_frame: Frame) -> Value:
        return block(rest, next_frame, then, exits)

    match node:
        case ast.Return() | ast.Raise():
            return _leave(node, frame)
        case ast.If(test=test, body=yes, orelse=no):
            return _if(test, yes, no, frame, on, exits)
        case ast.Assign(targets=targets, value=value):
            return _assign(node, targets, value, frame, on)
        case ast.AnnAssign(target=target, value=value):
            return on(frame) if value is None else _assign(node, [target], value, frame, on)
        case ast.AugAssign():
            return _augment(node, frame, on)
        case ast.Expr(value=value):
            mark = len(frame.walk.risks)
            return _guarded(mark, evaluate(value, frame), frame, on)
        case ast.Pass():
            return on(frame)
        case ast.Break() if exits.out is not None:
            return exits.out(frame)
        case ast.Continue() if exits.again is not None:
            return exits.again(frame)
        case ast.FunctionDef(decorator_list=[]):
            mark = len(frame.walk.risks)
            frame.names[node.name] = closure(node, frame)
            risk = frame.walk.taken(mark)
            return after(risk, on(frame))
    return _compound(node, frame, on, exits)


def _compound(node: ast.stmt, frame: Frame, on: Next, exits: Exits) -> Value:
    from iota_engine.conditions import _branches, _loops

    match node:
        case ast.For():
            return _loops.follow_for(node, frame, on, exits)
        case ast.While():
            return _loops.blurred(node, frame, on, lambda last: block(node.orelse, last, on, exits))
        case ast.Try():
            return _branches.follow_try(node, frame, on, exits)
        case ast.Match():
            return _branches.follow_match(node, frame, on, exits)
        case ast.Import() | ast.ImportFrom():
            return _branches.follow_import(node, frame, on)
        case ast.Assert(test=test):
            mark = len(frame.walk.risks)
            held = condition(test, frame)
            risk = frame.walk.taken(mark)
            with path_of(frame.walk, held):
                return after(risk, either(held, on(frame), Raised()))
    return frame.shared(node, f"`{type(node).__name__.lower()}` is not followed")


def after(risk: Condition, value: Value) -> Value:
    """Return a value that comes to be only if `risk`, which is true or raises, does not raise."""
    return either(risk, value, NONE)


def _leave(node: ast.Return | ast.Raise, frame: Frame) -> Value:
    mark = len(frame.walk.risks)
    if isinstance(node, ast.Return):
        found = NONE if node.value is None else evaluate(node.value, frame)
        return after(frame.walk.taken(mark), found)
    for part in (node.exc, node.cause):
        if part is not None:
            evaluate(part, frame)
    frame.walk.taken(mark)
    return Raised()


def _guarded(mark: int, value: Value, frame: Frame, on: Next) -> Value:
    """Go on behind an expression, which may have raised."""
    if isinstance(value, Raised):
        return value
    risk = frame.walk.taken(mark)
    return after(forms.conjunction((risk, completes(value, frame))), on(frame))


def completes(value: Value, frame: Frame) -> Condition:
    """Return what is true, and raises exactly where a value does that is surely made."""
    found = raised_by(value, frame)
    if found is None:
        return forms.ALWAYS
    if forms.is_of_item(found):
        found = forms.anything("an item of a loop")
    return forms.disjunction((found, forms.ALWAYS))


def _if(test: ast.expr, yes: list[ast.stmt], no: list[ast.stmt], frame: Frame, on: Next, exits: Exits) -> Value:  # noqa: PLR0913, PLR0917  # what follows a statement comes with it
    mark = len(frame.walk.risks)
    held = condition(test, frame)
    risk = frame.walk.taken(mark)
    if held == forms.ALWAYS:
        return after(risk, block(yes, frame, on, exits))
    if held == forms.NEVER:
        return after(risk, block(no, frame, on, exits))
    if held == forms.RAISES:
        return Raised()
    if _only_assigns(yes, no):
        joined, more = _joined(held, yes, no, frame)
        return after(forms.conjunction((risk, more)), on(joined))
    with path_of(frame.walk, held):
        first = block(yes, frame.branch(), on, exits)
    with path_of(frame.walk, forms.negation(held)):
        second = block(no, frame.branch(), on, exits)
    return after(risk, either(held, first, second))


def _only_assigns(yes: list[ast.stmt], no: list[ast.stmt]) -> bool:
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name))
        for node in (*yes, *no)
    )


def _joined(held: Condition, yes: list[ast.stmt], no: list[ast.stmt], frame: Frame) -> tuple[Frame, Condition]:
    """Return the frame behind an `if` that only assigns: its names then depend on the test; and what may raise."""
    branches = []
    mark = len(frame.walk.risks)
    if forms.may_raise(held):
        frame.walk.risks.append(held)
    for test, body in ((held, yes), (forms.negation(held), no)):
        inner = frame.branch()
        with path_of(frame.walk, test):
            for node in body:
                if isinstance(node, ast.Assign):
                    found = evaluate(node.value, inner)
                    risky(found, inner)
                    bind(node.targets[0], found, inner)
        branches.append(inner.names)
    merged = frame.branch()
    for name in branches[0].keys() | branches[1].keys():
        one, other = (names.get(name, Raised()) for names in branches)
        merged.names[name] = one if one is other else either(held, one, other)
    return merged, frame.walk.taken(mark)


def _assign(node: ast.stmt, targets: list[ast.expr], value: ast.expr, frame: Frame, on: Next) -> Value:
    mark = len(frame.walk.risks)
    found = evaluate(value, frame)
    for target in targets:
        if isinstance(target, ast.Name | ast.Tuple | ast.List):
            if not bind(target, found, frame):
                frame.walk.risks.append(forms.anything(frame.unknown(node, "a value that is taken apart").reason))
                if any(isinstance(child, ast.Attribute | ast.Subscript) for child in ast.walk(target)):
                    return frame.shared(node, "an assignment to something that is not a name")
                unbind(target, frame, frame.unknown(node, "a value that is taken apart"))
        elif not changes_own(target, frame):
            return frame.shared(node, "an assignment to what outlives the call")
    return _guarded(mark, found, frame, on)


def changes_own(target: ast.expr, frame: Frame) -> bool:
    """Forget lists and dicts of this call, one of which is changed; False if what is changed may outlive the call."""
    root = target
    while isinstance(root, ast.Attribute | ast.Subscript):
        if isinstance(root, ast.Subscript):
            evaluate(root.slice, frame)
        root = root.value
    found = frame.names.get(root.id) if isinstance(root, ast.Name) else None
    is_this_calls = found is not None and is_own(found) and not isinstance(found, Term)
    frame.walk.risks.append(forms.anything(frame.unknown(target, "it may raise").reason))
    frame.changed(target)
    return is_this_calls


def _augment(node: ast.AugAssign, frame: Frame, on: Next) -> Value:
    mark = len(frame.walk.risks)
    target = node.target
    if not isinstance(target, ast.Name):
        evaluate(node.value, frame)
        if not changes_own(target, frame):
            return frame.shared(node, "an assignment to what outlives the call")
        return after(frame.walk.taken(mark), on(frame))
    found = frame.names.get(target.id)
    if found is None and target.id in frame.own:
        return Raised()
    if isinstance(found, Const) and not is_own(found):
        name = ast.copy_location(ast.Name(target.id, ast.Load()), node)
        combined = evaluate(ast.copy_location(ast.BinOp(name, node.op, node.value), node), frame)
        frame.names[target.id] = combined
        return _guarded(mark, combined, frame, on)
    evaluate(node.value, frame)
    if found is None or (isinstance(found, Const) and found.shared):
        return frame.shared(node, "an assignment to what outlives the call")
    # A list is changed in place, anything else is made anew.
    frame.changed(node)
    if frame.names[target.id] is found:
        frame.names[target.id] = frame.unknown(node, "a value that is added to")
    frame.walk.risks.append(forms.anything(frame.unknown(node, "it may raise").reason))
    return after(frame.walk.taken(mark), on(frame))
