"""Tests: one test of one rule, run the way Panther's own test runner does.

In: a loaded rule, the test's event and mocks. Out: the outcome of `rule()` and of every other function.
Separate from `_evaluate` because nothing is softened here: every function runs, whatever `rule()` said, and what fails
stays a failure instead of becoming a default.
"""

from __future__ import annotations

import builtins

from iota_engine._answers import as_json, ask
from iota_engine._cell import OTHER, RULE
from iota_engine._clock import calls_rules
from iota_engine._codec import encode
from iota_engine._evaluate import wrong_result
from iota_engine._failure import failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from iota_engine._cell import Cell
    from iota_engine._evaluate import Evaluator
    from iota_engine._event import Event
    from iota_engine._failure import Failure
    from iota_engine._rule import Rule

_BUILTIN_NAMES = frozenset(dir(builtins))
_GONE: Any = object()


class Tester:
    """Runs tests for one worker."""

    def __init__(self, cell: Cell, evaluator: Evaluator) -> None:
        self._cell = cell
        self._evaluator = evaluator

    def run(
        self, rule: Rule, event: Event, mocks: list[dict[str, Any]]
    ) -> tuple[bool | None, dict[str, str], list[Failure]]:
        """Return the outcome of `rule()`, what each function said as JSON text, and all errors."""
        missing = [name for name in _names(mocks) if name not in rule.namespace and name not in _BUILTIN_NAMES]
        if missing:
            text = f"mock `{missing[0]}`: `{rule.path}` has no such name; mock a name of the rule's own file"
            return None, {}, [failure("rule", "raise", text, rule.path)]
        saved = {name: rule.namespace.get(name, _GONE) for name in _names(mocks)}
        own = rule.answers
        try:
            rule.namespace.update(_made(mocks))
            # A mock may stand for one of them.
            rule.answers = {name: rule.namespace[name] for name in rule.functions}
            return self._run(rule, event)
        finally:
            rule.answers = own
            for name, value in saved.items():
                if value is _GONE:
                    rule.namespace.pop(name, None)
                else:
                    rule.namespace[name] = value

    def _run(self, rule: Rule, event: Event) -> tuple[bool | None, dict[str, str], list[Failure]]:
        told = self._evaluator.told
        functions: dict[str, str] = {}
        errors: list[Failure] = []
        outcome: bool | None = None
        self._cell.enter(0, rule.index, RULE)
        try:
            result = _call(rule, event)
            if result is True or result is False or not rule.is_panther:
                outcome = _truth(result)
            else:
                errors.append(wrong_result(rule, result))
        except BaseException as error:  # noqa: BLE001  # a rule may raise anything, `SystemExit` too
            errors.append(told(error, "rule"))
        for name in rule.functions:
            self._cell.move(OTHER)
            try:
                functions[name] = f'{{"value":{as_json(name, ask(rule, name, event))}}}'
            except BaseException as error:  # noqa: BLE001  # so may its other functions
                errors.append(told(error, name))
                functions[name] = f'{{"error":{encode(errors[-1])}}}'
        return outcome, functions, errors


def _names(mocks: list[dict[str, Any]]) -> list[str]:
    return [mock["objectName"] for mock in mocks]


def _made(mocks: list[dict[str, Any]]) -> dict[str, Any]:
    if not mocks:
        return {}
    # Rules tell a mock by `isinstance(x, MagicMock)`, so it must be the real class; its import is slow, hence here.
    from unittest.mock import MagicMock

    return {mock["objectName"]: MagicMock(return_value=mock.get("returnValue")) for mock in mocks}


@calls_rules
def _call(rule: Rule, event: Event) -> object:
    return rule.namespace["rule"](event)


@calls_rules
def _truth(result: object) -> bool:
    return bool(result)
