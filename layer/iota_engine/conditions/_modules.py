"""Modules: what a name means in a file of the pack, and whether it can ever mean something else.

In: the sources of all files of a pack. Out: a `Module` per file, whose names are functions, constants, imports, or
unknown. A name is a constant only if it is bound once at the top level, no file changes it, and what it stands for
can be told without running anything.
Separate from following a rule: this is known once for all rules.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys

from iota_engine.conditions._aliases import Aliases
from iota_engine.conditions._scopes import bound_by
from iota_engine.conditions._survey import Survey
from iota_engine.conditions._values import Const, Function, Library, PackModule, Unknown, Value, changeable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# What may be imported without a second thought: calling it changes nothing that another call could see.
PURE_MODULES = frozenset(
    """
    __future__ abc ast base64 binascii collections copy dataclasses datetime decimal enum fnmatch functools
    hashlib hmac html ipaddress itertools json logging math operator re statistics string textwrap time types
    typing unicodedata urllib uuid zoneinfo
    """.split()
)
_BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_"))


class Pack:
    """All files that rules of a pack consist of or may import."""

    def __init__(
        self, helpers: dict[str, ast.Module], others: Iterable[ast.Module], hidden: Callable[[str], bool]
    ) -> None:
        """`helpers` by the name they are imported by; `others` are the rules and data models."""
        self._modules: dict[str, Module] = {}
        self._helpers = helpers
        self._hidden = hidden
        trees = _loaded(helpers, others)
        survey = Survey(trees)
        # Names that some file changes, and what makes it impossible to say which.
        self.changed = survey.changed
        self.reflective = survey.reflective
        self.aliases = Aliases(trees)

    def find(self, name: str) -> Module | None:
        """Return the module of the pack that is imported by `name`: nothing installed is hidden by it."""
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or self._hidden(top):
            return None
        if name not in self._modules and name in self._helpers:
            self._modules[name] = Module(self, self._helpers[name])
        return self._modules.get(name)


def _loaded(helpers: dict[str, ast.Module], others: Iterable[ast.Module]) -> list[ast.Module]:
    """Return the files that are ever run: rules, data models, and the helpers that one of these imports."""
    loaded = list(others)
    left = dict(helpers)
    for tree in loaded:
        loaded += [left.pop(name) for name in sorted(_imports(tree, left))]
    return loaded


def _imports(tree: ast.Module, helpers: dict[str, ast.Module]) -> set[str]:
    """Return the helpers that a file may import, their packages included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            # Of which package is not known here.
            return set(helpers)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    parts = [name.split(".") for name in names]
    return helpers.keys() & {".".join(part[: at + 1]) for part in parts for at in range(len(part))}


