"""Inline filters: conditions on a record that are judged before `rule()` is called.

In: the pack's statements `{target, operator, value}`, `{and}`, `{or}`, `{not}`. Out: one function from a raw record to
a bool, which raises for values that an operator cannot compare.
Separate because it is a language of its own. Names are case-sensitive here, other than in events: so it is in Panther.
"""

from __future__ import annotations

import operator

from iota_engine._paths import PathRefused, compile_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Test = Callable[[Any], bool]
    Operator = Callable[[Any, Any], bool]

_COMBINATORS = ("and", "or", "not")
_CONDITION_KEYS = frozenset({"target", "operator", "value"})


class FilterFailed(Exception):
    """A filter cannot be understood, or cannot judge this value."""


def compile_filters(statements: list[Any]) -> Test:
    """Return a function that is true when a record passes all statements; raises `FilterFailed`."""
    tests = [_compiled(statement) for statement in statements]
    return lambda record: all(test(record) for test in tests)


def _compiled(statement: Any) -> Test:
    if not isinstance(statement, dict):
        message = f"inline filter `{statement}` is not a mapping; write a condition or a combinator"
        raise FilterFailed(message)
    if not statement:
        return lambda _record: True
    if len(statement) == 1:
        name, inner = next(iter(statement.items()))
        if name in _COMBINATORS and isinstance(inner, list):
            return _combined(name, [_compiled(each) for each in inner])
    if not statement.keys() <= _CONDITION_KEYS or not statement.get("target") or not statement.get("operator"):
        message = f"inline filter `{statement}` needs `target` and `operator`, or one of `and`, `or`, `not`"
        raise FilterFailed(message)
    return _condition(str(statement["target"]), str(statement["operator"]), statement.get("value"))


def _combined(name: str, tests: list[Test]) -> Test:
    # Without parts each of them is true, as in Panther.
    if not tests:
        return lambda _record: True
    if name == "and":
        return lambda record: all(test(record) for test in tests)
    if name == "or":
        return lambda record: any(test(record) for test in tests)
    return lambda record: not any(test(record) for test in tests)


def _condition(target: str, name: str, value: Any) -> Test:
    try:
        look_up = compile_target(target)
    except PathRefused as error:
        raise FilterFailed(str(error)) from error
    negated = name.startswith("!") and name != "!="
    judge = _OPERATORS.get(name[1:] if negated else name)
    if judge is None or (negated and name[1:] not in _NEGATABLE):
        message = f"inline filter has the unknown operator `{name}`; use one of {', '.join(sorted(_OPERATORS))}"
        raise FilterFailed(message)
    if negated:
        return lambda record: not judge(look_up(record), value)
    return lambda record: judge(look_up(record), value)


def _ordered(compare: Callable[[Any, Any], bool], other: Callable[[Any, Any], bool]) -> Operator:
    """Return an order that is false for a missing value; `<=` asks for equality first, so that null equals null."""

    def judge(found: Any, value: Any) -> bool:
        if other is operator.eq and found == value:
            return True
        return found is not None and bool(compare(found, value))

    return judge


def _contains(found: Any, value: Any) -> bool:
    if found is None:
        return False
    if value in found:
        return True
    return isinstance(found, list) and isinstance(value, str) and any(value in item for item in found)


def _insensitive_contains(found: Any, value: Any) -> bool:
    lowered = [_lower(item) for item in found] if isinstance(found, list) else _lower(found)
    if isinstance(lowered, list):
        texts = [item for item in lowered if isinstance(item, str)]
        return _lower(value) in lowered or (isinstance(value, str) and any(value.lower() in text for text in texts))
    return _contains(lowered, _lower(value))


def _in(found: Any, value: Any) -> bool:
    # Of a list one item is enough.
    if isinstance(found, list) and isinstance(value, list):
        return any(item in value for item in found)
    return found in value


def _starts_with(found: Any, value: Any) -> bool:
    return isinstance(found, str) and isinstance(value, str) and found.startswith(value)


def _ends_with(found: Any, value: Any) -> bool:
    return isinstance(found, str) and isinstance(value, str) and found.endswith(value)


def _empty(found: Any, _value: Any) -> bool:
    return found is None or (isinstance(found, str | list | dict) and not found)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _network(value: Any) -> Any:
    # Imported at use: few rules filter by address.
    import ipaddress

    if isinstance(value, list):
        message = f"`{value}` is a list, expected an address or a network"
        raise FilterFailed(message)
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        message = f"`{value}` is no address and no network"
        raise FilterFailed(message) from error


def _within(inner: Any, outer: Any) -> bool:
    return inner.version == outer.version and bool(inner.subnet_of(outer))


def _in_cidr(found: Any, value: Any) -> bool:
    outer = _network(value)
    return found is not None and _within(_network(found), outer)


def _contains_ip(found: Any, value: Any) -> bool:
    outer = _network(value)
    if found is None:
        return False
    if not isinstance(found, list):
        message = f"`{found}` is not a list of addresses"
        raise FilterFailed(message)
    return any(_within(_network(item), outer) for item in found)


def _is_private(found: Any, *, wanted: bool) -> bool:
    import ipaddress

    return found is not None and ipaddress.ip_address(found).is_private is wanted


_OPERATORS: dict[str, Operator] = {
    "==": lambda found, value: bool(found == value),
    "!=": lambda found, value: bool(found != value),
    "<": _ordered(operator.lt, operator.ne),
    "<=": _ordered(operator.lt, operator.eq),
    ">": _ordered(operator.gt, operator.ne),
    ">=": _ordered(operator.gt, operator.eq),
    "contains": _contains,
    "in": _in,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "empty": _empty,
    "in_cidr": _in_cidr,
    "contains_ip": _contains_ip,
    "is_public": lambda found, _value: _is_private(found, wanted=False),
    "is_private": lambda found, _value: _is_private(found, wanted=True),
    "insensitive_equals": lambda found, value: bool(_lower(found) == _lower(value)),
    "insensitive_contains": _insensitive_contains,
    "insensitive_starts_with": lambda found, value: _starts_with(_lower(found), _lower(value)),
    "insensitive_ends_with": lambda found, value: _ends_with(_lower(found), _lower(value)),
}
_NEGATABLE = _OPERATORS.keys() - {"==", "!=", "<", "<=", ">", ">=", "is_public", "is_private"}
