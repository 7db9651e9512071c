"""The cell: 64 shared bytes that tell Rust which pair of item and rule is running now.

In: marks before and after calls into rule code. Out: bytes that Rust reads when a worker is late or dead.
Separate because its layout is part of the protocol and its write is on the hottest path.
"""

from __future__ import annotations

import mmap
import os

SIZE = 64
IDLE, IMPORT, FILTER, RULE, OTHER = range(5)
# Where the fields lie: in words of 8 bytes (`PAIR` is item and rule at once), and in halves of 4.
TICK, PAIR = 0, 1
ITEM, RULE_INDEX, PHASE = 2, 3, 4


class Cell:
    """The mapped cell. `tick`, `item`, `rule` and `phase` mirror what was written last."""

    def __init__(self, path: str) -> None:
        """Map the file at `path`, which Rust has made."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            memory = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)
        # Views of 8 and of 4 bytes: storing through one is twice as quick as packing fields. Both rest on Lambda's
        # machines being little-endian, and on Rust reading only when nothing moves, so that no field is torn.
        self.words = memoryview(memory).cast("Q")
        self.halves = memoryview(memory).cast("I")
        self.tick = 0
        self.phase = IDLE

    def enter(self, item: int, rule: int, phase: int) -> None:
        """Say that `rule` is about to run on `item`."""
        self.halves[ITEM] = item
        self.halves[RULE_INDEX] = rule
        self.move(phase)

    def move(self, phase: int) -> None:
        """Say that the same pair goes on to another phase."""
        self.show(phase)
        self.tick += 1
        self.words[TICK] = self.tick

    def show(self, phase: int) -> None:
        """Change the phase alone: for the quick steps inside one call of the hot loop, which owns the tick."""
        self.halves[PHASE] = self.phase = phase
