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
from iota_engine._canary import Canary
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
from iota_engine._record import add_panther_fields, parse_record
from iota_engine._rule import Rule
from iota_engine._text import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from iota_engine._datamodel import DataModel
    from iota_engine._evaluate import Plan
    from iota_engine._frames import Frames

CLOUDTRAIL = "AWS.CloudTrail"

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
        self._reply_bytes: int = limits["reply_bytes"]
        self._strikes: int = limits["strikes"]
        self._cell = Cell(start["cell"])
        self._clock = Clock(self._cell, limits["rule_ms"], limits["import_ms"], frames.flush)
        self._sources = Sources(start["rules"], pack["files"], pack["paths"], pack["modules"])
        self._pack_rules = range(len(pack["rules"]))
        # Rules that must not meet have a worker each: this one then loads no other's code, whatever it is asked.
        only = start.get("only")
        self._only = None if only is None else frozenset(only)
        self._rules = [Rule(index, entry) for index, entry in enumerate(pack["rules"])]
        # Behind the pack's own: asked only by its index, never as one of all.
        self._rules.append(Canary(len(self._rules)))
        self._model: DataModel | None = choose_model(pack["data_models"], CLOUDTRAIL, self._sources)
        self._evaluator = Evaluator(self._rules, self._cell, self._clock, self._sources)
        sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "supplied")]
        sys.path += [folder for folder in start.get("site") or [] if folder not in sys.path]
        sys.meta_path.append(Helpers(self._sources))
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
            "rules": len(self._pack_rules),
            "isolation": isolation,
        }
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
                self._batch(header, body)
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

    def _batch(self, header: dict[str, Any], body: memoryview) -> None:
        seq: int = header["seq"]
        plans: dict[int, tuple[Plan, Plan]] = {}
        for rule in self._rules:
            if rule.retry:
                rule.call = None
        ticks = self._clock.ticks
        self._evaluator.timeouts.clear()
        for item, (offset, length, chosen) in enumerate(header["items"]):
            parsed, reason = parse_record(body[offset : offset + length])
            if parsed is None:
                self._frames.write(
                    f'{{"type":"item","seq":{seq},"i":{item},"unparsable":{quote(reason)},"verdicts":[]}}'
                )
                continue
            if chosen not in plans:
                plans[chosen] = self._plan(item, header["sets"][chosen])
            plan, skipped = self._awake(plans[chosen])
            verdicts = self._verdicts(item, plan, parsed)
            self._reply(seq, item, verdicts, skipped)
            # Answers wait for each other, but not behind slow rules.
            if self._clock.ticks != ticks:
                ticks = self._clock.ticks
                self._frames.flush()
        self._frames.write(f'{{"type":"end","seq":{seq}}}')

    def _rule(self, index: int) -> Rule:
        """Return a rule that this worker may run."""
        if self._only is not None and index not in self._only:
            message = f"rule {index} was asked of a worker for {sorted(self._only)}"
            raise FrameError(message)
        return self._rules[index]

    def _load(self, header: dict[str, Any]) -> None:
        """Load one rule for the compiler, and say which functions it defines or why it failed."""
        rule = self._rule(header["rule"])
        self._cell.enter(0, rule.index, IMPORT)
        rule.load(self._sources, self._cell, self._clock)
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

        rule = self._rule(header["rule"])
        if rule.call is None or rule.retry:
            self._cell.enter(0, rule.index, IMPORT)
            rule.load(self._sources, self._cell, self._clock)
        log, reason = parse_record(body[: header["length"]])
        outcome: bool | None = None
        functions: dict[str, str] = {}
        if rule.load_error is not None:
            errors = [rule.load_error]
        elif log is None:
            errors = [failure("rule", "raise", f"the test's `Log` is not an event: {reason}", rule.path)]
        else:
            tester = Tester(self._cell, self._evaluator)
            outcome, functions, errors = tester.run(rule, self._test_event(rule, log), header.get("mocks") or [])
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

    def _plan(self, item: int, chosen: list[int] | None) -> tuple[Plan, Plan]:
        """Load the rules of one set; return those of Panther's form and those of iota's."""
        panther: Plan = []
        iota: Plan = []
        for index in self._pack_rules if chosen is None else chosen:
            rule = self._rule(index)
            if rule.call is None:
                self._cell.enter(item, index, IMPORT)
                rule.load(self._sources, self._cell, self._clock)
            if rule.call is not None:
                (panther if rule.is_panther else iota).append((index, rule.call))
        return panther, iota

    def _awake(self, plan: tuple[Plan, Plan]) -> tuple[tuple[Plan, Plan], list[int]]:
        """Return the plan without rules that have timed out too often in this batch, and those rules."""
        tired = {index for index, times in self._evaluator.timeouts.items() if times >= self._strikes}
        if not tired:
            return plan, []
        panther, iota = ([step for step in form if step[0] not in tired] for form in plan)
        return (panther, iota), sorted(index for form in plan for index, _ in form if index in tired)

    def _verdicts(self, item: int, plan: tuple[Plan, Plan], parsed: dict[str, Any]) -> list[str]:
        panther, iota = plan
        verdicts: list[tuple[int, str]] = []
        if iota:
            self._evaluator.run(item, iota, KindEvent(parsed, self._model), verdicts)
        if panther:
            add_panther_fields(parsed, CLOUDTRAIL)
            self._evaluator.run(item, panther, Event(parsed, self._model), verdicts)
        self._cell.move(IDLE)
        if iota and panther:
            verdicts.sort()
        return [text for _, text in verdicts]

    def _reply(self, seq: int, item: int, verdicts: list[str], skipped: list[int]) -> None:
        """Write the verdicts of one item, in several frames where one would be too long."""
        head = f'{{"type":"item","seq":{seq},"i":{item},'
        tail = f'"skipped":{skipped},' if skipped else ""
        room = self._reply_bytes - len(head) - len(tail) - 64
        part: list[str] = []
        size = 0
        for verdict in verdicts:
            if part and size + len(verdict) > room:
                self._frames.write(f'{head}"more":true,"verdicts":[{",".join(part)}]}}')
                part, size = [], 0
            part.append(verdict)
            size += len(verdict) + 1
        self._frames.write(f'{head}{tail}"verdicts":[{",".join(part)}]}}')
