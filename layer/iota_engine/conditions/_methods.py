"""Methods: of the event and of the values in it, and of constants.

In: a value, the name of its method, and what it is given. Out: a value.
"""

from __future__ import annotations

import re

from iota_engine.conditions._aliases import MUTATORS
from iota_engine.conditions._collections import key_of_event, table, with_default
from iota_engine.conditions._constants import View, compares, folded, keys_of, solid
from iota_engine.conditions._library import searched, test_of
from iota_engine.conditions._truth import comparable
from iota_engine.conditions._values import (
    NONE,
    Bound,
    Const,
    Opaque,
    Raised,
    Stream,
    Term,
    Unknown,
    Value,
    either,
    is_own,
    leaves,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from typing import Any

    from iota_engine.conditions._calls import Given
    from iota_engine.conditions._follow import Frame

_OF_TEXT = frozenset(
    """
    capitalize casefold count encode endswith find format index isalnum isalpha isascii isdecimal isdigit
    islower isnumeric isspace istitle isupper join ljust lower lstrip partition removeprefix removesuffix
    replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title upper
    zfill
    """.split()
)
_OF_COLLECTIONS = frozenset(
    """
    copy difference get intersection isdisjoint issubset issuperset items keys symmetric_difference union values
    """.split()
)
# Methods that change nothing, of whatever a rule could have in hand.
_CALM = _OF_TEXT | _OF_COLLECTIONS | {"deep_get", "deep_walk", "group", "groups", "search", "match", "fullmatch"}
_FOLDED = (_OF_TEXT | _OF_COLLECTIONS) - {"encode", "keys", "values", "items"}
# In these, objects and their order show.
_SHOWING = frozenset(("format", "join"))
# These hand out what a table holds without looking at it.
_HANDING_OUT = frozenset(("get", "copy"))
_STEPS_WITHOUT_ARGUMENTS = frozenset(("lower", "upper", "strip"))
_NOT_FOLLOWED = frozenset(
    ("deep_walk", "event_time_epoch", "items", "keys", "lookup", "to_dict", "udm", "udm_path", "values")
)
_PATTERN_METHODS = frozenset(("match", "search", "fullmatch"))


def method(node: ast.Call, target: Bound, given: Given, frame: Frame) -> Value:
    """Return what a method gives."""
    of, name = target.of, target.name
    if name in frame.walk.pack.changed and not isinstance(of, Const):
        return frame.shared(node, f"`{name}` is changed somewhere in the rules")
    if name in MUTATORS:
        is_of_this_call = is_own(of)
        frame.changed(node)
        if isinstance(of, Term | Const) and not (isinstance(of, Const) and of.shared):
            # Read-only, or of this call: its answer may be what lies in a list of this call.
            return frame.unknown(node, f"`{name}` changes a list or dict step by step")
        why = f"`{name}` changes a list or dict"
        return frame.unknown(node, why) if is_of_this_call else frame.shared(node, why)
    if not given.plain:
        return frame.shared(node, "arguments that are unpacked") if name not in _CALM else frame.unknown(node, "`*`")
    if isinstance(of, Term):
        return _of_event(node, of, name, given, frame)
    if isinstance(of, Const):
        return _of_constant(node, of, name, given, frame)
    if isinstance(of, Opaque | Stream) or name in _CALM:
        reason = of.reason.partition(": ")[2] if isinstance(of, Unknown) else f"`{name}` is not followed here"
        return frame.unknown(node, reason or f"`{name}` is not followed here")
    return frame.shared(node, of.reason if isinstance(of, Unknown) else f"`{name}` is not followed here")


def _of_event(node: ast.Call, of: Term, name: str, given: Given, frame: Frame) -> Value:
    values, named = given.values, given.named
    if name == "get" and 1 <= len(values) <= 2 and not named:  # noqa: PLR2004  # a key, and a default
        default = values[1] if values[1:] else NONE
        return leaves(values[0], lambda key: _get(node, of, key, default, frame))
    if name == "deep_get" and values and set(named) <= {"default"}:
        return _deep_get(node, of, values, named.get("default", NONE), frame)
    if name in _NOT_FOLLOWED:
        return frame.unknown(node, f"`{name}` is not followed; use `get` or `deep_get`")
    if of.is_event:
        return frame.unknown(node, f"`{name}` of the event is not followed")
    constants = given.constants()
    found = None if constants is None else _of_text(node, of, name, constants, frame)
    # Nothing that a value of the event can do changes anything: they are read-only, texts or numbers.
    return found or frame.unknown(node, f"`{name}` of a value of the event is not followed")


def _of_text(node: ast.Call, of: Term, name: str, given: list[Any], frame: Frame) -> Value | None:
    if name in _STEPS_WITHOUT_ARGUMENTS and not given:
        return of.then(name)
    if name in ("startswith", "endswith") and len(given) == 1:
        return _affix(node, of, name, given[0], frame)
    are_texts = [isinstance(each, str) and bool(each or at) and each.isascii() for at, each in enumerate(given)]
    match name, given, are_texts:
        case "split", [separator], [True]:
            return of.then({"split": separator})
        case "split", [separator, int() as most], [True, _] if type(most) is int and most >= 0:
            return of.then({"split": separator, "max": most})
        case "replace", [_, _], [True, True]:
            return of.then({"replace": given})
    return None


def _get(node: ast.AST, of: Term, key: Value, default: Value, frame: Frame) -> Value:
    if not isinstance(key, Const) or not key_of_event(key.value, of):
        return frame.unknown(node, "`get` with a key that is not constant, or not in the record")
    step: dict[str, Any] = {"get": key.value}
    if not frame.walk.is_panther:
        step["null"] = True
    return leaves(default, lambda value: with_default(node, of, step, value, frame))


def _deep_get(node: ast.AST, of: Term, values: list[Value], default: Value, frame: Frame) -> Value:
    keys = [value.value for value in values if isinstance(value, Const)]
    if len(keys) < len(values) or not all(isinstance(key, str) and key.isascii() for key in keys):
        return frame.unknown(node, "`deep_get` with keys that are not constant")
    if not key_of_event(keys[0], of):
        return frame.unknown(node, f"`{keys[0]}` is not in the record")
    found = leaves(default, lambda value: with_default(node, of, {"deep": keys}, value, frame))
    if of.is_event:
        return found
    if is_own(of):
        return frame.unknown(node, "`deep_get` of a default; ask the event itself")
    if problem := comparable(of, frame, node):
        return problem
    # Dictionaries of the event have it, nothing else does.
    return either({"op": "is_type", "term": of.form(), "types": ["dict"]}, found, Raised())


def _affix(node: ast.AST, of: Term, name: str, affix: Any, frame: Frame) -> Value:
    texts = [affix] if isinstance(affix, str) else list(affix) if isinstance(affix, tuple) else None
    if texts is None or not all(isinstance(text, str) and text.isascii() for text in texts):
        return frame.unknown(node, f"`{name}` of something that is no ASCII text; use a tuple of texts")
    op = "starts_with" if name == "startswith" else "ends_with"
    return test_of(node, of, {"op": op, "any_of": texts}, frame)


def _of_constant(node: ast.Call, of: Const, name: str, given: Given, frame: Frame) -> Value:
    values, named = given.values, given.named
    if isinstance(of.value, re.Pattern):
        if name not in _PATTERN_METHODS or len(values) != 1 or named or not isinstance(of.value.pattern, str):
            return frame.unknown(node, f"`{name}` of a pattern is not followed; use `match`, `search` or `fullmatch`")
        pattern, flags = of.value.pattern, of.value.flags
        return leaves(values[0], lambda text: searched(node, pattern, flags, name, text, frame))
    if isinstance(of.value, dict):
        if name == "get" and 1 <= len(values) <= 2 and not named and isinstance(values[0], Term):  # noqa: PLR2004
            return table(of, values[0], values[1] if values[1:] else NONE, frame, node)
        if name in ("keys", "values", "items") and not given.all():
            return Const(_viewed(of.value, name), of.shared)
    if name == "join" and len(values) == 1 and isinstance(values[0], Stream):
        given.values = [values[0].of]
    constants = given.constants()
    is_handing_out = name in _HANDING_OUT and isinstance(of.value, dict)
    fits = solid if name in _SHOWING else compares
    if (
        constants is not None
        and name in _FOLDED
        and hasattr(of.value, name)
        and not isinstance(of.value, View)
        and (is_handing_out or fits(of.value))
        and all(map(fits, constants))
    ):
        return folded(lambda: getattr(of.value, name)(*constants), of, frame, node)
    return frame.unknown(node, f"`{name}` is not followed here")


def _viewed(of: dict[Any, Any], name: str) -> View:
    if name == "keys":
        return keys_of(of)
    return View(of.values() if name == "values" else of.items())
