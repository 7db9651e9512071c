"""The organisation's own files, `site.yml` and `exceptions.yml`: where they lie, and how what is wrong is told.

In: the rules folders. Out: the one file of a name that says something, parsed; and `Problems`, a collector.
Separate because both files are found, read and refused alike: a key that is passed by could silence a detection.
"""

from __future__ import annotations

from contextlib import contextmanager
from difflib import get_close_matches

from iota_engine._yaml import Reader, YamlProblem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any

    from iota_engine._tree import Tree

SITE, EXCEPTIONS = "site.yml", "exceptions.yml"
OWN_FILES = (SITE, EXCEPTIONS)


class NotRight(Exception):
    """One of these files is wrong; the text names everything that is, one to a line."""


def own_file(name: str, folders: Iterable[Path], tree: Tree) -> tuple[Path | None, Any]:
    """Return the file `name` that lies in one of the folders and says something, and what it says.

    A vendored pack brings its own, with nothing in it; two that both say something would hide each other.
    """
    found: list[tuple[Path, Any]] = []
    for folder in folders:
        other = (folder / name).with_suffix(".yaml")
        if other.is_file():
            message = f"`{tree.name(other)}` is not read under this name; call it `{name}`"
            raise NotRight(message)
        file = folder / name
        if file.is_file() and (document := _document(file, tree)) is not None:
            found.append((file, document))
    if len(found) > 1:
        both = " and ".join(f"`{tree.name(file)}`" for file, _ in found)
        message = f"{both} both say something, and only one can count; empty the one that is not yours"
        raise NotRight(message)
    return found[0] if found else (None, None)


def _document(file: Path, tree: Tree) -> Any:
    try:
        return Reader().read(tree.read(file), unique=True)
    except YamlProblem as problem:
        line = f":{problem.line}" if problem.line else ""
        message = f"`{tree.name(file)}{line}`: {problem}"
        raise NotRight(message) from problem


class Problems:
    """Collects what is wrong in one file, so that it is told at once."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._told: list[str] = []

    def text(self, message: str, where: str = "") -> str:
        """Return a message with its place."""
        return f"`{self._file}`: " + (f"`{where}`: " if where else "") + message

    def tell(self, message: str, where: str = "") -> None:
        """Note a problem."""
        self._told.append(self.text(message, where))

    @contextmanager
    def at(self, where: str) -> Iterator[None]:
        """Note a `ValueError` from inside as a problem at `where`."""
        try:
            yield
        except ValueError as error:
            self.tell(str(error), where)

    def only(self, mapping: dict[Any, Any], known: Iterable[str], where: str) -> None:
        """Note keys that are not known."""
        names = sorted(known)
        for key in mapping:
            if key not in names:
                self.tell(f"unknown key `{key}`; {meant(key, names)}", where)

    def mapping(self, found: object, where: str) -> dict[Any, Any]:
        """Return a mapping, an empty one for nothing."""
        if isinstance(found, dict):
            return found
        if found is not None:
            self.tell("is not a mapping; write `key: value` below it", where)
        return {}

    def items(self, found: object, where: str) -> list[Any]:
        """Return a list, an empty one for nothing."""
        if isinstance(found, list):
            return found
        if found is not None:
            self.tell("is not a list; write it as `- one` per line", where)
        return []

    def raise_any(self) -> None:
        """Raise if there are problems."""
        if self._told:
            raise NotRight("\n".join(self._told))


def meant(word: object, known: Iterable[str]) -> str:
    """Return which of the known words was meant, or which there are."""
    names = sorted(known)
    few = 20
    near = get_close_matches(str(word), names, n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"use one of {', '.join(f'`{name}`' for name in names)}" if len(names) <= few else "there is none such"
