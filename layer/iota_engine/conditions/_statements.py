"""Statements: what a function gives back, followed through every branch.

In: a function and a frame with its arguments. Out: one value, which says by conditions which return is reached.
What follows a statement is handed to it, so a branch that returns does not come to what follows.
"""

from __future__ import annotations

import ast

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._aliases import MUTATORS, changed_by
from iota_engine.conditions._expressions import bind, condition, evaluate, items_of, unbind
from iota_engine.conditions._follow import Frame, path_of
from iota_engine.conditions._truth import comparable, truth
from iota_engine.conditions._values import (
    NONE,
    Const,
    Either,
    Function,
    Raised,
    Several,
    Term,
    Unknown,
    Value,
    either,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from iota_engine.conditions._forms import Condition

    Next = Callable[[Frame], Value]

_MAX_ROUNDS = 200


class Exits:
    """Where `break` and `continue` lead."""

    def __init__(self, out: Next | None = None, again: Next | None = None) -> None:
        self.out = out
        self.again = again


def run(function: ast.FunctionDef, frame: Frame) -> Value:
    """Return what a function gives back."""
    frame.own = frozenset(_bound_in(function)) - frame.names.keys()
    return _block(function.body, frame, lambda _: NONE, Exits())


def _bound_in(function: ast.FunctionDef) -> set[str]:
    """Return the names that are the function's own because it binds them."""
    names: set[str] = set()
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Lambda | ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
            continue
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            names.difference_update(node.names)
        pending += ast.iter_child_nodes(node)
    return names


def _block(body: list[ast.stmt], frame: Frame, after: Next, exits: Exits) -> Value:
    """Return what the function gives back from here: these statements, then what is after them."""
    if not body:
        return after(frame)
    node, rest = body[0], body[1:]
    frame.walk.step()
    frame.line = getattr(node, "lineno", frame.line)

    def on(next_frame: Frame) -> Value:
        return _block(rest, next_frame, after, exits)

    match node:
        case ast.Return(value=value):
            return NONE if value is None else evaluate(value, frame)
        case ast.Raise():
            for part in (node.exc, node.cause):
                if part is not None:
                    evaluate(part, frame)
            return Raised()
        case ast.If(test=test, body=yes, orelse=no):
            return _if(test, yes, no, frame, on, exits)
        case ast.Assign(targets=targets, value=value):
            return _assign(node, targets, value, frame, on)
        case ast.AnnAssign(target=target, value=value):
            return on(frame) if value is None else _assign(node, [target], value, frame, on)
        case ast.AugAssign():
            return _augment(node, frame, on)
        case ast.Expr(value=value):
            return _expression(value, frame, on)
        case ast.Pass():
            return on(frame)
        case ast.For():
            return _for(node, frame, on, exits)
        case ast.While():
            return _blurred(node, frame, on, lambda last: _block(node.orelse, last, on, exits))
        case ast.Break() if exits.out is not None:
            return exits.out(frame)
        case ast.Continue() if exits.again is not None:
            return exits.again(frame)
        case ast.Try():
            return _try(node, frame, on, exits)
        case ast.Match():
            return _match(node, frame, on, exits)
        case ast.Import() | ast.ImportFrom():
            return _import(node, frame, on)
        case ast.FunctionDef(decorator_list=[]):
            frame.names[node.name] = Function(node, frame.module, dict(frame.names))
            return on(frame)
        case ast.Assert(test=test):
            held = condition(test, frame)
            with path_of(frame.walk, held):
                return either(held, on(frame), Raised())
    return frame.shared(node, f"`{type(node).__name__.lower()}` is not followed")


def _guarded(value: Value, frame: Frame, on: Next) -> Value:
    """Go on behind an expression, which may have raised."""
    if isinstance(value, Raised):
        return value
    found = on(frame)
    if isinstance(value, Const | Function | Several):
        return found
    if isinstance(value, Term) and value.cannot_raise:
        return found
    # `any((x, always))` raises where `x` does, and is true elsewhere.
    test = truth(value, frame)
    if test in (forms.ALWAYS, forms.NEVER):
        return found
    return either({"op": "any", "of": [test, forms.ALWAYS]}, found, NONE)


def _if(test: ast.expr, yes: list[ast.stmt], no: list[ast.stmt], frame: Frame, on: Next, exits: Exits) -> Value:
    held = condition(test, frame)
    if held == forms.ALWAYS:
        return _block(yes, frame, on, exits)
    if held == forms.NEVER:
        return _block(no, frame, on, exits)
    if held == forms.RAISES:
        return Raised()
    joined = _joined(held, yes, no, frame)
    if joined is not None:
        return on(joined)
    with path_of(frame.walk, held):
        first = _block(yes, frame.branch(), on, exits)
    with path_of(frame.walk, forms.negation(held)):
        second = _block(no, frame.branch(), on, exits)
    return either(held, first, second)


def _joined(held: Condition, yes: list[ast.stmt], no: list[ast.stmt], frame: Frame) -> Frame | None:
    """Return the frame behind an `if` that only assigns: its names then depend on the test. None for any other."""
    if not all(isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) for node in (*yes, *no)):
        return None
    branches = []
    for test, body in ((held, yes), (forms.negation(held), no)):
        inner = frame.branch()
        with path_of(frame.walk, test):
            for node in body:
                assert isinstance(node, ast.Assign)
                found = evaluate(node.value, inner)
                if len(node.targets) > 1 or not bind(node.targets[0], found, inner):
                    return None
        branches.append(inner.names)
    merged = frame.branch()
    for name in branches[0].keys() | branches[1].keys():
        one, other = (names.get(name, Raised()) for names in branches)
        merged.names[name] = either(held, one, other)
    return merged


