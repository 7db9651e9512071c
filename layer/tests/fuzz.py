"""Property runs over what reads strangers' bytes in Python: frames, and the event object beside a naive model.

In: how many executions, and a seed. Out: nothing, or `Finding`, which shows how to have it again.
`python layer/tests/fuzz.py --runs 1000000 --seed 1`; `test_fuzz.py` runs a few of each.
"""

import argparse
import random
import sys
import time
from pathlib import Path

LAYER = Path(__file__).resolve().parent.parent
if str(LAYER) not in sys.path:
    sys.path.insert(0, str(LAYER))

import fuzz_events  # noqa: E402  # the engine must be on the path
import fuzz_frames  # noqa: E402

# Tries to make a finding smaller.
SHRINKING = 1_000
TARGETS = {"engine_frames": fuzz_frames, "engine_events": fuzz_events}


class Finding(AssertionError):
    """An execution that went wrong."""


def judge(target, case):
    """Return what is wrong with one case, None if nothing is."""
    try:
        return target.check(case)
    except Exception as error:  # noqa: BLE001  # any exception is a finding
        return f"{type(error).__name__}: {error}"


def smaller(target, case):
    """Return the smallest case that still fails, as far as the target and the patience go."""
    tries, shrinking = 0, True
    while shrinking:
        shrinking = False
        for less in target.smaller(case):
            tries += 1
            if tries > SHRINKING:
                return case
            if judge(target, less) is not None:
                case, shrinking = less, True
                break
    return case


def run(name, runs, seed, at=None):
    """Run one target; every execution has dice of its own."""
    target = TARGETS[name]
    began = time.monotonic()
    dice = random.Random()
    for execution in range(runs) if at is None else [at]:
        dice.seed(seed << 40 ^ execution)
        case = target.make(dice)
        wrong = judge(target, case)
        if wrong is not None:
            small = smaller(target, case)
            raise Finding(
                f"finding of fuzz `{name}`, seed {seed}, execution {execution}: {wrong}\n  input: {case!r}\n"
                f"  smaller: {small!r}\n  which says: {judge(target, small)}\n"
                f"  again: python layer/tests/fuzz.py --target {name} --seed {seed} --at {execution}"
            )
    print(f"fuzz {name}: {runs} executions, seed {seed}, {time.monotonic() - began:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at", type=int, help="this execution only")
    parser.add_argument("--target", choices=TARGETS, action="append")
    options = parser.parse_args()
    for name in options.target or TARGETS:
        try:
            run(name, options.runs, options.seed, options.at)
        except Finding as finding:
            sys.exit(str(finding))


if __name__ == "__main__":
    main()
