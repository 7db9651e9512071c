"""The reference: `docs/conditions.md` in Python, on the JSON text of a record, written for reading and not for speed.

In: a condition and a record's text. Out: the set of outcomes, of T, F and R. It shares nothing with the compiler, nor
with the prefilter: both are judged by it.
"""

import json
import re

TFR = frozenset("TFR")
T, F, R = frozenset("T"), frozenset("F"), frozenset("R")
UNKNOWN = object()


class Raises(Exception):
    """A step raises."""


class Unknown(Exception):
    """A step is unknown."""


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Object(list):
    """An object: its members in order, twins included."""


def parse(text):
    """Return a record's value; numbers stay text, objects stay lists of members."""
    return json.loads(text, object_pairs_hook=Object, parse_int=Number, parse_float=Number, parse_constant=Number)


def outcomes(condition, text):
    """Return the set of outcomes of `condition` on the record `text`."""
    return evaluate(condition, parse(text), None)


def evaluate(condition, event, item):
    op = condition["op"]
    if op in _COMPOUND:
        return _COMPOUND[op](condition, event, item)
    if op == "some":
        return _some(condition, event, item)
    try:
        value, is_event = _value(condition["term"], event, item)
        return _predicate(op, condition, value, is_event)
    except Raises:
        return R
    except Unknown:
        return TFR


def _not(condition, event, item):
    exchanged = {"T": "F", "F": "T", "R": "R"}
    return frozenset(exchanged[each] for each in evaluate(condition["of"], event, item))


def _all(condition, event, item):
    return _in_turn((evaluate(part, event, item) for part in condition["of"]), "T")


def _any(condition, event, item):
    return _in_turn((evaluate(part, event, item) for part in condition["of"]), "F")


def _in_turn(sets, going_on):
    """Return the outcomes of `and` (which goes on at T) or of `or` (at F)."""
    found = frozenset()
    for outcome in sets:
        found |= outcome - {going_on}
        if going_on not in outcome:
            return found
    return found | {going_on}


def _if(condition, event, item):
    test, yes, no = condition["of"]
    found = evaluate(test, event, item)
    result = found & R
    if "T" in found:
        result |= evaluate(yes, event, item)
    if "F" in found:
        result |= evaluate(no, event, item)
    return result


def _rescue(condition, event, item):
    tried, otherwise = condition["of"]
    found = evaluate(tried, event, item)
    return (found - R) | (evaluate(otherwise, event, item) if "R" in found else frozenset())


_COMPOUND = {
    "anything": lambda *_: TFR,
    "always": lambda *_: T,
    "never": lambda *_: F,
    "raises": lambda *_: R,
    "not": _not,
    "all": _all,
    "any": _any,
    "if": _if,
    "rescue": _rescue,
}


def _some(condition, event, item):
    try:
        value, _ = _value(condition["in"], event, item)
    except Raises:
        return R
    except Unknown:
        return TFR
    if _kind(value) in ("str", "dict"):
        return TFR
    if _kind(value) != "list":
        return R
    return _in_turn((evaluate(condition["where"], event, each) for each in value), "F")


# Values and steps


def _kind(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Number):
        return "int" if re.fullmatch(r"-?\d+", value) else "float"
    if isinstance(value, Object):
        return "dict"
    return type(value).__name__


def _value(term, event, item):
    """Return what a term leads to, and whether it is the event itself."""
    from_item = term[:1] == ["item"]
    value, steps = (item, term[1:]) if from_item else (event, term)
    is_event = not from_item
    for step in steps:
        value = _step(step, value, is_event)
        is_event = False
    return value, is_event


def _step(step, value, is_event):
    if isinstance(step, str):
        return _STEPS[step](value, is_event)
    ((name, argument),) = [
        (name, step[name]) for name in ("get", "item", "deep", "at", "or", "split", "replace") if name in step
    ]
    return _STEPS[name](value, argument, step, is_event)


def lookup(members, key):
    """Return the member of an object under a key in any case, None and False if there is none."""
    if not key.isascii() or not all(name.isascii() for name, _ in members):
        raise Unknown
    found = [value for name, value in members if name.lower() == key.lower()]
    if len(found) > 1:
        raise Unknown
    return (found[0], True) if found else (None, False)


def constant(value):
    """Return a constant of the condition as if it were of the record."""
    return parse(json.dumps(value))


def _get(value, key, step, _is_event):
    if not isinstance(value, Object):
        raise Raises
    found, is_there = lookup(value, key)
    if not is_there or (found is None and step.get("null")):
        return constant(step.get("default"))
    return found


def _item(value, key, _step, _is_event):
    if not isinstance(value, Object):
        raise Raises
    found, is_there = lookup(value, key)
    if not is_there:
        raise Raises
    return found


def _deep(value, keys, step, _is_event):
    for key in keys:
        if not isinstance(value, Object):
            return constant(step.get("default"))
        value, _ = lookup(value, key)
    return constant(step.get("default")) if value is None else value


