"""Paths: the part of JSONPath (data models) and of JMESPath (inline filters) that rules use.

In: a path such as `$.responseElements.user.userName` or `resources[*].ARN`. Out: a function from a raw record to the
places, or to the value, that the path names. Names are case-sensitive.
Separate because it is a small language of its own: names, indices, `*`. Anything else is refused, never guessed.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Path = Callable[[Any], list[Any]]
    Target = Callable[[Any], Any]
    # A name, an index, or every child.
    Step = str | int | None

_NAME = r"""(?P<name>[A-Za-z_][\w]*) | "(?P<double>[^"\\]*)" """
_STEP = re.compile(
    rf"""\.?(?: {_NAME} | '(?P<single>[^'\\]*)' | (?P<star>\*) )
      | \.? \[ (?: "(?P<key>[^"\\]*)" | '(?P<key_single>[^'\\]*)' | (?P<index>-?\d+) | (?P<all>\*) ) \]""",
    re.VERBOSE | re.ASCII,
)
_TARGET_STEP = re.compile(rf"\.?(?: {_NAME} ) | \[ (?: (?P<index>-?\d+) | (?P<all>\*) ) \]", re.VERBOSE | re.ASCII)
_GROUPS = ("name", "double", "single", "key", "key_single")


class PathRefused(Exception):
    """A path uses a part of its language that this engine does not have."""


def compile_path(text: str) -> Path:
    """Return a function that lists every place in a record which the JSONPath `text` names."""
    rest = text.strip()
    if rest.startswith("$"):
        rest = rest[1:]
        if rest and rest[0] not in ".[":
            raise _refused(text, rest)
    steps = _steps(text, rest.removeprefix("."), _STEP)

    def places(record: Any) -> list[Any]:
        found = [record]
        for step in steps:
            found = [child for place in found for child in _children(place, step)]
        return found

    return places


def compile_target(text: str) -> Target:
    """Return a function that gives the value of the JMESPath `text` in a record, None where there is none."""
    steps = _steps(text, text.strip(), _TARGET_STEP)
    return lambda record: _value(record, steps)


def _steps(text: str, rest: str, pattern: re.Pattern[str]) -> list[Step]:
    steps: list[Step] = []
    while rest:
        match = pattern.match(rest)
        # A name follows a dot, except at the start.
        if match is None or (not rest.startswith("[") and bool(steps) != rest.startswith(".")):
            raise _refused(text, rest)
        steps.append(_step(match))
        rest = rest[match.end() :]
    return steps


def _refused(text: str, rest: str) -> PathRefused:
    return PathRefused(f"path `{text}` is not understood at `{rest}`; use names, `[0]` and `[*]` only")


def _step(match: re.Match[str]) -> Step:
    found = match.groupdict()
    if found["index"] is not None:
        return int(found["index"])
    return next((found[group] for group in _GROUPS if found.get(group) is not None), None)


def _children(place: Any, step: Step) -> list[Any]:
    if isinstance(place, dict):
        if step is None:
            return list(place.values())
        return [place[step]] if isinstance(step, str) and step in place else []
    if isinstance(place, list):
        if step is None:
            return place
        return [place[step]] if isinstance(step, int) and -len(place) <= step < len(place) else []
    return []


def _value(value: Any, steps: list[Step]) -> Any:
    for number, step in enumerate(steps):
        if step is None:
            # `[*]` applies the rest to every item of a list, and leaves nulls out.
            if not isinstance(value, list):
                return None
            found = (_value(item, steps[number + 1 :]) for item in value)
            return [item for item in found if item is not None]
        children = _children(value, step)
        if not children:
            return None
        value = children[0]
    return value
