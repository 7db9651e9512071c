"""The condition compiler: what it makes of plain rules, and traps that a hurried reading of a rule falls into."""

import ast
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "conditions"))

import soundness
from reference import outcomes

from iota_engine.conditions import Conditions

NAME = [{"get": "n"}]
X = {"op": "equals", "term": NAME, "to": "x"}


def compiled(source, helpers=None, *, panther=True, others=()):
    trees = {name: ast.parse(text) for name, text in (helpers or {}).items()}
    tree = ast.parse(source)
    conditions = Conditions(trees, [tree, *map(ast.parse, others)], lambda _: False)
    return conditions.of(tree, is_panther=panther)


def rule(body):
    return "def rule(event):\n" + "".join(f"    {line}\n" for line in body.splitlines())


PLAIN = {
    "equals": ("return event.get('n') == 'x'", X),
    "not equals": ("return event.get('n') != 'x'", {"op": "not", "of": X}),
    "a default": ("return event.get('n', 'y') == 'x'", {**X, "term": [{"get": "n", "default": "y"}]}),
    "a subscript": ("return event['n'] == 'x'", {**X, "term": [{"item": "n"}]}),
    "deep_get": ("return event.deep_get('u', 'n') == 'x'", {**X, "term": [{"deep": ["u", "n"]}]}),
    "or a dict": (
        "return (event.get('u') or {}).get('n') == 'x'",
        {**X, "term": [{"get": "u"}, {"or": {}}, {"get": "n"}]},
    ),
    "a tuple": (
        "return event.get('n') in ('x', 'y')",
        {"op": "in", "term": NAME, "set": ["x", "y"], "hashed": False},
    ),
    "a set is hashed": (
        "return event.get('n') in {'x', 'y'}",
        {"op": "in", "term": NAME, "set": ["x", "y"], "hashed": True},
    ),
    "parentheses are no tuple": (
        "return event.get('n') in ('xyz')",
        {"op": "within", "term": NAME, "text": "xyz"},
    ),
    "text, list or dict": ("return 'x' in event.get('n')", {"op": "contains", "term": NAME, "const": "x"}),
    "early return": ("if event.get('n') != 'x':\n    return False\nreturn True", X),
    "an assignment": ("name = event.get('n')\nreturn name == 'x'", X),
    "any over constants": (
        "return any(event.get('n') == each for each in ('x', 'y'))",
        {"op": "in", "term": NAME, "set": ["x", "y"], "hashed": False},
    ),
    "any over a list of the event": (
        "return any(each == 'x' for each in event.get('l', []))",
        {"op": "some", "in": [{"get": "l", "default": []}], "where": {"op": "equals", "term": ["item"], "to": "x"}},
    ),
    "a pattern": (
        "import re\nreturn re.match('x.', event.get('n')) is not None",
        {"op": "matches", "term": NAME, "pattern": "^(?:x.)"},
    ),
    "starts with": (
        "return event.get('n').startswith(('x', 'y'))",
        {"op": "starts_with", "term": NAME, "any_of": ["x", "y"]},
    ),
    "a type": ("return isinstance(event.get('n'), str)", {"op": "is_type", "term": NAME, "types": ["str"]}),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain(name):
    """A plain rule has exactly the condition that a person would write."""
    body, expected = PLAIN[name]

    assert compiled(rule(body)) == expected


def test_a_null_takes_the_default_in_iotas_form():
    """Under `get` of iota's form a null counts as missing."""
    found = compiled(rule("return event.get('n', 'y') == 'x'"), panther=False)

    assert found == {**X, "term": [{"get": "n", "null": True, "default": "y"}]}


def test_a_reason_names_the_line():
    """What is not understood is told with its line."""
    found = compiled(rule("return int(event.get('n')) == 1"))

    assert found == {"op": "anything", "reason": "line 2: `int` is not followed"}


# Records for the traps: most match somewhere, some are odd.
RECORDS = [
    {"n": "x", "m": "y", "l": ["x", "y"], "u": {"t": "x"}},
    {"n": "y", "m": "x", "l": ["y"], "u": {"t": "y", "n": "x"}},
    {"n": "x", "m": "x", "l": []},
    {"n": "xy", "m": None, "l": "xy", "u": None},
    {"n": 1, "m": True, "l": [1, True, None, ["x"], {"t": "x", "l": ["y"]}], "u": {"t": ["x"]}},
    {"n": ["x"], "m": {}, "l": {"x": 1}, "u": []},
    {"n": 1.0, "m": 0, "l": [{"t": "x", "n": "x", "l": ["x"]}, {"t": "y", "l": []}]},
    {"N": "x", "m": "X:Y:Z", "l": [[], {}]},
    {},
    {"n": "x", "m": "y", "l": ["y", "x"], "u": {"t": "x"}},
    {"n": "", "m": "", "l": [""], "u": {}},
    {"n": "x", "l": [{"n": "y"}, {"n": "x", "t": "y", "l": ["y", "x"]}]},
    {"n": "ConsoleLogin", "m": "Login"},
]
TEXTS = [json.dumps(record) for record in RECORDS]
TEXTS += ['{"n":"y","n":"x"}', '{"n":"x","N":"y"}', '{"n":NaN,"m":1e400}', '{"\\u212a":"x","n":"\\u212a"}']
TEXTS += ['{"n":"x\\n"}', '{"n":123456789012345678,"m":-0}', '{"n":"x","p_log_type":null}', *TEXTS[:4]]

FOLDER = Path(soundness.__file__).parent


def sections(name):
    """Return the programs of a file of traps, by their titles."""
    _, *parts = (FOLDER / name).read_text(encoding="utf-8").split("\n## ")
    return {title: body.strip("\n") for title, _, body in (part.partition("\n") for part in parts)}


TRAPS = sections("traps.txt")
# Rules that remember: they see more than the event.
STATES = sections("states.txt")
HELPERS = {
    "helpers": "SEEN = []\nLIMIT = 1\ndef note(what):\n    SEEN.append(what)\ndef count():\n    return len(SEEN)\n",
}


def source_of(trap):
    return trap if "def rule(" in trap or "\nrule = " in trap or trap.startswith("rule = ") else rule(trap)


def judge(source, *, panther, helpers=None):
    helpers = HELPERS if helpers is None else helpers
    pack = soundness.Pack(source, helpers, is_panther=panther)
    try:
        judged = soundness.Judge()
        judged.look(pack, {name: ast.parse(text) for name, text in helpers.items()}, TEXTS)
    except soundness.Unsound as error:
        _, condition, text, real, found, what = error.args[0]
        pytest.fail(f"{source}\nrecord: {text}\ncondition: {condition}\n{what}: {real}, the set: {found}")
    assert judged.programs, "cannot be loaded"


@pytest.mark.parametrize("panther", [True, False], ids=["panther", "iota"])
@pytest.mark.parametrize("name", [*TRAPS, *STATES])
def test_traps(name, panther, capsys):
    """What Python answers is in the set, for every record in every state; leaving records out changes nothing."""
    judge(source_of(TRAPS.get(name) or STATES[name]), panther=panther)
    capsys.readouterr()


# What a rule may do to a list that only other records make it look at.
WRITES = [
    "SEEN.append(1)",
    "SEEN[:] = [1]",
    "SEEN[len(SEEN):] = [1]",
    "seen = SEEN; seen += [1]",
    "seen = [SEEN]; seen[0].append(1)",
    "seen = {'a': SEEN}; seen['a'].append(1)",
    "seen, _ = SEEN, 1; seen.append(1)",
    "(seen := SEEN).append(1)",
    "add = SEEN.append; add(1)",
    "note(SEEN, 1)",
    "note(what=1, to=SEEN)",
    "note(*(SEEN, 1))",
    "(lambda to: to.append(1))(SEEN)",
    "(lambda to=SEEN: to.append(1))()",
    "same(SEEN).append(1)",
    "own().append(1)",
    "[SEEN.append(each) for each in event.get('l') or []]",
    "{SEEN.append(each): 1 for each in event.get('l') or []}",
    "any(SEEN.append(each) for each in event.get('l') or [])",
    "all(SEEN.append(each) is None for each, _ in event.get('l') or [(1, 2)])",
    "sum(SEEN.append(each) or 1 for each in event.get('l') or [])",
    "list(map(SEEN.append, (1,)))",
    "list(map(lambda each: SEEN.append(each), (1,)))",
    "sorted('xy', key=lambda each: SEEN.append(each) or 1)",
    "{'a': SEEN.append}['a'](1)",
    "{'a': lambda: SEEN.append(1)}['a']()",
    "f'{SEEN.append(1)}'",
    "event.get('zzz', SEEN).append(1)",
    "(event.get('zzz') or SEEN).append(1)",
    "(SEEN if event.get('m') else SEEN).append(1)",
    "for seen in (SEEN,): seen.append(1)",
    "for each in event.get('l') or []: SEEN.append(each)",
    "SEEN.append(1) if event.get('m') else None",
    "event.get('m') and SEEN.append(1)",
    "import operator; operator.iadd(SEEN, [1])",
    "import functools; functools.partial(SEEN.append, 1)()",
    "import functools; functools.reduce(lambda a, b: SEEN.append(b), 'xyz')",
    "import re; re.sub('x', lambda m: SEEN.append(1) or '', str(event.get('n')))",
    "import json; json.loads('{}', object_hook=lambda each: SEEN.append(1))",
    "import heapq; heapq.heappush(SEEN, 1)",
    "list.append(SEEN, 1)",
    "getattr(SEEN, 'append')(1)",
    "bump()",
    "rule.seen = 1",
    "TABLE['a'].append(1)",
    "TABLE.get('a').append(1)",
    "[each.append(1) for each in TABLE.values()]",
    "for _, each in TABLE.items(): each.append(1)",
    "PAIR[0].append(1)",
    "seen, = PAIR; seen.append(1)",
    "defaulted(1)",
    "next(STEPS)",
    "list(STEPS)",
    "'x' in STEPS",
    "BOX.seen = 1",
    "BOX.note()",
    "lambda_note(1)",
    "generated()",
    "assert not SEEN.append(1)",
    "del STEPS_LIST[0]",
]
STATEFUL = """
SEEN = []
COUNT = 0
TABLE = {'a': []}
PAIR = ([],)
STEPS = iter('xyz')
STEPS_LIST = [1]
def note(to, what):
    to.append(what)
def same(what):
    return what
def bump():
    global COUNT
    COUNT = 1
def own():
    return SEEN
def defaulted(what, to=SEEN):
    to.append(what)
lambda_note = lambda what: SEEN.append(what)
def generated():
    return list(stepping())
def stepping():
    SEEN.append(1)
    yield 1
class Box:
    seen = 0
    def note(self):
        self.seen = 1
BOX = Box()
def rule(event):
    if event.get('n') == 'y':
        is_fresh = COUNT == BOX.seen == 0 and STEPS_LIST and not hasattr(rule, 'seen') and next(STEPS) == 'x'
        return bool(SEEN or TABLE['a'] or PAIR[0] or not is_fresh)
    if event.get('m') == 'q':
        return False
    {write}
    return False
"""


@pytest.mark.parametrize("write", WRITES)
def test_what_is_kept_is_not_left_out(write, capsys):
    """A record that makes a rule change what it keeps is never left out, however the rule does it."""
    judge(STATEFUL.replace("{write}", write), panther=True)
    capsys.readouterr()


@pytest.mark.parametrize("name", ["the log does not count", "a counter behind a test", "an early test"])
def test_some_are_still_left_out(name):
    """A rule that remembers is asked only where it remembers."""
    source = STATES.get(name) or source_of("if event.get('n') != 'x':\n    return False\nSEEN.append(1)\nreturn True")
    sets = [outcomes(compiled(source, HELPERS), text) for text in TEXTS]

    assert any("T" not in found for found in sets) or name == "a counter behind a test"


ELSEWHERE = {
    "a name of a module": "import helpers\nhelpers.LIMIT = 'x'",
    "a list": "import helpers\nhelpers.NAMES.append('x')",
    "a list that is imported": "from helpers import NAMES\ndef f():\n    NAMES.append('x')",
    "a list under another name": "from helpers import NAMES as n\nn += ['x']",
    "setattr": "import helpers\nsetattr(helpers, 'LIMIT', 'x')",
    "a helper is replaced": "import helpers\nhelpers.is_x = lambda e: True",
    "sys.modules": "import sys\nsys.modules['helpers'].LIMIT = 'x'",
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_another_file_changes_a_name(name):
    """What any file of the pack changes is no constant for any other."""
    helpers = {"helpers": "LIMIT = 'y'\nNAMES = ['y']\ndef is_x(e):\n    return False\n"}
    source = "import helpers\n" + rule(
        "return event.get('n') == helpers.LIMIT or event.get('n') in helpers.NAMES or helpers.is_x(event)"
    )
    record = '{"n":"x"}'

    assert outcomes(compiled(source, helpers), record) == frozenset("F")
    assert "T" in outcomes(compiled(source, helpers, others=[ELSEWHERE[name]]), record)


def test_star_imports_bind_anything():
    """A name before an `import *` may be another behind it."""
    helpers = {"helpers": "LIMIT = 'x'\n"}
    before = "LIMIT = 'y'\nfrom helpers import *\n" + rule("return event.get('n') == LIMIT")
    behind = "from helpers import *\nLIMIT = 'y'\n" + rule("return event.get('n') == LIMIT")

    assert outcomes(compiled(before, helpers), '{"n":"x"}') == frozenset("TFR")
    assert outcomes(compiled(behind, helpers), '{"n":"x"}') == frozenset("F")


def test_no_helper_hides_a_library():
    """A helper named like a module of Python's is never imported, so it is never followed."""
    helpers = {"string": "def capwords(text):\n    return 'x'\n"}
    source = "import string\n" + rule("return string.capwords(event.get('n')) == 'x'")

    assert outcomes(compiled(source, helpers), '{"n":"q"}') == frozenset("TFR")


def test_what_is_installed_hides_a_helper():
    """A helper that something installed hides is not followed."""
    tree = ast.parse("import tools\n" + rule("return tools.is_x(event)"))
    helpers = {"tools": ast.parse("def is_x(e):\n    return True")}
    found = [Conditions(helpers, [tree], hidden).of(tree, is_panther=True)["op"] for hidden in (lambda _: False, bool)]

    assert found == ["always", "anything"]


def test_a_try_lets_only_what_it_catches_go_on():
    """Where the body surely raises, only the handler is come to: the test behind the `try` is not reached."""
    body = "try:\n    event['u'].lower()\nexcept AttributeError:\n    return False\nreturn event.get('n') == 'x'"
    condition = compiled(rule(body))

    assert outcomes(condition, '{"n": "x", "u": "text"}') == {"T"}
    assert outcomes(condition, '{"n": "y", "u": "text"}') == {"F"}
    assert "T" not in outcomes(condition, '{"n": "x", "u": 1}')
    assert "T" not in outcomes(condition, '{"n": "x"}')


def test_a_rule_that_nests_deep():
    """No condition is deeper than what every reader of JSON takes."""
    lines = "".join(f"{'    ' * at}if event.get('k{at}') == 'x' or event.get('l{at}'):\n" for at in range(15))
    nested = "event.get('a') == 'x'"
    for at in range(90):
        nested = f"({nested}) {'and' if at % 2 else 'or'} event.get('k{at}') == 'x'"
    for body in (f"return {nested}", f"{lines}{'    ' * 15}return {nested}\nreturn False"):
        found = compiled(rule(body))
        assert _nesting(json.dumps(found)) < 120


def _nesting(text):
    deepest = depth = 0
    for char in text:
        depth += (char in "[{") - (char in "]}")
        deepest = max(deepest, depth)
    return deepest


def test_a_rule_that_can_never_match():
    """It is not asked, unless it may raise: that should be seen."""
    assert compiled(rule("return event.get('n') == 'x' and False")) == {"op": "never"}
    assert compiled(rule("return event['n'] == 'x' and False"))["op"] == "anything"
    assert compiled(rule("raise ValueError"))["op"] == "anything"


def test_a_rule_that_branches_without_end():
    """A rule that is too large to follow is asked about everything."""
    lines = "".join(f"if event.get('k{at}') == 'x':\n    v += 1\n" for at in range(40))
    found = compiled(rule(f"v = 0\n{lines}return v == 3"))

    assert found["op"] == "anything"
    assert "branches" in found["reason"] or "too large" in found["reason"]


@pytest.mark.parametrize("seed", [1, 2])
def test_soundness(seed, capsys):
    """Programs of the grammar, a few seconds' worth; `tests/conditions/soundness.py` runs more."""
    judged = soundness.Judge()
    try:
        soundness.run(soundness.drawn, None, judged, 2000, seed)
    except soundness.Unsound as error:
        pytest.fail(soundness.explain(error, None))
    capsys.readouterr()
    print(judged.report())

    assert judged.true > judged.pairs / 20
    assert judged.open < judged.programs / 2
