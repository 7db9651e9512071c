"""The event object beside a naive model: random operations on random records, in both forms."""

import copy

from iota_engine._containers import EventList, FrozenMapping
from iota_engine._event import Event, KindEvent

KEYS = [
    "a",
    "A",
    "b",
    "Ab",
    "aB",
    "eventName",
    "EVENTNAME",
    "k",
    "\u212a",
    "\u00df",
    "ss",
    "\u0130",
    "i\u0307",
    "",
    "d",
]
SCALARS = [None, True, False, 0, 1, -1.5, "", "x", "a", "K", 10**30, float("inf")]
# What would change a `dict` or a `list`.
CHANGES = {
    dict: {
        "pop": ("a", 1),
        "popitem": (),
        "update": ({"z": 1},),
        "setdefault": ("z", 1),
        "clear": (),
        "__setitem__": ("a", 1),
        "__delitem__": ("a",),
        "__ior__": ({"z": 1},),
    },
    list: {
        "append": (1,),
        "extend": ([1],),
        "insert": (0, 1),
        "pop": (),
        "remove": (1,),
        "clear": (),
        "sort": (),
        "reverse": (),
        "__setitem__": (0, 1),
        "__delitem__": (0,),
        "__iadd__": ([1],),
        "__imul__": (2,),
    },
}


def value_of(dice, depth):
    """Return any value that JSON may hold."""
    match dice.randrange(8 if depth else 5):
        case 5 | 6:
            return {dice.choice(KEYS): value_of(dice, depth - 1) for _ in range(dice.randrange(4))}
        case 7:
            return [value_of(dice, depth - 1) for _ in range(dice.randrange(4))]
    return dice.choice(SCALARS)


def key_of(dice):
    """Return a key to ask for; now and then none that JSON has."""
    return dice.choice([5, None, ("a",), ["a"], 1.5]) if dice.random() < 0.02 else dice.choice(KEYS)


def operation_of(dice):
    """Return one operation: where (keys and indices from the event down), what, and with what."""
    where = [dice.choice([*KEYS, 0, 1, 0, 1]) for _ in range(dice.choice([0, 0, 0, 1, 1, 2]))]
    # The event remembers by its keys: all of them must have a hash, whatever lies between.
    keys = [key for _ in range(dice.randrange(4)) if not isinstance(key := key_of(dice), list)]
    default = dice.choice([None, None, "q", 0, [], {"a": 1, "B": {"a": 2}}, {}])
    match dice.randrange(12):
        case 0:
            return where, "get", (key_of(dice),)
        case 1:
            return where, "get", (key_of(dice), default)
        case 2:
            return where, "[]", (dice.choice([key_of(dice), 0, -1, 7, slice(0, 2), slice(None, None, -1)]),)
        case 3:
            return where, "in", (dice.choice([key_of(dice), 1, None]),)
        case 4 | 5:
            return where, "deep_get", (keys, default)
        case 6 | 7:
            return where, "deep_walk", (keys, default, dice.choice(["all", "all", "first", "last", "other"]))
        case 8:
            return where, "==", (dice.choice(["same", "other", "tuple"]),)
        case 9:
            return where, "iterate", ()
        case 10:
            return where, "copy", ()
    return where, "change", (dice.randrange(100),)


def make(dice):
    """Return a form, a record and what to ask of it."""
    record = {dice.choice(KEYS): value_of(dice, 3) for _ in range(dice.randrange(6))}
    return dice.choice([Event, KindEvent]), record, [operation_of(dice) for _ in range(4)]


# The model: plain dictionaries and lists.


class Model:
    """What rules may rely on, read off `docs/compatibility.md` the slow way."""

    def __init__(self, form):
        """Answer as events of this form do."""
        self.null_is_missing = form is KindEvent

    def find(self, mapping, key):
        """Return whether there is such a key, and its value: the same key first, then the first in another case."""
        for name in mapping:
            hash(key)
            if name == key:
                return True, mapping[name]
        hash(key)
        for name in mapping:
            if name.lower() == key.lower():
                return True, mapping[name]
        return False, None

    def get(self, mapping, key, default=None):
        """Answer `get`."""
        found, value = self.find(mapping, key)
        return default if not found or (value is None and self.null_is_missing) else value

    def item(self, container, key):
        """Answer `[]`."""
        if isinstance(container, list):
            found = container[key]
            return tuple(found) if isinstance(key, slice) and not self.null_is_missing else found
        found, value = self.find(container, key)
        if not found:
            raise KeyError(key)
        return value

    def contains(self, container, key):
        """Answer `in`."""
        return key in container if isinstance(container, list) else self.find(container, key)[0]

    def deep_get(self, mapping, keys, default):
        """Answer `deep_get`."""
        value = mapping
        for key in keys:
            value = self.find(value, key)[1] if isinstance(value, dict) else None
        if value is not None or default is None:
            return value
        if not isinstance(default, dict):
            return default
        # The default stands in for every gap, and is then asked for what follows.
        value = mapping
        for key in keys:
            if value is default:
                value = default.get(key, default)
            elif isinstance(value, dict) and self.is_own(mapping, value):
                value = self.get(value, key, default)
            else:
                value = value.get(key, default) if isinstance(value, dict) else default
        return default if value is None else value

    def is_own(self, mapping, value):
        """Tell a part of the event from a part of a default."""
        parts = [mapping]
        while parts:
            part = parts.pop()
            if part is value:
                return True
            if isinstance(part, dict | list):
                parts.extend(part.values() if isinstance(part, dict) else part)
        return False

    def deep_walk(self, value, keys, default, which):
        """Answer `deep_walk`."""
        if not keys:
            return default if hollow(value) else value
        if isinstance(value, dict):
            child = value.get(keys[0])
            return self.deep_walk(default if child is None else child, keys[1:], default, which)
        found = []
        for item in value if isinstance(value, list) else []:
            result = self.deep_walk(item, keys, default, which)
            for each in result if isinstance(result, list) else [result]:
                hash(each)
                if result is not None and each not in found:
                    found.append(each)
        if not found:
            return default
        if which == "all":
            return found if len(found) > 1 else found[0]
        return {"first": found[0], "last": found[-1]}.get(which, "all")


