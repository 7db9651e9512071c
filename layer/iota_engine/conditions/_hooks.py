"""Hooks: constants that a rule lets its own tests replace by a mock.

In: a file's syntax tree. Out: the same without what runs only when a test has put a mock in place of a constant:
`if isinstance(ALLOWED, MagicMock): ALLOWED = json.loads(ALLOWED())`, and the `global` that goes with it.
A name is left alone unless it is bound to a literal once and every other binding stands in such a statement: then
no event ever sees another value than the literal.
"""

from __future__ import annotations

import ast
import copy

_MOCKS = frozenset(("MagicMock", "Mock"))


def without_hooks(tree: ast.Module) -> ast.Module:
    """Return the tree as it runs outside of tests."""
    mocks = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "unittest.mock"
        for alias in node.names
        if alias.name in _MOCKS
    }
    declared = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    names = {name for name in declared if mocks and _is_literal(name, tree, mocks)}
    return _Without(names, mocks).visit(copy.deepcopy(tree)) if names else tree


def _guarded(node: ast.AST, mocks: set[str]) -> str | None:
    """Return the name that an `if` without `else` asks to be a mock."""
    match node:
        case ast.If(
            test=ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), ast.Name(id=kind)], keywords=[]),
            orelse=[],
        ) if kind in mocks:
            return name
    return None


def _is_literal(name: str, tree: ast.Module, mocks: set[str]) -> bool:
    """Tell whether a name is a literal's, but for what stands behind the question whether it is a mock."""
    literals = 0
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if _guarded(node, mocks) == name:
            continue
        if isinstance(node, ast.Assign) and node in tree.body and _binds(node.targets, name):
            literals += 1
            if not _is_plain(node.value):
                return False
            continue
        if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load):
            return False
        if isinstance(node, ast.arg | ast.alias) and name in (
            getattr(node, "arg", None),
            getattr(node, "asname", None),
        ):
            return False
        if getattr(node, "name", None) == name:
            return False
        pending += ast.iter_child_nodes(node)
    # Somebody's own `isinstance` or mock class would answer as it likes.
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return literals == 1 and not taken & {"isinstance", *mocks}


def _binds(targets: list[ast.expr], name: str) -> bool:
    return len(targets) == 1 and isinstance(targets[0], ast.Name) and targets[0].id == name


def _is_plain(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


class _Without(ast.NodeTransformer):
    def __init__(self, names: set[str], mocks: set[str]) -> None:
        self._names = names
        self._mocks = mocks

    def visit_If(self, node: ast.If) -> ast.AST:
        """Drop what only a test runs."""
        if _guarded(node, self._mocks) in self._names:
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        """Drop the declaration: nothing is assigned any more."""
        kept = [name for name in node.names if name not in self._names]
        return ast.copy_location(ast.Global(kept) if kept else ast.Pass(), node)
