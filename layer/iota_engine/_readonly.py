"""Read-only: what makes a `dict` or `list` subclass refuse to be changed, and how to get one that may be.

In: nothing. Out: stand-ins for the methods that change, and plain deep copies.
Separate because dictionaries and lists share it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class Absent:
    """A method of `dict` or `list` that would change it: reading the attribute fails, as in Panther."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        message = f"events are read-only, they have no `{self._name}`: copy with `to_dict()` to change one"
        raise AttributeError(message)


def refuse(_self: object, *_arguments: object) -> NoReturn:
    """Stand in for an operator that would change its left side."""
    message = "events are read-only: copy with `to_dict()` to change one"
    raise TypeError(message)


def plain(value: Any) -> Any:
    """Return a deep copy made of plain dictionaries and lists."""
    if isinstance(value, dict):
        return {key: plain(child) for key, child in dict.items(value)}
    if isinstance(value, list):
        return [plain(child) for child in list.__iter__(value)]
    return value
