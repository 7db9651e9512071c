"""Drives the real engine: compiles rules that a test writes, and talks to a worker over pipes.

In: files as a dictionary. Out: `Engine`, whose methods send one request and return the replies.
"""

import compileall
import contextlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest

LAYER = Path(__file__).resolve().parent.parent
# Workers run with `-B`: from a copy that is compiled once, outside of the tree, they start in half the time.
_COPY = tempfile.TemporaryDirectory(prefix="iota-engine-")
shutil.copytree(LAYER / "iota_engine", Path(_COPY.name, "iota_engine"))
compileall.compile_dir(_COPY.name, quiet=1)

LIMITS = {"rule_ms": 400, "import_ms": 2000, "memory_bytes": 1 << 30, "strikes": 3, "reply_bytes": 1 << 20}


def write_files(folder, files):
    """Write `files` (path to text or bytes) below `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())
    return folder


def run_compile(folder, *options, output=None):
    """Compile in this process, without imports unless asked; return exit code, report and pack."""
    from iota_engine._compile import main

    output = output or folder.parent / f"{folder.name}.json"
    arguments = [str(folder), "--output", str(output), *options]
    if "--import" in arguments:
        arguments.remove("--import")
    else:
        arguments.append("--no-import")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    if code:
        return code, err.getvalue(), None
    return code, json.loads(out.getvalue()), json.loads(output.read_bytes())


class Engine:
    """One worker and the pack it runs."""

    def __init__(self, pack_file, rules, cell, limits=None):
        cell.write_bytes(bytes(64))
        self.pack = json.loads(pack_file.read_bytes())
        self.cell = cell
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-S", "-B", "-m", "iota_engine", "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cell.parent,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": _COPY.name},
        )
        # Drained like Rust does it: a rule that prints must not block.
        self.errors = bytearray()
        self._drain = threading.Thread(target=self._read_errors, daemon=True)
        self._drain.start()
        self.start = {
            "type": "start",
            "protocol": 1,
            "engine_version": "0.1.0",
            "pack": str(pack_file),
            "rules": str(rules),
            "digest": self.pack["digest"],
            "cell": str(cell),
            "limits": {**LIMITS, **(limits or {})},
            "site": [],
        }

    def _read_errors(self):
        while chunk := os.read(self.process.stderr.fileno(), 1 << 16):
            self.errors += chunk

    def greet(self, **changes):
        """Send `start`, changed as asked, and return the answer."""
        self.send({**self.start, **changes})
        return self.receive()

    def send(self, header, body=b""):
        """Send one frame."""
        data = json.dumps(header).encode()
        self.process.stdin.write(struct.pack(">II", len(data) + 4 + len(body), len(data)) + data + body)
        self.process.stdin.flush()

    def receive(self):
        """Return the next reply, None at end of file."""
        head = self.process.stdout.read(8)
        if not head:
            return None
        total, length = struct.unpack(">II", head)
        data = self.process.stdout.read(total - 4)
        assert total == 4 + length == 4 + len(data), (total, length, len(data))
        return json.loads(data.decode("ascii"))

    def batch(self, records, sets=None, chosen=None, seq=7):
        """Send raw records as one batch and return its replies before `end`."""
        items, offset = [], 0
        for number, record in enumerate(records):
            items.append([offset, len(record), chosen[number] if chosen else 0])
            offset += len(record)
        self.send({"type": "batch", "seq": seq, "sets": sets or [None], "items": items}, b"".join(records))
        replies = []
        while True:
            reply = self.receive()
            assert reply is not None, self.errors.decode(errors="replace")
            assert reply["seq"] == seq, reply
            if reply["type"] == "end":
                return replies
            replies.append(reply)

    def verdicts(self, event, **named):
        """Run all rules on one event (a dictionary, or raw bytes) and return its verdicts."""
        (reply,) = self.batch([event if isinstance(event, bytes) else json.dumps(event).encode()], **named)
        return reply["verdicts"]

    def verdict(self, event):
        """Run the only rule that has something to say; return its verdict, None when it has not."""
        verdicts = self.verdicts(event)
        assert len(verdicts) <= 1, verdicts
        return verdicts[0] if verdicts else None

    def of(self, index, event):
        """Run one rule; return its verdict, None when it has nothing to say."""
        verdicts = self.verdicts(event, sets=[[index]])
        return verdicts[0] if verdicts else None

    def error(self, event):
        """Return the only error of the only verdict."""
        verdict = self.verdict(event)
        assert verdict is not None, "expected a verdict, got none"
        (error,) = verdict["errors"]
        return error

    def test(self, log, rule=0, mocks=()):
        """Run one test of one rule."""
        body = log if isinstance(log, bytes) else json.dumps(log).encode()
        self.send({"type": "test", "seq": 8, "rule": rule, "mocks": list(mocks), "length": len(body)}, body)
        reply = self.receive()
        assert reply is not None, self.errors.decode(errors="replace")
        assert (reply.pop("type"), reply.pop("seq")) == ("tested", 8)
        return reply

    def close(self):
        """End the worker as Rust does and return its exit code."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        code = self.process.wait(5)
        self._drain.join(5)
        return code

    def destroy(self):
        """End the worker whatever it does."""
        self.process.kill()
        self.process.wait()
        self._drain.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()


@pytest.fixture
def make_engine(tmp_path):
    """Return a function that compiles files and starts a worker, which has said hello unless `greet` is false."""
    engines = []

    def make(files, *options, greet=True, limits=None):
        rules = write_files(tmp_path / "rules", files)
        code, report, _ = run_compile(rules, *options, output=tmp_path / "rulepack.json")
        assert code == 0, report
        engine = Engine(tmp_path / "rulepack.json", rules, tmp_path / "cell", limits)
        engines.append(engine)
        if greet:
            hello = engine.greet()
            assert hello["type"] == "hello", hello
        return engine

    yield make
    for engine in engines:
        engine.destroy()


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory):
    """Return a function that starts a worker once per module and name: for tables of cases that leave no trace."""
    engines = {}

    def make(name, files):
        if name not in engines:
            folder = tmp_path_factory.mktemp("shared")
            rules = write_files(folder / "rules", files)
            code, report, _ = run_compile(rules, output=folder / "rulepack.json")
            assert code == 0, report
            engines[name] = Engine(folder / "rulepack.json", rules, folder / "cell")
            assert engines[name].greet()["type"] == "hello"
        return engines[name]

    yield make
    for engine in engines.values():
        engine.destroy()


@pytest.fixture
def make_rule(make_engine):
    """Return a function that starts a worker for one rule of iota's form, given its source."""
    return lambda source, **named: make_engine({"r.py": source}, **named)


PANTHER_YAML = """
AnalysisType: rule
RuleID: {id}
Filename: {file}
Enabled: true
LogTypes: [AWS.CloudTrail]
Severity: {severity}
{more}
"""


def panther(source, name="Test.Rule", file="p.py", severity="High", more=""):
    """Return the two files of a rule of Panther's form."""
    yaml = PANTHER_YAML.format(id=name, file=file, severity=severity, more=textwrap.dedent(more))
    return {file: source, file.replace(".py", ".yml"): yaml}


@pytest.fixture
def make_panther(make_engine):
    """Return a function that starts a worker for one rule of Panther's form, given its source."""
    return lambda source, more="", **named: make_engine(panther(source, more=more), **named)
