"""Patterns: regular expressions that Python and Rust read alike.

In: a pattern and flags of `re`. Out: the same in the portable subset of `docs/conditions.md`, or None.
Both engines see only printable ASCII, so newlines, Unicode classes and case folding beyond ASCII cannot differ.
"""

from __future__ import annotations

import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CLASSES = {
    sre.CATEGORY_DIGIT: r"0-9",
    sre.CATEGORY_SPACE: r" ",
    sre.CATEGORY_WORD: r"0-9A-Za-z_",
}
_NOT_CLASSES = {
    sre.CATEGORY_NOT_DIGIT: r"[^0-9]",
    sre.CATEGORY_NOT_SPACE: r"[^ ]",
    sre.CATEGORY_NOT_WORD: r"[^0-9A-Za-z_]",
}
# Printable ASCII.
_FIRST, _LAST = 0x20, 0x7E
_MAX_LENGTH = 2000
_MAX_REPEAT = 200
# What a dot or an anchor does at a newline is of no concern: no text with one is looked at.
_ALLOWED_FLAGS = re.IGNORECASE | re.ASCII | re.UNICODE | re.DOTALL | re.MULTILINE | re.VERBOSE


class _Foreign(Exception):
    pass


def portable(pattern: str, flags: int, how: str) -> str | None:
    """Return `re.<how>(pattern, …, flags)` as a pattern that is searched for; None if that cannot be told."""
    try:
        parsed = _parser.parse(pattern, flags)
        if parsed.state.flags & ~int(_ALLOWED_FLAGS):
            return None
        text = _sequence(parsed)
    except (_Foreign, re.error, RecursionError, OverflowError, ValueError):
        return None
    if parsed.state.flags & re.IGNORECASE:
        text = f"(?i:{text})"
    if how == "match":
        text = f"^(?:{text})"
    elif how == "fullmatch":
        text = f"^(?:{text})$"
    elif how != "search":
        return None
    return text if len(text) <= _MAX_LENGTH else None


def glob(pattern: str) -> str | None:
    """Return a pattern of `fnmatch` as a regular expression for all of a text; None if it has sets of characters."""
    if "[" in pattern or not pattern.isascii():
        return None
    wild = {"*": ".*", "?": "."}
    return "".join(wild.get(character) or re.escape(character) for character in pattern)


def _sequence(items: Any) -> str:
    return "".join(_item(op, argument) for op, argument in items)


def _item(op: Any, argument: Any) -> str:
    if op is sre.LITERAL:
        return _literal(argument)
    if op is sre.NOT_LITERAL:
        return f"[^{_in_class(argument)}]"
    if op is sre.ANY:
        # Without a newline to leave out, `.` is the same with and without DOTALL.
        return "."
    if op is sre.IN:
        return _set(argument)
    if op is sre.BRANCH:
        return "(?:" + "|".join(map(_sequence, argument[1])) + ")"
    if op is sre.SUBPATTERN:
        _, added, removed, inner = argument
        if added or removed:
            raise _Foreign
        return f"(?:{_sequence(inner)})"
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return _repeat(*argument, lazy=op is sre.MIN_REPEAT)
    if op is sre.AT:
        return _place(argument)
    raise _Foreign


def _literal(code: int) -> str:
    if not _FIRST <= code <= _LAST:
        # It occurs in no text that is looked at; a class of one keeps both engines from reading more into it.
        raise _Foreign
    character = chr(code)
    return character if character.isalnum() or character in " _-/:,;=@%<>\"'`!&~" else "\\" + character


def _in_class(code: int) -> str:
    if not _FIRST <= code <= _LAST:
        raise _Foreign
    character = chr(code)
    return character if character.isalnum() or character in " _/:,;=@%<>\"'`!" else "\\" + character


def _set(items: Any) -> str:
    negated = ""
    parts = []
    for op, argument in items:
        if op is sre.NEGATE:
            negated = "^"
        elif op is sre.LITERAL:
            parts.append(_in_class(argument))
        elif op is sre.RANGE:
            low, high = argument
            parts.append(f"{_in_class(low)}-{_in_class(high)}")
        elif op is sre.CATEGORY and argument in _CLASSES:
            parts.append(_CLASSES[argument])
        elif op is sre.CATEGORY and len(items) == 1:
            return _NOT_CLASSES[argument]
        else:
            raise _Foreign
    return f"[{negated}{''.join(parts)}]"


def _repeat(low: Any, high: Any, items: Any, *, lazy: bool) -> str:
    unbounded = high is sre.MAXREPEAT
    if low > _MAX_REPEAT or (not unbounded and high > _MAX_REPEAT):
        raise _Foreign
    times = "*" if (low, unbounded) == (0, True) else "+" if (low, unbounded) == (1, True) else None
    if times is None:
        times = "?" if (low, high) == (0, 1) else f"{{{low},}}" if unbounded else f"{{{low},{high}}}"
    return f"(?:{_sequence(items)}){times}{'?' if lazy else ''}"


def _place(where: Any) -> str:
    if where in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
        return "^"
    if where in (sre.AT_END, sre.AT_END_STRING):
        return "$"
    if where is sre.AT_BOUNDARY:
        return r"\b"
    raise _Foreign
