"""Forms: conditions as the pack writes them, put together and simplified.

In: smaller conditions. Out: one condition. Separate because simplifying may only widen, and here is all of it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Condition = dict[str, Any]

ALWAYS: Condition = {"op": "always"}
NEVER: Condition = {"op": "never"}
RAISES: Condition = {"op": "raises"}


def anything(reason: str) -> Condition:
    """Return the condition that nothing is known of."""
    return {"op": "anything", "reason": reason}


def is_anything(condition: Condition) -> bool:
    """Tell whether nothing is known of `condition`."""
    return bool(condition["op"] == "anything")


def negation(condition: Condition) -> Condition:
    """Return `not condition`."""
    if condition == ALWAYS:
        return NEVER
    if condition == NEVER:
        return ALWAYS
    if condition["op"] == "not":
        inner: Condition = condition["of"]
        return inner
    if condition["op"] in ("anything", "raises"):
        return condition
    # What is not true is looked up by what must be true, so `not` stands as deep as it can.
    if condition["op"] == "all":
        return {"op": "any", "of": [negation(part) for part in condition["of"]]}
    if condition["op"] == "any":
        return {"op": "all", "of": [negation(part) for part in condition["of"]]}
    if condition["op"] == "if":
        test, yes, no = condition["of"]
        return {"op": "if", "of": [test, negation(yes), negation(no)]}
    return {"op": "not", "of": condition}


def conjunction(parts: Iterable[Condition]) -> Condition:
    """Return the parts joined as `and` joins them, left to right."""
    return _joined("all", parts, ALWAYS, NEVER)


def disjunction(parts: Iterable[Condition]) -> Condition:
    """Return the parts joined as `or` joins them, left to right."""
    joined = _joined("any", parts, NEVER, ALWAYS)
    if joined["op"] != "any":
        return joined
    merged = _merged(joined["of"])
    return merged[0] if len(merged) == 1 else {"op": "any", "of": merged}


def _joined(op: str, parts: Iterable[Condition], neutral: Condition, final: Condition) -> Condition:
    kept: list[Condition] = []
    for part in parts:
        for piece in part["of"] if part["op"] == op else (part,):
            if piece == neutral or (kept and piece == kept[-1]):
                continue
            kept.append(piece)
            if piece in (final, RAISES):
                break
        if kept and kept[-1] in (final, RAISES):
            break
    if not kept:
        return neutral
    return kept[0] if len(kept) == 1 else {"op": op, "of": kept}


def _merged(parts: list[Condition]) -> list[Condition]:
    """Return neighbouring equalities of one term as one test."""
    merged: list[Condition] = []
    for part in parts:
        last = merged[-1] if merged else None
        mine, theirs = _members(part), _members(last) if last else None
        if last is not None and mine is not None and theirs is not None and last["term"] == part["term"]:
            joined = theirs + [value for value in mine if not _holds(theirs, value)]
            merged[-1] = {"op": "in", "term": part["term"], "set": joined, "hashed": False}
        else:
            merged.append(part)
    return merged


def _members(part: Condition) -> list[Any] | None:
    if part["op"] == "equals" and not isinstance(part["to"], list | dict):
        return [part["to"]]
    if part["op"] == "in" and not part["hashed"]:
        members: list[Any] = part["set"]
        return members
    return None


def _holds(values: list[Any], value: object) -> bool:
    return any(type(other) is type(value) and other == value for other in values)


def choice(test: Condition, yes: Condition, no: Condition) -> Condition:
    """Return `yes if test else no`."""
    if test == ALWAYS:
        return yes
    if test == NEVER:
        return no
    if test == RAISES:
        return RAISES
    # What is not known is not the same twice.
    same = test if is_certain(test) else None
    if yes in (ALWAYS, same):
        return disjunction((test, no))
    if no in (NEVER, same):
        return conjunction((test, yes))
    if yes == NEVER:
        return conjunction((negation(test), no))
    if no == ALWAYS:
        return disjunction((negation(test), yes))
    return {"op": "if", "of": [test, yes, no]}


def is_certain(condition: Condition) -> bool:
    """Tell whether nothing in a condition is unknown."""
    inner = condition.get("of")
    parts = [inner] if isinstance(inner, dict) else list(inner or [])
    parts += [condition["where"]] if "where" in condition else []
    return not is_anything(condition) and all(map(is_certain, parts))


def choose(parts: Iterable[Condition]) -> Condition:
    """Return when one of the parts is true, where one that raises stands for one that is not."""
    return disjunction({"op": "rescue", "of": [part, NEVER]} if may_raise(part) else part for part in parts)


def unordered(part: Condition) -> Condition:
    """Return a part of which is not known whether it comes before or behind the others."""
    return {"op": "rescue", "of": [part, anything("a set has no order; use a tuple")]} if may_raise(part) else part


def succeeds(part: Condition) -> Condition:
    """Return what is true if evaluating `part`, which is true or raises, does not raise."""
    return {"op": "rescue", "of": [part, NEVER]} if may_raise(part) else ALWAYS


def risk(part: Condition) -> Condition:
    """Return what is true, and raises as well where `part` may raise."""
    if is_anything(part):
        return {"op": "any", "of": [part, ALWAYS]}
    return {"op": "rescue", "of": [{"op": "any", "of": [part, ALWAYS]}, anything("it raises")]}


def may_raise(condition: Condition) -> bool:
    """Tell whether evaluating a condition may raise."""
    op = condition["op"]
    if op in ("always", "never"):
        return False
    if op in ("truthy", "is_null", "is_type", "equals") or (op == "in" and not condition["hashed"]):
        return not never_raises(condition["term"])
    if op in ("not", "all", "any", "if"):
        inner = condition["of"]
        return any(map(may_raise, [inner] if isinstance(inner, dict) else inner))
    return may_raise(condition["of"][1]) if op == "rescue" else True


def never_raises(term: list[Any]) -> bool:
    """Tell whether a term comes to be for every event."""
    first, *rest = term or (None,)
    return (
        isinstance(first, dict)
        and ("get" in first or "deep" in first)
        and all(isinstance(step, dict) and "or" in step for step in rest)
    )


def size(condition: Condition) -> int:
    """Return how many forms a condition has."""
    inner = condition.get("of")
    parts = [inner] if isinstance(inner, dict) else inner or []
    return 1 + sum(map(size, parts)) + (size(condition["where"]) if "where" in condition else 0)


def depth(condition: Condition) -> int:
    """Return how deep the parts of a condition lie in each other."""
    inner = condition.get("of")
    parts = [inner] if isinstance(inner, dict) else list(inner or [])
    parts += [condition["where"]] if "where" in condition else []
    return 1 + max(map(depth, parts), default=0)


def is_of_item(condition: Condition) -> bool:
    """Tell whether a condition speaks of the item of a loop that it is not itself."""
    inner = condition.get("of")
    parts = [inner] if isinstance(inner, dict) else list(inner or [])
    terms = [condition[name] for name in ("term", "in") if name in condition]
    return any(term[:1] == ["item"] for term in terms) or any(map(is_of_item, parts))


def may_hold(condition: Condition) -> bool:
    """Tell whether there is an event for which a condition may be true, as far as its shape tells."""
    return "T" in _possible(condition)


def _possible(condition: Condition) -> frozenset[str]:
    """Return the outcomes that a condition has if every predicate may have any."""
    op, inner = condition["op"], condition.get("of", [])
    fixed = {"always": "T", "never": "F", "raises": "R"}.get(op)
    if fixed is not None:
        return frozenset(fixed)
    if op == "not":
        return frozenset({"T": "F", "F": "T", "R": "R"}[each] for each in _possible(inner))
    if op in ("all", "any"):
        on = "T" if op == "all" else "F"
        found = {on}
        for part in inner:
            if on in found:
                found = (found - {on}) | _possible(part)
        return frozenset(found)
    if op == "if":
        test, yes, no = map(_possible, inner)
        return (test & {"R"}) | (yes if "T" in test else frozenset()) | (no if "F" in test else frozenset())
    return frozenset("TFR")
