"""Modules: what a name means in a file of the pack, and whether it can ever mean something else.

In: the sources of all files of a pack. Out: a `Module` per file, whose names are functions, constants, imports, or
unknown. A name is a constant only if it is bound once at the top level, no file changes it, and what it stands for
can be told without running anything.
Separate from following a rule: this is known once for all rules.
"""

from __future__ import annotations

import ast
import builtins

from iota_engine.conditions._aliases import MUTATORS, Aliases, inside
from iota_engine.conditions._values import Const, Function, Library, PackModule, Unknown, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Where one of these is, nothing can be said of any name.
_REFLECTION = frozenset(("exec", "eval", "setattr", "delattr", "globals", "vars", "__import__"))
_REFLECTIVE_ATTRIBUTES = frozenset(("__dict__", "__globals__", "__builtins__", "__code__", "__defaults__"))
_REFLECTIVE_MODULES = frozenset(("builtins", "gc", "inspect", "importlib", "ctypes"))
# What may be imported without a second thought: calling it changes nothing that another call could see.
PURE_MODULES = frozenset(
    ["abc", "ast", "base64", "binascii", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fnmatch", "functools", "hashlib", "hmac", "html", "ipaddress", "itertools", "json", "logging", "math", "operator", "re", "statistics", "string", "textwrap", "time", "types", "typing", "unicodedata", "urllib", "uuid", "zoneinfo", "__future__"]
)
_BUILTINS = frozenset(dir(builtins))


class Pack:
    """All files that rules of a pack consist of or may import."""

    def __init__(self, helpers: dict[str, ast.Module], others: Iterable[ast.Module]) -> None:
        """`helpers` by the name they are imported by; `others` are the rules and data models."""
        self._modules: dict[str, Module] = {}
        self._helpers = helpers
        self.changed: set[str] = set()
        self.reflective: str | None = None
        trees = (*helpers.values(), *others)
        for tree in trees:
            self._survey(tree)
        # Names whose lists, dicts or sets some code could reach in another way, and change.
        self.reachable = Aliases(trees).reachable

    def _survey(self, tree: ast.Module) -> None:
        """Note all that any file may change: by bare name, since names travel between files."""
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name) if name in _REFLECTION:
                    self.reflective = self.reflective or name
                case ast.Attribute(attr=name) if name in _REFLECTIVE_ATTRIBUTES:
                    self.reflective = self.reflective or name
                case ast.Import(names=names) if any(a.name.partition(".")[0] in _REFLECTIVE_MODULES for a in names):
                    self.reflective = self.reflective or names[0].name
                case ast.ImportFrom(module=str(name)) if name.partition(".")[0] in _REFLECTIVE_MODULES:
                    self.reflective = self.reflective or name
                case ast.Global(names=names):
                    self.changed.update(names)
                case ast.Attribute(ctx=ast.Store() | ast.Del(), attr=name):
                    self.changed.add(name)
                    self._note(node.value)
                case ast.Subscript(ctx=ast.Store() | ast.Del(), value=value):
                    self._note(value)
                case ast.AugAssign(target=target):
                    self._note(target)
                case ast.Call(func=ast.Attribute(attr=name, value=value)) if name in MUTATORS:
                    self._note(value)
                case ast.Call(func=ast.Name(id="next"), args=[value, *_]):
                    self._note(value)

    def _note(self, changed: ast.expr) -> None:
        if isinstance(changed, ast.Name):
            self.changed.add(changed.id)
        elif isinstance(changed, ast.Attribute):
            self.changed.add(changed.attr)
        elif isinstance(changed, ast.Subscript):
            self._note(changed.value)

    def find(self, name: str) -> Module | None:
        """Return the module of the pack that is imported by `name`."""
        if name not in self._modules and name in self._helpers:
            self._modules[name] = Module(self, self._helpers[name])
        return self._modules.get(name)


