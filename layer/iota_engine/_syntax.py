"""Syntax: what a Python file binds at its top level, without running it.

In: source bytes. Out: its syntax tree and names, or the reason and line why there is none.
Separate because discovery asks it of every file, and tests of the compiler ask it alone.
"""

from __future__ import annotations

import ast


class NotPython(Exception):
    """A file is not valid Python; `line` is the place where that is known."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


def parse(source: bytes, name: str) -> ast.Module:
    """Return the syntax tree of `source`; raises `NotPython`."""
    try:
        # Compiled too: some errors, such as `return` outside a function, show only then.
        tree = ast.parse(source, name)
        compile(tree, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise NotPython(f"{type(error).__name__}: {error.msg}", error.lineno) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotPython(f"{type(error).__name__}: {error}", None) from error
    return tree


def top_level_names(tree: ast.Module) -> set[str]:
    """Return the names that a module binds at its top level, in any branch."""
    names: set[str] = set()
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        else:
            names.update(_stored(node))
            for block in ("body", "orelse", "finalbody"):
                pending += getattr(node, block, None) or []
            for branch in (getattr(node, "handlers", None) or []) + (getattr(node, "cases", None) or []):
                pending += branch.body
    return names


def _stored(node: ast.stmt) -> set[str]:
    """Return the names assigned in a statement, outside of functions and classes within it."""
    names: set[str] = set()
    pending: list[ast.AST] = [node]
    while pending:
        child = pending.pop()
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            names.add(child.id)
        pending += ast.iter_child_nodes(child)
    return names
