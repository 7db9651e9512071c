"""Inline filters: operators, combinators, targets, and the YAML they come from."""

import pytest

from iota_engine._filters import FilterFailed, compile_filters
from iota_engine._inline import translate_filters
from iota_engine._metadata import Unusable

RECORD = {
    "s": "Hello",
    "n": 5,
    "null": None,
    "list": ["abc", "x"],
    "numbers": [1, 2],
    "d": {"a": {"b": "v"}, "l": [{"k": 1}, {"k": 2}, {}]},
    "ip": "10.0.0.1",
    "public": "8.8.8.8",
    "ips": ["10.0.0.1", "8.8.8.8"],
    "empty": "",
    "odd key": 1,
}
RAISES = "raises"


def judged(statement):
    try:
        return compile_filters([statement])(RECORD)
    except Exception as error:  # noqa: BLE001  # any exception is what the case expects
        print("raised", repr(error))
        return RAISES


@pytest.mark.parametrize(
    ("target", "operator", "value", "expected"),
    [
        ("s", "==", "Hello", True),
        ("s", "==", "hello", False),
        ("S", "==", "Hello", False),
        ("n", "==", 5.0, True),
        ("missing", "==", None, True),
        ("n", "!=", "5", True),
        ("missing", "!=", "a", True),
        ("n", "<", 6, True),
        ("n", "<", 5, False),
        ("n", "<=", 5, True),
        ("n", ">=", 5, True),
        ("n", ">", "5", RAISES),
        ("missing", "<", 5, False),
        ("missing", "<=", None, True),
        ("missing", ">=", 5, False),
        ("s", "contains", "ell", True),
        ("list", "contains", "abc", True),
        ("list", "contains", "b", True),
        ("numbers", "contains", 1, True),
        ("missing", "contains", "a", False),
        ("n", "contains", 5, RAISES),
        ("s", "!contains", "zzz", True),
        ("missing", "!contains", "a", True),
        ("s", "in", ["Hello"], True),
        ("list", "in", ["abc"], True),
        ("list", "in", ["zzz"], False),
        ("n", "!in", [5], False),
        ("n", "in", 5, RAISES),
        ("s", "starts_with", "He", True),
        ("s", "!starts_with", "He", False),
        ("n", "starts_with", 5, False),
        ("s", "ends_with", "lo", True),
        ("missing", "!ends_with", "lo", True),
        ("missing", "empty", None, True),
        ("empty", "empty", None, True),
        ("n", "empty", None, False),
        ("s", "!empty", None, True),
        ("ip", "in_cidr", "10.0.0.0/8", True),
        ("ip", "in_cidr", "::/0", False),
        ("missing", "in_cidr", "10.0.0.0/8", False),
        ("s", "in_cidr", "10.0.0.0/8", RAISES),
        ("ips", "in_cidr", "10.0.0.0/8", RAISES),
        ("ip", "!in_cidr", "11.0.0.0/8", True),
        ("ips", "contains_ip", "8.0.0.0/8", True),
        ("ips", "!contains_ip", "9.0.0.0/8", True),
        ("ip", "contains_ip", "10.0.0.0/8", RAISES),
        ("public", "is_public", None, True),
        ("ip", "is_public", None, False),
        ("ip", "is_private", None, True),
        ("missing", "is_private", None, False),
        ("s", "is_private", None, RAISES),
        ("s", "insensitive_equals", "hELLO", True),
        ("list", "insensitive_contains", "AB", True),
        ("s", "!insensitive_contains", "ELL", False),
        ("s", "insensitive_starts_with", "HE", True),
        ("s", "insensitive_ends_with", "LO", True),
        ("d.a.b", "==", "v", True),
        ("d.l[0].k", "==", 1, True),
        ("d.l[*].k", "==", [1, 2], True),
        ('"odd key"', "==", 1, True),
    ],
)
def test_operators(target, operator, value, expected):
    """Each operator judges as Panther's does, missing values and wrong types included."""
    got = judged({"target": target, "operator": operator, "value": value})
    print("expected", expected, "got", got)
    assert got == expected


YES, NO = {"target": "n", "operator": "==", "value": 5}, {"target": "n", "operator": "==", "value": 6}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({}, True),
        ({"and": []}, True),
        ({"or": []}, True),
        ({"not": []}, True),
        ({"and": [YES, NO]}, False),
        ({"or": [NO, YES]}, True),
        ({"not": [NO]}, True),
        ({"not": [YES, NO]}, False),
        ({"and": [{"or": [NO, YES]}, {"not": [NO]}]}, True),
    ],
)
def test_combinators(statement, expected):
    """Combinators nest; one without parts is true."""
    assert judged(statement) == expected


@pytest.mark.parametrize(
    "statement",
    [
        5,
        {"target": "n"},
        {"operator": "=="},
        {"and": [], "or": []},
        {"and": [], **YES},
        {**YES, "operator": "~"},
        {**YES, "operator": "!is_public"},
        {**YES, "target": "a | b"},
        {**YES, "target": "a[?x]"},
        {**YES, "target": "length(a)"},
        {**YES, "target": "a."},
    ],
)
def test_what_is_not_understood_is_refused(statement):
    """A statement, operator or target outside the language is an error, never a guess."""
    with pytest.raises(FilterFailed):
        compile_filters([statement])


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        (None, []),
        ([], []),
        ([{"All": []}], []),
        ([{"Condition": "AlwaysTrue"}], []),
        (
            [{"All": [{"Key": "a", "Condition": "Equals", "Value": 1}]}],
            [{"and": [{"target": "a", "operator": "==", "value": 1}]}],
        ),
        (
            [{"Any": [{"DeepKey": ["a", "odd key", 0], "Condition": "IsIn", "Values": [1]}]}],
            [{"or": [{"target": 'a."odd key"[0]', "operator": "in", "value": [1]}]}],
        ),
        (
            [{"None": [{"KeyPath": "a.b", "Condition": "IsNull"}]}],
            [{"not": [{"target": "a.b", "operator": "==", "value": None}]}],
        ),
    ],
)
def test_yaml_becomes_statements(yaml, expected):
    """Conditions whose meaning is public become statements; what says nothing becomes nothing."""
    got = translate_filters(yaml)
    print("expected", expected, "got", got)
    assert got == expected


@pytest.mark.parametrize(
    "yaml",
    [
        5,
        [5],
        [{"OnlyOne": []}],
        [{"Key": "a"}],
        [{"Key": "a", "Condition": "Exists"}],
        [{"Condition": "Equals", "Value": 1}],
        [{"Key": 'a"b', "Condition": "Equals", "Value": 1}],
        [{"Key": "a", "Condition": "Equals", "Value": 1, "Extra": 1}],
    ],
)
def test_other_yaml_is_refused(yaml):
    """A condition that Panther's backend would have to interpret fails the rule."""
    with pytest.raises(Unusable):
        translate_filters(yaml)