class Module:
    """One file and the names it binds at its top level."""

    def __init__(self, pack: Pack, tree: ast.Module) -> None:
        self.pack = pack
        self._bound: dict[str, list[tuple[int, ast.stmt]]] = {}
        self._known: dict[str, Value] = {}
        # Where the last `import *` stands: it may bind anything anew.
        self._star = -1
        # Tells what an expression at the top level stands for.
        self.evaluate: Callable[[ast.expr, Module], Value] | None = None
        for at, statement in enumerate(tree.body):
            self._bind(statement, at)

    def _bind(self, node: ast.stmt, at: int) -> None:
        names: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
            names = bound_by(node)
        else:
            for child in ast.walk(node):
                names += bound_by(child)
        if any(isinstance(child, ast.ImportFrom) and child.names[0].name == "*" for child in ast.walk(node)):
            self._star = at
        # Bound below an `if` or a `try` counts as bound twice: which one it is, is not known.
        places = [(at, node)] if _is_plain(node) else [(at, node), (at, node)]
        for name in names:
            self._bound.setdefault(name, []).extend(places)

    def name(self, name: str) -> Value:
        """Return what a name of this file stands for."""
        if name not in self._known:
            # While it is being found out it is unknown: definitions may refer to each other.
            self._known[name] = Unknown(f"`{name}` is defined by itself", shared=True)
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> Value:
        places = self._bound.get(name, [])
        if self._star >= 0 and not any(at > self._star for at, _ in places):
            return Unknown(f"`{name}` may come from `import *`; import it by name", shared=True)
        if not places:
            if name in _BUILTINS and name not in self.pack.changed:
                return Library(name)
            return Unknown(f"`{name}` is not defined in a way that can be followed", shared=True)
        if len(places) > 1:
            return Unknown(f"`{name}` is bound more than once; give it one value", shared=True)
        if name in self.pack.changed:
            return Unknown(f"`{name}` is changed somewhere in the rules, or something of that name is", shared=True)
        return self._defined(name, places[0][1])

    def _defined(self, name: str, node: ast.stmt) -> Value:
        if isinstance(node, ast.FunctionDef):
            if node.decorator_list:
                return Unknown(f"`{name}` is decorated", shared=True)
            return Function(node, self)
        if isinstance(node, ast.Import):
            return self._imported(name, node)
        if isinstance(node, ast.ImportFrom):
            alias = next(alias for alias in node.names if (alias.asname or alias.name) == name)
            return self.imported_from(alias, node)
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is None or self.evaluate is None:
            return Unknown(f"`{name}` is not a plain constant", shared=True)
        found = self.evaluate(value, self)
        if isinstance(found, Const):
            if changeable(found.value) and not self.pack.aliases.keep(name, found.value):
                # Looking at it changes nothing; whoever changes it is met where that is done.
                return Unknown(f"what `{name}` holds may be changed under another name; make it a tuple")
            return Const(found.value, shared=True)
        if isinstance(found, Function | Library | PackModule):
            return found
        return Unknown(f"`{name}` is not a constant that can be told without running it", shared=True)

    def _imported(self, name: str, node: ast.Import) -> Value:
        alias = next(alias for alias in node.names if (alias.asname or alias.name.partition(".")[0]) == name)
        return self.module(alias.name if alias.asname else name)

    def module(self, name: str) -> Value:
        """Return the module that is imported by `name`."""
        found = self.pack.find(name)
        if found is not None:
            found.evaluate = found.evaluate or self.evaluate
            return PackModule(found)
        if name.partition(".")[0] in PURE_MODULES:
            return Library(name)
        return Unknown(f"module `{name}` is not followed", shared=True)

    def imported_from(self, alias: ast.alias, node: ast.ImportFrom) -> Value:
        """Return what one name of a `from … import` stands for."""
        name = alias.asname or alias.name
        if node.level or node.module is None:
            return Unknown(f"`{name}` is imported from a package that is not followed", shared=True)
        source = self.module(node.module)
        if isinstance(source, PackModule):
            if source.module.has(alias.name):
                return source.module.name(alias.name)
            return self.module(f"{node.module}.{alias.name}")
        if isinstance(source, Library):
            if alias.name in self.pack.changed:
                return Unknown(f"`{alias.name}` is changed somewhere in the rules", shared=True)
            return self.of_library(f"{source.name}.{alias.name}")
        return Unknown(f"`{name}` comes from `{node.module}`, which is not followed", shared=True)

    @staticmethod
    def of_library(name: str) -> Value:
        """Return what a dotted name of the library stands for."""
        module, _, flag = name.partition(".")
        found = getattr(re, flag, None) if module == "re" else None
        return Const(int(found)) if isinstance(found, re.RegexFlag) else Library(name)

    def has(self, name: str) -> bool:
        """Tell whether the file binds `name`."""
        return name in self._bound


def _is_plain(node: ast.stmt) -> bool:
    """Tell whether a statement binds its names exactly once, whatever happens."""
    if isinstance(node, ast.Assign):
        return len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and not _walrus(node)
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and node.value is not None and not _walrus(node)
    return isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)


def _walrus(node: ast.stmt) -> bool:
    return any(isinstance(child, ast.NamedExpr) for child in ast.walk(node))
