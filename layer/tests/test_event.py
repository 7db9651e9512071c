"""The event object: one table of expressions for both forms, and what sets them apart."""

import copy
import json
import pickle

import pytest

from iota_engine._containers import KindNested, Nested
from iota_engine._datamodel import DataModel
from iota_engine._event import Event, KindEvent

RAW = {
    "eventName": "X",
    "Foo": 1,
    "foo": 2,
    "null": None,
    "zero": 0,
    "empty": "",
    "none": {},
    "list": [1, 2, "a", {"K": "v"}, ["b"]],
    "d": {"A": {"b": {"C": 5, "n": None}}, "l": [{"x": 1}, {"x": 2}, {"x": 1}, {}]},
    "same": [{"a": [{"b": 1}, {"b": True}]}, {"a": [{"b": 2}]}, {"a": None}],
    "hollow": [[], [[]]],
    "p_udm": {"user": {"name": "U"}, "zero": 0},
    "p_event_time": "2024-01-02 03:04:05.123456789",
    "_mocked_lookup_data_": {"table": {"key": "value"}},
}

CASES = [
    # Lookup.
    ("e.get('eventName')", "X"),
    ("e.get('EVENTNAME')", "X"),
    ("e['eventname']", "X"),
    ("e.get('missing')", None),
    ("e.get('missing', 'd')", "d"),
    ("e.get('missing', default='d')", "d"),
    ("e['missing']", KeyError),
    ("(e['foo'], e['Foo'], e['FOO'])", (2, 1, 1)),
    ("'EVENTNAME' in e", True),
    ("'missing' in e", False),
    ("'EVENTNAME' in e.keys()", True),
    ("('EVENTNAME', 'X') in e.items()", True),
    ("('EVENTNAME', 'Y') in e.items()", False),
    ("e.get(5)", AttributeError),
    ("None in e", AttributeError),
    ("e.get(['a'])", TypeError),
    ("e['none'].get(5)", None),
    ("e['none'].get('x', 3)", 3),
    ("e['d']['a']['B']['c']", 5),
    ("e.get('D').get('a').get('b').get('c')", 5),
    ("e['list'][3]['k']", "v"),
    ("'C' in e['d']['A']['b'], 'c' in e['d']['A']['b'], 'z' in e['d']['A']['b']", (True, True, False)),
    # Shape.
    ("list(e) == list(raw)", True),
    ("len(e), bool(e), bool(e['none'])", (14, True, False)),
    ("e == raw and raw == e and e['d'] == raw['d'] and e['list'] == raw['list']", True),
    ("e['list'] == tuple(raw['list']), e['list'] != raw['list']", (True, False)),
    ("isinstance(e, dict), isinstance(e['d'], dict), isinstance(e['list'], list)", (True, True, True)),
    ("type({**e}['d']) is type(e['d']), type(dict(e)['d']) is type(e['d'])", (True, True)),
    ("dict(e) == raw, {**e} == raw", (True, True)),
    ("[type(v) for k, v in e.items() if k == 'd'] == [type(e['d'])]", True),
    ("[type(v) for v in e['d'].values()] == [type(e['d']), type(e['list'])]", True),
    ("json.dumps(e) == json.dumps(raw), json.dumps(e['d']) == json.dumps(raw['d'])", (True, True)),
    ("json.dumps({'x': [e['d']]}) == json.dumps({'x': [raw['d']]})", True),
    ("f'{e[\"list\"][4]}'", "['b']"),
    ("hash(e)", TypeError),
    ("hash(e['list'])", TypeError),
    ("reversed(e)", TypeError),
    ("sorted(e['list'][0:2]), e['list'].index('a'), e['list'].count(1)", ([1, 2], 2, 1)),
    # Change is refused.
    ("e.__setitem__('a', 1)", TypeError),
    ("e.__delitem__('a')", TypeError),
    ("e.pop('a')", AttributeError),
    ("e.update({})", AttributeError),
    ("e.setdefault('a', 1)", AttributeError),
    ("hasattr(e, 'clear'), hasattr(e['d'], 'popitem'), hasattr(e['list'], 'append')", (False, False, False)),
    ("e | {}", TypeError),
    ("{} | e", TypeError),
    ("e['list'].__setitem__(0, 1)", TypeError),
    ("e['list'] * 2", TypeError),
    # Copies may be changed.
    ("type(e.to_dict()), type(e.copy()['d']), type(e['list'].copy())", (dict, dict, list)),
    ("e.to_dict() == raw, e['list'].as_list() == raw['list'], e.raw_view() == raw", (True, True, True)),
    ("copy.deepcopy(e) == e, type(copy.deepcopy(e)) is type(e)", (True, True)),
    ("pickle.loads(pickle.dumps(e)) == e, pickle.loads(pickle.dumps(e['list'])) == raw['list']", (True, True)),
    # deep_get.
    ("e.deep_get('D', 'a', 'B', 'c')", 5),
    ("e.deep_get('d', 'A', 'b', 'n', default='q')", "q"),
    ("e.deep_get('d', 'A', 'x', 'y', default='q')", "q"),
    ("e.deep_get('null', 'x', default='q')", "q"),
    ("e.deep_get('zero', default=5), e.deep_get('empty', default='q')", (0, "")),
    ("e.deep_get('list', 0, default='q')", "q"),
    ("e.deep_get('missing', 'x', default={'x': 1})", 1),
    ("e.deep_get('d.A')", None),
    ("e.deep_get() is e", True),
    ("e['d'].deep_get('a', 'b', 'c')", 5),
    # deep_walk: exact case, each value once, one value without its list.
    ("e.deep_walk('d', 'A', 'b', 'C')", 5),
    ("e.deep_walk('D', 'A')", None),
    ("e.deep_walk('d', 'l', 'x')", [1, 2]),
    ("type(e.deep_walk('d', 'l', 'x'))", list),
    ("e.deep_walk('d', 'l', 'x', return_val='first'), e.deep_walk('d', 'l', 'x', return_val='last')", (1, 2)),
    ("e.deep_walk('d', 'l', 'x', return_val='other')", "all"),
    ("e.deep_walk('same', 'a', 'b')", [1, 2]),
    ("e.deep_walk('d', 'l', 'x', default='q')", [1, 2, "q"]),
    ("e.deep_walk('hollow', default='q')", "q"),
    ("e.deep_walk('missing', default='q')", "q"),
    ("type(e.deep_walk('d', 'A'))", dict),
    # The rest.
    ("e.udm('eventname')", "X"),
    ("e.udm('user', 'name'), e.udm('zero', default='q'), e.udm('actor_user')", ("U", "q", None)),
    ("e.udm_path('user')", AttributeError),
    ("e.lookup('table', 'key'), e.lookup('table', 'x')", ("value", None)),
    ("e.event_time_epoch()", 1704164645),
    ("hasattr(e['d'], 'udm'), hasattr(e['d'], 'deep_walk'), hasattr(e['d'], 'lookup')", (False, False, False)),
]


