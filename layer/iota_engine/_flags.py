"""Flags: places where a rule, or a helper that it imports, could reach beyond its own code.

In: syntax trees. Out: places, each with what is used there and what that could do. Nothing is run. Separate because it
decides nothing: what is flagged is packed all the same, and somebody reads it. It sees what is written, not what a text
put together at run time would name.
"""

from __future__ import annotations

import ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from iota_engine._found import Candidate

    # The module's path as the pack names it, and its tree.
    Helper = tuple[str, ast.Module]

_OTHERS = "reaches into other rules and the engine"
_MEMORY = "reads and writes the process's memory"
_CODE = "runs code that is not written there"
_REFUSED = "is refused where rules run"

_MODULES = {
    **dict.fromkeys(("gc", "inspect", "builtins", "importlib", "iota_engine"), _OTHERS),
    **dict.fromkeys(("ctypes", "_ctypes", "mmap"), _MEMORY),
    **dict.fromkeys(("marshal", "pickle", "_pickle"), _CODE),
    **dict.fromkeys(
        ("_thread", "threading", "multiprocessing", "subprocess", "_posixsubprocess", "socket", "_socket"), _REFUSED
    ),
    **dict.fromkeys(("signal", "_signal"), _REFUSED),
}
_CALLS = {"__import__": _OTHERS, "exec": _CODE, "eval": _CODE, "compile": _CODE}
_OF_SYS = frozenset({"_getframe", "_getframemodulename", "_current_frames", "modules", "meta_path", "path_hooks"})
# Attributes that lead from one object to code or data of another; whoever names them in a text means them too.
_WALKS = frozenset(
    {
        "__subclasses__",
        "__globals__",
        "__builtins__",
        "__code__",
        "__closure__",
        "__defaults__",
        "__kwdefaults__",
        "__bases__",
        "cell_contents",
        "f_back",
        "f_globals",
        "f_locals",
        "f_builtins",
        "gi_frame",
        "tb_frame",
    }
)
# What an event keeps to itself.
_OF_EVENT = frozenset({"_raw", "_memo"})


def flagged(rules: list[Candidate], helpers: Mapping[str, Helper]) -> list[dict[str, Any]]:
    """Return every flagged place once, with the rules that contain or import it."""
    found: dict[tuple[str, int, str], dict[str, Any]] = {}
    for rule in rules:
        for path, tree in _reached(rule, helpers):
            for line, what, why in _places(tree):
                entry = {"path": path, "line": line, "what": what, "why": why, "rules": []}
                found.setdefault((path, line, what), entry)["rules"].append(rule.entry["id"])
    return [found[key] for key in sorted(found)]


def _reached(rule: Candidate, helpers: Mapping[str, Helper]) -> list[Helper]:
    """Return the rule's own tree and those of all helpers that it leads to."""
    reached = {"": (str(rule.entry["path"]), rule.syntax)}
    pending = [rule.syntax]
    while pending:
        for name in _imported(pending.pop()):
            if name in helpers and name not in reached:
                reached[name] = helpers[name]
                pending.append(helpers[name][1])
    return [*reached.values()]


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _and_above(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from _and_above(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _and_above(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _places(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    classes = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_class_of(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = node.value
            if _is_class_of(owner) or (isinstance(owner, ast.Name) and owner.id in classes):
                yield line, f"type(...).{node.attr} =", _OTHERS
        for what, why in _looked_at(node):
            yield line, what, why


def _is_class_of(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type"


def _looked_at(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        yield from (_module(alias.name) for alias in node.names if _root(alias.name) in _MODULES)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        if _root(node.module) in _MODULES:
            yield _module(node.module)
        elif node.module == "sys":
            yield from ((f"sys.{alias.name}", _OTHERS) for alias in node.names if alias.name in _OF_SYS)
    elif isinstance(node, ast.Name) and node.id in _CALLS and isinstance(node.ctx, ast.Load):
        yield node.id, _CALLS[node.id]
    elif isinstance(node, ast.Name) and node.id == "__builtins__":
        yield node.id, _OTHERS
    elif isinstance(node, ast.Attribute):
        yield from _attribute(node)
    elif isinstance(node, ast.Constant) and type(node.value) is str and node.value in _WALKS:
        yield node.value, _OTHERS


def _attribute(node: ast.Attribute) -> Iterator[tuple[str, str]]:
    if isinstance(node.value, ast.Name) and node.value.id == "sys" and node.attr in _OF_SYS:
        yield f"sys.{node.attr}", _OTHERS
    elif node.attr in _WALKS or node.attr in _OF_EVENT:
        yield node.attr, _OTHERS


def _module(name: str) -> tuple[str, str]:
    return f"import {name}", _MODULES[_root(name)]


def _root(name: str) -> str:
    return name.partition(".")[0]
