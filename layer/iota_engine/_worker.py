"""One worker: its rules, and how each request is answered.

In: `start`, then `batch`, `test` and `load` requests. Out: `hello`, then replies.
Separate from `_serve`, which owns the process: here the order of the first steps is the isolation: cell, pack, limits,
the kernel's rungs, audit hook, and only then, at the first request, a rule.
"""

from __future__ import annotations

import gc
import os
import sys

from iota_engine import ENGINE_VERSION, PROTOCOL
from iota_engine._audit import install_audit_hook
from iota_engine._batch import Batches
from iota_engine._cell import IDLE, IMPORT, Cell
from iota_engine._clock import Clock
from iota_engine._codec import encode
from iota_engine._confine import confine, readable_folders
from iota_engine._datamodel import choose_model
from iota_engine._evaluate import Evaluator
from iota_engine._event import Event, KindEvent
from iota_engine._failure import failure
from iota_engine._frames import FrameError
from iota_engine._limits import set_limits
from iota_engine._loading import Helpers, Sources, give_rules_own_builtins
from iota_engine._pack import PackError, read_pack
from iota_engine._record import CLOUDTRAIL, parse_record
from iota_engine._roster import Roster
from iota_engine._text import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from iota_engine._datamodel import DataModel
    from iota_engine._frames import Frames
    from iota_engine._rule import Rule

_set_recursion_limit = sys.setrecursionlimit
_RECURSION_LIMIT = sys.getrecursionlimit()


class Worker:
    """One worker after `start`: its rules, and how each request is answered."""

    def __init__(self, frames: Frames, start: dict[str, Any]) -> None:
        """Take the steps from `start` to `hello`; raises `PackError` when there is no going on."""
        if start.get("type") != "start" or start.get("protocol") != PROTOCOL:
            message = f"expected `start` of protocol {PROTOCOL}, found {encode(start)[:200]}; install one version"
            raise PackError("protocol", message)
        limits = start["limits"]
        pack, digest = read_pack(start["pack"], start.get("digest"))
        self._frames = frames
        self._cell = Cell(start["cell"])
        self._clock = Clock(self._cell, limits["rule_ms"], limits["import_ms"], frames.flush)
        self._sources = Sources(start["rules"], pack["files"], pack["paths"], pack["modules"])
        self._roster = Roster(pack["rules"], start.get("only"), self._sources, self._cell, self._clock)
        self._model: DataModel | None = choose_model(pack["data_models"], CLOUDTRAIL, self._sources)
        self._evaluator = Evaluator(self._roster.rules, self._cell, self._clock, self._sources)
        self._evaluator.signals = start.get("signals", True)
        sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "supplied")]
        sys.path += [folder for folder in start.get("site") or [] if folder not in sys.path]
        sys.meta_path.append(Helpers(self._sources, self._roster.helper_loaded))
        give_rules_own_builtins()
        isolation = {"limits": set_limits(limits["memory_bytes"])}
        folders = None
        if (wanted := start.get("confine")) is not None:
            folders = readable_folders(start["rules"], pack["files"])
            isolation |= confine(wanted, folders, [os.path.join(start["rules"], path) for path in pack["files"]])
        isolation["audit"] = install_audit_hook(folders)
        self.hello = {
            "type": "hello",
            "protocol": PROTOCOL,
            "engine_version": ENGINE_VERSION,
            "python": ".".join(map(str, sys.version_info[:3])),
            "digest": digest,
            "rules": len(self._roster.pack),
            "isolation": isolation,
        }
        self._batches = Batches(frames, self._roster, self._evaluator, self._model, limits)
        objects = [
            (self, "_batches _cell _clock _evaluator _frames _model _roster _sources"),
            (self._batches, "_cell _clock _evaluator _frames _model _reply_bytes _roster _strikes"),
            (self._evaluator, "signals timeouts _cell _clock _rules _sources"),
            (self._cell, "words halves"),
            (self._clock, "rule_ms import_ms _cell _hand_in _import_ticks _period"),
            (frames, "_sink _source"),
        ]
        self._roster.vouch(objects)
        frames.vouch(self._roster.tampered)
        # What exists now lives for ever: the collector need not walk it again and again.
        gc.freeze()

    def answer(self, header: dict[str, Any], body: memoryview) -> None:
        """Answer one request; the clock runs only meanwhile."""
        # A rule may have changed it, and the engine needs its share.
        _set_recursion_limit(_RECURSION_LIMIT)
        self._clock.start()
        try:
            kind = header.get("type")
            if kind == "batch":
                self._batches.answer(header, body)
            elif kind == "test":
                self._test(header, body)
            elif kind == "load":
                self._load(header)
            elif kind == "load_model":
                self._load_model(header)
            else:
                message = f"unknown request `{kind}`"
                raise FrameError(message)
        finally:
            self._clock.stop()
            self._cell.enter(0, 0, IDLE)

    def _load(self, header: dict[str, Any]) -> None:
        """Load one rule for the compiler, and say which functions it defines or why it failed."""
        rule = self._roster.rule(header["rule"])
        self._cell.enter(0, rule.index, IMPORT)
        self._roster.load(rule)
        reply = {"type": "loaded", "seq": header["seq"], "rule": rule.index}
        self._frames.write(encode({**reply, "functions": rule.functions, "error": rule.load_error}))

    def _load_model(self, header: dict[str, Any]) -> None:
        """Load the data model's file for the compiler, and say why it failed if it did."""
        self._cell.enter(0, 0, IMPORT)
        error = None
        try:
            if self._model is not None:
                self._model.load()
        except BaseException as raised:  # noqa: BLE001  # an import may raise anything, `SystemExit` too
            error = self._evaluator.told(raised, "import")
        self._frames.write(encode({"type": "loaded", "seq": header["seq"], "error": error}))

    def _test(self, header: dict[str, Any], body: memoryview) -> None:
        """Run one test of one rule."""
        from iota_engine._test import Tester

        rule = self._roster.rule(header["rule"])
        if rule.call is None or rule.retry:
            self._cell.enter(0, rule.index, IMPORT)
            self._roster.load(rule)
        log, reason = parse_record(body[: header["length"]])
        outcome: bool | None = None
        functions: dict[str, str] = {}
        if rule.load_error is not None:
            errors = [rule.load_error]
        elif log is None:
            errors = [failure("rule", "raise", f"the test's `Log` is not an event: {reason}", rule.path)]
        else:
            tester = Tester(self._cell, self._evaluator)
            self._roster.seq, self._roster.mocked = header["seq"], True
            try:
                outcome, functions, errors = tester.run(rule, self._test_event(rule, log), header.get("mocks") or [])
            finally:
                self._roster.mocked = False
        self._frames.write(
            f'{{"type":"tested","seq":{header["seq"]},"outcome":{encode(outcome)},'
            f'"functions":{{{",".join(f"{quote(name)}:{text}" for name, text in functions.items())}}},'
            f'"errors":{encode(errors)}}}'
        )

    def _test_event(self, rule: Rule, log: dict[str, Any]) -> Event:
        if not rule.is_panther:
            return KindEvent(log, self._model)
        # Panther's runner adds no fields to a test's log, and picks the data model by what the log itself says.
        return Event(log, self._model if log.get("p_log_type") == CLOUDTRAIL else None)
