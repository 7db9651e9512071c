"""Aliases: which constants code could change without naming them.

In: the syntax trees of a pack. Out: names of module constants whose lists, dicts or sets may be reached through a
parameter, a local name, a loop or a return value in code that changes things.
Separate because it is about all files at once, and deliberately coarse: names, not objects.
"""

from __future__ import annotations

import ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Methods that change what they are called on, of any type that a rule could keep.
MUTATORS = frozenset(
    ["add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop", "popitem", "popleft", "remove", "reverse", "rotate", "send", "setdefault", "sort", "update", "subtract", "move_to_end", "write", "writelines", "truncate", "intersection_update", "difference_update", "symmetric_difference_update", "__setitem__", "__delitem__", "__setattr__", "__iadd__", "__ior__", "__next__"]
)
_FRESH_CALLS = frozenset(["list", "dict", "set", "tuple", "sorted", "defaultdict", "Counter", "deque", "OrderedDict", "copy", "deepcopy", "str"])
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Aliases:
    """What may be changed under another name."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        self.reachable: set[str] = set()
        functions = []
        for tree in trees:
            functions += [node for node in ast.walk(tree) if isinstance(node, _Function)]
            self._top_level(tree)
        # Functions that change what they are given, by name; calling one of these with a parameter is changing it.
        self._changing: set[str] = set()
        before = -1
        while before != len(self._changing):
            before = len(self._changing)
            for function in functions:
                self._look(function)

    def _top_level(self, tree: ast.Module) -> None:
        for statement in tree.body:
            value = getattr(statement, "value", None)
            if isinstance(statement, ast.Assign | ast.AnnAssign) and value is not None:
                self.reachable.update(_held(value))

    def _look(self, function: _Function) -> None:
        body = list(_within(function))
        arguments = function.args
        parameters = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
        changed = set()
        for node in body:
            changed.update(changed_by(node))
            if isinstance(node, ast.Call) and _called(node) in self._changing:
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                changed.update(name.lstrip("*") for value in given for name in _held(value))
            elif isinstance(node, ast.Return) and node.value is not None:
                # Whoever calls it has the very object.
                self.reachable.update(_held(node.value))
        if changed & parameters:
            self._changing.add(getattr(function, "name", ""))
        if any(not _is_fresh(name, body) for name in changed - parameters):
            self.reachable.update(_mentioned(body))
        elif changed & parameters and any(isinstance(node, ast.Assign | ast.NamedExpr) for node in body):
            # A parameter may have been bound anew.
            self.reachable.update(_mentioned(body) if _rebinds(body, parameters & changed) else ())


def _within(function: _Function) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(function):
        yield from ast.walk(child)


def changed_by(node: ast.AST) -> set[str]:
    """Return the names whose objects a node changes by itself."""
    match node:
        case ast.Subscript(ctx=ast.Store() | ast.Del(), value=value):
            return _root(value)
        case ast.Attribute(ctx=ast.Store() | ast.Del(), value=value):
            return _root(value)
        case ast.AugAssign(target=target):
            return _root(target)
        case ast.Call(func=ast.Attribute(attr=name, value=value)) if name in MUTATORS:
            return _root(value)
        case ast.Call(func=ast.Name(id="next"), args=[value, *_]):
            return _root(value)
    return set()


def _root(node: ast.expr) -> set[str]:
    """Return the name that a chain of attributes, subscripts and calls begins with."""
    while True:
        if isinstance(node, ast.Name):
            return {node.id}
        if isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return set()


def _is_fresh(name: str, body: list[ast.AST]) -> bool:
    """Tell whether a local name only ever stands for something that was made in this very call."""
    values: list[ast.expr | None] = []
    for node in body:
        if isinstance(node, ast.Assign) and any(name in _names(target) for target in node.targets):
            values.append(node.value if isinstance(node.targets[0], ast.Name) else None)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and name in _names(node.target):
            values.append(node.value)
        elif (isinstance(node, ast.For | ast.comprehension) and name in _names(node.target)) or (isinstance(node, ast.withitem) and node.optional_vars is not None and name in _names(node.optional_vars)):
            values.append(None)
    return bool(values) and all(value is not None and _makes(value) for value in values)


def _makes(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return _called(value) in _FRESH_CALLS
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        # What it holds may be old, and be changed through it.
        return not _held(value)
    return isinstance(value, ast.Constant | ast.JoinedStr | ast.Compare | ast.BinOp)


def _rebinds(body: list[ast.AST], names: set[str]) -> bool:
    return any(isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in names for node in body)


def _names(target: ast.expr) -> set[str]:
    """Return the names that a target binds; in `x["a"] = 1`, `x` is only used."""
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _mentioned(body: list[ast.AST]) -> set[str]:
    names = {node.id for node in body if isinstance(node, ast.Name)}
    return names | {node.attr for node in body if isinstance(node, ast.Attribute)}


def _held(value: ast.expr) -> set[str]:
    """Return the names whose objects an expression hands on as they are."""
    match value:
        case ast.Name(id=name):
            return {name}
        case ast.Attribute(attr=name):
            return {name}
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return {name for item in items for name in _held(item)}
        case ast.Dict(values=items):
            return {name for item in items for name in _held(item)}
        case ast.IfExp(body=yes, orelse=no):
            return _held(yes) | _held(no)
        case ast.BoolOp(values=items):
            return {name for item in items for name in _held(item)}
        case ast.Starred(value=inner) | ast.NamedExpr(value=inner):
            return _held(inner)
        case ast.Subscript(value=inner):
            return {inside(name) for name in _held(inner)}
        case ast.Call(func=ast.Attribute(attr="get" | "setdefault" | "values" | "items", value=inner)):
            return {inside(name) for name in _held(inner)}
    return set()


def inside(name: str) -> str:
    """Return how `reachable` names what lies in a constant, not the constant itself."""
    return name if name.startswith("*") else f"*{name}"


def _called(node: ast.Call) -> str | None:
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else None
