"""Vouching: before a reply leaves, the engine looks whether it is still the one that started.

In: the engine's modules, its long-lived objects, loaded rules and helpers. Out: the name of the first thing that is no
longer what it was. Separate because rules of a pack share its interpreter: one that looks for the engine's objects can
change what becomes of another's verdict. Everything is compared by identity, in C, with objects that are kept alive
here: nothing that a rule has put in place is called. It can't see who changes it, or undoes his change in time.
"""

from __future__ import annotations

import builtins
import gc
import json.decoder
import sys
from operator import attrgetter, is_, itemgetter
from types import CodeType, FunctionType

from iota_engine._text import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType
    from typing import Any

    from iota_engine._rule import Rule

_PACKAGE = "iota_engine._"
_code, _defaults, _named_defaults = attrgetter("__code__"), attrgetter("__defaults__"), attrgetter("__kwdefaults__")
_content, _order = attrgetter("cell_contents"), attrgetter("__mro__")
_modules = sys.modules
# Nothing of these is called once there are rules.
_BEFORE = frozenset(f"{_PACKAGE}{name}" for name in ("audit", "confine", "digest", "limits", "pack"))
# Of a class, what no method is found by.
_WORDS = frozenset({"__annotations__", "__dict__", "__doc__", "__firstlineno__", "__module__", "__static_attributes__"})
# Of a rule; `call` is what runs, `answers` what is asked about a match.
_OF_RULE = ("call", "answers", "functions", "severity", "title", "dedup", "is_panther", "alerts")


