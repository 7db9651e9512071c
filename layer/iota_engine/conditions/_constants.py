"""Constants: what is made of constants alone, as Python makes it.

In: Python objects that are the same for every event. Out: more of them. What Python makes in an order that is
another one in the next process, or of objects that only stand for something, is left unknown.
"""

from __future__ import annotations

from iota_engine.conditions._values import Const, Raised, Several, Stream, Unknown, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Callable
    from typing import Any

    from iota_engine.conditions._follow import Frame

_MAX_CONST = 5000
_EXACT = 10**15
_LARGEST = 1e300
_TYPES = (str, int, float, bool, list, tuple, dict, set, frozenset, type(None))


class View(list[object]):
    """What a dict's `keys`, `values` or `items` give: to be walked through or looked into, and nothing else."""

    is_hashed = False


def keys_of(mapping: dict[Any, Any]) -> View:
    """Return a dict's keys."""
    found = View(mapping)
    found.is_hashed = True
    return found


def scalar(value: object) -> bool:
    """Tell whether a constant can be written in a condition and compares there as in Python."""
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str):
        return value.isascii()
    if isinstance(value, int):
        return abs(value) < _EXACT
    return isinstance(value, float) and abs(value) < _LARGEST


def constant(value: object) -> bool:
    """Tell whether a step can take a constant as its default."""
    if isinstance(value, dict):
        return not value
    return scalar(value) or (type(value) is list and all(map(scalar, value)))


def loose(value: object) -> bool:
    """Tell whether walking through a constant gives another order in another process."""
    return isinstance(value, set | frozenset) and len(value) > 1


def solid(value: object) -> bool:
    """Tell whether a constant is all there: no order is missing, nothing in it only stands for something."""
    if isinstance(value, dict):
        return all(map(solid, value)) and all(map(solid, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return not loose(value) and all(map(solid, value))
    return type(value) in _TYPES


def compares(value: object) -> bool:
    """Tell whether a constant compares as Python would compare it."""
    if isinstance(value, dict):
        return all(map(compares, value)) and all(map(compares, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return not isinstance(value, View) and all(map(compares, value))
    return type(value) in _TYPES


def folded(make: Callable[[], Any], of: Const, frame: Frame, node: ast.AST) -> Value:
    """Return a constant that is made of constants, as Python makes it."""
    try:
        made = make()
    except Exception:  # noqa: BLE001  # whatever Python raises here, it raises for every event
        return Raised()
    if isinstance(made, Value):
        return made
    if isinstance(made, str | list | tuple | set | frozenset | dict) and len(made) > _MAX_CONST:
        return frame.unknown(node, "a constant that is too large")
    return Const(made, of.shared)


def items_of(value: Value) -> list[Value] | None:
    """Return the items of a collection that is not the event's; None where they cannot be told."""
    if isinstance(value, Stream):
        return items_of(value.of)
    if isinstance(value, Several):
        return list(value.items)
    if isinstance(value, Const) and isinstance(value.value, str | list | tuple | set | frozenset | dict):
        return [
            member if isinstance(member, Value) else Const(member, value.shared and not scalar(member))
            for member in ordered(value.value)
        ]
    return None


def is_loose(value: Value) -> bool:
    """Tell whether a collection has no order that could be told."""
    return is_loose(value.of) if isinstance(value, Stream) else isinstance(value, Const) and loose(value.value)


def ordered(values: Any) -> list[Any]:
    """Return the members of a collection; those of a set in an order that is the same every time."""
    if isinstance(values, set | frozenset):
        return sorted(values, key=lambda each: (type(each).__name__, repr(each)))
    return list(values)


def ordered_items(value: Value) -> list[Value] | None:
    """Return the items of a collection that has an order."""
    return None if is_loose(value) else items_of(value)


def collected(kind: type[Any], values: list[Value], frame: Frame, node: ast.AST) -> Value:
    """Return a list, tuple or set of values."""
    values = [frame.unknown(node, "an iterator that is kept") if isinstance(each, Stream) else each for each in values]
    if all(isinstance(value, Const) for value in values):
        try:
            return Const(kind(value.value for value in values if isinstance(value, Const)))
        except TypeError:
            return Raised()
    if kind is set:
        return frame.unknown(node, "a set of values that are not constant")
    return Several(tuple(values), is_list=kind is list)


def unpacked(value: Value, frame: Frame, node: ast.AST) -> list[Value] | Unknown:
    """Return what `*value` gives."""
    items = ordered_items(value)
    return frame.unknown(node, "an unpacked value that is not constant") if items is None else items
