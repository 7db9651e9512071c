"""The tree: which files there are, and how the pack names them.

In: the folders of the command line. Out: sorted files, pack paths, and the bytes and digests of files.
Separate because each file is read exactly once: what is compiled, hashed and bundled are the same bytes.
"""

from __future__ import annotations

import os
from pathlib import Path

from iota_engine._digest import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

HELPERS, MODELS, TESTS = "global_helpers", "data_models", "tests"
YAML_SUFFIXES = frozenset({".yml", ".yaml"})


class Tree:
    """The files of one compilation."""

    def __init__(self, base: Path, *, bundled: bool) -> None:
        """Start with no files; the pack's relative paths start from `base`."""
        self._base = base
        self._bundled = bundled
        self._data: dict[Path, bytes] = {}
        # Where the folders outside `base` go in a bundle.
        self._outside: dict[Path, str] = {}
        # What was looked at besides: the names in folders, folders that are not there, and whether a file refused.
        self._names: dict[Path, list[str]] = {}
        self._missing: set[Path] = set()
        self._refused = False

    def read(self, file: Path) -> bytes:
        """Return the content of `file`, as it was when it was read first."""
        if file not in self._data:
            try:
                self._data[file] = file.read_bytes()
            except OSError:
                self._refused = True
                raise
        return self._data[file]

    def walk(self, folder: Path) -> Iterator[Path]:
        """Yield the files below `folder`, sorted, without hidden ones and caches."""
        if not folder.is_dir():
            self._missing.add(folder)
        for parent, folders, names in os.walk(folder):
            self._names[Path(parent)] = [*folders, *names]
            folders[:] = sorted(filter(_is_seen, folders))
            yield from (Path(parent, name) for name in sorted(filter(_is_seen, names)))

    def files(self, folder: Path) -> list[Path]:
        """Return the files in `folder` itself, sorted."""
        self._names[folder] = names = os.listdir(folder)
        return [folder / name for name in sorted(names) if (folder / name).is_file()]

    def nearest_parent(self, folder: Path, name: str) -> Path | None:
        """Return the folder `name` in the nearest parent of `folder` that holds one."""
        for parent in folder.parents:
            if (parent / name).is_dir():
                return parent / name
            self._missing.add(parent / name)
        return None

    def has(self, file: Path) -> bool:
        """Tell whether a file is there."""
        found = file.is_file()
        if not found:
            self._missing.add(file)
        return found

    def inputs(self) -> dict[str, Any] | None:
        """Return what the compilation depends on, as it was found; None if that cannot be told."""
        found = {
            "files": {str(file): sha256(data) for file, data in self._data.items()},
            "folders": {str(folder): _digest_of_names(names) for folder, names in self._names.items()},
            "missing": sorted(map(str, self._missing)),
        }
        # A name that is no Unicode cannot be told in JSON.
        is_told = all(name.isprintable() for names in found.values() for name in names)
        return found if is_told and not self._refused else None

    def add_folder(self, folder: Path) -> None:
        """Make room in a bundle for a folder that does not lie in `base`."""
        if folder.is_relative_to(self._base) or folder in self._outside:
            return
        taken = set(self._outside.values())
        stem = folder.name or "root"
        name, number = stem, 1
        while name in taken or (self._base / name).exists():
            number += 1
            name = f"{stem}-{number}"
        self._outside[folder] = name

    def name(self, file: Path) -> str:
        """Return the path of a file or folder as the pack has it."""
        if file.is_relative_to(self._base):
            return file.relative_to(self._base).as_posix()
        if self._bundled:
            for folder, name in self._outside.items():
                if file.is_relative_to(folder):
                    return (Path(name) / file.relative_to(folder)).as_posix()
        return file.as_posix()

    def digest(self, file: Path) -> str:
        """Return the digest of a file."""
        return sha256(self.read(file))

    def digests(self, files: Iterable[Path]) -> dict[str, str]:
        """Return the digests of `files` by the pack's names for them, sorted."""
        return dict(sorted((self.name(file), self.digest(file)) for file in set(files)))

    def materialise(self, files: Iterable[Path], folder: Path) -> Path:
        """Return a folder where the pack's relative paths lead to files: `base` itself, or a copy like the bundle."""
        if not self._bundled:
            return self._base
        self.copy(files, folder)
        return folder

    def copy(self, files: Iterable[Path], folder: Path) -> None:
        """Write `files` below `folder`, under the pack's names for them."""
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            target = folder / self.name(file)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.read(file))


def _is_seen(name: str) -> bool:
    return not name.startswith(".") and name != "__pycache__"


def _digest_of_names(names: list[str]) -> str:
    return sha256(b"\0".join(sorted(os.fsencode(name) for name in names if _is_seen(name))))
