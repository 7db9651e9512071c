"""The event: one parsed record as rules see it, a read-only mapping that is blind to the case of keys.

In: the dictionary that `json` made. Out: `Event` (Panther's form), `KindEvent` (iota's), `dict` subclasses.
Separate because it is half of the run time: every lookup is answered from a memo that holds the record's members and
what was asked for in vain. Nothing in an event refers back to it: no reference cycle keeps a record alive.
"""

from __future__ import annotations

from iota_engine._containers import EventList, FrozenMapping, KindList, KindNested, Nested
from iota_engine._readonly import plain
from iota_engine._shapes import MISSING, shape_of
from iota_engine._walk import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from iota_engine._datamodel import DataModel
    from iota_engine._shapes import Shape

_STRINGS = frozenset({str})


class Event(FrozenMapping):
    """One record as a rule of Panther's form sees it. Its own children are wrapped when it is made."""

    __slots__ = ("_deep", "_memo", "_method_view", "_model", "_raw", "_shape")
    _raw: dict[Any, Any]
    _shape: Shape
    _memo: dict[Any, Any]
    _deep: dict[tuple[Any, ...], Any]
    _model: DataModel | None
    _method_view: Nested | None

    def __init__(self, event: Mapping[Any, Any], data_model: DataModel | None = None) -> None:
        """Wrap `event`; `data_model` answers `udm`."""
        raw: dict[Any, Any] = event if type(event) is dict else plain(dict(event))
        self._raw = raw
        self._shape = shape = shape_of(raw)
        dict.__init__(self, raw)
        # Every member, and every name that rules have asked of such a record in vain or in another case.
        memo = shape.missing.copy()
        memo.update(raw)
        nested, listed = self._nested, self._listed
        for key, value in raw.items():
            if type(value) is dict:
                memo[key] = child = nested(value)
                dict.__setitem__(self, key, child)
            elif type(value) is list:
                memo[key] = children = listed(value)
                dict.__setitem__(self, key, children)
        for name, key in shape.other.items():
            memo[name] = memo[key]
        self._memo = memo
        self._deep = {}
        self._model = data_model
        self._method_view = None

    def _ask(self, key: Any) -> Any:
        """Return the value under a key that the memo does not know, or `MISSING`."""
        if not self._raw:
            return MISSING
        found = self._shape.find(key)
        value = found if found is MISSING else self._memo[found]
        # Only exact strings are remembered: the `__eq__` of a subclass could answer for other keys.
        if type(key) is str:
            self._memo[key] = value
        return value

    def _find(self, key: Any) -> Any:
        try:
            return self._memo[key]
        except KeyError:
            return self._ask(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value under `key`, in any case; a null is None, whatever the default."""
        try:
            value = self._memo[key]
        except KeyError:
            value = self._ask(key)
        return default if value is MISSING else value

    def __getitem__(self, key: Any) -> Any:
        value = self._find(key)
        if value is MISSING:
            raise KeyError(key)
        return value

    def __contains__(self, key: Any) -> bool:
        return self._find(key) is not MISSING

    def deep_get(self, *keys: Any, default: Any = None) -> Any:
        """Follow `keys` through nested mappings; a null or a gap anywhere gives the default."""
        value = self._deep.get(keys, MISSING)
        if value is MISSING:
            value = self._descend(keys)
            # As above: only what no subclass can counterfeit is remembered.
            if _STRINGS.issuperset(map(type, keys)):
                self._deep[keys] = value
        if value is not None or default is None:
            return value
        return self._or_default(keys, default)

    def deep_walk(self, *keys: Any, default: Any = None, return_val: str = "all") -> Any:
        """Follow `keys` through mappings and every item of lists, in exact case; see `docs/compatibility.md`."""
        return plain(walk(self._raw, keys, default, return_val))

    def udm(self, *key: Any, default: Any = None) -> Any:
        """Answer from the data model, else from `p_udm` and the event itself."""
        model = self._model
        if model is not None and len(key) == 1 and model.maps(key[0]):
            return self._mapped(model, key[0], default)
        return self.deep_get("p_udm", *key) or self.deep_get(*key) or default

    def _mapped(self, model: DataModel, name: str, default: Any) -> Any:
        path = model.path(name)
        if path is None:
            if self._method_view is None:
                self._method_view = Nested(self._raw)
            return model.method(name)(self._method_view)
        found = path(self._raw)
        if len(found) > 1:
            message = f"data model path of `{name}` matches {len(found)} places, it must match one"
            raise ValueError(message)
        if not found:
            return default
        value = found[0]
        if type(value) is dict:
            return self._nested(value)
        return self._listed(value) if type(value) is list else value

    def udm_path(self, key: str) -> str | None:
        """Return the path or the method name that the data model maps `key` to."""
        if self._model is None:
            message = "this event has no data model"
            raise AttributeError(message)
        return self._model.described.get(key)

    def lookup(self, table: str, key: str) -> Any:
        """Look `key` up in a table that a test supplies in `_mocked_lookup_data_`."""
        return self.deep_get("_mocked_lookup_data_", table, key)

    def event_time_epoch(self, force_utc: bool = True) -> int:
        """Return `p_event_time` as whole seconds since 1970, 0 when it is missing or not a time."""
        from iota_engine._times import epoch

        return epoch(self.get("p_event_time"), force_utc=force_utc)

    @staticmethod
    def json_encoder(value: Any) -> Any:
        """Serve as the `default` of `json.dumps`."""
        if isinstance(value, FrozenMapping | EventList):
            return plain(value)
        message = f"object of type `{type(value).__name__}` is not JSON serializable"
        raise TypeError(message)

    def __deepcopy__(self, _memo: object) -> Event:
        return type(self)(self.to_dict(), self._model)

    def __reduce__(self) -> Any:
        return type(self), (self.to_dict(), None)


class KindEvent(Event):
    """One record as a rule of iota's form sees it: a null counts as missing under `get`."""

    __slots__ = ()
    _nested = KindNested
    _listed = KindList

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value under `key`, in any case; a null gives the default."""
        try:
            value = self._memo[key]
        except KeyError:
            value = self._ask(key)
        return default if value is None or value is MISSING else value


def raw_of(event: Event) -> dict[Any, Any]:
    """Return the parsed dictionary behind an event, which only the engine may touch."""
    return event._raw
