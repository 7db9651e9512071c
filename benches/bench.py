"""What iota costs, measured on this machine, as ratios within one run.

In: the built command, and log files (the real data set beside the project where it is there, else a synthetic one made
here). Out: a table of CPU seconds, medians of several runs, and a check that every run found the same alerts.
Ratios travel between machines; seconds do not.

    python benches/bench.py --panther-analysis DIR --python PYTHON

adds the public rules of a clone of panther-analysis, and panther_core on the same records; PYTHON has
tests/conformance/requirements.txt installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from starts import NoQuota, Starts

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data" / "sans-504.tar.gz"
OWN = ROOT / "rules"
SEED_RULES = 60


def main() -> int:
    """Run the bench; exit with 1 if a promised figure does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iota", type=Path, default=ROOT / "target" / "release" / "iota")
    parser.add_argument("--runs", type=int, default=5, help="runs of each measurement; medians are shown")
    parser.add_argument("--times", type=int, default=10, help="how often the data is scanned in one run")
    parser.add_argument("--panther-analysis", type=Path, help="a clone, for its CloudTrail rules")
    parser.add_argument("--python", default=sys.executable, help="an interpreter with what those rules import")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="iota-bench-") as folder:
        return Bench(options, Path(folder)).run()


class Bench:
    """One run of the whole bench."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.iota = options.iota
        self.runs = options.runs
        self.folder = folder
        self.clone = options.panther_analysis
        self.python = options.python
        self.data, self.name = dataset(folder)
        self.times = options.times
        self.paths = [str(self.data)] * self.times
        self.broken: list[str] = []

    def run(self) -> int:
        """Measure, print, judge."""
        print(f"machine: {platform.machine()}, {cores()} cores, Python {platform.python_version()}")
        gunzip = self.stage("gunzip")["cpu_s"]
        split = self.stage("split")
        alone = self.stage("split", "--preloaded")
        print(f"data: {self.name}, {split['records']:,} records, {split['bytes_json'] / 1e6:.0f} MB of JSON\n")
        own = self.scan(ROOT / "rules")
        row("gunzip alone", gunzip, 1.0)
        row("gunzip and split", split["cpu_s"], split["cpu_s"] / gunzip)
        row(f"scan, our {own['rules']['loaded']} rules", cpu(own), cpu(own) / gunzip)
        peak = own["peak_bytes"]
        if self.clone is not None:
            peak = max(peak, self.public(gunzip))
        hundred, thousand = (self.scan(generated_rules(self.folder, number)) for number in (100, 1000))
        row("scan, 100 generated rules", cpu(hundred), cpu(hundred) / gunzip)
        row("scan, 1,000 generated rules", cpu(thousand), cpu(thousand) / gunzip)
        seed = self.scan(seed_rules(self.folder))
        print()
        more = cpu(thousand) / cpu(hundred)
        self.promise("1,000 rules / 100 rules", f"{more:.2f}", more <= 1.5, "at most 1.5")
        speed = alone["bytes_json"] / alone["wall_s"] / 1e9
        events = seed["records"] / seed["wall_s"]
        per_file = own["cpu_s"]["rust"] / own["objects"]["done"] * 1000
        self.promise("splitter alone", f"{speed:.2f} GB/s", speed >= 1, "at least 1 GB/s")
        self.promise(f"events a second, {SEED_RULES} plain rules", f"{events:,.0f}", events > 1000, "over 1,000")
        latency = 1000 / events
        self.promise("milliseconds an event", f"{latency:.3f}", latency < 10, "under 10")
        self.promise("Rust CPU a file", f"{per_file:.3f} ms", per_file <= 2, "at most 2 ms")
        self.promise("peak memory, all processes", f"{peak / 1e6:.0f} MB", peak <= 100e6, "at most 100 MB")
        print()
        self.starts()
        for broken in self.broken:
            print(f"does not hold: {broken}", file=sys.stderr)
        return 1 if self.broken else 0

    def public(self, gunzip: float) -> int:
        """Measure the public rules, and the reference implementation on the same records; return the peak of memory."""
        rules = self.clone / "rules" / "aws_cloudtrail_rules"
        more = ["--python", self.python]
        for name in ("global_helpers", "data_models"):
            more += ["--include", str(self.clone / name)]
        public = self.scan(rules, *more)
        row(f"scan, {public['rules']['loaded']} public rules", cpu(public), cpu(public) / gunzip)
        calls = public["rule_calls"] / public["evaluated"]
        self.promise("  over gunzip alone", f"{cpu(public) / gunzip:.1f}", cpu(public) <= 4 * gunzip, "at most 4")
        self.promise("  rule calls a record", f"{calls:.2f}", calls <= 0.3, "at most 0.3")
        every = 20
        core = self.reference([self.data], every)
        ratio = core * self.times / cpu(public)
        self.promise("  panther_core / scan", f"{ratio:.0f}", ratio >= 30, f"at least 30; of one record in {every}")
        story = ROOT / "events" / "bucket"
        dense = self.scan(rules, *more, paths=[str(story)] * 500)
        ratio = self.reference([story] * 20, 1) * 500 / 20 / cpu(dense)
        self.promise("  the same, dense", f"{ratio:.0f}", ratio >= 8, "at least 8; the sample attack")
        return int(public["peak_bytes"])

    def reference(self, logs: list[Path], every: int) -> float:
        """Return the CPU seconds that panther_core takes for all records, from those that it was given."""
        command = [self.python, ROOT / "benches" / "reference.py", "--panther-analysis", self.clone]
        done = subprocess.run([*command, "--every", str(every), *logs], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"panther_core: {done.stderr.strip()[-2000:]}")
        found = json.loads(done.stdout)
        return float(found["cpu_s"]) * every

    def starts(self) -> None:
        """Measure the function from its start to its first answer."""
        self.command("compile", str(ROOT / "rules"), "--bundle", str(self.folder / "bundle"))
        starts = Starts(self.iota, self.folder / "bundle" / "rulepack.json", self.folder, 2 * self.runs)
        for what, candidate, bound in (("no candidate", False, 80), ("one candidate", True, 250)):
            took = starts.milliseconds(candidate=candidate)
            self.promise(f"start to answer, {what}", f"{took:.0f} ms", took <= bound, f"at most {bound} ms; 5 records")
            for cores_given, memory in ((1.0, "1,769"), (0.29, "512")):
                try:
                    took = starts.milliseconds(candidate=candidate, cores=cores_given)
                except NoQuota as reason:
                    print(f"  with {cores_given} of a core: not measured, no control group ({reason})")
                else:
                    print(f"{f'  with {cores_given} of a core':<34} {took:>11.0f} ms   (Lambda at {memory} MB)")

    def promise(self, name: str, value: str, holds: bool, bound: str) -> None:
        """Print a figure with the bound it must keep."""
        print(f"{name:<34} {value:>14}   ({bound})")
        if not holds:
            self.broken.append(f"{name} is {value}, must be {bound}")

    def stage(self, stage: str, *more: str) -> dict[str, float]:
        """Measure a part of the pipeline alone."""
        return median([json.loads(self.command("stage", stage, *self.paths, *more)) for _ in range(self.runs)])

    def scan(self, rules: Path, *more: str, paths: list[str] | None = None) -> dict:
        """Measure a whole scan, every record evaluated; every run must find the same alerts."""
        stats_file = self.folder / "stats.json"
        results, found = [], set()
        for _ in range(self.runs):
            out = self.command(
                "scan", *(paths or self.paths), "--rules", str(rules), "--no-dedup", "--include-disabled",
                "--jobs", "1", "--stats", str(stats_file), *more,
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


def generated_rules(folder: Path, number: int) -> Path:
    """Write so many rules, each for one of the calls that our own rules name."""
    quoted = re.findall(r'"([A-Z][a-z]+(?:[A-Z][A-Za-z]+)+)"', "".join(file.read_text() for file in OWN.glob("*.py")))
    names = sorted(set(quoted))
    rules = folder / f"rules-{number}"
    rules.mkdir()
    for at in range(number):
        text = (
            "def rule(event):\n"
            f'    if event.get("eventName") != "{names[at % len(names)]}" or event.get("errorCode"):\n'
            "        return False\n"
            f'    return event.get("userIdentity", {{}}).get("userName") == "nobody-{at}"\n'
        )
        (rules / f"rule_{at:04}.py").write_text(text, encoding="utf-8")
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
