"""The survey: names that any file of a pack changes, and whether that can be told at all.

In: the syntax trees of a pack. Out: names, bare, since they travel between files; or the word that makes every name
uncertain, such as `exec`.
"""

from __future__ import annotations

import ast

from iota_engine.conditions._aliases import MUTATORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Where one of these is, nothing can be said of any name.
_REFLECTION = frozenset(("__builtins__", "__import__", "delattr", "eval", "exec", "globals", "setattr", "vars"))
_REFLECTIVE_ATTRIBUTES = frozenset(
    """
    __bases__ __builtins__ __class__ __closure__ __code__ __defaults__ __delattr__ __dict__ __globals__
    __kwdefaults__ __setattr__ attrgetter cell_contents f_builtins f_globals f_locals methodcaller modules patch
    """.split()
)
_REFLECTIVE_MODULES = frozenset(
    """
    builtins code codeop ctypes gc importlib inspect pickle pkgutil runpy
    """.split()
)


class Survey:
    """What any file may change."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        self.changed: set[str] = set()
        self.reflective: str | None = None
        for tree in trees:
            for node in ast.walk(tree):
                self._look(node)
                self._reflects(node)

    def _look(self, node: ast.AST) -> None:
        match node:
            case ast.Global(names=names):
                self.changed.update(names)
            case ast.Attribute(ctx=ast.Store() | ast.Del(), attr=name):
                self.changed.add(name)
                self._note(node.value)
            case ast.Subscript(ctx=ast.Store() | ast.Del(), value=value):
                self._note(value)
            case ast.AugAssign(target=target):
                self._note(target)
            case ast.Attribute(attr=name, value=value) if name in MUTATORS:
                self._note(value)
            case ast.Call(func=ast.Name(id="next"), args=[value, *_]):
                self._note(value)
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]):
                self.changed.add(name)

    def _note(self, changed: ast.expr) -> None:
        if isinstance(changed, ast.Name):
            self.changed.add(changed.id)
        elif isinstance(changed, ast.Attribute):
            self.changed.add(changed.attr)
        elif isinstance(changed, ast.Subscript):
            self._note(changed.value)

    def _reflects(self, node: ast.AST) -> None:
        found: str | None = None
        match node:
            case ast.Name(id=name) if name in _REFLECTION:
                found = name
            case ast.Attribute(attr=name) if name in _REFLECTIVE_ATTRIBUTES:
                found = name
            case ast.Import(names=names):
                tops = [alias.name.partition(".")[0] for alias in names]
                found = next((top for top in tops if top in _REFLECTIVE_MODULES), None)
            case ast.ImportFrom(module=str(name), names=names):
                top = name.partition(".")[0]
                found = top if top in _REFLECTIVE_MODULES else None
                found = found or next((a.name for a in names if a.name in _REFLECTIVE_ATTRIBUTES), None)
            case ast.Call(func=ast.Name(id="getattr"), args=[_, given, *_]) if not isinstance(given, ast.Constant):
                found = "getattr"
        self.reflective = self.reflective or found
