"""Programs: rules drawn from a grammar that has every construct the compiler follows, and many that it does not.

In: a random generator. Out: the source of a rule and of the helper module that it imports. A program may raise, and
may use names that are not bound: that is part of the question.
"""

from __future__ import annotations

import random

# What most records hold as text, as an object, as a list.
TEXTS = ("eventName", "eventSource", "a", "s")
KEYS = ("eventName", "eventSource", "a", "b", "u", "l", "m", "n", "s")
SUBKEYS = ("t", "k", "arn", "a", "n", "l")
WORDS = ("x", "y", "ConsoleLogin", "root", "abc", "k", "", "X:Y", "a.b", "K", "10.0.0.1", "svc-x", "1", "s s")
NUMBERS = ("0", "1", "2", "-1", "1.0", "1.5", "10", "True", "False", "None")
PATTERNS = (
    r"^x",
    r"y$",
    r"[a-k]+",
    r"\d+\.\d",
    r"(?i)abc|root",
    r"a.?b",
    r"\bx\b",
    r"^[^:]*:Y",
    r"s\ss",
    r"",
    r"k{1,2}",
)
GLOBS = ("x*", "*y", "a?c", "*", "svc-?", "")

HELPER = """
import re
from fnmatch import fnmatch

NAMES = ("x", "ConsoleLogin", "abc")
LIST = ["x", "y", "k"]
SET = {"x", "root", "1"}
FROZEN = frozenset({"abc", "k"})
MIXED = {"x", 1, None}
TABLE = {"x": True, "y": "", "abc": "root", "k": 0}
NESTED = {"x": ["a", "b"], "y": ["x"], "k": []}
BY_KEY = {1: "one", "1": "text", True: "true"}
PATTERN = re.compile(r"^(x|abc)")
LIMIT = 2
WORD = "ConsoleLogin"
EMPTY = ()


def get(event, key, default=None):
    return event.get(key, default)


def first(value, *rest):
    return value or (rest[0] if rest else None)


def either(value, other="x", *, strict=False):
    if strict:
        return value == other
    return value in (other, "y") or fnmatch(value, "x*")


def is_named(event):
    name = event.get("eventName", "")
    if not name:
        return False
    return name.startswith("Console") or name in NAMES


def any_in(values, wanted):
    return any(value in wanted for value in values)


def deep(event, *keys, default=None):
    value = event
    for key in keys:
        if value is None:
            return default
        value = value.get(key)
    return value if value is not None else default


def grow(values, value):
    values.append(value)
    return values


def ignore(first, second):
    return second


def keep(values):
    return values


def found(event):
    for item in event.get("l") or []:
        if item == "x":
            return "x"
        if item == "y":
            return 1
    return None


lazy = lambda value: value == "x"
"""


