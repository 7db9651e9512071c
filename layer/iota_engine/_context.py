"""Contexts: what `alert_context` returned, as JSON text.

In: any mapping of a rule. Out: JSON text in ASCII without NaN, Infinity or lone surrogates, at most Panther's size.
Separate because serialising runs code of the rule (its mappings, its keys) while the engine waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iota_engine._clock import calls_rules
from iota_engine._codec import decode, encoder
from iota_engine._failure import name_of
from iota_engine._text import quote, valid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Panther's limit, in characters of the JSON text.
MAX_CHARACTERS = 204_800


def encode(context: Any) -> str:
    """Return `context` as JSON text, or an object that says it is too long.

    Raises what `json.dumps` raises for what JSON cannot hold, and whatever the rule's own mapping raises.
    """
    text = _dumps(context)
    if len(text) > MAX_CHARACTERS:
        return error_context(
            f"alert_context size is [{len(text)}] characters, bigger than maximum of [{MAX_CHARACTERS}] characters"
        )
    # Pairs of surrogates are escaped too, so a hit here only means that a look is worth its time.
    return _encode(_repaired(decode(text))) if "\\ud" in text else text


def error_context(message: str) -> str:
    """Return Panther's stand-in for a context that cannot be had."""
    return f'{{"_error": {quote(message)}}}'


@calls_rules
def _default(value: Any) -> Any:
    """Serve `json`: mappings and sequences that are not `dict` or `list` count as such."""
    kind = type(value)
    if issubclass(kind, Mapping):
        # Not a comprehension: before Python 3.12 that is a function of its own, which the clock does not know.
        members = {}
        for key in value:
            members[key] = value[key]  # see above
        return members
    if issubclass(kind, Sequence) and not issubclass(kind, bytes | bytearray | memoryview | range):
        return list(value)
    message = f"Object of type {name_of(kind)} is not JSON serializable"
    raise TypeError(message)


_encode = encoder(_default, (", ", ": "))


@calls_rules
def _dumps(context: Any) -> str:
    return _encode(context)


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, dict):
        return {valid(key): _repaired(child) for key, child in value.items()}
    return [_repaired(child) for child in value] if isinstance(value, list) else value
