"""Records: JSON texts of events that try to fool a condition.

In: the source of a program, or a rule's own test event, and a random generator. Out: the text of one record. Members
are missing, null, of another type or case, twice there, deep, not ASCII, huge; else they are what the program asks for.
"""

from __future__ import annotations

import ast
import json
import random

ODD_TEXTS = (
    "\u212a",
    "\u017f",
    "ConsoleLogin\n",
    "x\x00",
    "\u00e9",
    "X",
    "consolelogin",
    " x",
    "x ",
    "xx",
    "\ud800",
    "y\u2028",
    "1.0",
)
ODD_NUMBERS = (
    *(
        [
            "0",
            "-0",
            "1",
            "1.0",
            "1e0",
            "2",
            "-1",
            "1.5",
            "10",
            "0.0",
            "3",
            "1e-400",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e400",
        ]
    ),
    *("123456789012345", "1234567890123456", "9" * 40),
)
NAMES = ("eventName", "eventSource", "a", "b", "u", "l", "m", "n", "s")
INNER = ("t", "k", "arn", "a", "n", "l")


class Asked:
    """What a program speaks of: names of members and constants."""

    def __init__(self, source: str) -> None:
        names, texts, paths = set(), set(), []
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Call(func=ast.Attribute(attr="deep_get"), args=args):
                    found = [
                        each.value for each in args if isinstance(each, ast.Constant) and isinstance(each.value, str)
                    ]
                    paths.append(found)
                    names.update(found)
                case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
                    names.add(name)
                    paths.append([name])
                case ast.Subscript(slice=ast.Constant(value=str(name))):
                    names.add(name)
                    paths.append([name])
                case ast.Constant(value=str(text)) if len(text) < 80:
                    texts.add(text)
        self.paths = [path for path in paths if path] or [[name] for name in NAMES]
        self.inner = sorted(names) or list(INNER)
        self.texts = sorted(texts - names) or ["x"]


def made(asked: Asked, chance: random.Random) -> str:
    """Return a record that is made up."""
    tops = sorted({path[0] for path in asked.paths})
    count = chance.randrange(len(tops) + 1) if chance.random() < 0.3 else len(tops)
    members = [(name, _member(name, asked, chance)) for name in chance.sample(tops, count)]
    return _object(members, chance)


def _member(name: str, asked: Asked, chance: random.Random) -> str:
    followed = [path[1:] for path in asked.paths if path[0] == name and path[1:]]
    if followed and chance.random() < 0.6:
        # What `deep_get` or a chain asks for lies there.
        return _nested(chance.choice(followed), asked, chance)
    if name in ("l", "m") and chance.random() < 0.8:
        return _list(asked, chance, 2)
    if name == "u" and chance.random() < 0.8:
        return _object([(inner, value(asked, chance, 1)) for inner in asked.inner if chance.random() < 0.5], chance)
    if name in ("eventName", "eventSource", "a", "s") and chance.random() < 0.6:
        return _text(chance.choice(asked.texts), chance)
    return value(asked, chance, 2)


def _nested(path: list[str], asked: Asked, chance: random.Random) -> str:
    inner = _nested(path[1:], asked, chance) if path[1:] else value(asked, chance, 1)
    more = [(chance.choice(asked.inner), value(asked, chance, 0))] if chance.random() < 0.3 else []
    return _object([(path[0], inner), *more], chance)


def value(asked: Asked, chance: random.Random, depth: int) -> str:
    """Return the text of a value."""
    kind = chance.random()
    if kind < 0.55:
        return _text(chance.choice(asked.texts), chance)
    if kind < 0.62:
        return chance.choice(ODD_NUMBERS)
    if kind < 0.70:
        return chance.choice(("null", "true", "false", "null"))
    if kind < 0.76:
        return _text(chance.choice(ODD_TEXTS), chance)
    if kind < 0.80:
        return _text(_near(chance.choice(asked.texts), chance), chance)
    if depth <= 0:
        return chance.choice(("[]", "{}", '""', "1", '"x"'))
    if kind < 0.88:
        return _list(asked, chance, depth)
    return _object(
        [(chance.choice(asked.inner), value(asked, chance, depth - 1)) for _ in range(chance.randrange(4))], chance
    )


def _list(asked: Asked, chance: random.Random, depth: int) -> str:
    if chance.random() < 0.4:
        inner = [(name, value(asked, chance, depth - 1)) for name in asked.inner[:6]]
        return (
            "["
            + ",".join(_object(chance.sample(inner, min(2, len(inner))), chance) for _ in range(chance.randrange(4)))
            + "]"
        )
    return "[" + ",".join(value(asked, chance, depth - 1) for _ in range(chance.randrange(5))) + "]"


def _near(text: str, chance: random.Random) -> str:
    return chance.choice(
        (text + "x", "x" + text, text[:-1], text[1:], text.upper(), text.lower(), text.swapcase(), text + "\n")
    )


def _text(text: str, chance: random.Random) -> str:
    if chance.random() < 0.1:
        return '"' + "".join(f"\\u{ord(character) & 0xFFFF:04x}" for character in text) + '"'
    return json.dumps(text)


def _object(members: list[tuple[str, str]], chance: random.Random) -> str:
    parts = []
    for name, found in members:
        odd = chance.random()
        spelt = name
        if odd < 0.02:
            spelt = name.upper()
        elif odd < 0.03:
            spelt = name.replace("k", "\u212a").replace("s", "\u017f")
        parts.append(f"{_text(spelt, chance)}:{found}")
        if odd > 0.98:
            # The last one wins, in Python.
            twin, other = chance.choice((name, name.upper(), name.lower())), chance.choice(("null", "1", found))
            parts.append(f"{_text(twin, chance)}:{other}")
    if chance.random() < 0.02:
        name = chance.choice(("\u00e9", "\u212a", "p_log_type", "p_any"))
        parts.append(f"{_text(name, chance)}:1")
    return "{" + ",".join(parts) + "}"


def changed(event: dict[str, object], asked: Asked, chance: random.Random) -> str:
    """Return a rule's own test event, changed here and there."""
    found = json.loads(json.dumps(event))
    for _ in range(chance.randrange(4)):
        _change(found, asked, chance)
    return json.dumps(found) if chance.random() < 0.9 else _written(found, asked, chance)


def _change(found: object, asked: Asked, chance: random.Random) -> None:
    place = found
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
        if not keys:
            return
        # Mostly what the rule asks for.
        wanted = [key for key in keys if key in asked.inner]
        key = chance.choice(wanted if wanted and chance.random() < 0.8 else keys)
        if isinstance(place[key], dict | list) and chance.random() < 0.7:
            place = place[key]
            continue
        break
    what = chance.random()
    if what < 0.3 and isinstance(place, dict):
        del place[key]
    elif what < 0.4:
        place[key] = None
    elif what < 0.5 and isinstance(place[key], str):
        place[key] = _near(place[key], chance)
    elif what < 0.55 and isinstance(place, dict):
        place[key.upper()] = place.pop(key)
    else:
        place[key] = json.loads(value(asked, chance, 1))


def _written(found: dict[str, object], asked: Asked, chance: random.Random) -> str:
    return _object([(name, json.dumps(each)) for name, each in found.items()], chance)
