"""Mutants: what a rule's own test events become when somebody, or something, has had its hands on them.

In: one event and a seed. Out: a fixed number of changed events, the same for the same seed.
Separate because it knows nothing of rules and engines. A mutant keeps the event's shape but for one thing.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

# One member at the end of a path of keys and list indices.
Path = tuple[Any, ...]

_WRONG: tuple[Any, ...] = (0, 1, -1, 1.5, True, False, "", "x", "True", [], ["a"], [None], [{"a": 1}], {}, {"a": "b"})
_DRAWS = 4


def mutants(event: dict[str, Any], seed: str) -> list[dict[str, Any]]:
    """Return the mutants of `event`."""
    chance = random.Random(seed)
    changed = [_recased(event, str.lower), _recased(event, str.upper), _recased(event, str.swapcase)]
    for change in (_null, _missing, _wrong_type, _one_key, _listed):
        for _ in range(_DRAWS):
            mutant = copy.deepcopy(event)
            change(mutant, chance)
            changed.append(mutant)
    changed.append(_extra(copy.deepcopy(event), chance))
    return changed


def _recased(value: Any, case: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {case(key): _recased(child, case) for key, child in value.items()}
    return [_recased(child, case) for child in value] if isinstance(value, list) else value


def _paths(value: Any, above: Path = ()) -> list[Path]:
    """Return the paths of all members."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, child in pairs for path in [(*above, key), *_paths(child, (*above, key))]]


def _draw(event: dict[str, Any], chance: random.Random) -> tuple[Any, Any]:
    """Return a container and the key of one of its members."""
    *above, key = chance.choice(_paths(event))
    container: Any = event
    for step in above:
        container = container[step]
    return container, key


def _null(event: dict[str, Any], chance: random.Random) -> None:
    container, key = _draw(event, chance)
    container[key] = None


def _missing(event: dict[str, Any], chance: random.Random) -> None:
    container, key = _draw(event, chance)
    del container[key]


def _wrong_type(event: dict[str, Any], chance: random.Random) -> None:
    container, key = _draw(event, chance)
    container[key] = copy.deepcopy(chance.choice(_WRONG))


def _listed(event: dict[str, Any], chance: random.Random) -> None:
    container, key = _draw(event, chance)
    container[key] = [container[key]]


def _one_key(event: dict[str, Any], chance: random.Random) -> None:
    """Change the case of one key, or add a second one that differs only in case."""
    container, key = _draw(event, chance)
    if isinstance(key, str):
        other = key.swapcase()
        container[other] = container[key] if chance.random() < 0.5 else container.pop(key)


def _extra(event: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    containers = [event, *(child for child in _dictionaries(event))]
    for container in containers:
        container["extra"] = chance.choice(_WRONG)
        container["Überraschung 𝄞"] = {"": None, "deep": [[1, {"x": "y"}]]}
    return event


def _dictionaries(value: Any) -> list[dict[str, Any]]:
    children = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [
        found for child in children for found in ([child] if isinstance(child, dict) else []) + _dictionaries(child)
    ]
