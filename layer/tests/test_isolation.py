"""What rules are kept from: the frames, the network, files, processes, each other's time."""

import json
import os
import struct
import time

import pytest


@pytest.mark.parametrize(
    "body",
    [
        "print('x' * 10_000_000)",
        "sys.stdout.write('x' * 10_000_000)",
        "sys.__stdout__.write('x' * 10_000_000)",
        "os.write(1, b'x' * 10_000_000)",
        "sys.stderr.write('x' * 10_000_000)",
        "logging.error('x' * 10_000_000)",
        "os.close(0), os.close(1)",
        "sys.stdout.close()",
    ],
)
def test_printing_touches_no_frame(make_rule, body):
    """Whatever a rule prints, from Python or from the descriptor, goes to stderr, and the frames stay whole."""
    engine = make_rule(f"import logging, os, sys\ndef rule(e):\n    {body}\n    return True\n")
    replies = engine.batch([b"{}"] * 3)
    print("got", [reply["verdicts"] for reply in replies])
    assert replies[0]["verdicts"][0]["match"] is True
    assert len(replies) == 3


def test_printed_text_reaches_stderr(make_rule):
    """Prints are not lost: they come out on stderr, which Rust turns into log lines."""
    engine = make_rule("import os\ndef rule(e):\n    print('by print')\n    os.write(1, b'by write\\n')\n")
    engine.verdict({})
    engine.close()
    assert b"by print" in engine.errors
    assert b"by write" in engine.errors


def test_stdin_is_empty(make_rule):
    """A rule that reads stdin reads nothing, instead of the frames."""
    engine = make_rule("import os, sys\ndef rule(e): return os.read(0, 9) == b'' and sys.stdin.read() == ''")
    assert engine.verdict({})["match"] is True
    assert engine.verdict({})["match"] is True


def test_descriptors_of_the_parent_are_closed(make_rule):
    """A worker has its own descriptors only: three standard ones, two for the frames, one for the cell."""
    engine = make_rule("def rule(e): return True")
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    found = sorted(os.listdir(f"/proc/{engine.process.pid}/fd"), key=int)
    targets = {name: os.readlink(f"/proc/{engine.process.pid}/fd/{name}") for name in found}
    print("got", targets)
    assert len(found) == 6


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("socket.socket()", "`socket.__new__` is refused: rules run without network"),
        ("socket.getaddrinfo('localhost', 80)", "is refused: rules run without network"),
        ("urllib.request.urlopen('http://localhost')", "is refused: rules run without network"),
        ("subprocess.run(['true'])", "`subprocess.Popen` is refused: rules run in one process"),
        ("os.system('true')", "`os.system` is refused: rules run in one process"),
        ("os.fork()", "`os.fork` is refused: rules run in one process"),
        ("os.kill(os.getppid(), 0)", "`os.kill` is refused: rules run in one process"),
        ("threading.Thread(target=print).start()", "rules run in one thread"),
        ("open('/tmp/iota-test', 'w')", "`open` for writing is refused: rules write no files"),
        ("open('/dev/null', 'r+b')", "`open` for writing is refused: rules write no files"),
        ("os.open('/tmp/iota-test', os.O_CREAT)", "`open` for writing is refused: rules write no files"),
        ("os.remove('/tmp/iota-test')", "`os.remove` is refused: rules write no files"),
        ("os.mkdir('/tmp/iota-test')", "`os.mkdir` is refused: rules write no files"),
        ("sys.settrace(print)", "`sys.settrace` is refused: rules run without hooks"),
        ("__import__('ctypes').CDLL('libc.so.6')", "`ctypes.dlopen` is refused: rules run without `ctypes`"),
        ("__import__('ctypes').string_at(1)", "`ctypes.string_at` is refused: rules run without `ctypes`"),
        ("resource.setrlimit(resource.RLIMIT_AS, (1, 1))", "`resource.setrlimit` is refused"),
    ],
)
def test_what_the_audit_hook_refuses(shared_engine, body, words):
    """A refused act raises `PermissionError` in the rule, in words that say why, and the worker lives."""
    modules = "import os, resource, socket, subprocess, sys, threading, urllib.request"
    engine = shared_engine("audit", {"r.py": f"{modules}\ndef rule(e): exec(e['code'])\n"})
    error = engine.error({"code": body})
    print("expected", words, "got", error["exception"])
    assert "PermissionError: " in error["exception"] or "RuntimeError" in error["exception"]
    assert words in error["exception"]
    assert engine.error({"code": body}) == error


