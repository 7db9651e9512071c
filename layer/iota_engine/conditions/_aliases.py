"""Aliases: whether what a constant holds could be changed under another name.

In: the syntax trees of a pack. Out: for the name of a module's list, dict or set whether it keeps its members.
Separate because it is about all files at once. It follows names, not objects: every mention of the name in any file,
and of every name that it is handed on to, must stand where nothing can be changed through it. Any other place loses.
"""

from __future__ import annotations

import ast

from iota_engine.conditions._values import changeable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    # What was asked already: a name or a node, its scope, and whether the members are lists, dicts or sets.
    Seen = set[tuple[object, object, bool]]

# Methods that change what they are called on, of any type that a rule could keep.
MUTATORS = frozenset(
    """
    __delitem__ __iadd__ __iand__ __imul__ __ior__ __isub__ __ixor__ __next__ __setattr__ __setitem__ add append
    appendleft clear difference_update discard extend extendleft insert intersection_update move_to_end pop
    popitem popleft remove reverse rotate send setdefault sort subtract symmetric_difference_update truncate
    update write writelines
    """.split()
)
# Methods that only read, and builtins and functions of the library that only read what they are given.
_READERS = frozenset(
    """
    copy count difference get index intersection isdisjoint issubset issuperset items keys symmetric_difference
    union values
    """.split()
)
_BUILTINS = frozenset(
    """
    all any bool dict enumerate filter fnmatch fnmatchcase frozenset isinstance len list max min print repr
    reversed set sorted str sum tuple zip
    """.split()
)
_METHODS = frozenset(
    """
    debug difference dumps endswith error extend fnmatch fnmatchcase format info intersection isdisjoint
    issubset issuperset join startswith symmetric_difference union update warning
    """.split()
)
# What these give holds nothing of what they were given.
_FORGETFUL = frozenset(
    """
    all any bool debug dumps error format info isinstance join len print repr str warning
    """.split()
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Aliases:
    """Where names are mentioned, in all files."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        self._parents: dict[ast.AST, ast.AST] = {}
        self._mentions: dict[str, list[ast.AST]] = {}
        self._functions: dict[str, list[_Function]] = {}
        self._imported_as: dict[str, set[str]] = {}
        # Names that some code gives a value: they may not be the builtins that they are called by.
        self._stored: set[str] = set()
        for tree in trees:
            for node in ast.walk(tree):
                self._note(node)
                for child in ast.iter_child_nodes(node):
                    self._parents[child] = node

    def _note(self, node: ast.AST) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name, ctx=ast.Load()):
                self._mentions.setdefault(name, []).append(node)
            case ast.AugAssign(target=ast.Name(id=name) | ast.Attribute(attr=name)):
                self._mentions.setdefault(name, []).append(node)
            case ast.Name(id=name) | ast.arg(arg=name):
                self._stored.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._functions.setdefault(name, []).append(node)
            case ast.ImportFrom(names=names):
                for alias in names:
                    if alias.asname:
                        self._imported_as.setdefault(alias.name, set()).add(alias.asname)

    def keep(self, name: str, value: object) -> bool:
        """Tell whether nothing can change what `name` holds."""
        return self._is_kept(name, None, set(), nested=_is_nested(value))

    def _is_kept(self, name: str, scope: ast.AST | None, seen: Seen, *, nested: bool) -> bool:
        """Tell whether no mention of a name in a scope changes what it holds."""
        query = (name, scope, nested)
        if query in seen:
            return True
        seen.add(query)
        return all(
            self._is_safe(node, nested, seen)
            for each in (name, *self._imported_as.get(name, ()))
            for node in self._mentions.get(each, ())
            if scope is None or self._lies_in(node, scope)
        )

    def _is_safe(self, node: ast.AST | None, nested: bool, seen: Seen) -> bool:
        """Tell whether an expression stands where what it gives is not changed and, if nested, nor its members."""
        if node is None or (parent := self._parents.get(node)) is None:
            return False

        def on(nested: bool = nested) -> bool:
            return self._is_safe(parent, nested, seen)

        match parent:
            case ast.Compare() | ast.Expr() | ast.FormattedValue() | ast.MatchValue() | ast.Slice():
                return True
            case ast.UnaryOp(op=ast.Not()):
                return True
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test) if (
                test is node
            ):
                return True
            case ast.comprehension(iter=source, target=target) | ast.For(iter=source, target=target) if source is node:
                return not nested or self._targets(target, seen)
            case ast.comprehension(ifs=tests) if node in tests:
                return True
            case ast.BoolOp() | ast.IfExp():
                return on()
            case ast.NamedExpr(target=target) if target is not node:
                return self._targets(target, seen, nested) and on()
            case ast.Subscript(value=value):
                return value is not node or (isinstance(parent.ctx, ast.Load) and (not nested or on()))
            case ast.BinOp() | ast.Starred():
                return not nested or on()
            case ast.AugAssign(value=value):
                return value is node and not nested
            case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
                return (not nested and isinstance(parent, ast.Dict) and _spreads(parent, node)) or on(True)
            case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                return self._targets(target, seen, nested)
        return self._is_handed_well(node, parent, nested, seen)

    def _is_handed_well(self, node: ast.AST, parent: ast.AST, nested: bool, seen: Seen) -> bool:
        match parent:
            case ast.Attribute(attr=name):
                call = self._parents.get(parent)
                is_read = isinstance(call, ast.Call) and call.func is parent and name in _READERS
                # What `copy` gives may be changed, what is in it may not.
                return is_read and (not nested or self._is_safe(call, nested, seen))
            case ast.Call(func=function):
                return function is not node and self._is_taken(parent, node, nested, seen)
            case ast.keyword():
                call = self._parents.get(parent)
                return isinstance(call, ast.Call) and self._is_taken(call, parent, nested, seen)
            case ast.Return():
                return self._is_returned_well(parent, nested, seen)
            case ast.arguments():
                owner = self._parents.get(parent)
                return isinstance(owner, _Function) and self._parameters(owner, None, nested, seen)
        return False

    def _is_taken(self, call: ast.Call, given: ast.AST, nested: bool, seen: Seen) -> bool:
        """Tell whether a call leaves what it is given as it is."""
        match call.func:
            case ast.Name(id=name):
                takers = _BUILTINS - self._stored
            case ast.Attribute(attr=name):
                takers = _METHODS
            case _:
                return False
        names = [name, *(original for original, others in self._imported_as.items() if name in others)]
        functions = [function for each in names for function in self._functions.get(each, ())]
        if functions:
            place = None
            if given in call.args and not any(isinstance(each, ast.Starred) for each in call.args):
                # The first parameter of a method may be what it is called on.
                place = [call.args.index(given) + shift for shift in (0, 1)][: 1 + isinstance(call.func, ast.Attribute)]
            return all(self._parameters(function, place, nested, seen) for function in functions)
        if name in ("get", "deep_get"):
            return self._is_safe(call, nested, seen)
        return name in takers and (not nested or name in _FORGETFUL or self._is_safe(call, nested, seen))

    def _parameters(self, function: _Function, places: list[int] | None, nested: bool, seen: Seen) -> bool:
        """Tell whether a function changes none of its parameters, or none of those at certain places."""
        found = function.args
        names = [each.arg for each in (*found.posonlyargs, *found.args)]
        if places is None or max(places) >= len(names) or found.vararg is not None:
            more = [each for each in (*found.kwonlyargs, found.vararg, found.kwarg) if each is not None]
            nested = nested or found.vararg is not None or found.kwarg is not None
            names += [each.arg for each in more]
        else:
            names = [names[place] for place in places]
        return all(self._is_kept(name, function, seen, nested=nested) for name in names)

    def _lies_in(self, node: ast.AST | None, scope: ast.AST) -> bool:
        while node is not None and node is not scope:
            node = self._parents.get(node)
        return node is not None

    def _is_returned_well(self, node: ast.AST, nested: bool, seen: Seen) -> bool:
        """Tell whether all who call the function that returns something leave it as it is."""
        owner: ast.AST | None = node
        while owner is not None and not isinstance(owner, ast.FunctionDef | ast.Lambda):
            owner = self._parents.get(owner)
        if not isinstance(owner, ast.FunctionDef):
            return False
        mark = ("return", owner.name, nested)
        if mark in seen:
            return True
        seen.add(mark)
        names = [owner.name, *self._imported_as.get(owner.name, ())]
        for mention in (mention for name in names for mention in self._mentions.get(name, ())):
            call = self._parents.get(mention)
            if not (isinstance(call, ast.Call) and call.func is mention and self._is_safe(call, nested, seen)):
                return False
        return True

    def _targets(self, target: ast.expr, seen: Seen, nested: bool = True) -> bool:
        """Tell whether nothing is changed through the names that a value is given."""
        if isinstance(target, ast.Name):
            return self._is_kept(target.id, self._scope_of(target), seen, nested=nested)
        if isinstance(target, ast.Tuple | ast.List):
            return not nested or all(self._targets(part, seen) for part in target.elts)
        return False

    def _scope_of(self, node: ast.AST | None) -> ast.AST | None:
        """Return the outermost function that a node lies in: a name there is none of a file, unless it says so."""
        found = None
        while node is not None:
            found = node if isinstance(node, _Function | ast.Lambda) else found
            node = self._parents.get(node)
        return found


def _is_nested(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(changeable, value.values()))
    return isinstance(value, list | tuple | set | frozenset) and any(map(changeable, value))


def _spreads(node: ast.Dict, part: ast.AST) -> bool:
    return any(key is None and value is part for key, value in zip(node.keys, node.values, strict=True))
