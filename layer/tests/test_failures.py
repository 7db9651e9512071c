"""What rules can do wrong, and the words it is told in."""

import json

import pytest

X = {"eventName": "X"}


RAISING = [
    ("return e['missing']", "raise", "KeyError: 'missing'"),
    ("raise SystemExit(3)", "raise", "SystemExit: 3"),
    ("raise KeyboardInterrupt", "raise", "KeyboardInterrupt"),
    ("raise GeneratorExit('x')", "raise", "GeneratorExit: x"),
    ("return rule(e)", "raise", "RecursionError: maximum recursion depth exceeded"),
    ("return [bytes(10**8) for _ in range(99)]", "memory", "MemoryError: the worker's memory limit is reached"),
    ("raise MemoryError", "memory", "MemoryError: the worker's memory limit is reached"),
    ("e['a'] = 1", "raise", "TypeError: events are read-only: copy with `to_dict()` to change one"),
    ("e.pop('a')", "raise", "AttributeError: events are read-only, they have no `pop`: "),
    ("import nowhere", "raise", "ModuleNotFoundError: No module named 'nowhere'"),
    ("raise ValueError('\\ud800')", "raise", "ValueError: \ufffd"),
    ("raise ValueError('x' * 5000)", "raise", "ValueError: " + "x" * 988),
    ("raise type('Bad', (Exception,), {'__str__': lambda s: 1 / 0})", "raise", "Bad: (its text cannot be read"),
    ("raise type('B', (Exception,), {'__str__': lambda s: exit(9)})", "raise", "B: (its text cannot be read"),
    ("raise type('Hidden', (Exception,), {'__traceback__': property(lambda s: 1 / 0)})()", "raise", "Hidden"),
]


@pytest.mark.parametrize("case", range(len(RAISING)))
def test_a_failing_rule_is_told(shared_engine, case):
    """Whatever `rule()` raises becomes one error with its kind, its text and its place, and the worker lives."""
    _, failure, exception = RAISING[case]
    files = {f"r{number:02}.py": f"def rule(e):\n    {body}\n" for number, (body, _, _) in enumerate(RAISING)}
    engine = shared_engine("raising", files)
    verdict = engine.of(case, X)
    print("expected", failure, exception, "got", verdict)
    (error,) = verdict["errors"]
    assert verdict["match"] is False
    assert error["exception"].startswith(exception)
    assert len(error["exception"]) <= 1000
    expected = {"phase": "rule", "failure": failure, "file": f"r{case:02}.py", "line": 2}
    assert {key: error[key] for key in expected} == expected
    assert engine.of(case, X) == verdict


def test_an_error_in_a_helper_names_the_helper(make_engine):
    """The place of an error is the innermost line that lies in a file of the pack."""
    files = {"r.py": "import _h\ndef rule(e): return _h.f(e)\n", "_h.py": "def f(e):\n\n    return 1 / 0\n"}
    error = make_engine(files).error(X)
    assert (error["file"], error["line"]) == ("_h.py", 3)


@pytest.mark.parametrize("name", ["title", "dedup", "severity", "alert_context"])
def test_no_other_function_can_undo_a_match(make_rule, name):
    """A true `rule()` stays a match with defaults, whatever its other functions raise."""
    engine = make_rule(f"def rule(e): return True\ndef {name}(e): raise SystemExit('gone')\n")
    verdict = engine.verdict(X)
    print("got", verdict)
    assert verdict["match"] is True
    assert (verdict["title"], verdict["dedup"], verdict["severity"]) == ("r", "r", "INFO")
    (error,) = verdict["errors"]
    assert (error["phase"], error["failure"], error["exception"]) == (name, "raise", "SystemExit: gone")
    expected = {"_error": "SystemExit('gone')"} if name == "alert_context" else None
    assert verdict["context"] == expected


