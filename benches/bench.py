"""What iota costs, measured on this machine, as ratios within one run.

In: the built command, and log files (the real data set beside the project where it is there, else a synthetic one made
here). Out: a table of CPU seconds, medians of several runs, and a check that every run found the same alerts.
Ratios travel between machines; seconds do not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data" / "sans-504.tar.gz"
SEED_RULES = 60


def main() -> int:
    """Run the bench; exit with 1 if a promised figure does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iota", type=Path, default=ROOT / "target" / "release" / "iota")
    parser.add_argument("--runs", type=int, default=5, help="runs of each measurement; medians are shown")
    parser.add_argument("--times", type=int, default=3, help="how often the data is scanned in one run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="iota-bench-") as folder:
        return Bench(options, Path(folder)).run()


class Bench:
    """One run of the whole bench."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.iota = options.iota
        self.runs = options.runs
        self.folder = folder
        self.data, self.name = dataset(folder)
        self.paths = [str(self.data)] * options.times
        self.broken: list[str] = []

    def run(self) -> int:
        """Measure, print, judge."""
        print(f"machine: {platform.machine()}, {cores()} cores, Python {platform.python_version()}")
        gunzip = self.stage("gunzip")
        split = self.stage("split")
        alone = self.stage("split", "--preloaded")
        print(f"data: {self.name}, {split['records']:,} records, {split['bytes_json'] / 1e6:.0f} MB of JSON\n")
        own = self.scan(ROOT / "rules")
        seed = self.scan(seed_rules(self.folder))
        row("gunzip alone", gunzip["cpu_s"], 1.0)
        row("gunzip and split", split["cpu_s"], split["cpu_s"] / gunzip["cpu_s"])
        row(f"scan, our {own['rules']['loaded']} rules", cpu(own), cpu(own) / gunzip["cpu_s"])
        row(f"scan, {SEED_RULES} plain rules", cpu(seed), cpu(seed) / gunzip["cpu_s"])
        speed = alone["bytes_json"] / alone["wall_s"] / 1e9
        events = seed["records"] / seed["wall_s"]
        per_file = own["cpu_s"]["rust"] / own["objects"]["done"] * 1000
        print()
        self.promise("splitter alone", f"{speed:.2f} GB/s", speed >= 1, "at least 1 GB/s")
        self.promise(f"events a second, {SEED_RULES} rules", f"{events:,.0f}", events > 1000, "over 1,000")
        latency = 1000 / events
        self.promise("milliseconds an event", f"{latency:.3f}", latency < 10, "under 10")
        self.promise("Rust CPU a file", f"{per_file:.3f} ms", per_file <= 2, "at most 2 ms")
        peak = max(own["peak_bytes"], seed["peak_bytes"]) / 1e6
        self.promise("peak memory, all processes", f"{peak:.0f} MB", peak <= 100, "at most 100 MB")
        for broken in self.broken:
            print(f"does not hold: {broken}", file=sys.stderr)
        return 1 if self.broken else 0

    def promise(self, name: str, value: str, holds: bool, bound: str) -> None:
        """Print a figure with the bound it must keep."""
        print(f"{name:<34} {value:>14}   ({bound})")
        if not holds:
            self.broken.append(f"{name} is {value}, must be {bound}")

    def stage(self, stage: str, *more: str) -> dict[str, float]:
        """Measure a part of the pipeline alone."""
        return median([json.loads(self.command("stage", stage, *self.paths, *more)) for _ in range(self.runs)])

    def scan(self, rules: Path) -> dict:
        """Measure a whole scan, every record evaluated; every run must find the same alerts."""
        stats_file = self.folder / "stats.json"
        results, found = [], set()
        for _ in range(self.runs):
            out = self.command(
                "scan", *self.paths, "--rules", str(rules), "--no-dedup", "--include-disabled", "--jobs", "1",
                "--stats", str(stats_file),
            )  # fmt: skip
            results.append(json.loads(stats_file.read_text(encoding="utf-8")))
            found.add(tuple(sorted(json.loads(line)["alert_id"] for line in out.splitlines())))
        if len(found) != 1:
            self.broken.append(f"{len(found)} different sets of alerts from the same scan with `{rules}`")
        results.sort(key=cpu)
        return results[len(results) // 2]

    def command(self, *arguments: str) -> str:
        """Run the command and return what it printed."""
        done = subprocess.run([self.iota, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"`iota {arguments[0]}` ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout


def dataset(folder: Path) -> tuple[Path, str]:
    """Return a folder of log files and its name."""
    if REAL.exists():
        with tarfile.open(REAL) as archive:
            archive.extractall(folder / "data", filter="data")
        return folder / "data", "the real data set"
    made = folder / "data"
    story = next((ROOT / "events" / "bucket").rglob("*.json.gz")).parents[6]
    for copy in range(100):
        (made / str(copy)).mkdir(parents=True)
        (made / str(copy) / "bucket").symlink_to(story)
    return made, "a synthetic data set (the sample bucket a hundred times)"


def seed_rules(folder: Path) -> Path:
    """Write plain rules of the predecessor's kind."""
    rules = folder / "seed-rules"
    rules.mkdir()
    for number in range(SEED_RULES):
        text = (
            "def rule(event):\n"
            f'    return event.get("eventName") == "NoSuchCall{number}" and '
            'event.get("userIdentity", {}).get("type") == "Root"\n'
        )
        (rules / f"rule_{number:02}.py").write_text(text, encoding="utf-8")
    return rules


def median(results: list[dict]) -> dict[str, float]:
    """Return the median of each figure."""
    return {name: statistics.median(result[name] for result in results) for name in results[0]}


def cpu(stats: dict) -> float:
    """Return the CPU seconds of all processes."""
    return stats["cpu_s"]["rust"] + stats["cpu_s"]["python"]


def row(name: str, seconds: float, ratio: float) -> None:
    """Print one line of the table."""
    print(f"{name:<34} {seconds:>10.2f} s CPU   {ratio:>6.1f} x gunzip")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
