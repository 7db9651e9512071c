"""Calls: what a call stands for, of the event's own methods, of text, of the library, and of the pack's functions.

In: a call and its frame. Out: a value. A function of the pack is followed with what it is given; a function that is
not known is taken to change something, so an event that comes to it is never skipped.
"""

from __future__ import annotations

import ast
import re

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._aliases import MUTATORS
from iota_engine.conditions._expressions import bind, condition, evaluate, folded, items_of, key_of_event, table
from iota_engine.conditions._follow import MAX_CALLS, Frame
from iota_engine.conditions._patterns import glob, portable
from iota_engine.conditions._truth import comparable, constant, scalar, truth
from iota_engine.conditions._values import (
    NONE,
    Bound,
    Const,
    Function,
    Library,
    Opaque,
    Raised,
    Several,
    Term,
    Test,
    Unknown,
    Value,
    either,
    leaves,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from iota_engine.conditions._forms import Condition

_QUIET = frozenset(("print",))
_TYPES = {"str": "str", "int": "int", "float": "float", "bool": "bool", "dict": "dict", "list": "list"}
_MAKERS: dict[str, Callable[..., Any]] = {
    "set": set,
    "frozenset": frozenset,
    "tuple": tuple,
    "list": list,
    "dict": dict,
    "sorted": sorted,
    "len": len,
    "str": str,
    "int": int,
    "range": range,
    "min": min,
    "max": max,
    "enumerate": lambda *given: list(enumerate(*given)),
    "zip": lambda *given: list(zip(*given, strict=False)),
}
_CONST_METHODS = frozenset(
    ["lower", "upper", "strip", "lstrip", "rstrip", "split", "replace", "format", "join", "startswith", "endswith", "get", "keys", "values", "items", "copy", "union", "intersection", "difference", "index", "count", "title", "casefold"]
)
_STEPS_WITHOUT_ARGUMENTS = frozenset(("lower", "upper", "strip"))


class Given:
    """What a call passes on."""

    def __init__(self, node: ast.Call, frame: Frame) -> None:
        self.plain = True
        self.values: list[Value] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                items = items_of(evaluate(argument.value, frame))
                self.plain = self.plain and items is not None
                self.values += items or []
            else:
                self.values.append(evaluate(argument, frame))
        self.named: dict[str, Value] = {}
        for keyword in node.keywords:
            found = evaluate(keyword.value, frame)
            if keyword.arg is None:
                self.plain = False
            else:
                self.named[keyword.arg] = found

    def constants(self) -> list[Any] | None:
        """Return the arguments if all are constant."""
        found = [value.value for value in self.values if isinstance(value, Const)]
        return found if len(found) == len(self.values) and not self.named and self.plain else None

    def raised(self) -> bool:
        """Tell whether an argument never comes to be."""
        return any(isinstance(value, Raised) for value in (*self.values, *self.named.values()))


def call(node: ast.Call, frame: Frame) -> Value:
    """Return what a call stands for."""
    if isinstance(node.func, ast.Name) and node.func.id in ("any", "all") and len(node.args) == 1:
        target = evaluate(node.func, frame)
        if isinstance(target, Library) and target.name == node.func.id and not node.keywords:
            return _any_or_all(node, node.args[0], frame, is_any=node.func.id == "any")
    target = evaluate(node.func, frame)
    given = Given(node, frame)
    if given.raised():
        return Raised()
    return leaves(target, lambda of: _called(node, of, given, frame))


def _called(node: ast.Call, target: Value, given: Given, frame: Frame) -> Value:
    if isinstance(target, Raised):
        return target
    if isinstance(target, Function):
        return follow(node, target, given, frame)
    if isinstance(target, Library):
        return _library(node, target.name, given, frame)
    if isinstance(target, Bound):
        return _method(node, target, given, frame)
    if isinstance(target, Unknown):
        # What it was may still be of this call alone, such as a text; calling it is not.
        return frame.shared(node, target.reason.partition(": ")[2] or target.reason)
    return Raised() if isinstance(target, Const) else frame.shared(node, "a call that is not followed")


# Functions of the pack


def follow(node: ast.AST, function: Function, given: Given, frame: Frame) -> Value:
    """Return what a function of the pack gives back."""
    from iota_engine.conditions._statements import run

    if frame.calls >= MAX_CALLS or not given.plain:
        return frame.shared(node, "a call that is too deep, or whose arguments are unpacked")
    inner = Frame(frame.walk, function.module, dict(function.around), frame.calls + 1, frame.loops)
    inner.line = getattr(node, "lineno", frame.line)
    if not _pass(function, given, inner):
        return Raised()
    body = function.node.body
    if isinstance(function.node, ast.Lambda):
        assert isinstance(body, ast.expr)
        return evaluate(body, inner)
    if any(isinstance(child, ast.Yield | ast.YieldFrom | ast.Await) for child in ast.walk(function.node)):
        return frame.shared(node, "a generator")
    return run(function.node, inner)


def _pass(function: Function, given: Given, inner: Frame) -> bool:
    """Give the parameters their values; False if the call cannot be made so."""
    arguments = function.node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    if len(given.values) > len(names) and arguments.vararg is None:
        return False
    filled: dict[str, Value] = dict(zip(names, given.values, strict=False))
    if arguments.vararg is not None:
        filled[arguments.vararg.arg] = Several(tuple(given.values[len(names) :]))
    known = {*names, *(each.arg for each in arguments.kwonlyargs)}
    for name, value in given.named.items():
        if name in filled or name not in known:
            return False
        filled[name] = value
    if arguments.kwarg is not None:
        filled[arguments.kwarg.arg] = Unknown("`**` arguments are not followed")
    defaults = dict(zip(names[len(names) - len(arguments.defaults) :], arguments.defaults, strict=True))
    for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if value is not None:
            defaults[each.arg] = value
    for name in known - filled.keys():
        if name not in defaults:
            return False
        # A default is made once and lives as long as the function.
        found = evaluate(defaults[name], Frame(inner.walk, function.module, dict(function.around), inner.calls))
        filled[name] = Const(found.value, shared=True) if isinstance(found, Const) else found
        if isinstance(found, Const) and isinstance(found.value, list | dict | set):
            filled[name] = Unknown(f"the default of `{name}` can change; use None", shared=True)
    inner.names.update(filled)
    return True


# Methods


def _method(node: ast.Call, target: Bound, given: Given, frame: Frame) -> Value:
    of, name = target.of, target.name
    if isinstance(of, Term):
        return _of_event(node, of, name, given, frame)
    if isinstance(of, Const):
        return _of_constant(node, of, name, given, frame)
    if isinstance(of, Opaque):
        return frame.unknown(node, f"`{name}` of a match")
    if isinstance(of, Several | Test):
        if name in MUTATORS:
            return frame.shared(node, f"`{name}` on a list that is being made")
        return frame.unknown(node, f"`{name}` is not followed here")
    return frame.shared(node, f"`{name}` is not followed here")


def _of_event(node: ast.Call, of: Term, name: str, given: Given, frame: Frame) -> Value:
    values, named = given.values, given.named
    if name == "get" and 1 <= len(values) <= 2 and not named:
        return leaves(values[0], lambda key: _get(node, of, key, values[1] if len(values) > 1 else NONE, frame))
    if name == "deep_get" and values and set(named) <= {"default"} and given.plain:
        keys = [value.value for value in values if isinstance(value, Const)]
        default = named.get("default", NONE)
        if len(keys) == len(values) and all(isinstance(key, str) and key.isascii() for key in keys):
            if not key_of_event(keys[0], of):
                return frame.unknown(node, f"`{keys[0]}` is not in the record")
            return leaves(default, lambda value: _with_default(node, of, {"deep": keys}, value, frame))
        return frame.unknown(node, "`deep_get` with keys that are not constant")
    if name in ("lookup", "deep_walk", "udm", "event_time_epoch", "to_dict", "items", "keys", "values", "udm_path"):
        return frame.unknown(node, f"`{name}` is not followed; use `get` or `deep_get`")
    if of.is_event:
        return frame.unknown(node, f"`{name}` of the event is not followed")
    constants = given.constants()
    if constants is not None:
        if name in _STEPS_WITHOUT_ARGUMENTS and not constants:
            return of.then(name)
        if name in ("startswith", "endswith") and len(constants) == 1:
            return _affix(node, of, name, constants[0], frame)
        if name == "split" and constants and isinstance(constants[0], str) and constants[0] and constants[0].isascii():
            if len(constants) == 1:
                return of.then({"split": constants[0]})
            if type(constants[1]) is int and constants[1] >= 0 and len(constants) == 2:
                return of.then({"split": constants[0], "max": constants[1]})
        if name == "replace" and len(constants) == 2 and all(isinstance(c, str) and c.isascii() for c in constants):
            if constants[0]:
                return of.then({"replace": constants})
    # Nothing that a value of the event can do changes anything: they are read-only, texts or numbers.
    return frame.unknown(node, f"`{name}` of a value of the event is not followed")


def _get(node: ast.AST, of: Term, key: Value, default: Value, frame: Frame) -> Value:
    if not isinstance(key, Const) or not key_of_event(key.value, of):
        return frame.unknown(node, "`get` with a key that is not constant, or not in the record")
    step: dict[str, Any] = {"get": key.value}
    if not frame.walk.is_panther:
        step["null"] = True
    return leaves(default, lambda value: _with_default(node, of, step, value, frame))


def _with_default(node: ast.AST, of: Term, step: dict[str, Any], default: Value, frame: Frame) -> Value:
    if isinstance(default, Raised | Unknown):
        return default
    if isinstance(default, Const):
        if default.value is None:
            return of.then({name: value for name, value in step.items() if name != "null"})
        if constant(default.value) is not None:
            return of.then({**step, "default": default.value})
    return frame.unknown(node, "a default that is not a plain constant")


def _affix(node: ast.AST, of: Term, name: str, affix: Any, frame: Frame) -> Value:
    texts = [affix] if isinstance(affix, str) else list(affix) if isinstance(affix, tuple) else None
    if texts is None or not all(isinstance(text, str) and text.isascii() for text in texts):
        return frame.unknown(node, f"`{name}` of something that is no ASCII text")
    op = "starts_with" if name == "startswith" else "ends_with"
    return _test(node, of, {"op": op, "any_of": texts}, frame)


def _test(node: ast.AST, of: Term, form: Condition, frame: Frame) -> Value:
    if problem := comparable(of, frame, node):
        return problem
    return Test({"op": form["op"], "term": of.form(), **form})


def _of_constant(node: ast.Call, of: Const, name: str, given: Given, frame: Frame) -> Value:
    if isinstance(of.value, re.Pattern):
        return _pattern(node, of.value.pattern, of.value.flags, name, given, frame)
    if isinstance(of.value, dict) and name == "get" and 1 <= len(given.values) <= 2 and not given.named:
        key, default = given.values[0], given.values[1] if len(given.values) > 1 else NONE
        if isinstance(key, Term):
            return table(of, key, default, frame, node)
    constants = given.constants()
    if constants is not None and name in _CONST_METHODS and hasattr(of.value, name):
        return folded(lambda: _listed(getattr(of.value, name)(*constants)), of, frame, node)
    if name in MUTATORS:
        return frame.shared(node, f"`{name}` changes a list or dict") if of.shared else frame.unknown(node, f"`{name}`")
    if any(isinstance(value, Unknown) and value.shared for value in given.values):
        return frame.shared(node, f"`{name}` is not followed here")
    return frame.unknown(node, f"`{name}` is not followed here")


def _listed(value: Any) -> Any:
    """Return a view of a dict as a list: what is made of it does not change."""
    return list(value) if type(value).__name__ in ("dict_keys", "dict_values", "dict_items") else value


# The library


def _library(node: ast.Call, name: str, given: Given, frame: Frame) -> Value:
    values = given.values
    constants = given.constants()
    if name in _QUIET or name.startswith("logging."):
        return NONE
    if name == "bool" and len(values) == 1 and not given.named:
        return Test(truth(values[0], frame))
    if name == "isinstance" and len(values) == 2:
        return leaves(values[0], lambda of: _instance(node, of, values[1], frame))
    if name in ("len", "str") and len(values) == 1 and not given.named:
        return leaves(values[0], lambda of: _measured(node, name, of, frame))
    if name in _MAKERS and constants is not None:
        return folded(lambda: _MAKERS[name](*constants), Const(None), frame, node)
    if name.startswith("re."):
        return _regex(node, name.removeprefix("re."), given, frame)
    if name in ("fnmatch.fnmatch", "fnmatch.fnmatchcase") and len(values) == 2 and not given.named:
        return _glob(node, values[0], values[1], frame)
    if name == "iter":
        return frame.unknown(node, "an iterator")
    if name == "next":
        return frame.shared(node, "`next` moves an iterator")
    if name.partition(".")[0] in ("random", "os", "sys", "input", "open"):
        return frame.shared(node, f"`{name}` depends on more than the event")
    if "." not in name and name not in _CALM:
        return frame.shared(node, f"`{name}` is not followed")
    for value in (*values, *given.named.values()):
        if isinstance(value, Unknown) and value.shared:
            return frame.shared(node, f"`{name}` is given something that outlives the call")
    return frame.unknown(node, f"`{name}` is not followed")


# Builtins that change nothing.
_CALM = frozenset(
    ["abs", "all", "any", "ascii", "bin", "bool", "bytes", "callable", "chr", "complex", "dict", "divmod", "enumerate", "filter", "float", "format", "frozenset", "getattr", "hasattr", "hash", "hex", "id", "int", "isinstance", "issubclass", "iter", "len", "list", "map", "max", "min", "oct", "ord", "pow", "print", "range", "repr", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "type", "zip", "Exception", "ValueError", "KeyError", "TypeError"]
)


def _measured(node: ast.AST, name: str, of: Value, frame: Frame) -> Value:
    if isinstance(of, Term) and not of.is_event:
        return of.then(name)
    if isinstance(of, Const):
        return folded(lambda: _MAKERS[name](of.value), Const(None), frame, node)
    if isinstance(of, Several) and name == "len":
        return Const(len(of.items))
    if isinstance(of, Raised | Unknown):
        return of
    return frame.unknown(node, f"`{name}` is not followed")


def _instance(node: ast.AST, of: Value, kinds: Value, frame: Frame) -> Value:
    several = kinds.items if isinstance(kinds, Several) else (kinds,)
    names = [_TYPES.get(kind.name) if isinstance(kind, Library) else None for kind in several]
    if isinstance(of, Term) and not of.is_event and all(names):
        return _test(node, of, {"op": "is_type", "types": names}, frame)
    return frame.unknown(node, "`isinstance` of a class that no value of the event has")


def _regex(node: ast.Call, name: str, given: Given, frame: Frame) -> Value:
    pattern = given.values[0] if given.values else None
    flags = given.named.get("flags", given.values[2] if len(given.values) > 2 else Const(0))
    if not isinstance(pattern, Const) or not isinstance(flags, Const) or not isinstance(flags.value, int):
        return frame.unknown(node, f"`re.{name}` with a pattern that is not constant")
    if name == "compile" and set(given.named) <= {"flags"}:
        if len(given.values) == 2 and isinstance(given.values[1], Const):
            flags = given.values[1]
        return folded(lambda: re.compile(pattern.value, flags.value), Const(None), frame, node)
    if isinstance(pattern.value, re.Pattern):
        pattern = Const(pattern.value.pattern)
        return frame.unknown(node, f"`re.{name}` of a compiled pattern; call its method")
    if len(given.values) < 2 or not isinstance(pattern.value, str):
        return frame.unknown(node, f"`re.{name}` is not followed")
    return leaves(given.values[1], lambda of: _search(node, pattern.value, flags.value, name, of, frame))


def _pattern(node: ast.Call, pattern: Any, flags: int, name: str, given: Given, frame: Frame) -> Value:
    if len(given.values) != 1 or given.named or not isinstance(pattern, str):
        return frame.unknown(node, f"`{name}` of a pattern is not followed")
    return leaves(given.values[0], lambda of: _search(node, pattern, flags, name, of, frame))


def _search(node: ast.AST, pattern: str, flags: int, how: str, of: Value, frame: Frame) -> Value:
    if how not in ("match", "search", "fullmatch"):
        return frame.unknown(node, f"`re.{how}` is not followed")
    if isinstance(of, Const):
        return folded(
            lambda: Opaque() if getattr(re, how)(pattern, of.value, flags) else NONE, Const(None), frame, node
        )
    if isinstance(of, Raised | Unknown):
        return of
    # Flags in the text are parsed again; what `compile` adds of itself is not a flag of the text.
    text = portable(pattern, flags & ~int(re.UNICODE), how)
    if text is None or not isinstance(of, Term):
        return frame.unknown(node, "a pattern that Python and Rust may read differently")
    if problem := comparable(of, frame, node):
        return problem
    return either({"op": "matches", "term": of.form(), "pattern": text}, Opaque(), NONE)


def _glob(node: ast.AST, of: Value, pattern: Value, frame: Frame) -> Value:
    if isinstance(pattern, Const) and isinstance(pattern.value, str):
        text = glob(pattern.value)
        if text is not None:
            return leaves(of, lambda each: _search(node, text, 0, "fullmatch", each, frame))
    return frame.unknown(node, "`fnmatch` with a pattern that is not constant")


# any() and all()


def _any_or_all(node: ast.Call, argument: ast.expr, frame: Frame, *, is_any: bool) -> Value:
    join = forms.disjunction if is_any else forms.conjunction
    if isinstance(argument, ast.GeneratorExp | ast.ListComp):
        found = _over(argument.elt, argument.generators, frame, is_any=is_any)
        return Test(found) if found is not None else frame.shared(node, "a loop that is not followed")
    items = items_of(evaluate(argument, frame))
    if items is None:
        return frame.unknown(node, "`any` or `all` of something that is not a list of the rule's own")
    return Test(join(truth(item, frame) for item in items))


def _over(element: ast.expr, generators: list[ast.comprehension], frame: Frame, *, is_any: bool) -> Condition | None:
    """Return when any (or all) of the elements are truthy."""
    join = forms.disjunction if is_any else forms.conjunction
    if not generators:
        return condition(element, frame)
    first = generators[0]
    if first.is_async:
        return None
    source = evaluate(first.iter, frame)

    def body(inner: Frame) -> Condition | None:
        kept = forms.conjunction([condition(test, inner) for test in first.ifs])
        rest = _over(element, generators[1:], inner, is_any=is_any)
        if rest is None:
            return None
        return forms.conjunction((kept, rest)) if is_any else forms.disjunction((forms.negation(kept), rest))

    items = items_of(source)
    if items is not None:
        parts = []
        for item in items:
            inner = frame.branch()
            if not bind(first.target, item, inner):
                return None
            part = body(inner)
            if part is None:
                return None
            parts.append(part)
        return join(parts)
    if isinstance(source, Raised):
        return forms.RAISES
    if isinstance(source, Term) and not source.is_event and isinstance(first.target, ast.Name):
        if comparable(source, frame, None):
            return None
        inner = frame.branch()
        inner.loops += 1
        inner.names[first.target.id] = Term((), inner.loops)
        part = body(inner)
        if part is None:
            return None
        where = part if is_any else forms.negation(part)
        some = {"op": "some", "in": source.form(), "where": where}
        return some if is_any else forms.negation(some)
    if isinstance(source, Unknown) and not source.shared:
        # Its items are not known, but what is asked of them may touch what outlives the call.
        inner = frame.branch()
        for name in ast.walk(first.target):
            if isinstance(name, ast.Name):
                inner.names[name.id] = Unknown(source.reason)
        if body(inner) is None:
            return None
        return forms.anything(source.reason)
    return None


__all__ = ["Given", "call", "follow", "scalar"]
