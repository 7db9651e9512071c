"""Loading: source files become modules, but only files that the pack knows, byte for byte.

In: the pack's `files` and `paths`. Out: module namespaces of rules, and helper modules for their imports.
Separate because every byte of rule code enters here: what is compiled is what was hashed, nothing is read twice.
"""

from __future__ import annotations

import builtins
import os
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from iota_engine._clock import calls_rules
from iota_engine._digest import sha256
from iota_engine._failure import LoadFailed, place_of, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType
    from typing import Any

# Listed once: a module whose absence a rule author mends in `requirements.txt` is not one of Python's own.
_STDLIB = sys.stdlib_module_names
_join, _isabs = os.path.join, os.path.isabs

# Rules get a copy of `builtins`, by `import builtins` too: one that replaces `len` breaks rules, not the engine.
_RULE_BUILTINS = ModuleType("builtins")
_RULE_BUILTINS.__dict__.update(vars(builtins))


def give_rules_own_builtins() -> None:
    """Let `import builtins` find the copy that rules run with."""
    sys.modules["builtins"] = _RULE_BUILTINS


class Sources:
    """The files of a pack, read through their digests."""

    def __init__(self, root: str, files: dict[str, str], paths: list[str], made: dict[str, str]) -> None:
        """`root` is the folder that relative paths start from; `made` are modules that the pack itself carries."""
        self._made = {f"<{name}>": text for name, text in made.items()}
        self._root = root
        self._files = files
        self._paths = paths
        # Code file name -> path as the pack has it, for naming the place of an exception.
        self.names: dict[str, str] = {}

    def code(self, path: str) -> CodeType:
        """Return the compiled file `path`; raises `LoadFailed` when it cannot be had."""
        if path in self._made:
            # The pack's own digest vouches for it.
            self.names[path] = path
            return compile(self._made[path], path, "exec", dont_inherit=True)
        expected = self._files.get(path)
        if expected is None:
            message = f"`{path}` is not in the rulepack; run `iota compile` again"
            raise LoadFailed(message, path)
        place = path if _isabs(path) else _join(self._root, path)
        try:
            with open(place, "rb") as file:
                data = file.read()
        except OSError as error:
            message = f"cannot read `{path}`: {error.strerror}; deploy the rules beside their rulepack"
            raise LoadFailed(message, path) from error
        if sha256(data) != expected:
            message = f"`{path}` was changed after the rulepack was made; run `iota compile` again"
            raise LoadFailed(message, path)
        self.names[place] = path
        try:
            return compile(data, place, "exec", dont_inherit=True)
        except SyntaxError as error:
            raise LoadFailed(f"{type(error).__name__}: {error.msg}", path, error.lineno) from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise LoadFailed(summary(error), path) from error

    def find(self, name: str) -> tuple[str | None, bool] | None:
        """Return the path of the helper module `name` and whether it is a package; a bare folder has no path."""
        if f"<{name}>" in self._made:
            return f"<{name}>", False
        relative = name.replace(".", "/")
        stems = [relative if folder == "." else f"{folder}/{relative}" for folder in self._paths]
        for stem in stems:
            if f"{stem}/__init__.py" in self._files:
                return f"{stem}/__init__.py", True
            if f"{stem}.py" in self._files:
                return f"{stem}.py", False
        folders = tuple(f"{stem}/" for stem in stems)
        return (None, True) if any(path.startswith(folders) for path in self._files) else None


class Helpers:
    """Finder and loader of helper modules. It stands last on `sys.meta_path`: no helper hides a library."""

    def __init__(self, sources: Sources, loaded: Callable[[str, dict[str, Any]], None]) -> None:
        """Tell `loaded` of every helper once its code has run."""
        self._sources = sources
        self._loaded = loaded

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a helper, None for any other module."""
        found = self._sources.find(name)
        if found is None:
            return None
        path, is_package = found
        return ModuleSpec(name, self if path else None, origin=path, is_package=is_package)  # type: ignore[arg-type]

    def create_module(self, _spec: ModuleSpec) -> None:
        """Leave the making of the module to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a helper's code in its module."""
        spec = module.__spec__
        if spec is None or spec.origin is None:
            message = f"helper `{module.__name__}` has lost its place"
            raise ImportError(message)
        code = self._sources.code(spec.origin)
        module.__file__ = code.co_filename
        module.__dict__["__builtins__"] = vars(_RULE_BUILTINS)
        _run(code, module.__dict__)
        self._loaded(module.__name__, module.__dict__)


def load_module(sources: Sources, path: str, name: str) -> dict[str, Any]:
    """Run the rule file `path` as module `name` and return its namespace, which defines `rule`.

    Raises `LoadFailed` for what the rule's author can mend by what its text says, else whatever the code raised.
    """
    namespace = load_namespace(sources, path, name)
    if "rule" not in namespace:
        message = f"`{path}` defines no `rule`; add `def rule(event):`"
        raise LoadFailed(message, path)
    return namespace


def load_namespace(sources: Sources, path: str, name: str) -> dict[str, Any]:
    """Run the file `path` as module `name` and return its namespace."""
    code = sources.code(path)
    module = ModuleType(name)
    module.__file__ = code.co_filename
    namespace = module.__dict__
    namespace["__builtins__"] = vars(_RULE_BUILTINS)
    # `dataclasses` looks its module up by name. A name with a dot hides no module that anyone imports.
    is_known = "." in name and sys.modules.setdefault(name, module) is module
    try:
        _run(code, namespace)
    except BaseException as error:
        if is_known:
            del sys.modules[name]
        missing = _missing_package(error, sources)
        if missing is None:
            raise
        message = f"package `{missing}` is not installed; add it to `requirements.txt` of the rules"
        raise LoadFailed(message, *place_of(error, sources.names)) from error
    return namespace


@calls_rules
def _run(code: CodeType, namespace: dict[str, Any]) -> None:
    exec(code, namespace)  # noqa: S102  # running rules is what this engine is for


def _missing_package(error: BaseException, sources: Sources) -> str | None:
    """Return the third-party package whose absence raised `error`, if that is what happened."""
    name = error.name if type(error) is ModuleNotFoundError else None
    if type(name) is not str:
        return None
    package = name.partition(".")[0]
    return None if package in _STDLIB or sources.find(package) else package