def _assign(node: ast.stmt, targets: list[ast.expr], value: ast.expr, frame: Frame, on: Next) -> Value:
    found = evaluate(value, frame)
    for target in targets:
        if isinstance(target, ast.Name | ast.Tuple | ast.List):
            if not bind(target, found, frame):
                if any(isinstance(child, ast.Attribute | ast.Subscript) for child in ast.walk(target)):
                    return frame.shared(node, "an assignment to something that is not a name")
                unbind(target, frame, frame.unknown(node, "a value that is taken apart"))
        elif not _changes_own(target, frame):
            return frame.shared(node, "an assignment to what outlives the call")
    return _guarded(found, frame, on)


def _changes_own(target: ast.expr, frame: Frame) -> bool:
    """Forget lists and dicts of this call, one of which is changed; False if what is changed may outlive the call."""
    root = target
    while isinstance(root, ast.Attribute | ast.Subscript):
        if isinstance(root, ast.Subscript):
            evaluate(root.slice, frame)
        root = root.value
    if not isinstance(root, ast.Name):
        return False
    found = frame.names.get(root.id)
    is_own = isinstance(found, Several) or (
        isinstance(found, Const) and not found.shared and isinstance(found.value, list | dict | set)
    )
    if not is_own and not (isinstance(found, Unknown) and not found.shared and root.id in frame.walk.made):
        return False
    _forget_own(frame, target)
    return True


def _forget_own(frame: Frame, node: ast.AST) -> None:
    """Forget the lists and dicts that the call has made: another name may stand for the one that is changed."""
    for name, value in frame.names.items():
        is_own = isinstance(value, Const) and not value.shared and isinstance(value.value, list | dict | set)
        if is_own or isinstance(value, Several):
            frame.names[name] = frame.unknown(node, f"`{name}` is changed step by step")
            frame.walk.made.add(name)


def _augment(node: ast.AugAssign, frame: Frame, on: Next) -> Value:
    value = evaluate(node.value, frame)
    if isinstance(node.target, ast.Name) and node.target.id in frame.names:
        found = frame.names[node.target.id]
        if isinstance(found, Const) and not isinstance(found.value, list | dict | set):
            combined = evaluate(
                ast.copy_location(ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value), node), frame
            )
            frame.names[node.target.id] = combined
            return on(frame)
        if isinstance(found, Unknown) and not found.shared and not isinstance(value, Raised):
            return on(frame)
        if isinstance(found, Term) and not found.is_event:
            # Texts and numbers are made anew; a list of the event refuses.
            frame.names[node.target.id] = frame.unknown(node, "a value of the event that is added to")
            return either(_may_raise(), on(frame), NONE)
        if _changes_own(node.target, frame):
            return either(_may_raise(), on(frame), NONE)
    return frame.shared(node, "an assignment to what outlives the call")


