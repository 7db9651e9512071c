"""The walk: Panther's `deep_walk`, which looks into every item of every list.

In: a raw record and keys. Out: what lies at the end of them, each value once.
Separate because it follows rules of its own: keys in exact case, defaults that are walked themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_hollow(value: Any) -> bool:
    return _is_list(value) and all(_is_hollow(child) for child in value)


def walk(value: Any, keys: tuple[Any, ...], default: Any, return_val: str) -> Any:
    """Return the values at the end of `keys`: all of them, the first or the last; a single one without its list."""
    if not keys:
        return default if _is_hollow(value) else value
    if isinstance(value, Mapping):
        child = value.get(keys[0])
        # A missing child is replaced by the default, which may itself be walked.
        return walk(default if child is None else child, keys[1:], default, return_val)
    found: dict[Any, None] = {}
    for item in value if _is_list(value) else ():
        result = walk(item, keys, default, return_val)
        if result is not None:
            found.update(dict.fromkeys(result if _is_list(result) else (result,)))
    if not found:
        return default
    results = list(found)
    if return_val == "first":
        return results[0]
    if return_val == "last":
        return results[-1]
    if return_val == "all":
        return results[0] if len(results) == 1 else results
    return "all"
