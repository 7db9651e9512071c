"""Inline filters at compile time: the YAML of `InlineFilters` becomes the statements that `_filters` runs.

In: what stands under `InlineFilters`. Out: a list of statements `{target, operator, value}`, `{and}`, `{or}`, `{not}`.
Separate because only the compiler sees YAML; a worker reads statements from the pack. Panther does this step in its
backend, so only conditions whose meaning is public are taken: any other fails the rule instead of being guessed.
"""

from __future__ import annotations

from iota_engine._filters import FilterFailed, compile_filters
from iota_engine._metadata import Unusable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COMBINATORS = {"All": "and", "Any": "or", "None": "not"}
_CONDITIONS = {
    "Equals": "==",
    "DoesNotEqual": "!=",
    "IsGreaterThan": ">",
    "IsGreaterThanOrEquals": ">=",
    "IsLessThan": "<",
    "IsLessThanOrEquals": "<=",
    "StartsWith": "starts_with",
    "DoesNotStartWith": "!starts_with",
    "EndsWith": "ends_with",
    "DoesNotEndWith": "!ends_with",
    "Contains": "contains",
    "DoesNotContain": "!contains",
    "IEquals": "insensitive_equals",
    "IContains": "insensitive_contains",
    "IStartsWith": "insensitive_starts_with",
    "IEndsWith": "insensitive_ends_with",
    "IsIn": "in",
    "IsNotIn": "!in",
    "IsNull": "==",
    "IsNotNull": "!=",
    "IsNullOrEmpty": "empty",
    "IsNotNullOrEmpty": "!empty",
    "IsIPAddressPublic": "is_public",
    "IsIPAddressPrivate": "is_private",
}
# Conditions that compare with nothing.
_WITHOUT_VALUE = frozenset(name for name in _CONDITIONS if name.startswith(("IsNull", "IsNotNull", "IsIPAddress")))
_KEYS = frozenset({"Key", "DeepKey", "KeyPath", "Condition", "Value", "Values"})


def translate_filters(found: Any) -> list[Any]:
    """Return the statements of `InlineFilters`; raises `Unusable` for what is not understood."""
    if found is None:
        return []
    if not isinstance(found, list):
        message = "`InlineFilters` is not a list; write `- All:` with conditions below"
        raise Unusable(message)
    # `- All: []`, which Panther's own editor leaves behind, says nothing.
    statements = [statement for statement in map(_statement, found) if statement not in ({}, {"and": []})]
    try:
        compile_filters(statements)
    except FilterFailed as error:
        raise Unusable(str(error)) from error
    return statements


def _statement(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        message = f"inline filter `{found}` is not a mapping; write `All:`, `Any:`, `None:` or a condition"
        raise Unusable(message)
    if len(found) == 1:
        name, inner = next(iter(found.items()))
        # YAML reads a bare `None:` as text, `null:` as null.
        if str(name) in _COMBINATORS and isinstance(inner, list):
            return {_COMBINATORS[str(name)]: [_statement(each) for each in inner]}
    condition = found.get("Condition")
    if found.keys() == {"Condition"} and condition == "AlwaysTrue":
        return {}
    if condition not in _CONDITIONS or not found.keys() <= _KEYS:
        message = f"inline filter `{found}` is not evaluated; use {', '.join(_CONDITIONS)} on `Key` or `DeepKey`"
        raise Unusable(message)
    value = None if condition in _WITHOUT_VALUE else found.get("Values", found.get("Value"))
    return {"target": _target(found), "operator": _CONDITIONS[str(condition)], "value": value}


def _target(found: dict[str, Any]) -> str:
    if "Key" in found:
        return _quoted(found["Key"])
    if "KeyPath" in found:
        return str(found["KeyPath"])
    keys = found.get("DeepKey")
    if not isinstance(keys, list) or not keys:
        message = f"inline filter `{found}` names no `Key`, `DeepKey` or `KeyPath`"
        raise Unusable(message)
    steps = [f"[{key}]" if type(key) is int else f".{_quoted(key)}" for key in keys]
    return "".join(steps).removeprefix(".")


def _quoted(key: Any) -> str:
    text = str(key)
    if '"' in text:
        message = f"inline filter has the key `{text}`; keys with a quote are not evaluated"
        raise Unusable(message)
    return text if text.isidentifier() and text.isascii() else f'"{text}"'