def _at(value, index, _step, _is_event):
    if isinstance(value, str) and not isinstance(value, Number):
        value = readable(value)
    elif _kind(value) != "list":
        raise Raises
    if not -len(value) <= index < len(value):
        raise Raises
    return value[index]


def _or(value, default, _step, is_event):
    return value if _truth(value, is_event) else constant(default)


def _split(value, separator, step, _is_event):
    return printable(text_of(value)).split(separator, step.get("max", -1))


def _replace(value, argument, _step, _is_event):
    return readable(text_of(value)).replace(*argument)


def _len(value, is_event):
    kind = _kind(value)
    if kind == "str":
        return Number(len(readable(value)))
    if kind == "list":
        return Number(len(value))
    if kind != "dict":
        raise Raises
    names = [name.lower() for name, _ in value]
    if is_event or len(set(names)) < len(names) or not all(name.isascii() for name in names):
        raise Unknown
    return Number(len(value))


def _str(value, _is_event):
    if _kind(value) != "str":
        raise Unknown
    return value


_STEPS = {
    "get": _get,
    "item": _item,
    "deep": _deep,
    "at": _at,
    "or": _or,
    "split": _split,
    "replace": _replace,
    "lower": lambda value, _: printable(text_of(value)).lower(),
    "upper": lambda value, _: printable(text_of(value)).upper(),
    "strip": lambda value, _: printable(text_of(value)).strip(),
    "len": _len,
    "str": _str,
}


def text_of(value):
    if _kind(value) != "str":
        raise Raises
    return value


def readable(text):
    if not text.isascii():
        raise Unknown
    return text


def printable(text):
    if not all(" " <= character <= "~" for character in text):
        raise Unknown
    return text


def number(value):
    """Return the value of a number that is exact in both languages."""
    if _kind(value) == "int":
        if len(value.lstrip("-")) > 15:
            raise Unknown
        return int(value)
    found = float(value)
    if value in ("NaN", "Infinity", "-Infinity") or found in (float("inf"), float("-inf")):
        raise Unknown
    return found


def _truth(value, is_event):
    if is_event:
        raise Unknown
    kind = _kind(value)
    if kind in ("int", "float"):
        return bool(number(value))
    return bool(value)


# Predicates


def _predicate(op, condition, value, is_event):
    kind = _kind(value)
    if op == "truthy":
        return T if _truth(value, is_event) else F
    if op == "is_null":
        return T if value is None else F
    if op == "is_type":
        kinds = {kind, "int"} if kind == "bool" else {kind}
        return T if kinds & set(condition["types"]) else F
    if op == "equals":
        return _equals(value, condition["to"], is_event)
    if kind not in ("list", "dict"):
        # A text or number that cannot be read is unknown to whatever reads it.
        scalar(value)
    if op == "in":
        return _in(condition, value, kind)
    if op == "contains":
        return _contains(value, condition["const"], kind)
    if op in _ORDER:
        return _order(op, value, condition["to"], kind)
    return _of_text(op, condition, value)


def scalar(value):
    """Return a scalar as Python compares it."""
    kind = _kind(value)
    if kind in ("int", "float"):
        return number(value)
    return readable(value) if kind == "str" else value


def _equals(value, to, is_event=False):
    kind = _kind(value)
    if kind not in ("list", "dict"):
        return T if scalar(value) == to else F
    if not isinstance(to, list | dict):
        return F
    if is_event:
        raise Unknown
    if kind == type(to).__name__:
        if not value and not to:
            return T
        if not value or not to:
            return F
    return T | F


def _in(condition, value, kind):
    if kind in ("list", "dict"):
        return R if condition.get("hashed", False) else F
    found = scalar(value)
    return T if found in condition["set"] else F


def _contains(value, const, kind):
    if kind == "str":
        if not isinstance(const, str):
            return R
        return T if const in value else F
    if kind == "dict":
        if not isinstance(const, str):
            return TFR
        return T if lookup(value, const)[1] else F
    if kind != "list":
        return R
    return _in_turn((_element(each, const) for each in value), "F")


def _element(value, const):
    try:
        return _equals(value, const)
    except Unknown:
        return TFR


def _of_text(op, condition, value):
    text = text_of(value)
    if op == "within":
        return T if readable(text) in condition["text"] else F
    if op == "starts_with":
        return T if readable(text).startswith(tuple(condition["any_of"])) else F
    if op == "ends_with":
        return T if readable(text).endswith(tuple(condition["any_of"])) else F
    return T if re.search(condition["pattern"], printable(text)) else F


_ORDER = {
    "less": lambda value, to: value < to,
    "less_equal": lambda value, to: value <= to,
    "greater": lambda value, to: value > to,
    "greater_equal": lambda value, to: value >= to,
}


def _order(op, value, to, kind):
    if kind not in ("int", "float", "bool"):
        return R
    return T if _ORDER[op](scalar(value), to) else F
