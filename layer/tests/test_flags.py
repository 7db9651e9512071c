"""Flags: what the compiler points at, and what it leaves alone."""

import pytest
from conftest import run_compile, write_files


def flagged(tmp_path, files):
    """Compile; return the flagged places as (path, line, what, rules)."""
    code, report, _ = run_compile(write_files(tmp_path / "rules", files))
    assert code == 0, report
    return [(each["path"], each["line"], each["what"], each["rules"]) for each in report["flagged"]]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import ctypes.util", "import ctypes.util"),
        ("from gc import get_objects", "import gc"),
        ("import json, threading as t", "import threading"),
        ("from importlib import reload", "import importlib"),
        ("from iota_engine._event import Event", "import iota_engine._event"),
        ("from sys import modules", "sys.modules"),
        ("import sys; sys._getframe()", "sys._getframe"),
        ("exec('1')", "exec"),
        ("run = eval", "eval"),
        ("__import__('gc')", "__import__"),
        ("object.__subclasses__()", "__subclasses__"),
        ("getattr(print, '__globals__')", "__globals__"),
        ("type(print).x = 1", "type(...).x ="),
        ("kind = type(print); kind.get = 1", "type(...).get ="),
        ("def f(e): e._raw.clear()", "_raw"),
    ],
)
def test_what_reaches_beyond_a_rule(tmp_path, line, what):
    """Rule, file and line are named."""
    assert flagged(tmp_path, {"a.py": f"# first\n{line}\ndef rule(e): return True\n"}) == [("a.py", 2, what, ["a"])]


def test_a_helper_is_flagged_once_for_all_who_import_it(tmp_path):
    """By whatever way, and not for those who do not."""
    files = {
        "a.py": "from near import x\ndef rule(e): return x(e)\n",
        "b.py": "def rule(e):\n    import far\n    return far.y\n",
        "c.py": "def rule(e): return True\n",
        "near.py": "from far import y as x\n",
        "far.py": "import pickle\ny = 1\n",
    }
    assert flagged(tmp_path, files) == [("far.py", 1, "import pickle", ["a", "b"])]


def test_ordinary_rules_are_left_alone(tmp_path):
    """What looks alike and is not."""
    code = """
        import re
        import sys
        from dataclasses import dataclass
        WORDS = ["exec", "eval", "import gc", "signal"]
        pattern = re.compile("x")
        class Own:
            pass
        Own.name = sys.version
        def rule(e):
            kind = e.get("type")
            return bool(pattern.match(kind or "")) and e.get("eval") is None
    """
    assert flagged(tmp_path, {"a.py": code}) == []
