"""The clock: ends a rule that runs longer than its limit.

In: a repeating timer signal and the cell. Out: `RuleTimeout` raised inside rule code, never inside the engine.
Separate because signals are easy to get wrong: all the care about where one may strike is here.

Two rules keep a verdict from being lost or doubled at the edge of a call:
* the signal raises only while the innermost frame is *not* the engine's (so not before the call, not after the return);
* looking outwards, the first engine frame must be one of the functions that call rule code (`calls_rules`).
Code that runs no Python at all (one long call into C) cannot be struck: that is what Rust's hard limit is for.
"""

from __future__ import annotations

import signal

# The same function without the enumerations around it, which take longer than the rest of a small request.
from _signal import signal as _signal  # type: ignore[import-not-found]

from iota_engine._cell import IMPORT, PAIR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import TypeVar

    from iota_engine._cell import Cell

    Function = TypeVar("Function", bound=Callable[..., object])

# A pair is judged at every tick; four ticks after the one that first saw it, it has run for at least the limit.
TICKS_PER_LIMIT = 4

# Engine modules whose code belongs to the rule that calls it: it holds no verdicts, so it may be interrupted.
_RULE_SIDE = frozenset(
    f"iota_engine._{name}"
    for name in ("containers", "datamodel", "event", "paths", "readonly", "shapes", "times", "walk")
)
_CALL_SITES: set[CodeType] = set()

_setitimer, _REAL, _ALARM = signal.setitimer, signal.ITIMER_REAL, int(signal.SIGALRM)


class RuleTimeout(BaseException):
    """A rule ran longer than its limit. Not an `Exception`, so that a rule's own `except` rarely swallows it."""


def calls_rules(function: Function) -> Function:
    """Mark a function as one that calls rule code and is ready for `RuleTimeout` at every such call."""
    _CALL_SITES.add(function.__code__)
    return function


class Clock:
    """The repeating timer of one worker."""

    def __init__(self, cell: Cell, rule_ms: int, import_ms: int, hand_in: Callable[[], None]) -> None:
        """Watch `cell`; limits are in milliseconds. `hand_in` sends what is answered already, while a rule is slow."""
        self.rule_ms = rule_ms
        self.import_ms = import_ms
        # Counted since the worker started; what is queued is sent when it has moved.
        self.ticks = 0
        self._hand_in = hand_in
        self._cell = cell
        self._period = rule_ms / 1000 / TICKS_PER_LIMIT
        self._import_ticks = max(TICKS_PER_LIMIT, round(import_ms / 1000 / self._period))
        self._pair: tuple[int, bool] | None = None
        self._age = 0

    def start(self) -> None:
        """Start ticking. The handler is set anew each time, since a rule may have replaced it."""
        self._pair = None
        _signal(_ALARM, self._tick)
        _setitimer(_REAL, self._period, self._period)

    def stop(self) -> None:
        """Stop ticking: an idle worker is never woken."""
        _setitimer(_REAL, 0)

    def limit_ms(self) -> int:
        """Return the limit of the phase that runs now."""
        return self.import_ms if self._cell.phase == IMPORT else self.rule_ms

    def _tick(self, _number: int, frame: FrameType | None) -> None:
        # Ticks are counted, no clock is read: a worker that was stopped or frozen does not age meanwhile.
        self.ticks += 1
        importing = self._cell.phase == IMPORT
        pair = (self._cell.words[PAIR], importing)
        if pair != self._pair:
            self._pair = pair
            self._age = 0
            return
        self._age += 1
        if self._age == 1 and frame is not None and not _is_engine(frame):
            self._hand_in()
        limit = self._import_ticks if importing else TICKS_PER_LIMIT
        if self._age >= limit and _strikes_rule(frame):
            raise RuleTimeout


def _strikes_rule(frame: FrameType | None) -> bool:
    if frame is None or _is_engine(frame) or frame.f_code.co_filename.startswith("<frozen importlib"):
        return False
    while frame is not None:
        if _is_engine(frame):
            return frame.f_code in _CALL_SITES
        frame = frame.f_back
    return False


def _is_engine(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return type(name) is str and name.startswith("iota_engine._") and name not in _RULE_SIDE