class _Kept:
    """Pairs of owner and attribute, and what was found there."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.read = read
        self.owners: list[Any] = []
        self.values: list[Any] = []
        self.names: list[str] = []

    def keep(self, owner: Any, name: str) -> None:
        self.owners.append(owner)
        self.values.append(self.read(owner))
        self.names.append(name)

    def changed(self) -> str | None:
        try:
            if all(map(is_, map(self.read, self.owners), self.values)):
                return None
        except (AttributeError, ValueError):
            # An attribute is gone, or a cell is empty.
            pass
        return next(
            name
            for name, owner, value in zip(self.names, self.owners, self.values, strict=True)
            if not self._holds(owner, value)
        )

    def _holds(self, owner: Any, value: Any) -> bool:
        try:
            return self.read(owner) is value
        except (AttributeError, ValueError):
            return False


class _Members:
    """Members of dictionaries: those of a module, of a class, of an object."""

    def __init__(self) -> None:
        self._whole: list[dict[str, Any]] = []
        self._sizes: list[int] = []
        self._prefixes: list[str] = []
        self._getters: list[tuple[Callable[[Any], Any], dict[str, Any]]] = []
        self._values: list[Any] = []
        self._names: list[str] = []

    def keep(self, owner: dict[str, Any], names: Iterable[str], prefix: str, *, whole: bool = False) -> None:
        """Keep these members of `owner`; of a `whole` one nobody may add any either."""
        # Of a single name `itemgetter` would return the bare value.
        members = [*names, *names] if len([*names]) == 1 else [*names]
        if whole:
            self._whole.append(owner)
            self._sizes.append(len(owner))
            self._prefixes.append(prefix)
        if members:
            self._getters.append((itemgetter(*members), owner))
            self._values += [owner[name] for name in members]
            self._names += [f"{prefix}.{name}" for name in members]

    def changed(self) -> str | None:
        found: list[Any] = []
        try:
            for get, owner in self._getters:
                found += get(owner)
        except KeyError as gone:
            return f"{gone.args[0]}"
        if not all(map(is_, found, self._values)):
            return next(
                name for name, one, other in zip(self._names, found, self._values, strict=True) if one is not other
            )
        return None if list(map(len, self._whole)) == self._sizes else self._grown()

    def _grown(self) -> str:
        return next(
            name
            for name, owner, size in zip(self._prefixes, self._whole, self._sizes, strict=True)
            if len(owner) != size
        )


# Of a rule that could not be loaded.
_NOTHING = (_Members(), _Kept(_code))


class Vouch:
    """What one worker started with."""

    def __init__(self, objects: Iterable[tuple[object, str]]) -> None:
        """Keep the engine as it is now, and of each of `objects` the attributes that never change."""
        self._members = _Members()
        self._codes = _Kept(_code)
        self._others = [_Kept(read) for read in (_defaults, _named_defaults, _content, _order)]
        self._seen = set(_BEFORE)
        self._modules = 0
        self._used: set[str] = set()
        # Rules and helpers are looked at once there is somebody to protect them from.
        self._helper_members, self._helper_codes = _Members(), _Kept(_code)
        self._rules: dict[int, tuple[_Members, _Kept]] = {}
        self._lists: list[tuple[list[Any], tuple[Any, ...]]] = []
        self.extend()
        self._codec()
        for item, names in objects:
            self._members.keep(item.__dict__, names.split(), type(item).__name__)

    def also(self, values: list[Any]) -> None:
        """Keep the items of a list that never changes."""
        self._lists.append((values, tuple(values)))

    def extend(self) -> None:
        """Keep modules of the engine that were imported since."""
        if len(_modules) == self._modules:
            return
        self._modules = len(_modules)
        for name, module in [*_modules.items()]:
            if type(name) is str and name.startswith(_PACKAGE) and name not in self._seen:
                self._seen.add(name)
                self._module(name, module)

    def helper(self, name: str, namespace: dict[str, Any]) -> None:
        """Keep the functions of a helper, which every rule may call."""
        functions = [key for key, value in namespace.items() if type(value) is FunctionType]
        self._helper_members.keep(namespace, functions, name)
        for key in functions:
            self._helper_codes.keep(namespace[key], f"{name}.{key}")

    def rule(self, rule: Rule) -> None:
        """Keep a rule that was just loaded."""
        members, codes = self._rules[rule.index] = _Members(), _Kept(_code)
        members.keep(rule.__dict__, _OF_RULE, rule.id)
        members.keep(rule.answers, rule.answers, rule.id)
        for name, function in (("rule", rule.call), *rule.answers.items()):
            if type(function) is FunctionType:
                codes.keep(function, f"{rule.id}.{name}")

    def changed(self, asked: Iterable[int] = ()) -> str | None:
        """Return the name of something that is not what it was; of rules only those `asked` count."""
        changed = self._members.changed() or self._codes.changed()
        for kept in self._others:
            changed = changed or kept.changed()
        if len(self._rules) > 1:
            changed = changed or self._helper_members.changed() or self._helper_codes.changed()
            for index in asked:
                members, codes = self._rules.get(index) or _NOTHING
                changed = changed or members.changed() or codes.changed()
        if changed is None and all(
            len(values) == len(before) and all(map(is_, values, before)) for values, before in self._lists
        ):
            return None
        return changed or "the list of rules"

    def _module(self, name: str, module: ModuleType) -> None:
        namespace = vars(module)
        # Python itself may add it, when something warns.
        namespace.setdefault("__warningregistry__", {})
        start = len(self._codes.owners)
        for key, value in [*namespace.items()]:
            if type(value) is FunctionType and value.__module__ == name:
                self._function(value, f"{name}.{key}")
            elif isinstance(value, type) and value.__module__ == name:
                self._class(value, f"{name}.{key}")
            elif type(value) is dict and value and all(type(each) is FunctionType for each in value.values()):
                self._members.keep(value, [*value], f"{name}.{key}", whole=True)
        used = {name for function in self._codes.owners[start:] for name in _names(function.__code__)}
        self._members.keep(namespace, [key for key in namespace if key in used], name, whole=True)
        found = [key for key in vars(builtins) if key in used and key not in self._used]
        self._members.keep(vars(builtins), found, "builtins")
        self._used |= used

    def _class(self, kind: type, name: str) -> None:
        # Asked for, it comes to be.
        kind.__annotations__  # noqa: B018
        self._others[3].keep(kind, name)
        [members] = [each for each in gc.get_referents(vars(kind)) if type(each) is dict]
        found = [key for key in members if key not in _WORDS]
        self._members.keep(members, found, name, whole=True)
        for key, value in members.items():
            for function in (value, getattr(value, "__func__", None), getattr(value, "fget", None)):
                if type(function) is FunctionType:
                    self._function(function, f"{name}.{key}")

    def _function(self, function: FunctionType, name: str) -> None:
        self._codes.keep(function, name)
        # Whoever calls a function without defaults gives all arguments: there is nothing to be changed.
        if function.__defaults__ is not None:
            self._others[0].keep(function, name)
        if function.__kwdefaults__ is not None:
            self._others[1].keep(function, name)
        for cell in function.__closure__ or ():
            self._others[2].keep(cell, name)

    def _codec(self) -> None:
        """Keep what is Python in Python's JSON: it reads requests, and records that are hard to read."""
        decoder = json.decoder.JSONDecoder
        for name in ("decode", "raw_decode"):
            self._codes.keep(vars(decoder)[name], f"json.decoder.JSONDecoder.{name}")
        [members] = [each for each in gc.get_referents(vars(decoder)) if type(each) is dict]
        self._members.keep(members, ["raw_decode"], "json.decoder.JSONDecoder")


def _names(code: CodeType) -> set[str]:
    """Return the names that a function and those inside it look up."""
    inner = [_names(each) for each in code.co_consts if type(each) is CodeType]
    return set(code.co_names).union(*inner)


def tampered(seq: int, what: str, rule: int | None, item: int | None) -> str:
    """Return the reply that takes the place of all that were not sent."""
    place = f'"rule":{"null" if rule is None else rule},"item":{"null" if item is None else item}'
    return f'{{"type":"tampered","seq":{seq},{place},"what":{quote(what)}}}'