class Program:
    """One program in the making."""

    def __init__(self, seed: random.Random, *, stateful: bool) -> None:
        self.random = seed
        self.stateful = stateful
        self.names: list[str] = []
        self.items: list[str] = []
        self.fresh = 0

    def pick(self, *choices):
        return self.random.choice(choices)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def name(self) -> str:
        """Return a name that is new, or once more one that there is."""
        if self.names and self.chance(0.4):
            return self.random.choice(self.names)
        self.fresh += 1
        return f"v{self.fresh}"

    def word(self) -> str:
        return repr(self.random.choice(WORDS))

    def const(self) -> str:
        return self.random.choice(NUMBERS) if self.chance(0.3) else self.word()

    # Values

    def term(self, depth: int = 2) -> str:
        kinds = [self._get, self._get, self._safe, self._safe, self._safe, self._deep, self._path]
        if self.chance(0.2):
            kinds += [self._item]
        if depth > 0:
            kinds += [self._choice, self._or, self._helper, self._table, self._walrus]
            if self.chance(0.4):
                kinds += [self._method, self._at, self._other, self._other]
        if self.names:
            kinds += [self._name, self._name]
        if self.items:
            kinds += [self._of_item, self._of_item]
        return self.random.choice(kinds)(depth - 1)

    def _key(self) -> str:
        return repr(self.random.choice(KEYS))

    def _sub(self) -> str:
        return repr(self.random.choice(SUBKEYS))

    def _get(self, _depth: int) -> str:
        default = self.pick("", "", f", {self.word()}", ", []", ", {}", ", None", ", ['x']", ", 0", ", SET")
        return f"event.get({self._key()}{default})"

    def _safe(self, _depth: int) -> str:
        key = repr(self.random.choice(TEXTS))
        return self.pick(
            f"event.get({key}, {self.word()})", f"(event.get({key}) or {self.word()})", f"str(event.get({key}))"
        )

    def _item(self, _depth: int) -> str:
        return f"event[{self._key()}]"

    def _deep(self, _depth: int) -> str:
        default = self.pick("", f", default={self.word()}", ", default=[]", ", default={}", ", default=0")
        return f"event.deep_get({self.pick(repr('u'), self._key())}, {self._sub()}{default})"

    def _path(self, _depth: int) -> str:
        key = self.pick("'u'", "'u'", "'u'", self._key())
        root = self.pick(f"event.get({key}, {{}})", f"(event.get({key}) or {{}})", f"event[{key}]")
        return self.pick(
            f"{root}.get({self._sub()}, {self.const()})", f"{root}.get({self._sub()})", f"{root}[{self._sub()}]"
        )

    def _name(self, _depth: int) -> str:
        return self.random.choice(self.names)

    def _of_item(self, _depth: int) -> str:
        item = self.random.choice(self.items)
        return self.pick(
            item, f"{item}.get({self._sub()})", f"{item}[{self._sub()}]", f"{item}.lower()", f"{item}.get('l', [])"
        )

    def _method(self, depth: int) -> str:
        of = self.term(depth) if self.chance(0.3) else self._safe(depth)
        return self.pick(
            f"{of}.lower()", f"{of}.upper()", f"{of}.strip()", f"{of}.split(':')", f"{of}.split(':', 1)[0]",
            f"{of}.replace('x', 'y')", f"{of}.split('.')[-1]", f"str({of})", f"len({of})", f"{of}.keys()", f"{of}[:1]",
            f"{of}.title()", f"({of}).get('t')",
        )  # fmt: skip

    def _choice(self, depth: int) -> str:
        return f"({self.term(depth)} if {self.cond(depth)} else {self.pick(self.term(depth), self.const())})"

    def _or(self, depth: int) -> str:
        return f"({self.term(depth)} {self.pick('or', 'or', 'and')} {self.pick(self.term(depth), self.const(), '[]', '{}')})"

    def _helper(self, depth: int) -> str:
        value = self.term(depth)
        return self.pick(
            f"helpers.get(event, {self._key()})", f"get(event, {self._key()}, {self.const()})", f"first({value}, {self.const()})",
            f"helpers.deep(event, {self._key()}, {self._sub()}, default={self.const()})", f"ignore({value}, {self.term(depth)})",
            f"(lambda e, d={self.const()}: e.get({self._key()}, d))(event)", "helpers.found(event)", "found(event)",
            f"ignore({value}, {self.const()})", f"keep({value})",
        )  # fmt: skip

    def _at(self, depth: int) -> str:
        return f"{self.term(depth)}[{self.pick('0', '-1', '1')}]"

    def _table(self, depth: int) -> str:
        value = self.term(depth)
        table = self.pick(
            "TABLE", "helpers.TABLE", "BY_KEY", "{}", "{'x': event.get('a'), 'y': 1}", "{True: 'x', 1.5: 'y'}"
        )
        return self.pick(
            f"{table}.get({value})", f"{table}.get({value}, {self.const()})", f"{table}.get({value}, {value})",
            f"DISPATCH.get({value}, lambda e: {self.word()})(event)", f"LOCAL[{value}]" if self.chance(0.2) else f"LOCAL.get({value})",
        )  # fmt: skip

    def _walrus(self, depth: int) -> str:
        value = self.term(depth)
        name = self.name()
        if name not in self.names:
            self.names.append(name)
        return f"({name} := {value})"

    def _other(self, depth: int) -> str:
        value = self.term(depth)
        return self.pick(
            f'f"""{{{value}}}-x"""' if '"""' not in value else value, f"({value}, {self.term(depth)})[{self.pick('0', '1')}]", f"[{value}, {self.const()}]",
            f"sorted(SET)[{self.pick('0', '-1')}]", f"max({value}, {self.const()})", f"int({value})", f"not {value}",
            f"({self.cond(depth)})", f"[v for v in NAMES if v != {self.word()}]", f"{{v: v + 'x' for v in NAMES}}.get({value})",
            f"list({value})", "next(iter(LIST))", f"(lambda: {value})()", f"-{value}", "SET", "LIST", "NESTED['x']", "NAMES",
            f"dict(a={value}).get('a')", f"[*NAMES, {value}]",
        )  # fmt: skip

    # Conditions

    def collection(self, depth: int) -> str:
        words = ", ".join(self.const() for _ in range(self.random.randrange(1, 4)))
        return self.pick(
            f"({words},)", f"[{words}]", f"{{{words}}}", f"({self.word()})", "NAMES", "LIST", "SET", "helpers.NAMES", "FROZEN", "MIXED",
            "TABLE", "TABLE.keys()", "TABLE.values()", "NESTED['x']", f"({self.term(depth - 1)}, {self.const()})", self.term(depth - 1),
            "helpers.LIST", "EMPTY", "SET | {'k'}", "[*NAMES, 'k']", "[v.lower() for v in NAMES]", "{v for v in LIST}",
        )  # fmt: skip

    def cond(self, depth: int = 3) -> str:
        kinds = [self._compare, self._compare, self._in, self._in, self._affix, self._is, self._truthy]
        if self.chance(0.6):
            kinds = [self._compare, self._in]
        if depth > 0:
            kinds += [self._not, self._logic, self._logic, self._loop, self._loop, self._pattern, self._instance]
            kinds += [self._call, self._chain, self._else, self._odd]
        return self.random.choice(kinds)(depth - 1)

    def _truthy(self, depth: int) -> str:
        return self.term(depth)

    def _compare(self, depth: int) -> str:
        op = self.pick("==", "==", "!=", "==") if self.chance(0.85) else self.pick("<", ">=", ">", "<=")
        other = self.random.choice(NUMBERS[:7]) if op[0] in "<>" and self.chance(0.8) else self.const()
        sides = [self.term(depth), other if self.chance(0.85) else self.term(depth)]
        if self.chance(0.2):
            sides.reverse()
        return f"{sides[0]} {op} {sides[1]}"

    def _in(self, depth: int) -> str:
        op = self.pick("in", "in", "not in")
        if self.chance(0.3):
            return f"{self.const()} {op} {self.pick(self.term(depth), self.term(depth), 'event')}"
        return f"{self.term(depth)} {op} {self.collection(depth)}"

    def _affix(self, depth: int) -> str:
        affix = self.pick(
            self.word(), f"({self.word()}, {self.word()})", "NAMES", "tuple(LIST)", "tuple(SET)", "helpers.WORD"
        )
        of = self.term(depth) if self.chance(0.3) else self._safe(depth)
        return f"{of}.{self.pick('startswith', 'endswith')}({affix})"

    def _is(self, depth: int) -> str:
        return f"{self.term(depth)} {self.pick('is', 'is not')} {self.pick('None', 'None', 'True', 'False')}"

    def _not(self, depth: int) -> str:
        return f"not ({self.cond(depth)})"

    def _logic(self, depth: int) -> str:
        op = self.pick(" and ", " or ")
        return "(" + op.join(self.cond(depth) for _ in range(self.random.randrange(2, 4))) + ")"

    def _else(self, depth: int) -> str:
        return f"({self.cond(depth)} if {self.cond(depth)} else {self.cond(depth)})"

    def _chain(self, depth: int) -> str:
        return self.pick(
            f"{self.const()} == {self.term(depth)} == {self.term(depth)}",
            f"{self.random.choice(NUMBERS[:5])} {self.pick('<', '<=')} {self.term(depth)} {self.pick('<', '<=', '!=')} 10",
            f"{self.term(depth)} == {self.word()} in {self.collection(depth)}",
        )

    def _loop(self, depth: int) -> str:
        which = self.pick("any", "any", "all")
        item = f"i{len(self.items)}"
        bracket = self.pick("({})", "({})", "([{}])")
        source = self.pick("NAMES", "LIST", "SET", "MIXED", "TABLE", "EMPTY", "('x', 'y')", "TABLE.items()", "FROZEN")
        over_event = self.chance(0.6)
        if over_event:
            source = self.pick(
                "event.get('l', [])", "(event.get('l') or [])", "event.get('m') or []", "event.get('m', [])"
            )
            if self.chance(0.15):
                source = self.pick(self.term(depth), "event['l']", "event.get('l')")
            if self.items and self.chance(0.4):
                source = f"{self.items[-1]}.get('l', [])"
        self.items.append(item)
        body = self.cond(depth)
        tail = f" if {self.cond(depth)}" if self.chance(0.3) else ""
        if self.chance(0.15):
            tail = f" for j in {self.pick('NAMES', item, 'event.get(chr(108), [])', item + '.get(chr(108))')}{tail}"
        self.items.pop()
        return f"{which}{bracket.format(f'{body} for {item} in {source}{tail}')}"

    def _pattern(self, depth: int) -> str:
        pattern, how = repr(self.random.choice(PATTERNS)), self.pick("match", "search", "fullmatch")
        flags = self.pick("", "", ", re.I", ", re.IGNORECASE | re.S", ", flags=re.MULTILINE")
        value = self.term(depth) if self.chance(0.3) else self._safe(depth)
        found = self.pick(
            f"re.{how}({pattern}, {value}{flags})", f"re.compile({pattern}{flags}).{how}({value})", f"PATTERN.{how}({value})",
            f"fnmatch.fnmatch({value}, {self.random.choice(GLOBS)!r})", f"re.findall({pattern}, {value})",
        )  # fmt: skip
        return self.pick(found, f"bool({found})", f"{found} is None", f"{found} is not None", f"not {found}")

    def _instance(self, depth: int) -> str:
        kinds = self.pick(
            "str", "dict", "list", "int", "float", "bool", "(str, list)", "(int, float)", "[str]", "re.Pattern"
        )
        return f"isinstance({self.term(depth)}, {kinds})"

    def _call(self, depth: int) -> str:
        value = self.term(depth)
        return self.pick(
            "is_named(event)", "helpers.is_named(event)", f"either({value})", f"helpers.either({value}, {self.word()}, strict=True)",
            f"any_in({self.pick('NAMES', 'LIST', value)}, {self.collection(depth)})", f"lazy({value})", f"helpers.lazy({value})",
            f"(lambda e: e == {self.const()})({value})", f"local({value})", f"bool({value})", "any(map(lazy, NAMES))",
            f"len({value}) {self.pick('>', '==', '<')} {self.pick('0', '1', '2')}", f"any({value} == v for v in NAMES)",
            f"any([{self.cond(depth)}, {self.cond(depth)}])", f"all([{self.cond(depth)}, {self.cond(depth)}])",
            f"any(filter(lambda v: v == {value}, LIST))", f"callable({value})", f"local({value}, {self.const()})",
        )  # fmt: skip

    def _odd(self, depth: int) -> str:
        """Return what looks like something else."""
        value = self.term(depth)
        return self.pick(
            f"{value} in ({self.word()})", "(v for v in ())", f"({value} == 'x') == {self.pick('True', '1', '0')}",
            f"{value} == ['x']", f"{value} == ()", f"(1, {value}) == (1, 'x')", f"TABLE.keys() & {{{self.word()}}}",
            f"{{'a': {value}}} == {{'a': 'x'}}", f"'x' in {{'a': {value}}}.values()", f"sorted({{'a': {value}}}.values()) == ['x']",
            f"{value} in [{value}]", "zip((), ())", f"({value} == 'x') + ({value} == 'y') == 1", "list(SET)[0] == 'x'",
            f"str(SET) == {self.word()}", "','.join(SET) == 'x,root,1'", f"','.join(v for v in NAMES) == {self.word()}",
            "BY_KEY[True] == 'true'", "{1, True} == {1}", f"[{value}] == [{self.const()}]", f"any(v.lower() == {value} for v in MIXED)",
            f"any(event[k] == {self.word()} for k in {{'a', 'b'}})", "event == {}", "len(event) > 3", "event", f"{value} == event",
            "(event or {}).get('p_log_type')", "event.get('p_log_type') == 'AWS.CloudTrail'", "'p_log_type' in event",
            "any(i and j == 'y' for i in (event.get('l') or []) for j in (event.get('m') or []))",
            f"{value}.append('x')", f"{value}.pop() == 'x'", f"any((w := v) == {value} for v in NAMES) and w == 'x'",
        )  # fmt: skip

    # Statements

    def body(self, depth: int, indent: str, *, looping: bool = False) -> list[str]:
        lines: list[str] = []
        for _ in range(self.pick(1, 1, 2, 3)):
            lines += self.statement(depth, indent, looping=looping)
        return lines

    def statement(self, depth: int, indent: str, *, looping: bool) -> list[str]:
        kinds = [self._assign, self._assign, self._return_if, self._return_if, self._return_if, self._list]
        if self.chance(0.3):
            kinds += [self._augment, self._pair]
        if depth > 0:
            kinds += [
                self._if,
                self._if,
                self._for,
                self._for,
                self._try,
                self._match,
                self._while,
                self._def,
                self._assigning_if,
            ]
        if self.chance(0.1):
            kinds = [self._misc]
        if self.stateful and self.chance(0.3):
            kinds = [self._state]
        if looping and self.chance(0.25):
            return [
                f"{indent}{self.pick('break', 'continue', f'if {self.cond(1)}: break', f'if {self.cond(1)}: continue')}"
            ]
        before = list(self.names)
        lines = self.random.choice(kinds)(depth - 1, indent)
        if self.chance(0.3) and len(self.names) > len(before):
            self.names = before
        return lines

    def _assign(self, depth: int, indent: str) -> list[str]:
        value = self.pick(
            self.term(2), self.term(2), self.cond(1), self.const(), "[]", "['x', 'y']", "{}", "''", "0", "set()"
        )
        name = self.name()
        self.names.append(name)
        return [f"{indent}{name} = {value}"]

    def _pair(self, depth: int, indent: str) -> list[str]:
        value = self.pick(
            f"{self.term(1)}, {self.term(1)}", f"{self.term(1)}.split(':')", "('x', 'y')", "SET", f"{self.term(1)}"
        )
        first, second = self.name(), self.name()
        self.names += [first, second]
        return [f"{indent}{first}, {second} = {value}"]

    def _augment(self, depth: int, indent: str) -> list[str]:
        if not self.names:
            return self._assign(depth, indent)
        value = self.pick("1", self.word(), "['x']", self.term(1), f"({self.cond(1)})", "('k',)")
        return [f"{indent}{self.random.choice(self.names)} {self.pick('+=', '+=', '|=', '-=')} {value}"]

    def _list(self, depth: int, indent: str) -> list[str]:
        """Return what makes a list, perhaps under two names, and changes it."""
        name, other = self.name(), self.name()
        self.names += [name, other]
        lines = [
            f"{indent}{name} = {self.pick('[]', '[1]', '{}', self.term(1), 'list(NAMES)', self.term(1) + '.split(chr(58))')}"
        ]
        alias = self.pick(
            name, name, f"[{name}]", f"{name} or []", f"{name}.append", f"lambda: {name}", f"keep({name})", f"({name},)"
        )
        lines.append(f"{indent}{other} = {alias}")
        value = self.pick(self.word(), self.term(1))
        lines.append(indent + self.pick(
            f"{name}.append({value})", f"{other}.append({value})", f"{name} += [{value}]", f"{name}[{value}] = 1", f"helpers.grow({name}, {value})",
            f"{other}({value})", f"{other}[0].append({value})", f"grow({other}, {value})", f"{name}.setdefault({value}, 1)", f"list.append({name}, {value})",
            f"{name} = {value}", f"{self.cond(1)} and {name}.append({value})", f"[{name}.append(v) for v in NAMES]", f"operator.iadd({name}, ['x'])",
            f"sorted(NAMES, key=lambda v: {name}.append(v))",
        ))  # fmt: skip
        return lines

    def _return_if(self, depth: int, indent: str) -> list[str]:
        return [f"{indent}if {self.cond()}:", f"{indent}    return {self.answer()}"]

    def answer(self) -> str:
        return self.pick("True", "False", "True", "False", self.cond(2), self.term(1), "None", "1", "''")

    def _if(self, depth: int, indent: str) -> list[str]:
        lines = [f"{indent}if {self.cond()}:", *self.body(depth, indent + "    ")]
        if self.chance(0.4):
            lines += [f"{indent}elif {self.cond()}:", *self.body(depth, indent + "    ")]
        if self.chance(0.5):
            lines += [f"{indent}else:", *self.body(depth, indent + "    ")]
        return lines

    def _assigning_if(self, depth: int, indent: str) -> list[str]:
        name, other = self.name(), self.name()
        self.names += [name, other]
        lines = [f"{indent}if {self.cond()}:", f"{indent}    {name} = {self.term(1)}"]
        if self.chance(0.6):
            lines += [f"{indent}else:", f"{indent}    {other} = {self.pick(self.const(), self.term(1))}"]
        return lines

    def _for(self, depth: int, indent: str) -> list[str]:
        item = f"i{len(self.items)}"
        target, source = self.pick(
            (item, "NAMES"), (item, "('x', 'y')"), (item, "LIST"), (item, "SET"), (f"{item}, j", "TABLE.items()"), (item, "range(2)"),
            (f"j, {item}", "enumerate(NAMES)"), (item, "EMPTY"), (item, "event.get('l', [])"), (item, "event.get('m') or []"),
            (item, "event.get('l') or ()"), (item, "event.get('l')"), (item, self.term(1)), (item, "event.get('s', '').split(':')"), (item, "zip(NAMES, LIST)"),
        )  # fmt: skip
        self.items.append(item)
        lines = [f"{indent}for {target} in {source}:", *self.body(depth, indent + "    ", looping=True)]
        self.items.pop()
        if self.chance(0.25):
            lines += [f"{indent}else:", *self.body(depth, indent + "    ")]
        if self.chance(0.1):
            self.items.append(item)
            lines += self._return_if(depth, indent)
            self.items.pop()
        return lines

    def _while(self, depth: int, indent: str) -> list[str]:
        name = f"w{self.fresh}"
        self.fresh += 1
        lines = [
            f"{indent}{name} = 0",
            f"{indent}while {name} < {self.pick('2', '1', '0')}:",
            f"{indent}    {name} += 1",
        ]
        return [*lines, *self.body(depth, indent + "    ", looping=True)]

    def _try(self, depth: int, indent: str) -> list[str]:
        kind = self.pick(
            "except Exception:", "except KeyError:", "except (AttributeError, TypeError) as error:", "except:"
        )
        lines = [
            f"{indent}try:",
            *self.body(depth, indent + "    "),
            f"{indent}{kind}",
            *self.body(depth, indent + "    "),
        ]
        if self.chance(0.2):
            lines += [f"{indent}else:", *self.body(depth, indent + "    ")]
        if self.chance(0.15):
            lines += [f"{indent}finally:", *self.body(depth, indent + "    ")]
        return lines

    def _match(self, depth: int, indent: str) -> list[str]:
        lines = [f"{indent}match {self.term(1)}:"]
        for _ in range(self.random.randrange(1, 4)):
            pattern = self.pick(
                self.word(),
                f"{self.word()} | {self.word()}",
                "None",
                "True",
                "1",
                f"v9 if v9 == {self.word()}",
                "str()",
                "helpers.WORD",
            )
            lines += [f"{indent}    case {pattern}:", *self.body(depth, indent + "        ")]
        if self.chance(0.5):
            lines += [f"{indent}    case {self.pick('_', '_', 'v8')}:", *self.body(depth, indent + "        ")]
        return lines

    def _def(self, depth: int, indent: str) -> list[str]:
        name = self.pick("local", "other")
        outer, items = list(self.names), self.items
        self.items = []
        self.names = [*outer, "value"]
        default = self.pick("", f", more={self.const()}", ", more=[]", f", more={self.term(1)}")
        lines = [f"{indent}def {name}(value{default}):"]
        if self.chance(0.1) and outer:
            lines.append(f"{indent}    nonlocal {self.random.choice(outer)}")
        lines += [*self.body(depth, indent + "    "), f"{indent}    return {self.answer()}"]
        self.names, self.items = outer, items
        if self.chance(0.3) and outer:
            lines.append(f"{indent}{self.random.choice(outer)} = {self.const()}")
        called = self.name()
        self.names.append(called)
        return [*lines, f"{indent}{called} = {name}({self.term(1)})"]

    def _misc(self, depth: int, indent: str) -> list[str]:
        name = self.random.choice(self.names) if self.names else "event"
        line = self.pick(
            f"del {name}", f"assert {self.cond(1)}", "raise ValueError(event.get('a'))", f"print({self.term(1)})", f"logging.info({self.term(1)})",
            "pass", f"{self.term(1)}", "import json", "from helpers import WORD as v1", f"LOGGER.info('%s', {self.term(1)})", f"event = {self.term(1)}",
            "if LOGGER: pass", f"with contextlib.suppress(Exception): v1 = {self.term(1)}", f"v2 = lambda: {self.term(1)}", "return",
            f"return {self.answer()}", "v3 = [lambda: v for v in NAMES][0]()", f"v4 = {self.cond(1)}; v5 = lambda: v4; v4 = {self.const()}",
        )  # fmt: skip
        return [indent + line]

    def _state(self, depth: int, indent: str) -> list[str]:
        value = self.pick(self.word(), self.term(1), "event.get('a')")
        lines = self.pick(
            ["global COUNT", "COUNT += 1"], [f"STATE.append({value})"], [f"CACHE[{value}] = True"], [f"if {value} in STATE: return {self.answer()}"],
            ["if len(STATE) > 2: return True"], ["alias = STATE", f"alias.append({value})"], [f"helpers.grow(STATE, {value})"], ["GROUPS['x'].append(1)"],
            [f"for v in GROUPS.values(): v.append({value})"], ["if next(ITERATOR, None) == 2: return True"], ["rule.calls = getattr(rule, 'calls', 0) + 1"],
            [f"remember({value})"], [f"helpers.OWN.add({value})"], [f"if {value} in helpers.OWN: return True"], ["event.get('a', STATE).append('x')"],
            [f"(lambda s=STATE: s.append({value}))()"], [f"[STATE.append(v) for v in {self.term(1)}]"], [f"v = keep(STATE); v += [{value}]"],
            ["any(STATE.append(v) for v in (event.get('l') or []))"], ["if COUNT > 2: return True"], ["if CACHE: return False"], [f"seen = STATE or []; seen.append({value})"],
            ["sorted(NAMES, key=lambda v: STATE.append(v))"], ["if GROUPS['x']: return True"], [f"add = STATE.append; add({value})"], ["helpers.LATER = 1"],
            ["if helpers.LATER: return True"], ["operator.iadd(STATE, ['x'])"], ["if TUPLE[0]: return True"], ["TUPLE[0].append(1)"], ["if counted(): return True"],
        )  # fmt: skip
        if lines[0].startswith("global"):
            return [f"{indent}bump()"] if self.chance(0.7) else [f"{indent}{line}" for line in lines]
        return [indent + line for line in lines]

    def rule(self) -> str:
        body = self.body(3, "    ")
        body.append(f"    return {self.pick(self.cond(), self.cond(), self.answer())}")
        top = [
            "import contextlib", "import fnmatch", "import logging", "import operator", "import re", "import helpers",
            "from helpers import BY_KEY, EMPTY, FROZEN, LIST, MIXED, NAMES, NESTED, PATTERN, SET, TABLE, any_in, either, first, found",
            "from helpers import get, grow, ignore, is_named, keep, lazy", "LOGGER = logging.getLogger('rule')",
            f"LOCAL = {{'x': {self.const()}, 'y': {self.const()}, {self.const()}: {self.word()}}}",
            f"DISPATCH = {{'x': is_named, 'y': lambda e: e.get({self._key()}), 'k': lambda e: {self.const()}}}",
        ]  # fmt: skip
        if self.stateful:
            top += [
                "COUNT = 0", "STATE = []", "CACHE = {}", "GROUPS = {'x': [], 'y': []}", "ITERATOR = iter([1, 2, 3])", "TUPLE = ([],)",
                "def bump():\n    global COUNT\n    COUNT += 1", "def remember(value, seen=[]):\n    seen.append(value)\n    return len(seen) > 2",
                "def counted(seen=([],)):\n    seen[0].append(1)\n    return len(seen[0]) > 2",
            ]  # fmt: skip
        local = [
            "def local(value, other='x'):",
            f"    if value == {self.const()}:",
            f"        return {self.const()}",
            "    return value == other",
        ]
        return "\n".join([*top, *local, "", "def rule(event):", *body, ""])


def program(seed: random.Random) -> tuple[str, str]:
    """Return the source of a rule and of its helper module."""
    stateful = seed.random() < 0.25
    made = Program(seed, stateful=stateful)
    helper = HELPER + ("OWN = set()\nLATER = 0\n" if stateful else "")
    return made.rule(), helper
