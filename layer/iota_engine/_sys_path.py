"""Folders that a rule adds to `sys.path`: where its helpers are, told without running it.

In: a rule's syntax and its place. Out: folders that are there. Separate because the usual ways to write it are a small
list: `os.path` or `pathlib`, from `__file__` on; anything else is for `--include` to say.
"""

from __future__ import annotations

import ast
from os.path import normpath
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SAME = frozenset({"os.path.abspath", "os.path.realpath", "str", "Path", "pathlib.Path", "os.fspath"})


def folders_named(tree: ast.Module, file: Path) -> Iterator[Path]:
    """Yield the folders that `sys.path.insert` and `append` name at the top of a file."""
    for statement in tree.body:
        match statement:
            case ast.Expr(ast.Call(func=ast.Attribute(attr="insert" | "append") as called, args=[*_, last])):
                folder = _place(last, file) if ast.unparse(called.value) == "sys.path" else None
                if folder is not None and Path(normpath(folder)).is_dir():
                    yield Path(normpath(folder))


def _place(node: ast.expr, file: Path) -> Path | None:
    """Return what an expression comes to, if it is `__file__` and what can be said from there."""
    match node:
        case ast.Name("__file__"):
            return file
        case ast.Call(func, [first, *more]):
            name, start = ast.unparse(func), _place(first, file)
            if name == "os.path.join":
                return _below(start, more)
            if name == "os.path.dirname" and start is not None and not more:
                return start.parent
            return start if name in _SAME and not more else None
        case ast.Call(ast.Attribute(value, "resolve" | "absolute"), []):
            return _place(value, file)
        case ast.Attribute(value, "parent"):
            start = _place(value, file)
            return None if start is None else start.parent
        case ast.BinOp(left, ast.Div(), right):
            return _below(_place(left, file), [right])
    return None


def _below(start: Path | None, names: list[ast.expr]) -> Path | None:
    for name in names:
        if start is None or not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
            return None
        # As the name of a folder is meant: `..` leads up whatever links there are.
        start = Path(normpath(start / name.value))
    return start
