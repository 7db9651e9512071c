"""Answers: what a rule's other functions say about a match, checked and bounded.

In: a loaded rule and an event. Out: one checked value per function, or the reason why there is none.
Separate from `_evaluate`, which decides what a failed answer becomes: a default in a batch, a failure in a test.
"""

from __future__ import annotations

from collections.abc import Mapping

from iota_engine._clock import calls_rules
from iota_engine._context import encode
from iota_engine._failure import WrongType, name_of
from iota_engine._rule import SEVERITIES
from iota_engine._text import exact, quote, truncated, valid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from iota_engine._event import Event
    from iota_engine._rule import Rule

MAX_DESTINATIONS = 10
# Panther's word for "tell nobody", which an empty list becomes.
_SKIP = ["SKIP"]

# What stands for "the rule left it open": the default applies, and nothing is wrong.
OPEN: Any = object()


def ask(rule: Rule, name: str, event: Event) -> Any:
    """Call one function of a loaded rule.

    Returns a `str`, a list of `str` (destinations), JSON text (alert_context), or `OPEN`.
    Raises whatever the function raises, and `WrongType` for an answer of the wrong type.
    """
    function = rule.answers[name]
    takes_event = rule.is_panther or name != "severity" or _takes_argument(function)
    return _CHECKS[name](rule, name, _call(function, event) if takes_event else _call(function))


@calls_rules
def _call(function: Callable[..., Any], *arguments: Event) -> Any:
    return function(*arguments)


@calls_rules
def _takes_argument(function: Any) -> bool:
    """Tell whether `severity` wants the event; iota's form allows both."""
    code = getattr(function, "__code__", None)
    return code is None or code.co_argcount > 0 or bool(code.co_flags & 0x04)  # 0x04: it has `*args`


# The checks ask `type(value)`: `isinstance` would ask the value itself, by its `__class__`.
def _text(rule: Rule, name: str, value: Any) -> Any:
    if value is None and not rule.is_panther:
        return OPEN
    if not issubclass(type(value), str):
        raise _wrong(rule, name, value, "str")
    return valid(truncated(exact(value)))


def _severity(rule: Rule, name: str, value: Any) -> Any:
    if value is None and not rule.is_panther:
        return OPEN
    if not issubclass(type(value), str):
        raise _wrong(rule, name, value, "str")
    word = exact(value).upper()
    if word == "DEFAULT":
        return OPEN
    if word not in SEVERITIES:
        message = (
            f"`severity` returned `{valid(truncated(exact(value)))}`, use one of INFO, LOW, MEDIUM, HIGH, CRITICAL"
        )
        raise WrongType(message, rule.path)
    return word


def _destinations(rule: Rule, name: str, value: Any) -> Any:
    if value is None:
        return OPEN
    if type(value) is not list:
        raise _wrong(rule, name, value, "list")
    names = []
    for item in value:
        if not issubclass(type(item), str):
            raise _wrong(rule, name, item, "list of str")
        names.append(valid(truncated(exact(item))))
    if len(set(names)) < len(names):
        message = "`destinations` named one destination twice; name each once"
        raise WrongType(message, rule.path)
    return names[:MAX_DESTINATIONS] or _SKIP


@calls_rules
def _context(rule: Rule, name: str, value: Any) -> Any:
    if value is None and not rule.is_panther:
        return OPEN
    if not issubclass(type(value), Mapping):
        raise _wrong(rule, name, value, "Mapping")
    return encode(value)


def _wrong(rule: Rule, name: str, value: Any, expected: str) -> WrongType:
    return WrongType(f"`{name}` of `{rule.id}` returned `{name_of(type(value))}`, expected `{expected}`", rule.path)


_CHECKS: dict[str, Callable[[Rule, str, Any], Any]] = {
    "title": _text,
    "description": _text,
    "reference": _text,
    "severity": _severity,
    "runbook": _text,
    "destinations": _destinations,
    "dedup": _text,
    "alert_context": _context,
    "unique": _text,
}


def as_json(name: str, answer: Any) -> str:
    """Return an answer of `ask` as JSON text."""
    if answer is OPEN:
        return "null"
    if name == "alert_context":
        return str(answer)
    if name == "destinations":
        return "[" + ",".join(map(quote, answer)) + "]"
    return quote(answer)