@pytest.mark.parametrize(
    ("value", "found"),
    [("1", "int"), ("b'x'", "bytes"), ("['a']", "list"), ("type('T', (), {})()", "T")],
)
def test_an_answer_of_the_wrong_type_is_told(make_rule, value, found):
    """A function that must return text and returns something else fails with kind `type`."""
    engine = make_rule(f"def rule(e): return True\ndef title(e): return {value}\n")
    verdict = engine.verdict(X)
    (error,) = verdict["errors"]
    print("got", error)
    assert verdict["title"] == "r"
    assert (error["failure"], error["file"]) == ("type", "r.py")
    assert error["exception"] == f"`title` of `r` returned `{found}`, expected `str`"


def test_subclasses_of_str_cannot_lie(make_rule):
    """A returned subclass of `str` counts by its characters; none of its methods is called."""
    engine = make_rule("""
        class Evil(str):
            def _bad(self, *a, **k): raise SystemExit
            __str__ = __repr__ = __len__ = __eq__ = __getitem__ = __format__ = encode = upper = isascii = _bad
            __hash__ = str.__hash__
        def rule(e): return True
        def title(e): return Evil("true title")
        def severity(e): return Evil("high")
        def dedup(e): return Evil("d" * 2000)
        def alert_context(e): return {Evil("k"): Evil("v")}
    """)
    verdict = engine.verdict(X)
    print("got", verdict)
    assert (verdict["title"], verdict["severity"], verdict["errors"]) == ("true title", "HIGH", [])
    assert verdict["dedup"] == "d" * 985 + "... (truncated)"
    assert verdict["context"] == {"k": "v"}


def test_a_truth_value_may_raise(make_rule):
    """Any truthy value matches in iota's form; one whose truth raises is an error of the rule."""
    engine = make_rule("class T:\n    def __bool__(self): 1 / 0\ndef rule(e): return T()\n")
    assert engine.error(X)["exception"] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("files", "exception", "file", "line"),
    [
        ({"r.py": "def rule(e): return True\nx = 1 / 0\n"}, "ZeroDivisionError: division by zero", "r.py", 2),
        ({"r.py": "import sys\ndef rule(e): return True\nsys.exit(4)\n"}, "SystemExit: 4", "r.py", 3),
        (
            {"r.py": "import nowhere.deep\ndef rule(e): return True\n"},
            "package `nowhere` is not installed; add it to `requirements.txt` of the rules",
            "r.py",
            1,
        ),
        (
            {"r.py": "import _h\ndef rule(e): return True\n", "_h.py": "\nimport nowhere\n"},
            "package `nowhere` is not installed; add it to `requirements.txt` of the rules",
            "_h.py",
            2,
        ),
        (
            {"r.py": "from _h import gone\ndef rule(e): return True\n", "_h.py": "x = 1\n"},
            "ImportError: cannot import name 'gone' from '_h'",
            "r.py",
            1,
        ),
        (
            {"r.py": "def rule(e): return True\ndel rule\n"},
            "`r.py` defines no `rule`; add `def rule(event):`",
            "r.py",
            None,
        ),
    ],
)
def test_a_rule_that_cannot_load_is_told_with_every_event(make_engine, files, exception, file, line):
    """A load that fails is answered for each event the rule was asked for, with place and advice."""
    engine = make_engine(files)
    for _ in range(2):
        error = engine.error(X)
        print("expected", exception, file, line, "got", error)
        assert (error["phase"], error["failure"]) == ("import", "load")
        assert error["exception"].startswith(exception)
        assert (error["file"], error["line"]) == (file, line)


def test_a_helper_that_does_not_compile_names_its_line(make_engine):
    """A syntax error in a helper is told with the helper's path and line."""
    error = make_engine({"r.py": "import _h\ndef rule(e): return 1\n", "_h.py": "x = 1\nif:\n"}).error(X)
    assert (error["file"], error["line"]) == ("_h.py", 2)
    assert error["exception"] == "SyntaxError: invalid syntax"