def hollow(value):
    """Tell a list with nothing in it but such lists."""
    return isinstance(value, list) and all(hollow(child) for child in value)


def bare(value):
    """Return the same without wrappers."""
    if isinstance(value, dict):
        return {key: bare(child) for key, child in dict.items(value)}
    if isinstance(value, list):
        return [bare(child) for child in list.__iter__(value)]
    return tuple(bare(child) for child in value) if isinstance(value, tuple) else value


def asked(ask):
    """Return the answer with its type and order, or the class of the exception."""
    try:
        return repr(bare(ask()))
    except Exception as error:  # noqa: BLE001  # whatever it is, the model must say the same
        return type(error).__name__


# For each operation, what the model and what the event answers.


def pair(form, plain, real, name, arguments):
    """Return two functions that must answer alike; None where the operation is not one of such a container."""
    model = Model(form)
    is_list = isinstance(plain, list)
    if name in {"get", "deep_get", "deep_walk"} and (is_list or (name == "deep_walk" and not isinstance(real, Event))):
        return None
    if name == "get":
        return lambda: model.get(plain, *arguments), lambda: real.get(*arguments)
    if name == "[]":
        return lambda: model.item(plain, *arguments), lambda: wrapped(real[arguments[0]])
    if name == "in":
        return lambda: model.contains(plain, *arguments), lambda: arguments[0] in real
    if name == "deep_get":
        keys, default = arguments
        return lambda: model.deep_get(plain, keys, default), lambda: real.deep_get(*keys, default=default)
    if name == "deep_walk":
        keys, default, which = arguments
        return (
            lambda: model.deep_walk(plain, keys, default, which),
            lambda: real.deep_walk(*keys, default=default, return_val=which),
        )
    if name == "==":
        other = {"same": bare(real), "other": [plain], "tuple": tuple(plain) if is_list else plain}[arguments[0]]
        equal = arguments[0] != "other"
        return lambda: (equal, equal, not equal), lambda: (real == other, other == real, real != other)
    if name == "iterate":
        return lambda: members(plain), lambda: members(real)
    return lambda: plain, lambda: copied(real)


def wrapped(value):
    """Return the value, which must be no container that can be changed."""
    if isinstance(value, dict) and not isinstance(value, FrozenMapping):
        raise TypeError("a plain dictionary came out")
    if type(value) is list and not isinstance(value, EventList):
        # A slice of iota's form is a list of its own, its items are still wrapped.
        for item in value:
            wrapped(item)
    return value


def members(container):
    """Return everything that iteration, `len` and the views show."""
    if isinstance(container, list):
        return list(container), len(container), bool(container), list(reversed(container))
    views = list(container.keys()), list(container.values()), list(container.items())
    return list(container), len(container), bool(container), views, dict(container), {**container}


def copied(real):
    """Return a copy, after it was changed in another copy."""
    other = real.copy()
    if isinstance(other, list):
        other.append("changed")
    else:
        other["changed"] = "changed"
        for child in other.values():
            if isinstance(child, list | dict):
                child.clear()
    return copy.deepcopy(real).copy()


def change(real, number):
    """Try to change a container; return what is wrong if that neither raises nor is refused."""
    changes = CHANGES[list if isinstance(real, list) else dict]
    name = list(changes)[number % len(changes)]
    before = repr(bare(real))
    try:
        getattr(real, name)(*changes[name])
    except (TypeError, AttributeError):
        return None if repr(bare(real)) == before else f"`{name}` raised and changed it all the same"
    return f"`{name}` did not raise"


def reached(model, plain, real, where):
    """Return the containers at the end of the way, as far as it goes."""
    for key in where:
        try:
            below = model.item(plain, key)
            if not isinstance(below, dict | list):
                break
            plain, real = below, wrapped(real[key])
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return plain, real


def check(case):
    """Return what is wrong, None if nothing is."""
    form, record, operations = case
    before = repr(record)
    event = form(record)
    for where, name, arguments in operations:
        plain, real = reached(Model(form), record, event, where)
        if name == "change":
            wrong = change(real, *arguments)
            if wrong:
                return f"{where}: {wrong}"
            continue
        functions = pair(form, plain, real, name, arguments)
        if functions is None:
            continue
        expected = asked(functions[0])
        # The second answer may come from a memo.
        for got in (asked(functions[1]), asked(functions[1])):
            if got != expected:
                return f"{where} {name} {arguments}: expected {expected}, got {got}"
    if repr(record) != before or repr(bare(event)) != before:
        return f"the record has changed: {bare(event)!r}"
    return None


def smaller(case):
    """Yield the same with fewer operations, or fewer members."""
    form, record, operations = case
    for at in range(len(operations)):
        yield form, record, operations[:at] + operations[at + 1 :]
    for less in less_of(record):
        yield form, less, operations


def less_of(value):
    """Yield a container without one of its members, or with a smaller one."""
    if isinstance(value, dict):
        for key in value:
            yield {name: child for name, child in value.items() if name != key}
            for less in less_of(value[key]):
                yield {**value, key: less}
    elif isinstance(value, list):
        for at in range(len(value)):
            yield value[:at] + value[at + 1 :]
            for less in less_of(value[at]):
                yield [*value[:at], less, *value[at + 1 :]]
