"""Discovery: which files of a rules folder are rules, and why each other one is not.

In: the folders and their files. Out: `Found`: candidate rules, data models, helpers, and the lists failed and listed.
Separate from `_compile`, which turns candidates into a pack. Nothing is skipped in silence: a file that looks like a
rule ends in exactly one of the three.
"""

from __future__ import annotations

from os.path import normpath
from pathlib import Path

from iota_engine import _metadata
from iota_engine._found import Candidate, Found
from iota_engine._models import add_data_model
from iota_engine._own_files import OWN_FILES
from iota_engine._syntax import NotPython, parse, top_level_names
from iota_engine._sys_path import folders_named
from iota_engine._tree import HELPERS, MODELS, TESTS, YAML_SUFFIXES
from iota_engine._yaml import Reader, YamlProblem

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from typing import Any

    from iota_engine._tree import Tree

_NO_RULES_IN = frozenset({HELPERS, MODELS, TESTS})


class Discovery:
    """Walks folders and sorts what it meets."""

    def __init__(self, tree: Tree) -> None:
        self.found = Found(tree)
        self._tree = tree
        self._reader: Reader | None = None
        # `.py` files that belong to a YAML with `AnalysisType`: they are no rules of iota's form.
        self._owned: set[Path] = set()
        # YAML without `AnalysisType`, by its path without suffix: metadata of the rule of the same stem.
        self._beside: dict[Path, tuple[Path, dict[str, Any]]] = {}

    def rules_folder(self, folder: Path) -> None:
        """Take in a folder of rules, and the helpers and data models that lie in it or in the nearest parent."""
        own = {folder / name for name in OWN_FILES}
        files = [file for file in self._tree.walk(folder) if file not in own]
        self._beside.clear()
        for file in files:
            if file.suffix in YAML_SUFFIXES:
                self._yaml_file(folder, file)
        for file in files:
            if file.suffix == ".py" and file.resolve() not in self._owned:
                self._python_file(folder, file)
        for stem, (file, document) in self._beside.items():
            self.found.list(
                file, f"has no `AnalysisType`, and no rule `{stem.name}.py` beside it", document.get("RuleID")
            )
        self._tell_twin_helpers(folder)
        for name in (HELPERS, MODELS):
            near = self._tree.nearest_parent(folder, name)
            if near is not None:
                self.helper_folder(near)
        for beside in self._named_beside(folder):
            self.helper_folder(beside)

    def _named_beside(self, folder: Path) -> list[Path]:
        """Return folders beside `folder` that its rules add to `sys.path`; the rest of the disk is none of theirs."""
        named = {
            place
            for rule in self.found.rules
            if rule.file.is_relative_to(folder)
            for place in folders_named(rule.syntax, rule.file)
        }
        return sorted(
            place for place in named if place.is_relative_to(folder.parent) and not place.is_relative_to(folder)
        )

    def helper_folder(self, folder: Path) -> None:
        """Take in helpers and data models: of `folder` itself, and of `global_helpers` and `data_models` in it."""
        self._tree.add_folder(folder)
        files = self._tree.files(folder)
        for deep in (folder, folder / HELPERS, folder / MODELS):
            if deep.name in (HELPERS, MODELS):
                files += self._tree.walk(deep)
        for file in sorted(set(files)):
            if file.suffix in YAML_SUFFIXES:
                # Helper folders hold YAML of every kind: only what speaks of data models is worth parsing.
                document = self._document(file) if b"datamodel" in self._tree.read(file) else None
                if isinstance(document, dict) and document.get("AnalysisType") == "datamodel":
                    add_data_model(self.found, file, document)
            elif file.suffix == ".py" and not {MODELS, TESTS}.intersection(
                (folder.name, *file.relative_to(folder).parts)
            ):
                self.found.helper(file)

    def _tell_twin_helpers(self, folder: Path) -> None:
        """Tell of helpers that hide each other: `import` finds one by its name, whatever folder the rule is in."""
        seen: dict[str, Path] = {}
        for file in self.found.support:
            if file.suffix != ".py" or not file.is_relative_to(folder) or (file.parent / "__init__.py").is_file():
                continue
            first = seen.setdefault(file.stem, file)
            if self._tree.read(first) != self._tree.read(file):
                self.found.fail(file, f"hidden by the helper `{self._tree.name(first)}` of the same name; rename one")

    def _yaml_file(self, folder: Path, file: Path) -> None:
        python = file.with_suffix(".py")
        document = self._document(file)
        if document is _BROKEN:
            # Whatever form the rule beside it has, without its metadata it would be another rule.
            self._owned.add(python.resolve())
            return
        if document is None:
            document = {}
        if not isinstance(document, dict):
            if python.is_file():
                self.found.fail(file, "is not a mapping; write `Severity: High` and the like")
                self._owned.add(python.resolve())
            return
        kind = document.get("AnalysisType")
        kind = kind.lower() if isinstance(kind, str) else kind
        if kind is None:
            self._without_kind(file, document)
            return
        filename = document.get("Filename")
        if isinstance(filename, str) and kind != "global":
            self._owned.add((file.parent / filename).resolve())
        if kind == "rule":
            self._panther_rule(folder, file, document)
        elif kind == "datamodel":
            add_data_model(self.found, file, document)
        else:
            self.found.list(file, f"`AnalysisType: {kind}` is not evaluated", document.get("RuleID"))

    def _without_kind(self, file: Path, document: dict[str, Any]) -> None:
        has_python = file.with_suffix(".py").is_file()
        if file.name in OWN_FILES and not has_python:
            self.found.fail(file, "counts only at the top of a folder of rules; move it there")
        elif has_python or "RuleID" in document:
            self._beside[file.with_suffix("")] = (file, document)

    def _document(self, file: Path) -> Any:
        if self._reader is None:
            self._reader = Reader()
        try:
            return self._reader.read(self._tree.read(file))
        except YamlProblem as problem:
            self.found.fail(file, str(problem), line=problem.line)
        except OSError as error:
            self.found.fail(file, f"cannot be read: {error.strerror}")
        return _BROKEN

    def _panther_rule(self, folder: Path, file: Path, document: dict[str, Any]) -> None:
        name = document.get("RuleID")
        try:
            log_types = _metadata.texts(document, "LogTypes")
            if _metadata.CLOUDTRAIL not in log_types:
                said = ", ".join(log_types) or "empty"
                self.found.list(file, f"`LogTypes` is {said}, without `{_metadata.CLOUDTRAIL}`", name)
                return
            _metadata.only_panthers(document)
            filename = document.get("Filename")
            if not isinstance(filename, str):
                reason = "`Filename` is missing; name the rule's `.py` there (a `Detection` in YAML is not evaluated)"
                self.found.fail(file, reason, name)
                self._owned.add(file.with_suffix(".py").resolve())
                return
            python = Path(normpath(file.parent / filename))
            if not python.resolve().is_relative_to(folder.resolve()):
                reason = f"`Filename: {filename}` leaves the rules folder; put the file beside its YAML"
                self.found.fail(file, reason, name)
                self._owned.add(file.with_suffix(".py").resolve())
                return
            self._candidate(python, file, document, "panther")
        except _metadata.Unusable as problem:
            self.found.fail(file, str(problem), name)

    def _python_file(self, folder: Path, file: Path) -> None:
        inside = _NO_RULES_IN.intersection(file.relative_to(folder).parts[:-1])
        if file.name.startswith("_") or inside:
            self.found.list(file, f"lies in `{min(inside)}`" if inside else "name starts with `_`")
            if not inside & {MODELS, TESTS}:
                self.found.helper(file, None if inside else folder)
            return
        try:
            syntax = parse(self._tree.read(file), str(file))
        except NotPython as problem:
            self._beside.pop(file.with_suffix(""), None)
            self.found.fail(file, str(problem), line=problem.line)
            return
        except OSError as error:
            self.found.fail(file, f"cannot be read: {error.strerror}")
            return
        if "rule" not in top_level_names(syntax):
            self.found.list(file, "defines no `rule`")
            self.found.helper(file, folder)
            return
        yaml, document = self._beside.pop(file.with_suffix(""), (None, {}))
        try:
            _metadata.only_known(document)
            self._add(file, yaml, document, "iota", syntax)
        except _metadata.Unusable as problem:
            self.found.fail(yaml or file, str(problem), document.get("RuleID"))

    def _candidate(self, file: Path, yaml: Path, document: dict[str, Any], form: str) -> None:
        name = document.get("RuleID")
        try:
            syntax = parse(self._tree.read(file), str(file))
        except NotPython as problem:
            self.found.fail(file, str(problem), name, problem.line)
        except OSError as error:
            self.found.fail(yaml, f"`Filename: {document['Filename']}` cannot be read: {error.strerror}", name)
        else:
            if "rule" in top_level_names(syntax):
                self._add(file, yaml, document, form, syntax)
            else:
                self.found.fail(file, "defines no `rule`; add `def rule(event):`", name)

    def _add(self, file: Path, yaml: Path | None, document: dict[str, Any], form: str, syntax: ast.Module) -> None:
        entry = _metadata.entry(document, form=form, stem=file.stem)
        enabled = _metadata.flag(document, "Enabled")
        self.found.rules.append(Candidate(file, yaml, document, entry, enabled, syntax))


_BROKEN: Any = object()