@pytest.mark.parametrize("form", [Event, KindEvent])
@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_event(form, expression, expected):
    """Both forms answer every expression of the table alike."""
    names = {"e": form(copy.deepcopy(RAW)), "raw": RAW, "json": json, "copy": copy, "pickle": pickle}
    if isinstance(expected, type) and issubclass(expected, Exception):
        with pytest.raises(expected):
            eval(expression, names)
        return
    got = eval(expression, names)
    print("expected", expected, "got", got)
    assert got == expected
    # Asked again, the answer comes from a memo: it must be the same.
    assert eval(expression, names) == expected


def test_null_is_missing_only_in_iotas_form():
    """`get` with a default gives the default for null in iota's form, None in Panther's, at every level."""
    raw = {"null": None, "d": {"null": None}, "l": [{"null": None}]}
    kind, strict = KindEvent(raw), Event(raw)
    got = [
        [e.get("null", 1), e.get("NULL", 1), e["d"].get("null", 1), e["l"][0].get("null", 1), e["null"], "null" in e]
        for e in (kind, strict)
    ]
    print("got", got)
    assert got == [[1, 1, 1, 1, None, True], [None, None, None, None, None, True]]
    assert (type(kind["d"]), type(strict["d"])) == (KindNested, Nested)


def test_lists_slice_and_add_by_form():
    """A slice is a tuple in Panther's form, a list in iota's, where lists also add."""
    raw = {"l": [1, {"A": 2}]}
    assert Event(raw)["l"][0:1] == (1,)
    assert KindEvent(raw)["l"][0:1] == [1]
    assert KindEvent(raw)["l"] + [3] == [1, {"A": 2}, 3]
    assert [0] + KindEvent(raw)["l"] == [0, 1, {"A": 2}]
    assert KindEvent(raw)["l"][1:][0].get("a") == 2
    with pytest.raises(TypeError):
        Event(raw)["l"] + [3]


