"""Vouching: what rules may do in the process that they share, and what ends the worker before a reply leaves."""

import pytest

YES = "def rule(e): return True\n"

# All of it is what ordinary rules and libraries do.
LEGITIMATE = {
    "its own names": """
        count = 0
        def title(e):
            return "before"
        def rule(e):
            global count, title
            count += 1
            title = lambda e: "after"
            return True
    """,
    "a cache": """
        import functools
        @functools.lru_cache(maxsize=None)
        def slow(name):
            return name.upper()
        def rule(e):
            return slow(e.get("eventName")) == "X"
    """,
    "a late import": """
        def rule(e):
            import decimal, email.message, unittest.mock
            return True
    """,
    "another's module": """
        import json, os, re
        json.JSONEncoder.default = lambda self, value: "?"
        json.loads = re.match = os.getcwd = print
        def rule(e):
            return True
    """,
    "built-in functions, of rules": """
        import builtins
        builtins.len = builtins.print = lambda *_: 0
        def rule(e):
            return True
    """,
    "a subclass of what it is given": """
        import inspect
        def rule(e):
            class Own(type(e)):
                extra = 1
            inspect.signature(e.get)
            return type(e).__annotations__ is not None
    """,
    "a warning": """
        import warnings
        def rule(e):
            warnings.warn("old", DeprecationWarning, stacklevel=2)
            return True
    """,
}


@pytest.mark.parametrize("code", LEGITIMATE.values(), ids=LEGITIMATE)
def test_what_rules_may_do(make_engine, code):
    """Every batch is answered, the other rule's verdicts too; the rule's own functions are those it was loaded with."""
    engine = make_engine({"a.py": code, "b.py": YES})
    for _ in range(3):
        verdicts = engine.verdicts({"eventName": "X"})
        assert [(each["rule"], each["match"]) for each in verdicts] == [(0, True), (1, True)]
        assert verdicts[0]["title"] in ("a", "before")


def test_a_helper_with_state(make_engine):
    """A helper's own data is its own."""
    helper = "seen = {}\ndef note(e):\n    global seen\n    seen = {**seen, len(seen): e}\n    return True\n"
    rule = "from helper import note\ndef rule(e): return note(e)\n"
    engine = make_engine({"a.py": rule, "b.py": rule, "_.py": "", "helper.py": helper})
    for _ in range(2):
        assert len(engine.verdicts({"eventName": "X"})) == 2


def test_a_mock_is_put_away(make_engine):
    """What a test replaced is back before the next batch is vouched for."""
    engine = make_engine({"a.py": "def get(): return 1\ndef rule(e): return get() == 1\n", "b.py": YES})
    assert engine.test({}, mocks=[{"objectName": "get", "returnValue": 2}])["outcome"] is False
    assert engine.test({}, mocks=[{"objectName": "rule", "returnValue": False}])["outcome"] is False
    assert len(engine.verdicts({"eventName": "X"})) == 2


def test_a_slow_test_with_a_mock(make_engine):
    """What is queued is handed in while the rule is slow: nobody looks while its mocks are in place."""
    slow = "import time\ndef title(e): time.sleep(0.25); return 'T'\ndef rule(e): return True\n"
    engine = make_engine({"a.py": slow, "b.py": YES})
    assert len(engine.verdicts({"eventName": "X"})) == 2
    assert engine.test({}, mocks=[{"objectName": "rule", "returnValue": True}])["functions"]["title"] == {"value": "T"}
    assert len(engine.verdicts({"eventName": "X"})) == 2


def test_the_last_words_of_a_changed_worker(make_engine):
    """Nothing of the batch leaves; watched, it says which pair it was."""
    changes = "def rule(e):\n    if e.get('eventName') == 'Y':\n        type(e).get = None\n    return True\n"
    files = {"a.py": YES, "b.py": changes, "c.py": YES}
    records = [b'{"eventName":"X"}', b'{"eventName":"Y"}']
    said = {"type": "tampered", "seq": 7, "what": "iota_engine._event.KindEvent.get"}

    request = {"type": "batch", "seq": 7, "sets": [None], "items": [[0, 17, 0], [17, 17, 0]]}

    engine = make_engine(files)
    engine.send(request, b"".join(records))
    assert engine.receive() == {**said, "rule": None, "item": None}
    assert engine.receive() is None
    assert engine.process.wait(5) == 5

    engine = make_engine(files)
    engine.send({**request, "watch": True}, b"".join(records))
    first, last = engine.receive(), engine.receive()
    assert (first["i"], len(first["verdicts"])) == (0, 3)
    assert last == {**said, "rule": 1, "item": 1}
    assert engine.receive() is None


def test_a_worker_for_one_rule_loads_no_other(make_engine):
    """Asked for another it ends, and that one's code has not run."""
    engine = make_engine({"a.py": YES, "b.py": "print('loaded')\n" + YES}, greet=False)
    assert engine.greet(only=[0])["type"] == "hello"
    assert engine.of(0, {"eventName": "X"})["match"] is True
    engine.send({"type": "batch", "seq": 8, "sets": [[1]], "items": [[0, 2, 0]]}, b"{}")
    assert engine.receive() is None
    assert engine.process.wait(5) == 4
    engine.close()
    assert b"rule 1 was asked of a worker for [0]" in engine.errors
    assert b"loaded" not in engine.errors