def test_audit_hooks_of_rules_are_not_installed(make_rule):
    """A hook of a rule, which would run inside the engine, is ignored by Python when ours objects."""
    engine = make_rule("""
        import sys
        seen = []
        sys.addaudithook(lambda *a: seen.append(a))
        def rule(e):
            sys.audit("something")
            return seen == []
    """)
    assert engine.verdict({})["match"] is True


def test_reading_files_is_allowed(make_rule):
    """Libraries read their data files: reading is not refused."""
    engine = make_rule("import os\ndef rule(e): return b'import' in open(os.__file__, 'rb').read()")
    assert engine.verdict({})["match"] is True


def test_descriptors_are_limited(make_rule):
    """A rule that leaks descriptors runs into its own limit."""
    engine = make_rule("import os\nk = []\ndef rule(e):\n    while True: k.append(os.pipe())\n")
    assert "Too many open files" in engine.error({})["exception"]
    assert engine.error({})["failure"] == "raise"


def test_aws_is_not_there(make_rule):
    """`boto3` can be imported and named, and says what is wrong at its first use."""
    engine = make_rule("""
        import boto3
        from botocore.exceptions import ClientError
        from botocore.config import Config
        def f(x: boto3.resource) -> None: ...
        def rule(e): return boto3.client("s3")
    """)
    assert engine.error({})["exception"].startswith("NoAwsAccess: rules cannot call AWS: they run without network")


def test_nothing_holds_up_the_exit(make_rule):
    """The worker ends at end of file, whatever a rule registered for the end of the interpreter."""
    engine = make_rule("""
        import atexit, time
        atexit.register(time.sleep, 60)
        class Late:
            def __del__(self): time.sleep(60)
        keep = Late()
        def rule(e): return True
    """)
    engine.verdict({})
    start = time.monotonic()
    assert engine.close() == 0
    assert time.monotonic() - start < 3


def test_a_dataclass_can_be_defined(make_rule):
    """A rule's module can be found by its name, which `dataclasses` needs for annotations given as text."""
    engine = make_rule("""
        from __future__ import annotations
        from dataclasses import dataclass
        @dataclass
        class D:
            x: int
        def rule(e): return D(1).x == 1
    """)
    assert engine.verdict({})["match"] is True


def test_supplied_modules_win(make_rule):
    """The engine's own stand-ins come before anything of the same name."""
    engine = make_rule("import panther_core\ndef rule(e): return isinstance(e, panther_core.PantherEvent)")
    assert engine.verdict({})["match"] is True


def test_the_kernels_rungs_are_reported(make_engine):
    """`hello` says of every rung whether it holds; the files that libraries need stay readable."""
    engine = make_engine(
        {"r.py": "import zoneinfo\ndef rule(e): return zoneinfo.ZoneInfo('UTC').key == 'UTC'\n"}, greet=False
    )
    isolation = engine.greet(confine={"filters": [], "user": None, "required": False})["isolation"]
    print("got", isolation)
    assert {"limits", "audit", "user", "no_new_privs", "landlock", "seccomp"} == isolation.keys()
    assert isolation["no_new_privs"] == "held"
    assert isolation["seccomp"] == "refused: no filter for this architecture"
    assert engine.verdict({})["match"] is True


@pytest.mark.parametrize(
    "body",
    [
        "open('/etc/passwd')",
        "open(b'/proc/self/environ')",
        "os.listdir('/')",
        "os.open('etc/passwd', os.O_RDONLY, dir_fd=os.open(os.path.dirname(os.__file__), os.O_RDONLY))",
        "open(os.path.dirname(os.__file__) + '/../../../../../../../../../etc/passwd')",
        "open('/dev/fd/../environ')",
    ],
)
def test_a_confined_rule_reads_only_what_it_may(make_engine, body):
    """Whatever the path, what lies outside of the granted folders is refused in Python already."""
    engine = make_engine({"r.py": "import os\ndef rule(e): exec(e['code'])\n"}, greet=False)
    assert engine.greet(confine={"filters": [], "user": None, "required": False})["type"] == "hello"
    error = engine.error({"code": body})
    assert error["exception"].startswith("PermissionError: "), error
    assert "rules read only what Python" in error["exception"], error


def test_replies_end_with_the_seal(make_engine):
    """After the hello every reply ends with what only Rust and the engine know."""
    engine = make_engine({"r.py": "def rule(e): return False\n"}, greet=False)
    assert engine.greet(seal="0123456789abcdef")["type"] == "hello"
    engine.send({"type": "batch", "seq": 1, "sets": [None], "items": [[0, 2, 0]]}, b"{}")
    for _ in range(2):
        total, length = struct.unpack(">II", engine.process.stdout.read(8))
        data = engine.process.stdout.read(total - 4)
        assert data[length:] == b"0123456789abcdef"
        assert json.loads(data[:length])["seq"] == 1