class Module:
    """One file and the names it binds at its top level."""

    def __init__(self, pack: Pack, tree: ast.Module) -> None:
        self.pack = pack
        self._bound: dict[str, list[ast.stmt]] = {}
        self._known: dict[str, Value] = {}
        self._has_star = False
        # Tells what an expression at the top level stands for.
        self.evaluate: Callable[[ast.expr, Module], Value] | None = None
        for statement in tree.body:
            self._bind(statement, top=True)

    def _bind(self, node: ast.stmt, *, top: bool) -> None:
        names: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    self._has_star = True
                names.append(alias.asname or alias.name.partition(".")[0])
        else:
            for child in ast.walk(node):
                if isinstance(child, ast.Name) and not isinstance(child.ctx, ast.Load):
                    names.append(child.id)
                elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    names.append(child.name)
                elif isinstance(child, ast.Import | ast.ImportFrom):
                    names += [alias.asname or alias.name.partition(".")[0] for alias in child.names]
                elif isinstance(child, ast.ExceptHandler) and child.name:
                    names.append(child.name)
        for name in names:
            # Bound below an `if` or a `try` counts as bound twice: which one it is, is not known.
            self._bound.setdefault(name, []).extend([node] if top and _is_plain(node) else [node, node])

    def name(self, name: str) -> Value:
        """Return what a name of this file stands for."""
        if name not in self._known:
            # While it is being found out it is unknown: definitions may refer to each other.
            self._known[name] = Unknown(f"`{name}` is defined by itself", shared=True)
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> Value:
        nodes = self._bound.get(name)
        if nodes is None:
            if self._has_star:
                return Unknown(f"`{name}` may come from `import *`; import it by name", shared=True)
            if name in _BUILTINS and name not in self.pack.changed:
                return Library(name)
            return Unknown(f"`{name}` is not defined in a way that can be followed", shared=True)
        if len(nodes) > 1:
            return Unknown(f"`{name}` is bound more than once; give it one value", shared=True)
        if name in self.pack.changed:
            return Unknown(f"`{name}` is changed somewhere in the rules, or something of that name is", shared=True)
        return self._defined(name, nodes[0])

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
            if _reachable(name, found.value, self.pack.reachable):
                return Unknown(f"what `{name}` holds may be changed under another name; make it a tuple", shared=True)
            return Const(found.value, shared=True)
        if isinstance(found, Function | Library | PackModule):
            return found
        return Unknown(f"`{name}` is not a constant that can be told without running it", shared=True)

    def _imported(self, name: str, node: ast.Import) -> Value:
        (alias,) = [alias for alias in node.names if (alias.asname or alias.name.partition(".")[0]) == name][:1]
        target = alias.name if alias.asname else name
        return self.module(target)

    def module(self, name: str) -> Value:
        """Return the module that is imported by `name`."""
        found = self.pack.find(name)
        if found is not None:
            found.evaluate = found.evaluate or self.evaluate
            return PackModule(found)
        # A helper never hides a library, nor the other way round: the standard library was first.
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
            return Library(f"{source.name}.{alias.name}")
        return Unknown(f"`{name}` comes from `{node.module}`, which is not followed", shared=True)

    def has(self, name: str) -> bool:
        """Tell whether the file binds `name`."""
        return name in self._bound


def _reachable(name: str, value: object, reachable: set[str]) -> bool:
    if not isinstance(value, list | dict | set):
        return False
    members = value.values() if isinstance(value, dict) else value
    is_nested = any(isinstance(member, list | dict | set) for member in members)
    return name in reachable or (is_nested and inside(name) in reachable)


def _is_plain(node: ast.stmt) -> bool:
    """Tell whether a statement binds its names exactly once, whatever happens."""
    if isinstance(node, ast.Assign):
        return len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and not _walrus(node)
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and node.value is not None and not _walrus(node)
    return isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)


def _walrus(node: ast.stmt) -> bool:
    return any(isinstance(child, ast.NamedExpr) for child in ast.walk(node))
