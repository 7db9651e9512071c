"""A batch: each of its records is judged by the rules that are asked about it, and answered in its turn.

In: a `batch` request. Out: replies. Separate from `_worker`, which takes the steps before the first request and the
requests of other kinds: here is what happens to every record.
"""

from __future__ import annotations

from iota_engine._cell import IDLE, IMPORT
from iota_engine._event import Event, KindEvent
from iota_engine._record import CLOUDTRAIL, add_panther_fields, parse_record
from iota_engine._text import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from iota_engine._datamodel import DataModel
    from iota_engine._evaluate import Evaluator, Plan
    from iota_engine._frames import Frames
    from iota_engine._roster import Roster


class Batches:
    """Answers the batches of one worker."""

    def __init__(
        self,
        frames: Frames,
        roster: Roster,
        evaluator: Evaluator,
        model: DataModel | None,
        limits: dict[str, Any],
    ) -> None:
        """Take the worker's parts."""
        self._frames = frames
        self._roster = roster
        self._cell = roster.cell
        self._clock = roster.clock
        self._evaluator = evaluator
        self._model = model
        self._reply_bytes: int = limits["reply_bytes"]
        self._strikes: int = limits["strikes"]

    def answer(self, header: dict[str, Any], body: memoryview) -> None:
        """Answer one batch."""
        seq: int = header["seq"]
        self._roster.seq = seq
        self._roster.asked.clear()
        # Where a worker like this one was changed, each rule is looked after: who has changed it is to be known.
        watched = self._roster.watched = bool(header.get("watch"))
        plans: dict[int, tuple[Plan, Plan]] = {}
        for rule in self._roster.rules:
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
                plans[chosen] = self._plan(item, header["sets"][chosen], watched=watched)
            plan, skipped = self._awake(plans[chosen])
            verdicts = self._verdicts(item, plan, parsed, watched=watched)
            self._reply(seq, item, verdicts, skipped)
            # Answers wait for each other, but not behind slow rules.
            if watched or self._clock.ticks != ticks:
                ticks = self._clock.ticks
                self._frames.flush()
        self._frames.write(f'{{"type":"end","seq":{seq}}}')
        self._roster.engine_has_grown()

    def _plan(self, item: int, chosen: list[int] | None, *, watched: bool) -> tuple[Plan, Plan]:
        """Load the rules of one set; return those of Panther's form and those of iota's."""
        panther: Plan = []
        iota: Plan = []
        for index in self._roster.pack if chosen is None else chosen:
            rule = self._roster.rule(index)
            self._roster.asked.add(index)
            if rule.call is None:
                self._cell.enter(item, index, IMPORT)
                self._roster.load(rule)
                if watched:
                    self._look_after(index, item)
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

    def _look_after(self, index: int, item: int) -> None:
        """End here if this rule, the last one that ran, has changed the worker."""
        self._roster.after = (index, item)
        self._frames.flush()
        self._roster.after = (None, None)

    def _verdicts(self, item: int, plan: tuple[Plan, Plan], parsed: dict[str, Any], *, watched: bool) -> list[str]:
        panther, iota = plan
        verdicts: list[tuple[int, str]] = []
        if iota:
            self._run(item, iota, KindEvent(parsed, self._model), verdicts, watched=watched)
        if panther:
            add_panther_fields(parsed, CLOUDTRAIL)
            self._run(item, panther, Event(parsed, self._model), verdicts, watched=watched)
        self._cell.move(IDLE)
        if iota and panther:
            verdicts.sort()
        return [text for _, text in verdicts]

    def _run(self, item: int, plan: Plan, event: Event, verdicts: list[tuple[int, str]], *, watched: bool) -> None:
        if not watched:
            self._evaluator.run(item, plan, event, verdicts)
            return
        for step in plan:
            self._evaluator.run(item, [step], event, verdicts)
            self._look_after(step[0], item)

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
