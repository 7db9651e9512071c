"""The stand-in for Panther's key-value helpers."""

import importlib.util
from pathlib import Path

import pytest

import iota_engine

PATH = Path(iota_engine.__file__).parent / "supplied/panther_detection_helpers/caching.py"


@pytest.fixture
def cache():
    spec = importlib.util.spec_from_file_location("caching_under_test", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clock(cache, monkeypatch):
    now = [1_700_000_000.0]
    monkeypatch.setattr(cache.time, "time", lambda: now[0])
    return now


def test_string_sets(cache):
    """Sets are stored whole, grow and shrink; an empty one is gone; callers get copies."""
    assert cache.get_string_set("k") == set()
    cache.put_string_set("k", "one")
    assert cache.add_to_string_set("k", ["two", "three"]) == {"one", "two", "three"}
    assert cache.remove_from_string_set("k", "one") == {"two", "three"}
    cache.get_string_set("k").add("not stored")
    assert cache.get_string_set("k") == {"two", "three"}
    cache.put_string_set("k", [])
    assert cache.get_string_set("k") == set()


def test_expiry(cache, clock):
    """A small number of seconds counts from now, a large one is a time; expiry shows only where it is asked for."""
    cache.put_string_set("span", ["a"], 60)
    cache.put_string_set("point", ["a"], int(clock[0]) + 60)
    cache.put_string_set("never", ["a"])
    clock[0] += 61
    assert [cache.get_string_set(key, force_ttl_check=True) for key in ("span", "point")] == [set(), set()]
    assert cache.get_string_set("span") == {"a"}
    assert cache.get_string_set("never", force_ttl_check=True) == {"a"}
    cache.set_key_expiration("span", 60)
    assert cache.get_string_set("span", force_ttl_check=True) == {"a"}


def test_counters(cache, clock):
    """Counters count; a threshold answers once and starts again, also when its time has passed."""
    assert (cache.increment_counter("c"), cache.increment_counter("c", 2), cache.get_counter("c")) == (1, 3, 3)
    cache.reset_counter("c")
    assert cache.get_counter("c") == 0
    assert [cache.evaluate_threshold("t", 3, 60) for _ in range(4)] == [False, False, True, False]
    clock[0] += 61
    assert [cache.evaluate_threshold("t", 2, 60) for _ in range(2)] == [False, True]


def test_dictionaries(cache):
    """Dictionaries are kept as JSON: callers get copies."""
    cache.put_dictionary("d", {"a": [1]})
    cache.get_dictionary("d")["a"].append(2)
    assert cache.get_dictionary("d") == {"a": [1]}
    assert cache.get_dictionary("none") == {}
    with pytest.raises(TypeError):
        cache.put_dictionary("d", {"a": {1}})


def test_account_age(cache):
    """An account is young while a set lies under its key; what is no key is not."""
    cache.put_string_set("k", ["x"])
    assert [cache.check_account_age(key) for key in ("k", "z", "", None, 5)] == [True, False, False, False, False]


def test_the_memory_is_bounded(cache):
    """The oldest keys go when there are too many."""
    for number in range(cache.MAX_KEYS + 10):
        cache.increment_counter(str(number))
    assert (cache.get_counter("0"), cache.get_counter(str(cache.MAX_KEYS))) == (0, 1)
