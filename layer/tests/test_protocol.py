"""Frames, greeting, sets and replies: what docs/engine-protocol.md says."""

import json
import os
import struct

import pytest

EVENT = {"eventName": "X"}


def test_hello_says_what_is_installed(make_engine):
    """`hello` names protocol, versions, digest, the number of rules and what isolation holds."""
    engine = make_engine({"a.py": "def rule(e): return True", "b.py": "def rule(e): return True"}, greet=False)
    hello = engine.greet()
    python = hello.pop("python")
    assert python.startswith("3.")
    assert hello == {
        "type": "hello",
        "protocol": 1,
        "engine_version": "0.1.0",
        "digest": engine.pack["digest"],
        "rules": 2,
        "isolation": {"limits": "held", "audit": "held"},
    }


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"protocol": 2}, "protocol", "expected `start` of protocol 1"),
        ({"type": "batch"}, "protocol", "expected `start`"),
        ({"pack": "/nowhere.json"}, "pack_unreadable", "cannot read the rulepack `/nowhere.json`"),
        ({"pack": os.devnull}, "pack_unreadable", "is not a rulepack"),
        ({"digest": "0" * 64}, "pack_mismatch", "deploy pack and rules together"),
        ({"cell": "/nowhere"}, "internal", "the worker cannot start"),
        ({"limits": {}}, "internal", "the worker cannot start"),
    ],
)
def test_fatal_instead_of_hello(make_rule, changes, reason, words):
    """A worker that cannot start says why in one word of the protocol, and exits."""
    engine = make_rule("def rule(e): return True", greet=False)
    fatal = engine.greet(**changes)
    print("expected", reason, words, "got", fatal)
    assert (fatal["type"], fatal["reason"]) == ("fatal", reason)
    assert words in fatal["message"]
    assert engine.receive() is None
    assert engine.process.wait(5) != 0


def test_an_edited_pack_is_refused(make_rule, tmp_path):
    """A pack whose bytes were changed after its digest was made is a mismatch."""
    engine = make_rule("def rule(e): return True", greet=False)
    pack = tmp_path / "rulepack.json"
    pack.write_bytes(pack.read_bytes().replace(b'"threshold":1', b'"threshold":2'))
    fatal = engine.greet()
    assert fatal["reason"] == "pack_mismatch"
    assert "was changed after it was made" in fatal["message"]


def test_the_worker_ends_at_end_of_file(make_rule):
    """End of file between frames is the normal end."""
    engine = make_rule("def rule(e): return True")
    assert engine.close() == 0


def test_end_of_file_before_start(make_rule):
    """A worker that never got `start` ends quietly."""
    engine = make_rule("def rule(e): return True", greet=False)
    assert engine.close() == 0
    assert engine.errors == b""


def test_a_frame_may_come_in_pieces(make_rule):
    """Frames are put together from any pieces a pipe delivers."""
    engine = make_rule("def rule(e): return True")
    record = json.dumps(EVENT).encode()
    header = json.dumps({"type": "batch", "seq": 1, "sets": [None], "items": [[0, len(record), 0]]}).encode()
    data = struct.pack(">II", len(header) + 4 + len(record), len(header)) + header + record
    for index in range(0, len(data), 7):
        engine.process.stdin.write(data[index : index + 7])
        engine.process.stdin.flush()
    assert engine.receive()["verdicts"][0]["match"] is True
    assert engine.receive() == {"type": "end", "seq": 1}


@pytest.mark.parametrize("lengths", [(3, 0), (9 << 20, 4), (10, 7)])
def test_a_frame_out_of_bounds_ends_the_worker(make_rule, lengths):
    """Lengths that cannot be right mean lost step: the worker says so on stderr and ends."""
    engine = make_rule("def rule(e): return True")
    engine.process.stdin.write(struct.pack(">II", *lengths) + b"{}")
    engine.process.stdin.flush()
    assert engine.receive() is None
    assert engine.close() == 4
    assert b"out of bounds" in engine.errors


def test_items_name_their_rules_by_set(make_engine):
    """An item runs the rules of its set, null means all, and verdicts come in ascending order."""
    files = {f"{name}.py": "def rule(e): return True" for name in "abcd"}
    engine = make_engine(files)
    record = json.dumps(EVENT).encode()
    replies = engine.batch([record] * 4, sets=[[0, 3], None, [], [2]], chosen=[0, 1, 2, 3])
    got = [[verdict["rule"] for verdict in reply["verdicts"]] for reply in replies]
    print("got", got)
    assert got == [[0, 3], [0, 1, 2, 3], [], [2]]
    assert [reply["i"] for reply in replies] == [0, 1, 2, 3]


def test_both_forms_answer_in_the_order_of_the_pack(make_engine):
    """Rules of the two forms are interleaved by their index in the verdicts."""
    from conftest import panther

    files = {"a.py": "def rule(e): return True", "c.py": "def rule(e): return True"}
    files |= panther("def rule(e): return True", name="b", file="b.py")
    verdicts = make_engine(files).verdicts(EVENT)
    assert [verdict["rule"] for verdict in verdicts] == [0, 1, 2]