@pytest.mark.parametrize("changed", ["r.py", "_h.py"])
def test_a_file_changed_after_the_pack_is_refused(make_engine, tmp_path, changed):
    """The worker hashes the very bytes it compiles: a rule or helper that differs does not run."""
    files = {"r.py": "import _h\ndef rule(e): return True\n", "_h.py": "x = 1\n"}
    engine = make_engine(files)
    (tmp_path / "rules" / changed).write_text(files[changed] + "# changed\n")
    error = engine.error(X)
    print("got", error)
    assert (error["failure"], error["file"]) == ("load", changed)
    assert error["exception"] == f"`{changed}` was changed after the rulepack was made; run `iota compile` again"


def test_a_file_that_is_gone_is_told(make_engine, tmp_path):
    """A rule that was not deployed fails to load with the reason."""
    engine = make_engine({"r.py": "def rule(e): return True\n"})
    (tmp_path / "rules" / "r.py").unlink()
    error = engine.error(X)
    expected = "cannot read `r.py`: No such file or directory; deploy the rules beside their rulepack"
    assert error["exception"] == expected


def test_a_helper_imported_late_is_loaded_then(make_engine):
    """An import inside `rule()` finds helpers as one at the top does."""
    files = {"r.py": "def rule(e):\n    from pkg.inner import x\n    return x\n", "pkg/inner.py": "x = 1"}
    assert make_engine(files).verdict(X)["match"] is True


def test_other_rules_are_not_touched_by_a_failing_one(make_engine):
    """Between two rules that match, one that raises changes nothing for them."""
    files = {
        "a.py": "def rule(e): return True",
        "b.py": "def rule(e): raise SystemExit",
        "c.py": "def rule(e): return True",
    }
    verdicts = make_engine(files).verdicts(X)
    assert [verdict["match"] for verdict in verdicts] == [True, False, True]


@pytest.mark.parametrize(
    "source",
    [
        "import builtins\nbuiltins.len = builtins.isinstance = builtins.type = None\ndef rule(e): return True",
        "import json\nfor m in (json, json.encoder, json.decoder): vars(m).clear()\ndef rule(e): return True",
        "import os\nos.read = os.write = os._exit = None\ndef rule(e): return True",
        "import sys\ndel sys.stdout, sys.stderr\nsys.modules.clear()\ndef rule(e): return True",
        "import signal\ndef rule(e):\n    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n    return True",
        "import gc\ngc.disable()\ndef rule(e): return True",
        "import struct, mmap\nstruct.Struct = mmap.mmap = None\ndef rule(e): return True",
    ],
)
def test_a_rule_that_replaces_what_the_engine_needs_harms_itself_only(make_rule, source):
    """What the engine calls was bound before the first rule: matches go on, and the worker ends cleanly."""
    engine = make_rule(source)
    for _ in range(3):
        verdict = engine.verdict(X)
        assert verdict["match"] is True, verdict
    assert engine.close() == 0


def test_an_event_that_is_shared_cannot_be_changed(make_engine):
    """What one rule does to an event, by any ordinary way, the next one does not see."""
    attempts = [
        "e['x'] = 1",
        "del e['d']",
        "e['d']['k'] = 9",
        "e['l'].append(3)",
        "e['l'][0] = 9",
        "e.clear()",
        "e |= {}",
    ]
    body = "".join(f"    try:\n        {attempt}\n    except Exception: pass\n" for attempt in attempts)
    files = {
        "a.py": f"def rule(e):\n{body}    return False\n",
        "b.py": "def rule(e): return True\ndef alert_context(e): return e",
    }
    event = {"d": {"k": 1}, "l": [1, {"y": 2}]}
    (verdict,) = make_engine(files).verdicts(event)
    assert verdict["context"] == event
    assert json.dumps(verdict["context"]) == json.dumps(event)
