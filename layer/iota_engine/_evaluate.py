"""Evaluation: every asked rule on one event, and the verdict of each that matched or failed.

In: an item's index, the rules to run, the parsed record. Out: verdicts as JSON text, in the order of the rules.
Separate because it is the hot loop. A match is noted before the rule's other functions run: none of them can undo it.
"""

from __future__ import annotations

from iota_engine._answers import OPEN, as_json, ask
from iota_engine._cell import OTHER, RULE, RULE_INDEX, TICK
from iota_engine._clock import calls_rules
from iota_engine._codec import encode
from iota_engine._context import error_context
from iota_engine._failure import WrongType, describe, failure, name_of, representation
from iota_engine._rule import RuleError
from iota_engine._text import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from iota_engine._cell import Cell
    from iota_engine._clock import Clock
    from iota_engine._event import Event
    from iota_engine._failure import Failure
    from iota_engine._loading import Sources
    from iota_engine._rule import Rule

    # What the hot loop walks: the rule's index and the function to call.
    Plan = list[tuple[int, Callable[[Event], object]]]


class Evaluator:
    """Runs rules on events for one worker."""

    def __init__(self, rules: list[Rule], cell: Cell, clock: Clock, sources: Sources) -> None:
        self._rules = rules
        self._cell = cell
        self._clock = clock
        self._sources = sources
        # How often each rule has timed out in the batch at hand.
        self.timeouts: dict[int, int] = {}
        # Whether anybody reads what a match says of a rule that never alerts.
        self.signals = True

    @calls_rules
    def run(self, item: int, plan: Plan, event: Event, verdicts: list[tuple[int, str]]) -> None:
        """Run every rule of `plan` on `event` and append (rule, JSON text) for each that matched or failed."""
        cell = self._cell
        words, halves = cell.words, cell.halves
        cell.enter(item, plan[0][0], RULE)
        tick = cell.tick
        for index, function in plan:
            # The cell's `enter`, written out: a call here costs as much as a quick rule.
            tick += 1
            halves[RULE_INDEX] = index
            words[TICK] = tick
            try:
                result = function(event)
            except BaseException as error:  # noqa: BLE001  # a rule may raise anything, `SystemExit` too
                verdicts.append((index, _missed(index, self._failed(index, error, "rule"))))
                continue
            if result is False:
                continue
            cell.tick = tick
            verdict = self._judge(self._rules[index], result, event)
            cell.move(RULE)
            tick = cell.tick
            if verdict is not None:
                verdicts.append((index, verdict))
        cell.tick = tick

    def _failed(self, index: int, error: BaseException, phase: str) -> Failure:
        """Tell of a rule's exception, and count it if it is a timeout."""
        told = self.told(error, phase)
        if told["failure"] == "timeout":
            self.timeouts[index] = self.timeouts.get(index, 0) + 1
        return told

    def told(self, error: BaseException, phase: str) -> Failure:
        """Turn an exception out of rule code into the protocol's error object."""
        if type(error) is RuleError:
            return error.error
        return describe(error, phase, self._sources.names, self._clock.limit_ms())

    def _judge(self, rule: Rule, result: object, event: Event) -> str | None:
        """Decide what a result other than False means."""
        if rule.is_panther:
            if result is not True:
                return _missed(rule.index, wrong_result(rule, result))
        else:
            try:
                if not _truth(result):
                    return None
            except BaseException as error:  # noqa: BLE001  # the result's `__bool__` may raise anything
                return _missed(rule.index, self._failed(rule.index, error, "rule"))
        return self._matched(rule, event)

    def _matched(self, rule: Rule, event: Event) -> str:
        """Ask a matching rule's other functions; what fails gets the default of the rule's form and is told."""
        answers: dict[str, Any] = {}
        errors: list[Failure] = []
        for name in rule.functions if rule.alerts or self.signals else ():
            self._cell.move(OTHER)
            try:
                answers[name] = ask(rule, name, event)
            except BaseException as error:  # noqa: BLE001  # the match stands, whatever the function raises
                errors.append(self._failed(rule.index, error, name))
                answers[name] = _fallback(rule, name, error)
        return _verdict(rule, answers, errors)


@calls_rules
def _truth(result: object) -> bool:
    return bool(result)


def wrong_result(rule: Rule, result: object) -> Failure:
    """Tell that a rule of Panther's form returned something else than a bool."""
    text = f"`rule` of `{rule.id}` returned `{name_of(type(result))}`, expected `bool`"
    return failure("rule", "type", text, rule.path)


def _fallback(rule: Rule, name: str, error: BaseException) -> Any:
    """Return what Panther puts in place of a failed answer; `OPEN` where the pack's metadata stands."""
    if name == "alert_context":
        told = f"{name_of(WrongType)}({quote(str(error))})" if type(error) is WrongType else representation(error)
        return error_context(told)
    if name == "title" and rule.is_panther:
        return rule.id
    if name == "dedup":
        return rule.dedup
    return OPEN


def _missed(index: int, error: Failure) -> str:
    return f'{{"rule":{index},"match":false,"errors":[{encode(error)}]}}'


def _verdict(rule: Rule, answers: dict[str, Any], errors: list[Failure]) -> str:
    title, dedup, severity = (answers.get(name, OPEN) for name in ("title", "dedup", "severity"))
    if dedup is OPEN or not dedup:
        # Without a dedup of its own a rule of Panther's form groups by its title, one of iota's form by its name.
        own_title = rule.is_panther and "dedup" not in answers and title is not OPEN and title
        dedup = title if own_title else rule.dedup
    members = [
        f'{{"rule":{rule.index},"match":true',
        f'"title":{quote(rule.title if title is OPEN or not title else title)}',
        f'"severity":{quote(rule.severity if severity is OPEN else severity)}',
        f'"dedup":{quote(dedup)}',
        f'"context":{as_json("alert_context", answers.get("alert_context", OPEN))}',
    ]
    members += [f'"{name}":{_given(name, answers)}' for name in ("description", "runbook", "reference")]
    members += [f'"{name}":{as_json(name, answers.get(name, OPEN))}' for name in ("destinations", "unique")]
    members.append(f'"errors":{encode(errors)}}}')
    return ",".join(members)


def _given(name: str, answers: dict[str, Any]) -> str:
    # An empty text says nothing: the pack's metadata stands.
    answer = answers.get(name, OPEN)
    return as_json(name, answer if answer is not OPEN and answer else OPEN)
