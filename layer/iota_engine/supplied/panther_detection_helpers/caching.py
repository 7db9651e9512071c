"""The key-value store of Panther's helper library, in the memory of one worker.

In: keys and values of rules. Out: what was put under them and has not expired.
Separate from the engine so that only rules see it. Workers share nothing: a rule that counts across many records must
use `Threshold`, `DedupPeriodMinutes` or `unique` instead.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# Oldest keys go first when there are more: a worker's memory is bounded.
MAX_KEYS = 10_000
_NINETY_DAYS = 90 * 24 * 3600
# A smaller number of seconds is a span from now, a larger one a point in time.
_ABSOLUTE = 1_000_000_000

_counters: OrderedDict[str, tuple[int, float]] = OrderedDict()
_sets: OrderedDict[str, tuple[set[str], float]] = OrderedDict()
_dictionaries: OrderedDict[str, tuple[str, float]] = OrderedDict()


def _expiry(epoch_seconds: float | None) -> float:
    seconds = _NINETY_DAYS if epoch_seconds is None else int(epoch_seconds)
    return time.time() + seconds if seconds < _ABSOLUTE else seconds


def _put(store: OrderedDict[str, Any], key: str, value: Any, epoch_seconds: float | None) -> None:
    store[key] = (value, _expiry(epoch_seconds))
    store.move_to_end(key)
    if len(store) > MAX_KEYS:
        store.popitem(last=False)


def _strings(value: str | Iterable[str]) -> set[str]:
    return {value} if isinstance(value, str) else set(value)


def get_counter(key: str, force_ttl_check: bool = False) -> int:
    """Return the counter under `key`, 0 when there is none."""
    count, expires = _counters.get(key, (0, 0.0))
    return 0 if force_ttl_check and expires <= time.time() else count


def increment_counter(key: str, val: int = 1, epoch_seconds: int | None = None) -> int:
    """Add to the counter under `key` and return it."""
    count = get_counter(key) + val
    _put(_counters, key, count, epoch_seconds)
    return count


def reset_counter(key: str) -> None:
    """Set the counter under `key` to 0."""
    _counters.pop(key, None)


def evaluate_threshold(key: str, threshold: int = 10, expiry_seconds: int = 3600) -> bool:
    """Count one more under `key`; at the threshold, start again and return True."""
    if get_counter(key, force_ttl_check=True) == 0:
        reset_counter(key)
    count = increment_counter(key, 1, expiry_seconds)
    if count < threshold:
        return False
    reset_counter(key)
    return True


def set_key_expiration(key: str, epoch_seconds: int) -> None:
    """Change when what is under `key` expires."""
    stores: tuple[OrderedDict[str, Any], ...] = (_counters, _sets, _dictionaries)
    for store in stores:
        if key in store:
            store[key] = (store[key][0], _expiry(epoch_seconds))


def get_string_set(key: str, force_ttl_check: bool = False) -> set[str]:
    """Return the set under `key`, empty when there is none."""
    values, expires = _sets.get(key, (set(), 0.0))
    return set() if force_ttl_check and expires <= time.time() else set(values)


def put_string_set(key: str, val: str | Iterable[str], epoch_seconds: int | None = None) -> None:
    """Replace the set under `key`; an empty one removes it."""
    values = _strings(val)
    if values:
        _put(_sets, key, values, epoch_seconds)
    else:
        reset_string_set(key)


def add_to_string_set(key: str, val: str | Iterable[str], epoch_seconds: int | None = None) -> set[str]:
    """Add to the set under `key` and return it."""
    values = get_string_set(key) | _strings(val)
    put_string_set(key, values, epoch_seconds)
    return values


def remove_from_string_set(key: str, val: str | Iterable[str], epoch_seconds: int | None = None) -> set[str]:
    """Take out of the set under `key` and return it."""
    values = get_string_set(key) - _strings(val)
    put_string_set(key, values, epoch_seconds)
    return values


def reset_string_set(key: str) -> None:
    """Remove the set under `key`."""
    _sets.pop(key, None)


def get_dictionary(key: str, force_ttl_check: bool = False) -> dict[str, Any]:
    """Return a copy of the dictionary under `key`, empty when there is none."""
    text, expires = _dictionaries.get(key, ("{}", 0.0))
    found: dict[str, Any] = {} if force_ttl_check and expires <= time.time() else json.loads(text)
    return found


def put_dictionary(key: str, val: dict[str, Any], epoch_seconds: int | None = None) -> None:
    """Replace the dictionary under `key`, which must be JSON."""
    _put(_dictionaries, key, json.dumps(val), epoch_seconds)


def check_account_age(key: Any) -> bool:
    """Tell whether a set that is not empty and not expired lies under `key`."""
    return bool(isinstance(key, str) and key and get_string_set(key, force_ttl_check=True))