def _may_raise() -> Condition:
    return {"op": "any", "of": [forms.anything("it may raise"), forms.ALWAYS]}


def _expression(value: ast.expr, frame: Frame, on: Next) -> Value:
    if isinstance(value, ast.Constant):
        return on(frame)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in MUTATORS:
        for argument in (*value.args, *(keyword.value for keyword in value.keywords)):
            evaluate(argument, frame)
        if _changes_own(value.func, frame):
            return either(_may_raise(), on(frame), NONE)
    return _guarded(evaluate(value, frame), frame, on)


# Loops


def _for(node: ast.For, frame: Frame, on: Next, exits: Exits) -> Value:
    source = evaluate(node.iter, frame)
    items = items_of(source)

    def done(last: Frame) -> Value:
        return _block(node.orelse, last, on, exits)

    if items is not None and len(items) <= _MAX_ROUNDS:
        return _rounds(node, items, frame, on, done)
    if isinstance(source, Raised):
        return source
    if isinstance(source, Term) and not source.is_event and isinstance(node.target, ast.Name):
        found = _over_event(node, source, frame, on)
        if found is not None:
            return found
    if isinstance(source, Unknown | Term | Several | Const):
        return _blurred(node, frame, on, done)
    return frame.shared(node, "a loop that is not followed; use `any(... for ...)`")


def _blurred(node: ast.For | ast.While, frame: Frame, on: Next, done: Next) -> Value:
    """Follow a loop of which only is known what it binds: any round may be the last, or none come."""
    why = frame.unknown(node, "a loop that is followed only roughly; `any(... for ...)` is understood")
    inner = frame.branch()
    changes = False
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and not isinstance(child.ctx, ast.Load):
            inner.names[child.id] = why
        changes = changes or bool(changed_by(child))
    if changes:
        _forget_own(inner, node)
    later = inner.branch()
    left = _Left()

    def go_on(_: Frame) -> Value:
        return left

    if isinstance(node, ast.While):
        evaluate(node.test, inner)
    body = _block(node.body, inner, go_on, Exits(go_on, go_on))
    after = on(later) if not node.orelse else either(forms.anything(why.reason), on(later.branch()), done(later))
    return either(forms.anything(why.reason), _without_left(body, after), after)


def _without_left(value: Value, after: Value) -> Value:
    if isinstance(value, Either):
        return either(value.test, _without_left(value.yes, after), _without_left(value.no, after))
    return after if isinstance(value, _Left) else value


def _rounds(node: ast.For, items: list[Value], frame: Frame, out: Next, done: Next) -> Value:
    if not items:
        return done(frame)

    def again(last: Frame) -> Value:
        return _rounds(node, items[1:], last, out, done)

    if not bind(node.target, items[0], frame):
        unbind(node.target, frame, frame.unknown(node, "an item that is taken apart"))
    return _block(node.body, frame, again, Exits(out, again))


class _Left(Value):
    """A round that ends without a return."""


def _over_event(node: ast.For, source: Term, frame: Frame, on: Next) -> Value | None:
    """Return what comes of a loop over a list of the event whose body does nothing but return or go on."""
    if comparable(source, frame, node) or node.orelse:
        return None
    if any(
        isinstance(child, ast.Break | ast.For | ast.While | ast.Try | ast.With)
        for child in ast.walk(node)
        if child is not node
    ):
        return None
    assert isinstance(node.target, ast.Name)
    inner = frame.branch()
    inner.loops += 1
    inner.names[node.target.id] = Term((), inner.loops)
    left = _Left()

    def go_on(_: Frame) -> Value:
        return left

    body = _block(node.body, inner, go_on, Exits(None, go_on))
    returned = _returned(body)
    some: Condition = {"op": "some", "in": source.form(), "where": returned}
    later = frame.branch()
    # What the loop bound is the last round's; nobody knows which that is.
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            later.names[child.id] = frame.unknown(node, f"`{child.id}` is what the last round of a loop left")
    with path_of(frame.walk, forms.negation(some)):
        after = on(later)
    return either(some, _what_returned(body, frame, node), after)


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
    found: list[Value] = []
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, Either):
            pending += [each.yes, each.no]
        elif not isinstance(each, _Left | Raised):
            found.append(each)
    if found and all(isinstance(each, Const) for each in found):
        kinds = {bool(each.value) for each in found if isinstance(each, Const)}
        if len(kinds) == 1:
            return found[0]
    return frame.unknown(node, "a loop that returns what depends on its item")


