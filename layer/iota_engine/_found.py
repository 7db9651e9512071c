"""What discovery found: rules, helpers, data models, and the two lists of what is no rule.

In: one finding at a time. Out: the lists, ready for the pack and the report.
Separate because several stages of the compiler add to it, and all must word places alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from iota_engine._site import Site
from iota_engine._site_module import MODULE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from pathlib import Path
    from typing import Any

    from iota_engine._tree import Tree

    Told = dict[str, Any]


@dataclass
class Candidate:
    """A rule that may go into the pack."""

    file: Path
    yaml: Path | None
    document: dict[str, Any]
    entry: dict[str, Any]
    enabled: bool
    syntax: ast.Module
    # Why it is left out where it is not enabled.
    off: str = "`Enabled` is false"

    @property
    def files(self) -> list[Path]:
        """The files it consists of, in the order of its digest."""
        return [self.file] if self.yaml is None else [self.file, self.yaml]


@dataclass
class Found:
    """All findings of one compilation."""

    tree: Tree
    rules: list[Candidate] = field(default_factory=list)
    data_models: list[dict[str, Any]] = field(default_factory=list)
    site: Site = field(default_factory=Site)
    exceptions_file: Path | None = None
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    # Helpers and data models: files that rules read, and the folders that their imports start from.
    support: list[Path] = field(default_factory=list)
    helper_folders: list[Path] = field(default_factory=list)
    failed: list[Told] = field(default_factory=list)
    listed: list[Told] = field(default_factory=list)

    def fail(self, file: Path, reason: str, name: object = None, line: int | None = None) -> None:
        """Tell of a file that looks like a rule and cannot be one."""
        self.failed.append({"id": _text(name), "path": self.tree.name(file), "line": line, "reason": reason})

    def list(self, file: Path, reason: str, name: object = None) -> None:
        """Tell of a file that is no rule, and why."""
        self.listed.append({"id": _text(name), "path": self.tree.name(file), "reason": reason})

    def helper(self, file: Path, root: Path | None = None) -> None:
        """Take in a module that rules may import: by its own name, and by its path below `root`."""
        try:
            self.tree.read(file)
        except OSError as error:
            self.fail(file, f"cannot be read: {error.strerror}")
            return
        if file.stem == MODULE:
            # Panther's tools need a file of this name.
            self.list(file, "what `import iota_site` finds is made of `site.yml`")
            return
        if file not in self.support:
            self.support.append(file)
        folder = file.parent
        # The modules of a package are found through the package.
        while self.tree.has(folder / "__init__.py"):
            folder = folder.parent
        for start in (folder, root):
            if start is not None and start not in self.helper_folders:
                self.helper_folders.append(start)


def _text(name: object) -> str | None:
    return name if isinstance(name, str) else None
