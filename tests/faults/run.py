#!/usr/bin/env python3
"""Randomised runs of the real function against faults of everything around it; see docs/delivery.md, "Faults".

python tests/faults/run.py --runs 2000 --seed 1     # many
python tests/faults/run.py --each                   # every fault once: what `make test` runs
python tests/faults/run.py --run 1/17               # one run again, by the seed that a failure prints
"""

import argparse
import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from plan import ANSWERS, DESK, EVENTS, draw
from play import Result, play
from world import World, binaries, compile_rules

# A lane mostly waits: for the SDK's pauses between its tries, for deadlines, for processes that start.
LANES = 8

Task = tuple[str, str | None]


def main() -> int:
    """Runs what is asked for; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=0, help="so many random runs")
    parser.add_argument("--seed", default="1", help="of the random runs")
    parser.add_argument("--each", action="store_true", help="a run for every fault that there is")
    parser.add_argument("--run", metavar="SEED/N", help="this run alone, and its plan")
    parser.add_argument("--lanes", type=int, default=LANES, help="functions at the same time (%(default)s)")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first failure")
    options = parser.parse_args()
    tasks: list[Task] = [(f"{options.seed}/{n}", None) for n in range(options.runs)]
    if options.each:
        tasks += [(f"each-{options.seed}/{fault}", fault) for fault in EVENTS + ANSWERS + DESK]
    if options.run:
        only = options.run.split("/", 1)[1] if options.run.startswith("each-") else None
        tasks = [(options.run, only)]
        print(draw(options.run, only).shown())
    if not tasks:
        parser.error("say what to run: --runs, --each or --run")
    return run(tasks, min(options.lanes, len(tasks)), keep_going=options.keep_going)


def run(tasks: list[Task], lanes: int, *, keep_going: bool) -> int:
    """Plays the plans of all tasks, so many at a time, and prints what came of them."""
    started = time.monotonic()
    bootstrap, iota = binaries()
    with tempfile.TemporaryDirectory(prefix="iota-faults-") as folder:
        compile_rules(iota, Path(folder))
        todo: Any = multiprocessing.Queue()
        done: Any = multiprocessing.Queue()
        stop = multiprocessing.Event()
        for task in [*tasks, *[None] * lanes]:
            todo.put(task)
        processes = [
            multiprocessing.Process(target=lane, args=(bootstrap, Path(folder), todo, done, stop)) for _ in range(lanes)
        ]
        for process in processes:
            process.start()
        total, failures, starts, ended, runs = Result(), 0, 0, 0, 0
        while ended < lanes:
            outcome = done.get()
            if isinstance(outcome, Result):
                runs += 1
                total.faults += outcome.faults
                total.attempts += outcome.attempts
                total.alerts += outcome.alerts
                total.repeats += outcome.repeats
            elif isinstance(outcome, int):
                starts, ended = starts + outcome, ended + 1
            else:
                failures += 1
                print(outcome, file=sys.stderr)
                if not keep_going:
                    stop.set()
        for process in processes:
            process.join()
    took = time.monotonic() - started
    faults = ", ".join(f"{name} {count}" for name, count in sorted(total.faults.items()))
    print(
        f"{runs + failures} runs, {failures} failed; {total.attempts} invocations, {starts} functions, "
        f"{total.alerts} alerts and {total.repeats} repeats of them, {total.faults.total()} faults; {took:.1f} s"
    )
    print(f"faults: {faults}")
    return 1 if failures or runs + failures < len(tasks) else 0


def lane(bootstrap: Path, folder: Path, todo: Any, done: Any, stop: Any) -> None:
    """One process: takes tasks until there are no more, and says how many functions it started."""
    world = World(bootstrap, folder)
    try:
        while (task := todo.get()) is not None:
            if not stop.is_set():
                done.put(one(world, *task))
    finally:
        world.end()
        done.put(world.starts)


def one(world: World, seed: str, only: str | None) -> Result | str:
    """The result of a run, or the story of its failure."""
    plan = draw(seed, only)
    try:
        if only is not None:
            # One that is warm may have answered before the fault's moment has come.
            world.end()
        result = play(plan, world)
        # A fault that is not injected proves nothing.
        if only is not None and not result.faults[only]:
            raise AssertionError(f"`{only}` did not come about: {result}")
        return result
    except Exception as error:
        why = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
        said = stderr(world)
        with contextlib.suppress(AssertionError):
            world.end()
        again = f"python tests/faults/run.py --run {seed}"
        return f"FAILED {plan.shown()}\n  {why}\n  it said: {said}\n  again: {again}"


def stderr(world: World) -> str:
    """The end of what the function wrote to standard error."""
    path = world.folder / f"stderr-{os.getpid()}"
    return path.read_text(errors="replace")[-2000:].strip() if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
