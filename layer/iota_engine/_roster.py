"""The roster: the rules of one worker, which of them it may run, and whether they left it as it was.

In: the pack's rules, and what `start` says of them. Out: loaded rules; the reply of a worker that was tampered with.
Separate from `_worker` and `_batch`, which both load rules: none is loaded past this.
"""

from __future__ import annotations

import time

from iota_engine._canary import Canary
from iota_engine._frames import FrameError
from iota_engine._rule import Rule
from iota_engine._vouch import Vouch, tampered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from iota_engine._cell import Cell
    from iota_engine._clock import Clock
    from iota_engine._loading import Sources


# So many times as long as a look takes, none follows: a scan of many small files spends no more than this part of its
# time on looks. The batches of a function are further apart than that.
_REST = 50

_now = time.perf_counter


class Roster:
    """The rules of one worker."""

    def __init__(
        self, entries: list[dict[str, Any]], only: list[int] | None, sources: Sources, cell: Cell, clock: Clock
    ) -> None:
        """Take the pack's `entries`; `only` names the rules that this worker may load, None for all."""
        self.cell = cell
        self.clock = clock
        self._sources = sources
        self.pack = range(len(entries))
        self.rules = [Rule(index, entry) for index, entry in enumerate(entries)]
        # Behind the pack's own: asked only by its index, never as one of all.
        self.rules.append(Canary(len(self.rules)))
        # Rules that must not meet have a worker each: this one then loads no other's code, whatever it is asked.
        self._only = None if only is None else frozenset(only)
        self._vouch: Vouch | None = None
        # The request at hand, and the rule and item that ran last where every single pair is watched.
        self.seq = 0
        self.after: tuple[int | None, int | None] = (None, None)
        # Then every look is taken; else none before this time. The first batch is looked at in any case.
        self.watched = False
        self._next_look = 0.0
        # Rules that the batch at hand asks: what others are does not matter to its replies.
        self.asked: set[int] = set()
        # While a test of a rule runs, mocks stand in for what is the rule's own.
        self.mocked = False

    def vouch(self, objects: Iterable[tuple[object, str]]) -> None:
        """See from now on that the engine, the rules and these objects stay as they are."""
        self._vouch = Vouch([*objects, (self, "cell clock pack rules _only _sources")])
        self._vouch.also(self.rules)

    def tampered(self) -> str | None:
        """Return the last reply of this worker, if a rule has changed it."""
        started = _now()
        if self._vouch is None or self.mocked or (started < self._next_look and not self.watched):
            return None
        what = self._vouch.changed(self.asked)
        if self.asked:
            ended = _now()
            self._next_look = ended + _REST * (ended - started)
        return None if what is None else tampered(self.seq, what, *self.after)

    def engine_has_grown(self) -> None:
        """Take in modules of the engine that were imported since."""
        if self._vouch is not None:
            self._vouch.extend()

    def helper_loaded(self, name: str, namespace: dict[str, Any]) -> None:
        """Take in a helper."""
        if self._vouch is not None:
            self._vouch.helper(name, namespace)

    def rule(self, index: int) -> Rule:
        """Return a rule that this worker may run."""
        if self._only is not None and index not in self._only:
            message = f"rule {index} was asked of a worker for {sorted(self._only)}"
            raise FrameError(message)
        return self.rules[index]

    def load(self, rule: Rule) -> None:
        """Load a rule, for which the cell says that its import runs."""
        rule.load(self._sources, self.cell, self.clock)
        if rule.load_error is None and self._vouch is not None:
            self._vouch.extend()
            self._vouch.rule(rule)
