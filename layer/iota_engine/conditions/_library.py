"""The library: functions of Python's own that conditions can express, or that at least change nothing.

In: the dotted name of a function and what it is given. Out: a value.
"""

from __future__ import annotations

import re

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._constants import compares, folded, loose, solid
from iota_engine.conditions._patterns import glob, portable
from iota_engine.conditions._truth import comparable, truth
from iota_engine.conditions._values import (
    NONE,
    Const,
    Library,
    Opaque,
    Raised,
    Several,
    Stream,
    Term,
    Test,
    Unknown,
    Value,
    either,
    leaves,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Callable
    from typing import Any

    from iota_engine.conditions._calls import Given
    from iota_engine.conditions._follow import Frame
    from iota_engine.conditions._forms import Condition

_LOGGED = frozenset(("critical", "debug", "error", "exception", "fatal", "info", "log", "warn", "warning"))
_KINDS = {"str": "str", "int": "int", "float": "float", "bool": "bool", "dict": "dict", "list": "list"}
_MAKERS: dict[str, Callable[..., Any]] = {
    "set": set,
    "frozenset": frozenset,
    "tuple": tuple,
    "list": list,
    "dict": dict,
    "sorted": sorted,
    "len": len,
    "str": str,
    "int": int,
    "min": min,
    "max": max,
    "enumerate": lambda *given: list(enumerate(*given)),
    "zip": lambda *given: list(zip(*given, strict=False)),
    "range": lambda *given: list(range(*given)),
}
# What these make does not depend on the order of what they are given.
_WITHOUT_ORDER = frozenset(("set", "frozenset", "sorted", "len", "min", "max"))
# What these make may hold anything.
_HOLDING = frozenset(("tuple", "list", "dict", "len", "enumerate", "zip"))
_STREAMS = frozenset(("enumerate", "zip"))
_MAX_RANGE = 10_000
# Every text that is an IPv4 or IPv6 address, and some that are not.
_ADDRESS = "^[0-9.]+$|:"
# Builtins that change nothing.
_CALM = frozenset(
    """
    Exception KeyError TypeError ValueError abs all any ascii bin bool bytes callable chr complex dict divmod
    enumerate filter float format frozenset getattr hasattr hash hex id int isinstance issubclass iter len list
    map max min oct ord pow range repr reversed round set slice sorted str sum tuple type zip
    """.split()
)


def quiet(name: str) -> bool:
    """Tell whether a function only writes to the log, which does not count."""
    return name == "print" or (name.startswith("logging.") and name.rpartition(".")[2] in _LOGGED)


def library(node: ast.Call, name: str, given: Given, frame: Frame) -> Value:
    """Return what a function of the library gives."""
    values = given.values
    if quiet(name):
        return NONE
    if name == "logging.getLogger":
        return Library("logging.getLogger()")
    if not given.plain:
        return _other(node, name, frame)
    if not given.named:
        if name == "bool" and len(values) == 1:
            return Test(truth(values[0], frame))
        if name == "isinstance" and len(values) == 2:  # noqa: PLR2004  # a value and its types
            return leaves(values[0], lambda of: _instance(node, of, values[1], frame))
        if name in ("len", "str") and len(values) == 1 and not isinstance(values[0], Stream):
            return leaves(values[0], lambda of: _measured(node, name, of, frame))
        if name in ("fnmatch.fnmatch", "fnmatch.fnmatchcase") and len(values) == 2:  # noqa: PLR2004
            return _glob(node, values[0], values[1], frame)
        if name == "ipaddress.ip_address" and len(values) == 1:
            return leaves(values[0], lambda of: _address(node, of, frame))
        if name in _MAKERS and (found := _made(node, name, values, frame)) is not None:
            return found
    if name.startswith("re."):
        return _regex(node, name.removeprefix("re."), given, frame)
    return _other(node, name, frame)


def _other(node: ast.Call, name: str, frame: Frame) -> Value:
    if name in ("next", "getattr"):
        return frame.shared(node, f"`{name}` is not followed; it may reach what outlives the call")
    first, _, rest = name.partition(".")
    if not rest and name not in _CALM:
        return frame.shared(node, f"`{name}` is not followed")
    # A logger's other methods set it up; a URL is opened elsewhere.
    if first == "logging" or (first == "urllib" and not rest.startswith("parse")):
        return frame.shared(node, f"`{name}` may change something")
    return frame.unknown(node, f"`{name}` is not followed")


def _made(node: ast.Call, name: str, values: list[Value], frame: Frame) -> Value | None:
    values = [value.of if isinstance(value, Stream) else value for value in values]
    if len(values) == 1 and isinstance(values[0], Several) and name in ("list", "tuple"):
        return Several(values[0].items, is_list=name == "list")
    given = [value.value for value in values if isinstance(value, Const)]
    if len(given) < len(values):
        return None
    if name == "range" and any(not isinstance(each, int) or abs(each) > _MAX_RANGE for each in given):
        return None
    if name not in _WITHOUT_ORDER and any(map(loose, given)):
        return frame.unknown(node, f"`{name}` of a set: it has no order; use `sorted`")
    if not all(map(solid if name == "str" else compares, given)) and name not in _HOLDING:
        return None
    made = folded(lambda: _MAKERS[name](*given), Const(None), frame, node)
    return Stream(made) if name in _STREAMS and isinstance(made, Const) else made


def _measured(node: ast.AST, name: str, of: Value, frame: Frame) -> Value:
    if isinstance(of, Term) and not of.is_event:
        return of.then(name)
    if isinstance(of, Const) and (name == "len" or solid(of.value)):
        return folded(lambda: _MAKERS[name](of.value), Const(None), frame, node)
    if isinstance(of, Several) and name == "len":
        return Const(len(of.items))
    if isinstance(of, Raised | Unknown):
        return of
    return frame.unknown(node, f"`{name}` is not followed")


def _address(node: ast.AST, of: Value, frame: Frame) -> Value:
    """Return an address, of which nothing is known, if the value may be one: other texts raise."""
    unknown = frame.unknown(node, "what an address is asked is not followed")
    if not isinstance(of, Term) or of.is_event:
        return of if isinstance(of, Raised) else unknown
    if problem := comparable(of, frame, node):
        return problem
    is_text = {"op": "is_type", "term": of.form(), "types": ["str"]}
    looks = {"op": "matches", "term": of.form(), "pattern": _ADDRESS}
    return either(forms.disjunction((forms.negation(is_text), looks)), unknown, Raised())


def _instance(node: ast.AST, of: Value, kinds: Value, frame: Frame) -> Value:
    several = kinds.items if isinstance(kinds, Several) and not kinds.is_list else (kinds,)
    names = [_KINDS.get(kind.name) if isinstance(kind, Library) else None for kind in several]
    if isinstance(of, Term) and not of.is_event and all(names):
        return test_of(node, of, {"op": "is_type", "types": names}, frame)
    return of if isinstance(of, Raised) else frame.unknown(node, "`isinstance` of a class that no value has")


def test_of(node: ast.AST, of: Term, form: Condition, frame: Frame) -> Value:
    """Return a test of a value of the event."""
    return comparable(of, frame, node) or Test({"op": form["op"], "term": of.form(), **form})


def _regex(node: ast.Call, name: str, given: Given, frame: Frame) -> Value:
    values, named = given.values, given.named
    at = 1 if name == "compile" else 2
    flags = named.get("flags", values[at] if len(values) > at else Const(0))
    pattern = values[0] if values else None
    if (
        not isinstance(pattern, Const)
        or not isinstance(pattern.value, str)
        or not isinstance(flags, Const)
        or not isinstance(flags.value, int)
        or not set(named) <= {"flags"}
        or len(values) > at + 1
    ):
        return frame.unknown(node, f"`re.{name}` with a pattern that is not constant, or compiled; call its method")
    text, number = pattern.value, flags.value
    if name == "compile":
        return folded(lambda: re.compile(text, number), Const(None), frame, node)
    if len(values) < at:
        return frame.unknown(node, f"`re.{name}` is not followed")
    return leaves(values[1], lambda of: searched(node, text, number, name, of, frame))


def searched(  # noqa: PLR0913, PLR0917  # what `re` takes, and where
    node: ast.AST, pattern: str, flags: int, how: str, of: Value, frame: Frame
) -> Value:
    """Return what `re.<how>(pattern, of, flags)` gives."""
    if how not in ("match", "search", "fullmatch"):
        return frame.unknown(node, f"`re.{how}` is not followed; use `match`, `search` or `fullmatch`")
    if isinstance(of, Const):
        return folded(
            lambda: Opaque() if getattr(re, how)(pattern, of.value, flags) else NONE, Const(None), frame, node
        )
    if isinstance(of, Raised | Unknown):
        return of
    # Flags in the text are parsed again; what `compile` adds of itself is not a flag of the text.
    text = portable(pattern, flags & ~int(re.UNICODE), how)
    if text is None or not isinstance(of, Term) or of.is_event:
        return frame.unknown(node, "a pattern that Python and Rust may read differently; use a plain one")
    return comparable(of, frame, node) or either({"op": "matches", "term": of.form(), "pattern": text}, Opaque(), NONE)


def _glob(node: ast.AST, of: Value, pattern: Value, frame: Frame) -> Value:
    if isinstance(pattern, Const) and isinstance(pattern.value, str):
        text = glob(pattern.value)
        if text is not None:
            found = leaves(of, lambda each: searched(node, text, 0, "fullmatch", each, frame))
            return found if isinstance(found, Raised | Unknown) else Test(truth(found, frame))
    return frame.unknown(node, "`fnmatch` with a pattern that is not constant, or has `[`")
