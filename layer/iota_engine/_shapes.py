"""Shapes: what is known of all mappings with the same keys, so that it is found out once.

In: the keys of a mapping, in order. Out: for a key that is not among them, the one that Panther would take instead.
Separate because it remembers across events: records have few shapes, and rules ask for the same few names.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Missing:
    """The class of `MISSING`, so that one look at a value's type tells whether more must be done."""

    __slots__ = ()


MISSING: Any = Missing()

# Bounds, so that strange records and rules that ask for ever new names cannot fill the memory.
_MAX_SHAPES = 256
_MAX_KEYS = 128
_MAX_ASKED = 256
_shapes: dict[tuple[Any, ...], Shape] = {}


class Shape:
    """One set of keys, and what was asked of mappings that have it."""

    __slots__ = ("_folded", "_keys", "missing", "other")

    def __init__(self, keys: tuple[Any, ...]) -> None:
        self._keys = keys
        self._folded: dict[str, Any] | None = None
        # Names that were asked for and are there in no case: ready to be copied into an event's memo.
        self.missing: dict[str, Any] = {}
        # Names that were asked for and are there in another case, with the key as it is spelt.
        self.other: dict[str, Any] = {}

    def find(self, name: Any) -> Any:
        """Return the first key that equals `name` but for its case, or `MISSING`."""
        folded = self._folded
        if folded is None:
            folded = {}
            for key in self._keys:
                folded.setdefault(key.lower(), key)
            # Kept when it is whole: the clock may strike at any line.
            self._folded = folded
        found = folded.get(name.lower(), MISSING) if folded else MISSING
        # Only exact strings are remembered: the `__eq__` of a subclass could answer for other names.
        if type(name) is str and len(self.missing) + len(self.other) < _MAX_ASKED:
            (self.missing if found is MISSING else self.other)[name] = found
        return found


def shape_of(mapping: dict[Any, Any]) -> Shape:
    """Return the shape of a plain dictionary, the one of earlier mappings where it is known."""
    keys = tuple(mapping)
    shape = _shapes.get(keys)
    if shape is None:
        shape = Shape(keys)
        if len(keys) <= _MAX_KEYS:
            if len(_shapes) >= _MAX_SHAPES:
                _shapes.clear()
            _shapes[keys] = shape
    return shape
