"""Text: strings of rule code made safe to send.

In: any object a rule returned or raised. Out: exact `str` values, valid Unicode, bounded, as JSON text.
Separate because rules may return subclasses of `str` whose methods lie or raise: none of them is called here.
"""

from __future__ import annotations

from iota_engine._codec import quote_any

# What Panther cuts at, and what it writes at the end.
MAX_CHARACTERS = 1000
_CUT = "... (truncated)"

_exact = str.__str__
_utf16 = "utf-16-le"


def exact(value: str) -> str:
    """Return the plain `str` inside `value`, which may be a subclass."""
    return _exact(value)


def truncated(value: str) -> str:
    """Cut to 1,000 characters as Panther does."""
    if len(value) <= MAX_CHARACTERS:
        return value
    return value[: MAX_CHARACTERS - len(_CUT)] + _CUT


def valid(value: str) -> str:
    """Replace lone surrogates, which JSON readers outside Python refuse, by U+FFFD."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(_utf16, "surrogatepass").decode(_utf16, "replace")
    return value


def quote(value: str | None) -> str:
    """Return JSON text for `value`; None is null."""
    return "null" if value is None else quote_any(valid(value))
