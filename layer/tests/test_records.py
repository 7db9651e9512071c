"""Strange records and strange answers: what is evaluated, what is unparsable, and that replies stay valid."""

import json

import pytest

MATCH = "def rule(e): return True\ndef alert_context(e): return {'v': e.get('v')}\n"


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"{", "Expecting property name enclosed in double quotes"),
        (b"{}x", "Extra data"),
        (b"[]", "expected an object, found `list`"),
        (b"null", "expected an object, found `NoneType`"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"a":"\x01"}', "Invalid control character"),
    ],
)
def test_unparsable_records_are_told(shared_engine, record, words):
    """A record that is no JSON object is answered as unparsable with the reason, and the batch goes on."""
    engine = shared_engine("match", {"r.py": MATCH})
    first, second = engine.batch([record, b"{}"])
    print("expected", words, "got", first)
    assert first["unparsable"].startswith(words)
    assert first["verdicts"] == []
    assert "unparsable" not in second
    assert len(second["verdicts"]) == 1


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b'{"v":1e400}', None),
        (b'{"v":NaN}', None),
        (b'{"v":-Infinity}', None),
        (b'{"v":"\\ud800"}', "\ufffd"),
        (b'{"v":"\\ud83d\\ude00"}', "\U0001f600"),
        (b'{"v":"\\\\ud800"}', "\\ud800"),
        (b'{"v":"a\xffb"}', "a\ufffdb"),
        (b'{"v":1,"v":2}', 2),
        (b'{"v":12345678901234567890123}', 12345678901234567890123),
        (b'{"v":' + b"7" * 4000 + b"}", int("7" * 4000)),
        (b' {"v":true} ', True),
        (b'{"v":"K"}', "K"),
        (b'{"v":""}', ""),
        (b'{"V":3}', 3),
    ],
)
def test_what_json_accepts_is_evaluated(shared_engine, record, expected):
    """Every value that Python's `json` reads reaches the rules, and comes back as valid JSON."""
    verdict = shared_engine("match", {"r.py": MATCH}).verdict(record)
    print("expected", expected, "got", str(verdict)[:200])
    assert verdict["match"] is True
    if expected is None:
        # NaN and Infinity are not JSON: as in Panther the context is replaced, and told.
        assert verdict["context"] == {"_error": "ValueError('Out of range float values are not JSON compliant')"} or (
            verdict["context"]["_error"].startswith("ValueError('Out of range float values are not JSON compliant")
        )
        assert [error["phase"] for error in verdict["errors"]] == ["alert_context"]
    else:
        assert verdict["context"] == {"v": expected}
        assert verdict["errors"] == []


def test_an_integer_of_any_length_does_not_hide_its_record(make_rule):
    """Python refuses to read an integer of 5,000 digits: it becomes a float, and the record is evaluated."""
    engine = make_rule("def rule(e): return e.get('v') > 10**300 and e.get('n') == 5")
    assert engine.verdict(b'{"n":5,"v":' + b"9" * 5000 + b"}")["match"] is True
    assert engine.verdict(b'{"n":5,"v":-' + b"9" * 5000 + b"}") is None


@pytest.mark.parametrize("text", ["'\\ud800'", "'a\\udfffb'", "'\\ud83d\\ude00'[0]"])
def test_lone_surrogates_are_replaced_everywhere(make_rule, text):
    """No string of a reply holds half a surrogate pair, which other JSON readers refuse."""
    engine = make_rule(
        f"def rule(e): return True\ndef title(e): return {text}\ndef dedup(e): return {text}\n"
        f"def alert_context(e): return {{{text}: [{text}]}}\n"
    )
    verdict = engine.verdict({})
    print("got", verdict)
    json.dumps(verdict, ensure_ascii=False).encode()
    assert "\ufffd" in verdict["title"]
    assert verdict["title"] == verdict["dedup"]
    assert verdict["context"] == {verdict["title"]: [verdict["title"]]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{'a': (1, 2), 'b': None, 1: 'x', True: 'y', None: 'z'}", {"a": [1, 2], "b": None, "1": "y", "null": "z"}),
        ("e", {"v": {"w": [1, {"x": None}]}}),
        ("{'a': e.get('v'), 'b': e.get('v').get('w')}", {"a": {"w": [1, {"x": None}]}, "b": [1, {"x": None}]}),
        ("collections.UserDict(a=1)", {"a": 1}),
        ("types.MappingProxyType({'a': 1})", {"a": 1}),
        ("collections.Counter('aab')", {"a": 2, "b": 1}),
        ("{'i': enum.IntEnum('E', 'A B').B}", {"i": 2}),
    ],
)
def test_contexts_become_json(shared_engine, value, expected):
    """A context may be any mapping, hold tuples, events and their parts, and keys that JSON can spell."""
    source = "import collections, enum, types\ndef rule(e): return True\ndef alert_context(e): return eval(e['code'])\n"
    code = value if value != "e" else "{'v': e['v']}"
    verdict = shared_engine("contexts", {"r.py": source}).verdict({"code": code, "v": {"w": [1, {"x": None}]}})
    print("expected", expected, "got", verdict)
    assert (verdict["context"], verdict["errors"]) == (expected, [])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{'a': {1, 2}}", "TypeError("),
        ("{'a': b'x'}", "TypeError("),
        ("{(1, 2): 'x'}", "TypeError("),
        ("{'a': object()}", "TypeError("),
        ("loop", "ValueError('Circular reference detected')"),
        ("deep", "RecursionError("),
        ("'text'", "WrongType("),
    ],
)
def test_contexts_that_are_not_json_are_told(shared_engine, value, words):
    """What JSON cannot hold becomes Panther's `_error`, an error is told, and the match stays."""
    source = "loop = {}\nloop['a'] = loop\ndeep = {}\nfor _ in range(99999): deep = {'a': deep}\n"
    source += "def rule(e): return True\ndef alert_context(e): return eval(e['code'])\n"
    verdict = shared_engine("not json", {"r.py": source}).verdict({"code": value})
    print("expected", words, "got", verdict)
    assert verdict["match"] is True
    assert verdict["context"]["_error"].startswith(words)
    assert [error["phase"] for error in verdict["errors"]] == ["alert_context"]


@pytest.mark.parametrize(("length", "fits"), [(204_790, True), (204_791, False)])
def test_contexts_have_panthers_limit(make_rule, length, fits):
    """A context of more than 204,800 characters is replaced by a sentence, which is no error."""
    engine = make_rule(f"def rule(e): return True\ndef alert_context(e): return {{'a': 'x' * {length - 2}}}\n")
    verdict = engine.verdict({})
    size = length - 2 + len('{"a": ""}')
    assert (size <= 204_800) is (verdict["context"].keys() == {"a"}) or not fits
    if not fits and size > 204_800:
        expected = f"alert_context size is [{size}] characters, bigger than maximum of [204800] characters"
        assert verdict["context"] == {"_error": expected}
    assert verdict["errors"] == []
