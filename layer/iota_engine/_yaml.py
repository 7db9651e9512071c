"""YAML: reads metadata files the way Panther's own tools do.

In: bytes. Out: plain data, or a problem with its line.
Separate because it alone needs PyYAML, which no worker has; and because plain PyYAML reads `no` as false and `0644` as
420, while Panther, like YAML 1.2, takes only true and false as booleans and leaves times alone.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_RESOLVERS = (
    ("bool", re.compile(r"true|false", re.IGNORECASE), "tTfF"),
    ("int", re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+"), "-+0123456789"),
    ("float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?"), "-+.0123456789"),
    ("null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
)


class YamlMissing(Exception):
    """PyYAML is not installed."""


class YamlProblem(Exception):
    """A file is not YAML; `line` counts from one where it is known."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


class Reader:
    """A YAML reader. PyYAML is imported when one is made, so that a folder without YAML needs none."""

    def __init__(self) -> None:
        try:
            import yaml
        except ImportError as error:
            message = "PyYAML is not installed for this Python; run `pip install pyyaml`, or choose another `--python`"
            raise YamlMissing(message) from error
        self._yaml = yaml
        base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        # A class of its own: resolvers are kept per class, and PyYAML's must stay as they are.
        loader: Any = type("Loader", (base,), {"yaml_implicit_resolvers": {}})
        for tag, pattern, first in _RESOLVERS:
            anchored = re.compile(f"(?:{pattern.pattern})\\Z", pattern.flags)
            loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", anchored, list(first))
        loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<\Z"), ["<"])
        loader.add_constructor("tag:yaml.org,2002:int", _int)
        loader.add_constructor("tag:yaml.org,2002:bool", _bool)
        self._loader = loader

    def read(self, data: bytes, *, unique: bool = False) -> Any:
        """Return the one document in `data`. A key that is there twice is a problem if `unique` is asked for."""
        try:
            if unique:
                self._refuse_twins(self._yaml.compose(data, Loader=self._loader), set())
            return self._yaml.load(data, Loader=self._loader)
        except self._yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
            raise YamlProblem(f"not YAML: {problem}", mark.line + 1 if mark else None) from error
        except (ValueError, RecursionError, UnicodeError, TypeError) as error:
            raise YamlProblem(f"not YAML: {error}", None) from error

    def _refuse_twins(self, node: Any, visited: set[int]) -> None:
        # An alias is the node that it stands for, and may stand in itself.
        if id(node) in visited:
            return
        visited.add(id(node))
        if isinstance(node, self._yaml.SequenceNode):
            for item in node.value:
                self._refuse_twins(item, visited)
        if isinstance(node, self._yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if isinstance(key, self._yaml.ScalarNode):
                    if key.value in seen:
                        message = f"the key `{key.value}` is there twice; keep one"
                        raise YamlProblem(message, key.start_mark.line + 1)
                    seen.add(key.value)
                self._refuse_twins(value, visited)


def _int(loader: Any, node: Any) -> int:
    text: str = loader.construct_scalar(node)
    return int(text, 16) if text.lower().startswith("0x") else int(text)


def _bool(loader: Any, node: Any) -> bool:
    text: str = loader.construct_scalar(node)
    return text.lower() == "true"