@pytest.mark.parametrize("form", [Event, KindEvent])
def test_a_counterfeit_key_poisons_nothing(form):
    """A key whose `__eq__` says yes to everything changes no answer for others."""

    class Liar(str):
        __slots__ = ()

        def __eq__(self, other):
            return True

        __hash__ = str.__hash__

    event = form({"a": 1, "d": {"b": 2}})
    event.get(Liar("zzz"))
    event.deep_get(Liar("d"), Liar("x"))
    assert (event.get("a"), event.get("zzz"), event.deep_get("d", "x"), event.deep_get("d", "b")) == (1, None, None, 2)


MAPPINGS = [
    {"name": "path", "path": "$.d.A"},
    {"name": "null", "path": "null"},
    {"name": "gap", "path": "missing.x"},
    {"name": "many", "path": "l[*].x"},
    {"name": "method", "method": "m"},
    {"name": "nothing", "method": "n"},
    {"name": "view", "method": "v"},
    {"name": "both", "path": "other", "method": "m"},
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("path", 1),
        ("null", None),
        ("gap", "default"),
        ("method", "by method x"),
        ("nothing", None),
        ("view", (False, False)),
        ("both", "default"),
        ("Method", "default"),
        ("other", "default"),
    ],
)
def test_udm_follows_the_data_model(name, expected):
    """Paths answer even with null, methods as they are; what is not mapped comes from the event."""
    model = DataModel({"id": "M", "mappings": MAPPINGS, "path": "m.py"}, sources=None)
    model._namespace = {
        "m": lambda e: f"by method {e.get('EVENTNAME')}",
        "n": lambda _e: None,
        "v": lambda e: (hasattr(e, "udm"), hasattr(e, "deep_walk")),
    }
    event = Event({"eventName": "x", "d": {"A": 1}, "null": None, "l": [{"x": 1}, {"x": 2}]}, model)
    got = event.udm(name, default="default")
    print("expected", expected, "got", got)
    assert got == expected
    with pytest.raises(ValueError, match="matches 2 places"):
        event.udm("many")
    assert (event.udm_path("path"), event.udm_path("method"), event.udm_path("x")) == ("$.d.A", "m", None)


@pytest.mark.parametrize(
    ("text", "forced", "free"),
    [
        ("2024-01-02 03:04:05", 1704164645, None),
        ("2024-01-02T03:04:05", 1704164645, None),
        ("2024-01-02 03:04:05Z", 0, 1704164645),
        ("2024-01-02 03:04:05+01:00", 0, 1704161045),
        ("2024-01-02", 0, None),
        ("garbage", 0, 0),
        ("", 0, 0),
        (None, 0, 0),
    ],
)
def test_event_time_epoch(text, forced, free):
    """A time without zone is UTC; one with a zone counts only when UTC is not forced."""
    event = Event({"p_event_time": text})
    assert event.event_time_epoch() == forced
    if free is not None:
        assert event.event_time_epoch(force_utc=False) == free


def test_event_time_epoch_of_a_number():
    """A time that is no text is an error of the rule that asks."""
    with pytest.raises(TypeError):
        Event({"p_event_time": 5}).event_time_epoch()