# Exceptions and cases


def _try(node: ast.Try, frame: Frame, on: Next, exits: Exits) -> Value:
    if node.finalbody:
        return frame.shared(node, "`finally` is not followed")
    may_raise = forms.anything(f"line {node.lineno}: it may raise")

    def done(last: Frame) -> Value:
        return _block(node.orelse, last, on, exits)

    tried = _block(node.body, frame.branch(), done, exits)
    found = tried
    for handler in reversed(node.handlers):
        inner = frame.branch()
        # Any statement of the body may have been the last.
        for child in ast.walk(ast.Module(node.body, [])):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                inner.names[child.id] = Unknown(f"line {node.lineno}: `{child.id}` is bound in a `try`")
        for name, value in inner.names.items():
            if isinstance(value, Several) or (isinstance(value, Const) and isinstance(value.value, list | dict | set)):
                if not (isinstance(value, Const) and value.shared):
                    inner.names[name] = Unknown(f"line {node.lineno}: `{name}` may be changed in a `try`")
        if handler.name:
            inner.names[handler.name] = Unknown("an exception")
        if handler.type is not None:
            evaluate(handler.type, inner)
        with path_of(frame.walk, may_raise):
            handled = _block(handler.body, inner, on, exits)
        found = either(may_raise, handled, found)
    # Without a handler for it, an exception leaves.
    return either(may_raise, found, either(may_raise, Raised(), found)) if found is tried else found


def _match(node: ast.Match, frame: Frame, on: Next, exits: Exits) -> Value:
    subject = evaluate(node.subject, frame)
    return _cases(node, subject, node.cases, frame, on, exits)


def _cases(node: ast.Match, subject: Value, cases: list[ast.match_case], frame: Frame, on: Next, exits: Exits) -> Value:
    if not cases:
        return on(frame)
    case = cases[0]
    held = _pattern(subject, case.pattern, frame)
    if held is None:
        return frame.shared(case.pattern, "a `case` that is not followed; use plain values")
    inner = frame.branch()
    if isinstance(case.pattern, ast.MatchAs) and case.pattern.name and case.pattern.pattern is None:
        inner.names[case.pattern.name] = subject
    if case.guard is not None:
        with path_of(frame.walk, held):
            held = forms.conjunction((held, condition(case.guard, inner)))
    with path_of(frame.walk, held):
        first = _block(case.body, inner, on, exits)
    with path_of(frame.walk, forms.negation(held)):
        second = _cases(node, subject, cases[1:], frame.branch(), on, exits)
    return either(held, first, second)


def _pattern(subject: Value, pattern: ast.pattern, frame: Frame) -> Condition | None:
    from iota_engine.conditions._expressions import compare

    match pattern:
        case ast.MatchValue(value=value):
            return compare(pattern, subject, ast.Eq(), evaluate(value, frame), frame)
        case ast.MatchSingleton(value=value):
            return compare(pattern, subject, ast.Is(), Const(value), frame)
        case ast.MatchOr(patterns=patterns):
            parts = [_pattern(subject, each, frame) for each in patterns]
            return None if any(part is None for part in parts) else forms.disjunction(filter(None, parts))
        case ast.MatchAs(pattern=None):
            return forms.ALWAYS
    return None


def _import(node: ast.Import | ast.ImportFrom, frame: Frame, on: Next) -> Value:
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        if isinstance(node, ast.Import):
            frame.names[name] = frame.module.module(alias.name if alias.asname else name)
        else:
            frame.names[name] = frame.module.imported_from(alias, node)
    return on(frame)
