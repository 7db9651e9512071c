"""`test` requests: Panther's test runner over the protocol."""

import pytest

RULE = """
import json
LIMIT = 3
ALLOWED = ["a"]
def helper(x): return x
def rule(e): return helper(e.get("n")) == 1
def title(e): return f"title {LIMIT}"
def dedup(e): return e["key"]
"""


@pytest.mark.parametrize(
    ("log", "outcome", "functions", "phases"),
    [
        ({"n": 1, "key": "k"}, True, {"title": {"value": "title 3"}, "dedup": {"value": "k"}}, []),
        ({"n": 2, "key": "k"}, False, {"title": {"value": "title 3"}, "dedup": {"value": "k"}}, []),
        ({"n": 1}, True, {"title": {"value": "title 3"}}, ["dedup"]),
        ({"n": 2}, False, {"title": {"value": "title 3"}}, ["dedup"]),
    ],
)
def test_every_function_runs(make_panther, log, outcome, functions, phases):
    """All functions run whatever `rule()` said, and what they raise is kept instead of replaced."""
    reply = make_panther(RULE).test(log)
    print("expected", outcome, functions, phases, "got", reply)
    assert reply["outcome"] is outcome
    assert functions.items() <= reply["functions"].items()
    assert [error["phase"] for error in reply["errors"]] == phases
    if phases:
        assert reply["functions"]["dedup"] == {"error": reply["errors"][0]}
        assert reply["errors"][0]["exception"] == "KeyError: 'key'"


@pytest.mark.parametrize(
    ("result", "outcome", "failures"),
    [("1 / 0", None, ["raise"]), ("1", None, ["type"]), ("None", None, ["type"]), ("exit(2)", None, ["raise"])],
)
def test_a_rule_that_fails_has_no_outcome(make_panther, result, outcome, failures):
    """A rule that raises or returns no bool is neither true nor false, and its other functions still run."""
    reply = make_panther(f"def rule(e): return {result}\ndef title(e): return 'T'\n").test({})
    assert reply["outcome"] is outcome
    assert [error["failure"] for error in reply["errors"]] == failures
    assert reply["functions"] == {"title": {"value": "T"}}


def test_iotas_form_is_tested_by_truth(make_rule):
    """In iota's form the outcome is the truth of what `rule()` returned."""
    engine = make_rule("def rule(e): return e.get('n', 5)")
    assert engine.test({"n": None})["outcome"] is True
    assert engine.test({"n": 0})["outcome"] is False


@pytest.mark.parametrize(
    ("mocks", "outcome"),
    [
        ([{"objectName": "helper", "returnValue": 1}], True),
        ([{"objectName": "helper", "returnValue": True}], True),
        ([{"objectName": "helper", "returnValue": "1"}], False),
        ([{"objectName": "helper", "returnValue": 2}, {"objectName": "helper", "returnValue": 1}], True),
        ([{"objectName": "str", "returnValue": "x"}], False),
    ],
)
def test_mocks_replace_names_of_the_rule(make_panther, mocks, outcome):
    """A mock stands in for a name of the rule's own file for one test, the last one of a name wins."""
    engine = make_panther(RULE)
    assert engine.test({"n": 5, "key": "k"}, mocks=mocks)["outcome"] is outcome
    assert engine.test({"n": 5, "key": "k"})["outcome"] is False


def test_a_mock_is_a_magic_mock(make_panther):
    """Rules may ask whether they are mocked: the mock is `unittest.mock.MagicMock`, truthy and empty."""
    engine = make_panther("""
from unittest.mock import MagicMock
ALLOWED = ["a"]
def rule(e): return isinstance(ALLOWED, MagicMock) and bool(ALLOWED) and "a" not in ALLOWED and ALLOWED() == "v"
""")
    assert engine.test({}, mocks=[{"objectName": "ALLOWED", "returnValue": "v"}])["outcome"] is True


def test_a_mock_of_nothing_fails_the_test(make_panther):
    """A mock of a name that the rule's file does not have is told, and nothing runs."""
    reply = make_panther(RULE).test({"n": 1}, mocks=[{"objectName": "nope", "returnValue": 1}])
    expected = "mock `nope`: `p.py` has no such name; mock a name of the rule's own file"
    assert (reply["outcome"], reply["functions"]) == (None, {})
    assert reply["errors"][0]["exception"] == expected


def test_rule_itself_can_be_mocked(make_panther):
    """Even `rule` may be mocked, as in Panther."""
    reply = make_panther(RULE).test({"key": "k"}, mocks=[{"objectName": "rule", "returnValue": True}])
    assert (reply["outcome"], reply["errors"]) == (True, [])


@pytest.mark.parametrize("log", [b"[1]", b"nonsense"])
def test_a_log_that_is_no_event_fails_the_test(make_panther, log):
    """A test whose Log is not an object has no outcome."""
    reply = make_panther(RULE).test(log)
    assert reply["outcome"] is None
    assert "the test's `Log` is not an event" in reply["errors"][0]["exception"]


def test_a_rule_that_cannot_load_fails_its_tests(make_rule):
    """The reason why a rule cannot load is the reason why its tests fail."""
    reply = make_rule("import nowhere\ndef rule(e): return True").test({})
    assert reply["outcome"] is None
    assert reply["errors"][0]["failure"] == "load"


def test_the_data_model_is_chosen_by_the_log(make_engine):
    """As in Panther's runner, a test's log has a data model only when it names its log type."""
    from conftest import panther
    from test_forms import MODEL

    engine = make_engine({**panther("def rule(e): return e.udm('agent') == 'cli'"), **MODEL})
    assert engine.test({"userAgent": "cli", "p_log_type": "AWS.CloudTrail"})["outcome"] is True
    assert engine.test({"userAgent": "cli"})["outcome"] is False


def test_filters_are_not_part_of_a_test(make_panther):
    """A test runs `rule()` itself, whatever the inline filters say."""
    more = "InlineFilters: [{All: [{Key: n, Condition: Equals, Value: 9}]}]"
    assert make_panther(RULE, more=more).test({"n": 1, "key": "k"})["outcome"] is True


def test_a_test_is_under_the_limit(make_panther):
    """A test that hangs is ended like an evaluation."""
    engine = make_panther("import time\ndef rule(e): time.sleep(60)\n", limits={"rule_ms": 100})
    reply = engine.test({})
    assert (reply["outcome"], reply["errors"][0]["failure"]) == (None, "timeout")
