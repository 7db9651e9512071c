"""Test cases: the `Tests` of the rules' metadata, as one list for `iota test`.

In: the packed rules. Out: one JSON-ready object per case, in the order of the pack and of each file.
Separate because a worker never sees them: tests are for people, not for the function.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from iota_engine._found import Candidate, Found


class BadCase(Exception):
    """A test is not written as tests must be."""


def test_cases(rules: list[Candidate], found: Found) -> list[dict[str, Any]]:
    """Return the cases of all rules; a malformed one is told, and its rule still serves."""
    cases: list[dict[str, Any]] = []
    for index, candidate in enumerate(rules):
        name = candidate.entry["id"]
        file = candidate.files[-1]
        tests = candidate.document.get("Tests") or []
        for number, test in enumerate(tests if isinstance(tests, list) else [tests], start=1):
            try:
                cases.append({"rule": index, "id": name, **_case(test), "path": found.tree.name(file)})
            except BadCase as problem:
                found.fail(file, f"test {number}: {problem}", name)
    return cases


def _case(test: Any) -> dict[str, Any]:
    if not isinstance(test, dict):
        message = "is not a mapping; write `Name`, `ExpectedResult` and `Log`"
        raise BadCase(message)
    name, expected, log, mocks = (test.get(key) for key in ("Name", "ExpectedResult", "Log", "Mocks"))
    if not isinstance(name, str) or not name:
        message = "has no `Name`; give it one"
        raise BadCase(message)
    if not isinstance(expected, bool):
        message = f"`{name}` has `ExpectedResult: {expected}`; use true or false"
        raise BadCase(message)
    if not isinstance(log, dict):
        message = f"`{name}` has no `Log`; write the event there as a mapping"
        raise BadCase(message)
    if not isinstance(mocks or [], list) or not all(_is_mock(mock) for mock in mocks or []):
        message = f"`{name}` has a mock without `objectName`; write `- objectName: name` and `returnValue: value`"
        raise BadCase(message)
    case = {"name": name, "expected": expected, "log": log, "mocks": mocks or [], "values": _values(name, test)}
    try:
        json.dumps(case, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"`{name}` holds what JSON cannot: {error}"
        raise BadCase(message) from error
    return case


def _values(name: str, test: dict[str, Any]) -> dict[str, str]:
    """Return what the other functions must say, where the test asks for that."""
    values = {}
    for key, function in (("ExpectedTitle", "title"), ("ExpectedSeverity", "severity"), ("ExpectedDedup", "dedup")):
        if key in test:
            if not isinstance(test[key], str):
                message = f"`{name}` has `{key}: {test[key]}`; write a string"
                raise BadCase(message)
            values[function] = test[key].upper() if function == "severity" else test[key]
    return values


def _is_mock(mock: Any) -> bool:
    return isinstance(mock, dict) and isinstance(mock.get("objectName"), str)
