"""Branches: `try`, `match`, and imports inside of functions.

In: a statement, its frame, and what comes behind it. Out: what the function gives back.
"""

from __future__ import annotations

import ast

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._compare import compare
from iota_engine.conditions._expressions import condition, evaluate
from iota_engine.conditions._follow import Frame, path_of
from iota_engine.conditions._scopes import bound_by
from iota_engine.conditions._statements import Exits, after, block, completes
from iota_engine.conditions._truth import risky
from iota_engine.conditions._values import Const, Either, Raised, Unknown, Value, either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from iota_engine.conditions._forms import Condition
    from iota_engine.conditions._statements import Next


class _Behind(Value):
    """Where the body of a `try` ends, and what the function gives back from there: nothing of it is caught."""

    def __init__(self, value: Value) -> None:
        self.value = value


def follow_try(node: ast.Try, frame: Frame, on: Next, exits: Exits) -> Value:
    """Follow a `try` and what is behind it: where its body raises, one of its handlers is come to, or none."""
    if node.finalbody:
        return frame.shared(node, "`finally` is not followed")

    def done(last: Frame) -> Value:
        return _Behind(block(node.orelse, last, on, exits))

    body = block(node.body, frame.branch(), done, exits)
    completed = forms.succeeds(_completed(body, frame))
    if completed == forms.ALWAYS:
        return _passed(body)
    which = forms.anything(f"line {node.lineno}: which exception it is")
    # What no handler is for goes on, and so may what a loop raises that the body breaks off.
    handled: Value = Raised()
    with path_of(frame.walk, forms.negation(completed)):
        for handler in reversed(node.handlers):
            handled = either(which, _handled(handler, node, frame, on, exits), handled)
    return either(completed, _passed(body), handled)


def _handled(handler: ast.ExceptHandler, node: ast.Try, frame: Frame, on: Next, exits: Exits) -> Value:
    inner = frame.branch()
    # Any statement of the body may have been the last.
    for child in (child for statement in node.body for child in ast.walk(statement)):
        for name in bound_by(child):
            inner.names[name] = Unknown(f"line {node.lineno}: `{name}` is bound in a `try`")
    if handler.name:
        inner.names[handler.name] = Unknown(f"line {node.lineno}: an exception")
    mark = len(frame.walk.risks)
    if handler.type is not None:
        evaluate(handler.type, inner)
    risk = frame.walk.taken(mark)
    return after(risk, block(handler.body, inner, on, exits))


def _completed(value: Value, frame: Frame) -> Condition:
    """Return what is true, and raises where the body of a `try` does."""
    match value:
        case _Behind():
            return forms.ALWAYS
        case Raised():
            return forms.RAISES
        case Either(test=test, yes=yes, no=no):
            return forms.choice(test, _completed(yes, frame), _completed(no, frame))
    return completes(value, frame)


def _passed(value: Value) -> Value:
    """Return what the function gives back if the body of a `try` does not raise."""
    if isinstance(value, Either):
        return either(value.test, _passed(value.yes), _passed(value.no))
    return value.value if isinstance(value, _Behind) else value


def follow_match(node: ast.Match, frame: Frame, on: Next, exits: Exits) -> Value:
    """Follow a `match` and what is behind it."""
    mark = len(frame.walk.risks)
    subject = evaluate(node.subject, frame)
    risky(subject, frame)
    risk = frame.walk.taken(mark)

    def cases(left: list[ast.match_case], inner: Frame) -> Value:
        if not left:
            return on(inner)
        case, *rest = left
        held = _matched(subject, case.pattern, inner)
        if held is None:
            return frame.shared(case.pattern, "a `case` that is not followed; use plain values")
        if isinstance(case.pattern, ast.MatchAs) and case.pattern.name:
            # It stays bound where the guard fails.
            inner.names[case.pattern.name] = subject
        if case.guard is not None:
            with path_of(frame.walk, held):
                held = forms.conjunction((held, condition(case.guard, inner)))
        with path_of(frame.walk, held):
            first = block(case.body, inner.branch(), on, exits)
        with path_of(frame.walk, forms.negation(held)):
            second = cases(rest, inner.branch())
        return either(held, first, second)

    mark = len(frame.walk.risks)
    found = cases(node.cases, frame.branch())
    return after(forms.conjunction((risk, frame.walk.taken(mark))), found)


def _matched(subject: Value, pattern: ast.pattern, frame: Frame) -> Condition | None:
    match pattern:
        case ast.MatchValue(value=value):
            return compare(pattern, subject, ast.Eq(), evaluate(value, frame), frame)
        case ast.MatchSingleton(value=value):
            return compare(pattern, subject, ast.Is(), Const(value), frame)
        case ast.MatchOr(patterns=patterns):
            parts = [_matched(subject, each, frame) for each in patterns]
            return None if any(part is None for part in parts) else forms.disjunction(filter(None, parts))
        case ast.MatchAs(pattern=None):
            return forms.ALWAYS
    return None


def follow_import(node: ast.Import | ast.ImportFrom, frame: Frame, on: Next) -> Value:
    """Follow an import inside of a function."""
    mark = len(frame.walk.risks)
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        if isinstance(node, ast.Import):
            found = frame.module.module(alias.name if alias.asname else name)
        else:
            found = frame.module.imported_from(alias, node)
        frame.names[name] = found
        if isinstance(found, Unknown):
            frame.walk.risks.append(forms.anything(found.reason))
    return after(frame.walk.taken(mark), on(frame))