def test_quiet_rules_are_not_in_the_verdicts(make_rule):
    """Only pairs that matched or failed are answered."""
    assert make_rule("def rule(e): return False").verdicts(EVENT) == []


def test_a_match_has_every_member(make_rule):
    """A match names all members of the protocol; what has no value is null."""
    verdict = make_rule("def rule(e): return True").verdict(EVENT)
    expected = {
        "rule": 0,
        "match": True,
        "title": "r",
        "severity": "INFO",
        "dedup": "r",
        "context": None,
        "description": None,
        "runbook": None,
        "reference": None,
        "destinations": None,
        "unique": None,
        "errors": [],
    }
    print("expected", expected, "got", verdict)
    assert verdict == expected


def test_long_replies_are_split(make_engine):
    """No reply exceeds the limit: an item goes on in further frames, all but the last with `more`."""
    source = "def rule(e): return True\ndef alert_context(e): return {'x': 'y' * 150_000}"
    engine = make_engine({f"{name}.py": source for name in "abcdefghij"})
    engine.send({"type": "batch", "seq": 1, "sets": [None], "items": [[0, 2, 0]]}, b"{}")
    frames = []
    while (reply := engine.receive())["type"] != "end":
        frames.append(reply)
    sizes = [len(json.dumps(frame)) for frame in frames]
    print("sizes", sizes)
    assert len(frames) == 2
    assert max(sizes) <= 1 << 20
    assert [frame.get("more", False) for frame in frames] == [True, False]
    assert [verdict["rule"] for frame in frames for verdict in frame["verdicts"]] == list(range(10))


def test_batches_follow_each_other(make_rule):
    """One worker answers any number of batches, each under its own number."""
    engine = make_rule("def rule(e): return e.get('n', 0) % 2")
    for seq in range(50):
        replies = engine.batch([b'{"n":%d}' % n for n in range(20)], seq=seq)
        assert [len(reply["verdicts"]) for reply in replies] == [0, 1] * 10


def test_an_unknown_request_ends_the_worker(make_rule):
    """A request the worker does not know means two versions: it ends instead of guessing."""
    engine = make_rule("def rule(e): return True")
    engine.send({"type": "dance", "seq": 1})
    assert engine.receive() is None
    assert engine.close() == 4
    assert b"unknown request `dance`" in engine.errors


def test_the_cell_names_the_running_pair(make_rule):
    """While a rule runs, the cell holds item, rule and phase; afterwards phase 0 and a higher tick."""
    engine = make_rule("import time\ndef rule(e):\n    if e.get('n'): time.sleep(0.2)\n    return False")
    records = [b'{"n":0}', b'{"n":0}', b'{"n":1}']
    header = {"type": "batch", "seq": 1, "sets": [None], "items": [[7 * n, 7, 0] for n in range(3)]}
    engine.send(header, b"".join(records))
    import time

    time.sleep(0.15)
    tick, item, rule, phase = struct.unpack_from("<QIII", engine.cell.read_bytes())
    print("expected item 2 rule 0 phase 3, got", tick, item, rule, phase)
    assert (item, rule, phase) == (2, 0, 3)
    while engine.receive()["type"] != "end":
        pass
    later, _, _, phase = struct.unpack_from("<QIII", engine.cell.read_bytes())
    assert (later > tick, phase) == (True, 0)


@pytest.mark.parametrize(
    ("body", "phase"),
    [("os._exit(9)", 3), ("os.abort()", 3), ("return True\ndef title(e): os._exit(9) if e.get('n') else ''", 4)],
)
def test_a_worker_that_dies_leaves_its_pair_in_the_cell(make_engine, body, phase):
    """After a crash the cell names the pair to blame; earlier items are answered in order, if they are."""
    quiet, crash = "def rule(e): return False", f"import os\ndef rule(e):\n  if e.get('n'): {body}\n"
    if phase == 4:
        crash = f"import os\ndef rule(e): {body}\n"
    engine = make_engine({"a.py": "def rule(e): return True", "b.py": quiet, "c.py": crash, "d.py": quiet})
    records = [b'{"n":0}', b'{"n":0}', b'{"n":1}', b'{"n":0}']
    header = {"type": "batch", "seq": 1, "sets": [None], "items": [[7 * n, 7, 0] for n in range(4)]}
    engine.send(header, b"".join(records))
    replies = []
    while (reply := engine.receive()) is not None:
        replies.append(reply["i"])
    _, item, rule, found = struct.unpack_from("<QIII", engine.cell.read_bytes())
    print("expected item 2 rule 2 phase", phase, "got", item, rule, found, "answered", replies)
    assert (item, rule, found) == (2, 2, phase)
    assert replies == list(range(len(replies)))
