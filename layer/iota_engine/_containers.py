"""Containers: the dictionaries and lists inside an event, read-only and blind to the case of keys.

In: what `json` made. Out: `Nested` and `EventList` (Panther's form), `KindNested` and `KindList` (iota's form), which
are a `dict` and a `list` to everything that asks.
Separate from `_event` because they know nothing of records, data models or rules. Children are wrapped on access only.
"""

from __future__ import annotations

from collections.abc import ItemsView, KeysView, Mapping, ValuesView

from iota_engine._readonly import Absent, plain, refuse
from iota_engine._shapes import MISSING, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    _Dict = dict[Any, Any]
    _List = list[Any]
else:
    _Dict, _List = dict, list


# Types that `get` cannot hand out as they are.
_UNSETTLED = frozenset({dict, list, Missing})
# Defaults that are surely no mapping: asking `Mapping` costs more than the rest of `deep_get`.
_LEAVES = frozenset({str, int, bool, float, list, tuple})
_dict_get = dict.get


class FrozenMapping(_Dict):
    """What events and the dictionaries inside them have in common.

    A fresh one holds its children as they were parsed; the first access to one of them settles, that is wraps, all.
    `__iter__` is overridden on purpose: only then do `dict(event)` and `**event` go through `keys` and `[]`,
    and so hand out wrapped children.
    """

    __slots__ = ()
    # The classes that children become; set below, when they exist.
    _nested: type[Nested]
    _listed: type[EventList]

    def _find(self, key: Any) -> Any:
        """Return the value under `key` in any case, wrapped, or `MISSING`."""
        value = _dict_get(self, key, MISSING)
        if value is MISSING:
            return self._find_other(key)
        if type(value) in _UNSETTLED:
            self._settle()
            value = _dict_get(self, key)
        return value

    def _find_other(self, key: Any) -> Any:
        """Return the value under the first key that equals `key` but for its case, or `MISSING`."""
        if not self:
            return MISSING
        lowered = key.lower()
        for name in dict.__iter__(self):
            if name.lower() == lowered:
                return self._find(name)
        return MISSING

    def _settle(self) -> None:
        nested, listed = self._nested, self._listed
        for key, value in dict.items(self):
            if type(value) is dict:
                dict.__setitem__(self, key, nested(value))
            elif type(value) is list:
                dict.__setitem__(self, key, listed(value))

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value under `key`, in any case; a null is None, whatever the default."""
        value = _dict_get(self, key, MISSING)
        if type(value) in _UNSETTLED:
            value = self._find(key)
            if value is MISSING:
                return default
        return value

    def __getitem__(self, key: Any) -> Any:
        value = self._find(key)
        if value is MISSING:
            raise KeyError(key)
        return value

    def __contains__(self, key: Any) -> bool:
        return self._find(key) is not MISSING

    def __iter__(self) -> Iterator[Any]:
        return dict.__iter__(self)

    def keys(self) -> KeysView[Any]:  # type: ignore[override]  # `dict_keys` cannot look into a memo
        """Return the keys; `in` ignores their case."""
        return KeysView(self)

    def items(self) -> ItemsView[Any, Any]:  # type: ignore[override]
        """Return the items with wrapped values; `in` ignores the case of the key."""
        return ItemsView(self)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """Return the wrapped values."""
        return ValuesView(self)

    def deep_get(self, *keys: Any, default: Any = None) -> Any:
        """Follow `keys` through nested mappings; a null or a gap anywhere gives the default."""
        value = self._descend(keys)
        if value is not None or default is None:
            return value
        return self._or_default(keys, default)

    def _descend(self, keys: tuple[Any, ...]) -> Any:
        """Return what lies at the end of `keys`; None for a null or a gap."""
        value: Any = self
        nested = self._nested
        for key in keys:
            if type(value) is nested:
                found = _dict_get(value, key, MISSING)
                value = value._find(key) if type(found) in _UNSETTLED else found
            elif isinstance(value, FrozenMapping):
                value = value._find(key)
            else:
                return None
        return None if value is MISSING else value

    def _or_default(self, keys: tuple[Any, ...], default: Any) -> Any:
        """Return the default of `deep_get`, or what lies in it."""
        if type(default) in _LEAVES or not isinstance(default, Mapping):
            return default
        # Panther hands the default to every level, so that a default that is a mapping is descended into.
        value: Any = self
        for key in keys:
            value = value.get(key, default) if isinstance(value, Mapping) else default
        return default if value is None else value

    def to_dict(self) -> dict[Any, Any]:
        """Return a deep copy made of plain dictionaries and lists."""
        return {key: plain(value) for key, value in dict.items(self)}

    copy = to_dict
    raw_view = to_dict

    def __deepcopy__(self, _memo: object) -> FrozenMapping:
        return type(self)(self.to_dict())

    def __reduce__(self) -> Any:
        return type(self), (self.to_dict(),)

    def __reduce_ex__(self, _protocol: object) -> Any:
        return self.__reduce__()

    __or__ = __ror__ = __ior__ = __setitem__ = __delitem__ = refuse
    __reversed__ = None  # type: ignore[assignment]
    __hash__ = None
    pop, popitem, update, setdefault, clear = (Absent() for _ in range(5))


class Nested(FrozenMapping):
    """A dictionary inside an event."""

    __slots__ = ()


class KindNested(Nested):
    """A dictionary inside an event of iota's form."""

    __slots__ = ()

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value under `key`, in any case; a null gives the default."""
        value = self._find(key)
        return default if value is MISSING or value is None else value


class EventList(_List):
    """A list inside an event; its children are wrapped when it is made."""

    __slots__ = ()
    _nested: type[Nested] = Nested

    def __init__(self, raw: list[Any]) -> None:
        """Wrap the children of `raw`."""
        nested, listed = self._nested, type(self)
        list.__init__(
            self,
            [
                nested(child) if type(child) is dict else listed(child) if type(child) is list else child
                for child in raw
            ],
        )

    def __getitem__(self, index: Any) -> Any:
        # A slice is a tuple, as in Panther.
        found = list.__getitem__(self, index)
        return tuple(found) if type(index) is slice else found

    def __eq__(self, other: object) -> bool:
        return list.__eq__(self, list(other) if type(other) is tuple else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def as_list(self) -> list[Any]:
        """Return a deep copy made of plain dictionaries and lists."""
        return [plain(child) for child in self]

    copy = as_list
    raw_view = as_list

    def __deepcopy__(self, _memo: object) -> EventList:
        return type(self)(self.as_list())

    def __reduce__(self) -> Any:
        return type(self), (self.as_list(),)

    def __reduce_ex__(self, _protocol: object) -> Any:
        return self.__reduce__()

    __setitem__ = __delitem__ = __iadd__ = __imul__ = refuse
    __add__ = __mul__ = __rmul__ = __radd__ = refuse
    __hash__ = None
    append, extend, insert, pop, remove, clear, sort, reverse = (Absent() for _ in range(8))


class KindList(EventList):
    """A list inside an event of iota's form: it slices and adds like any list."""

    __slots__ = ()
    _nested = KindNested

    def __getitem__(self, index: Any) -> Any:
        return list.__getitem__(self, index)

    def __add__(self, other: Any) -> Any:  # type: ignore[override]  # it was refused
        return list.__add__(self, other)

    def __radd__(self, other: Any) -> Any:  # type: ignore[override]  # it was refused
        return other + list(self)


FrozenMapping._nested, FrozenMapping._listed = Nested, EventList
KindNested._nested, KindNested._listed = KindNested, KindList
