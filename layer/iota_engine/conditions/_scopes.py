"""Scopes: which names a function binds for itself, and which of them only once.

In: the syntax of a function. Out: names. Separate because both closures and calls ask.
"""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_Function = ast.FunctionDef | ast.Lambda
_COMPREHENSIONS = (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def parameters(function: _Function) -> list[str]:
    """Return the names of all parameters."""
    found = function.args
    more = [each for each in (found.vararg, found.kwarg) if each is not None]
    return [each.arg for each in (*found.posonlyargs, *found.args, *found.kwonlyargs, *more)]


@cache
def bound_in(function: _Function) -> frozenset[str]:
    """Return the names that are the function's own: its parameters, and what it binds."""
    names = set(parameters(function))
    foreign: set[str] = set()
    for node, is_inside in _walk(_body(function), inside=False):
        if isinstance(node, ast.Global | ast.Nonlocal):
            foreign.update(node.names)
        # What a comprehension binds is its own, but for what it binds by `:=`.
        elif not is_inside or isinstance(node, ast.NamedExpr):
            names.update(bound_by(node))
    return frozenset(names - foreign)


@cache
def steady_in(function: _Function) -> frozenset[str]:
    """Return those of a function's own names that are bound once and for all."""
    counts = Counter(parameters(function))
    for node, _ in _walk(_body(function), inside=False):
        counts.update(bound_by(node))
        if isinstance(node, ast.Global | ast.Nonlocal):
            counts.update([*node.names, *node.names])
        if isinstance(node, ast.comprehension):
            counts.update(name for child in ast.walk(node.target) for name in bound_by(child))
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            counts.update(name for child in ast.walk(node) for name in bound_by(child))
    for node in ast.walk(function):
        if isinstance(node, ast.Nonlocal):
            counts.update([*node.names, *node.names])
    return frozenset(name for name, times in counts.items() if times == 1)


def bound_by(node: ast.AST) -> list[str]:
    """Return the names that a node binds, or unbinds, by itself."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [alias.asname or alias.name.partition(".")[0] for alias in names]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
        case ast.NamedExpr(target=ast.Name(id=name)):
            return [name]
    return []


def _body(function: _Function) -> list[ast.AST]:
    return list(function.body) if isinstance(function.body, list) else [function.body]


def _walk(nodes: list[ast.AST], *, inside: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Yield all nodes of a function but those of functions in it, and whether they lie in a comprehension."""
    for node in nodes:
        yield node, inside
        if not isinstance(node, _SCOPES):
            yield from _walk(list(ast.iter_child_nodes(node)), inside=inside or isinstance(node, _COMPREHENSIONS))
        elif not isinstance(node, ast.ClassDef):
            # Its defaults belong to the function around it. A class, or a decorator, is not followed at all.
            yield from _walk([*node.args.defaults, *filter(None, node.args.kw_defaults)], inside=inside)
