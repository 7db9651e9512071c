"""Comprehensions, and `any` and `all` over them: loops that are expressions.

In: the syntax and a frame. Out: a value, or the condition of `any` and `all`. Loops over constants are unrolled; a
loop over a list of the event becomes `some`.
"""

from __future__ import annotations

import ast

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._constants import collected, is_loose, items_of, ordered_items
from iota_engine.conditions._expressions import condition, evaluate
from iota_engine.conditions._truth import comparable, risky, truth
from iota_engine.conditions._values import (
    Const,
    Either,
    Raised,
    Stream,
    Term,
    Test,
    Unknown,
    Value,
    leaves,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from iota_engine.conditions._follow import Frame
    from iota_engine.conditions._forms import Condition

    Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


def comprehension(node: Comprehension, frame: Frame) -> Value:
    """Return what a comprehension stands for."""
    elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    _forget_bound(node, frame)
    mark = len(frame.walk.risks)
    rounds = _unrolled(elements, node.generators, frame)
    if rounds is None:
        # Its rounds are not known, but what is done in one of them may touch what outlives the call.
        _blind(elements, node.generators, frame)
    _forget_bound(node, frame)
    if rounds is None or len(frame.walk.risks) > mark or any(isinstance(each, Raised) for r in rounds for each in r):
        return frame.unknown(node, "a comprehension that is not constant")
    if isinstance(node, ast.DictComp):
        return _dict(node, rounds, frame)
    kind: type[Any] = set if isinstance(node, ast.SetComp) else list
    made = collected(kind, [value for (value,) in rounds], frame, node)
    return Stream(made) if isinstance(node, ast.GeneratorExp) and not isinstance(made, Raised | Unknown) else made


def _dict(node: ast.DictComp, rounds: list[list[Value]], frame: Frame) -> Value:
    made: dict[Any, Any] = {}
    for key, value in rounds:
        if not isinstance(key, Const) or isinstance(value, Stream):
            return frame.unknown(node, "a dict comprehension that is not constant")
        try:
            made[key.value] = value.value if isinstance(value, Const) else value
        except TypeError:
            return Raised()
    return Const(made)


def _forget_bound(node: ast.AST, frame: Frame) -> None:
    """Forget what `:=` inside of a loop binds: it is what some round left."""
    for child in ast.walk(node):
        if isinstance(child, ast.NamedExpr):
            frame.names[child.target.id] = frame.unknown(node, f"`{child.target.id}` is bound in a loop")


def _unrolled(elements: list[ast.expr], generators: list[ast.comprehension], frame: Frame) -> list[list[Value]] | None:
    """Return the values of the elements for every round over constants; None if it is not that plain."""
    inner = frame.branch()
    if not generators:
        found = [evaluate(element, inner) for element in elements]
        for value in found:
            risky(value, inner)
        return [found]
    first = generators[0]
    source = evaluate(first.iter, inner)
    items = ordered_items(source)
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
        more = _unrolled(elements, generators[1:], inner)
        if more is None:
            return None
        rounds += more
    return rounds


def _blind(elements: list[ast.expr], generators: list[ast.comprehension], frame: Frame) -> None:
    inner = frame.branch()
    for generator in generators:
        evaluate(generator.iter, inner)
        unbind(generator.target, inner, frame.unknown(generator.target, "an item of a loop"))
        for test in generator.ifs:
            evaluate(test, inner)
    for element in elements:
        evaluate(element, inner)


def any_or_all(node: ast.Call, argument: ast.expr, frame: Frame, *, is_any: bool) -> Value:
    """Return what `any(argument)` or `all(argument)` stands for."""
    if isinstance(argument, ast.GeneratorExp | ast.ListComp):
        _forget_bound(argument, frame)
        found = _over(argument.elt, argument.generators, frame, is_any=is_any)
        if found is None:
            _blind([argument.elt], argument.generators, frame)
            found = forms.anything(frame.unknown(node, "a loop that is not followed").reason)
        if isinstance(argument, ast.ListComp) and forms.may_raise(found):
            frame.walk.risks.append(forms.anything(frame.unknown(node, "all of the list is made first").reason))
        _forget_bound(argument, frame)
        return Test(found)
    source = evaluate(argument, frame)
    items = items_of(source)
    if items is None:
        return frame.unknown(node, "`any` or `all` of something that is not a list of the rule's own")
    return Test(_join([truth(item, frame) for item in items], source, frame, is_any=is_any))


def _join(parts: list[Condition], source: Value, frame: Frame, *, is_any: bool) -> Condition:
    if is_loose(source):
        # Any of them may be the first.
        frame.walk.risks += [part for part in parts if forms.may_raise(part)]
        parts = [forms.unordered(part) for part in parts]
    return forms.disjunction(parts) if is_any else forms.conjunction(parts)


def _over(element: ast.expr, generators: list[ast.comprehension], frame: Frame, *, is_any: bool) -> Condition | None:
    """Return when any (or all) of the elements are truthy."""
    if not generators:
        return condition(element, frame)
    first = generators[0]
    if first.is_async:
        return None
    source = evaluate(first.iter, frame)

    def body(inner: Frame) -> Condition | None:
        kept = forms.conjunction([condition(test, inner) for test in first.ifs])
        rest = _over(element, generators[1:], inner, is_any=is_any)
        if rest is None:
            return None
        return forms.conjunction((kept, rest)) if is_any else forms.disjunction((forms.negation(kept), rest))

    items = items_of(source)
    if items is not None:
        parts = []
        for item in items:
            inner = frame.branch()
            part = body(inner) if bind(first.target, item, inner) else None
            if part is None:
                return None
            parts.append(part)
        return _join(parts, source, frame, is_any=is_any)
    if isinstance(source, Raised):
        return forms.RAISES
    if isinstance(source, Term) and not source.is_event and isinstance(first.target, ast.Name):
        if comparable(source, frame, None):
            return None
        inner = frame.round(first.iter)
        inner.names[first.target.id] = Term((), inner.loops)
        part = body(inner)
        if part is None:
            return None
        some = {"op": "some", "in": source.form(), "where": part if is_any else forms.negation(part)}
        return some if is_any else forms.negation(some)
    return None


def bind(target: ast.expr, value: Value, frame: Frame) -> bool:
    """Give a name, or a tuple of names, its value; False where that cannot be told."""
    if isinstance(target, ast.Name):
        frame.names[target.id] = value
        return True
    if not isinstance(target, ast.Tuple | ast.List):
        return False
    if isinstance(value, Either):
        return _comes_apart(value, len(target.elts)) and all(
            bind(part, _part(value, at), frame) for at, part in enumerate(target.elts)
        )
    items = ordered_items(value)
    if items is None or len(items) != len(target.elts):
        return False
    return all(bind(part, item, frame) for part, item in zip(target.elts, items, strict=True))


def _comes_apart(value: Value, length: int) -> bool:
    """Tell whether every alternative of a value has that many items, or raises."""
    if isinstance(value, Either):
        return _comes_apart(value.yes, length) and _comes_apart(value.no, length)
    return isinstance(value, Raised) or len(ordered_items(value) or ()) == length


def _part(value: Either, at: int) -> Value:
    return leaves(value, lambda each: each if isinstance(each, Raised) else (ordered_items(each) or [])[at])


def unbind(target: ast.AST, frame: Frame, why: Unknown) -> None:
    """Forget what all names in a target stand for."""
    for node in ast.walk(target):
        if isinstance(node, ast.Name):
            frame.names[node.id] = why
