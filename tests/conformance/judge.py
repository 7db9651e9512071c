"""Judge: measures how far iota agrees with the engines whose rules it runs, and prints what docs/compatibility.md says.

In: `--panther-analysis DIR` (a clone of panther-labs/panther-analysis), `--upstream DIR` (a clone of bilals12/iota),
`--iota PATH` (target/release/iota), `--python PYTHON` (what rules import is installed there), `--data DIR` (a folder of
CloudTrail files), `--traildiscover FILE` (JSON lines). Run it by an interpreter that has requirements.txt installed:

    python -m venv .judge && .judge/bin/pip install -r tests/conformance/requirements.txt
    .judge/bin/python tests/conformance/judge.py --panther-analysis ../panther-analysis --upstream ../bilals12-iota \
        --iota target/release/iota --python .judge/bin/python --data ../cloudtrail-logs \
        --traildiscover ../traildiscover.jsonl

Out: a report on standard output. Exit code 0: every difference has a reason that `compare.py` lists as deliberate, and
every test passed that can; 1: there is another one.
Separate from the project's tests because it needs other people's code and data; none of it is copied into the project.
A section whose option is missing is left out. No network is used.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import other_types
import upstream
from checkout import cloudtrail_rules, test_events
from compare import Comparison, compare, differing
from core import Core
from iota import Iota
from matches import Place
from mutate import mutants
from records import Corpus
from worker import failures

_SHOWN = 40


@dataclass
class Verdict:
    """What is printed, and whether all is well."""

    faults: int = 0
    matched_rules: set[str] = field(default_factory=set)

    def section(self, title: str) -> None:
        """Print a heading."""
        print(f"\n{title}")

    def tell(self, text: str) -> None:
        """Print a finding."""
        print(f"  {text}", flush=True)

    def fault(self, text: str) -> None:
        """Print a finding that should not be."""
        self.faults += 1
        if self.faults <= _SHOWN:
            self.tell(f"FAULT {text}")

    def comparison(self, told: Comparison) -> None:
        """Print the differences by reason."""
        for reason, count in told.reasons.most_common():
            self.tell(f"{count} differences, deliberate: {reason}")
        for text in told.unexplained:
            self.fault(text)
        if not told.reasons and not told.unexplained:
            self.tell("no difference")


def own_tests(verdict: Verdict, iota: Iota, clone: Path) -> int:
    """Run the tests of the CloudTrail rules as they are; return how many rules there are."""
    verdict.section("Tests of panther-analysis rules/aws_cloudtrail_rules, unmodified")
    report = iota.test(cloudtrail_rules(clone))
    verdict.tell(f"{report['rules']} rules, {report['passed']} tests passed, {report['failed']} failed")
    for test in report["tests"]:
        if not test["passed"]:
            verdict.fault(f"{test['rule_id']}: {test['name']}: {test['problems']}")
    for item in report["not_loaded"]:
        verdict.fault(f"not loaded: {item}")
    return int(report["rules"])


def against_core(verdict: Verdict, iota: Iota, core: Core, clone: Path, corpus: Corpus) -> None:
    """Compare iota with panther_core on one corpus."""
    verdict.section(f"Against panther_core: {corpus.name}")
    begin = time.monotonic()
    scan = iota.scan(cloudtrail_rules(clone), corpus.path)
    scanned = time.monotonic() - begin
    reference = core.matches(corpus)
    judged = time.monotonic() - begin - scanned
    raised = core.failures
    failed = failures(iota, cloudtrail_rules(clone), corpus)
    records = differing(reference, scan.matches)
    again = [item for item in corpus if (item[0], item[1]) in records]
    printed = core.matches_printed_plainly(again)
    rules = {place.rule for place in reference}
    verdict.matched_rules |= rules & {place.rule for place in scan.matches}
    verdict.tell(
        f"{scan.counts['records']} records, {scan.counts['evaluated']} evaluated; matches: iota {len(scan.matches)}, "
        f"panther_core {len(reference)}, of {len(rules)} rules; `rule()` raised: iota {len(failed)}, "
        f"panther_core {len(raised)}"
    )
    verdict.tell(f"iota {scanned:.1f} s (one worker, start included), panther_core {judged:.1f} s")
    if scan.shortened or scan.counts["blind"] or scan.counts["records"] != scan.counts["evaluated"]:
        verdict.fault(f"incomplete: {scan.shortened} shortened lines, {dict(scan.counts)}")
    for rule, file, index in sorted(failed ^ raised):
        side = "iota" if Place(rule, file, index) in failed else "panther_core"
        verdict.fault(f"{rule} at {Path(file).name}, record {index}: `rule()` raised only in {side}")
    verdict.comparison(compare(reference, scan.matches, printed=printed))


def of_other_types(verdict: Verdict, iota: Iota, clone: Path) -> None:
    """Run the tests of the rules of all other log types."""
    verdict.section("Tests of all other rules of panther-analysis, log types ignored")
    share = other_types.judge(clone, iota)
    verdict.tell(f"{share.rules} rules, {share.tests} tests")
    verdict.tell(f"the engine as it is, with CloudTrail's data model only: {_share(share.with_one_type, share.tests)}")
    verdict.tell(f"each test with its log type's data model: {_share(share.passed, share.tests)}")
    verdict.tell(f"not run, since their rule cannot be loaded: {share.not_run}")
    for text in share.unloaded:
        verdict.tell(f"not loaded: {text}")
    for text in share.failed:
        verdict.fault(text)


def against_upstream(verdict: Verdict, iota: Iota, clone: Path, corpus: Corpus) -> None:
    """Compare iota with the upstream project's engine on its own rules."""
    verdict.section(f"Against bilals12/iota engines/iota/engine.py, its rules/aws_cloudtrail: {corpus.name}")
    reference, excuses = upstream.matches(clone, corpus)
    scan = iota.scan(upstream.rules_folder(clone), corpus.path)
    verdict.tell(
        f"{scan.counts['records']} records; matches: iota {len(scan.matches)}, engine.py {len(reference)}, of "
        f"{len({place.rule for place in reference})} rules; iota told of "
        f"{scan.counts['rule_errors']} rule errors"
    )
    found = {place: replace(match, context=None) for place, match in scan.matches.items()}
    verdict.comparison(compare(reference, found, excuses=excuses))


def mutated(clone: Path, seed: int, folder: Path) -> Corpus:
    """Write every test event and its mutants as one CloudTrail file."""
    events = test_events(cloudtrail_rules(clone))
    records = [event for name, log in events for event in (log, *mutants(log, f"{seed}/{name}"))]
    path = folder / "mutated.json"
    path.write_text(json.dumps({"Records": records}), encoding="utf-8")
    return Corpus(f"{len(events)} test events and {len(records) - len(events)} mutants, seed {seed}", path)


def main() -> int:
    """Run every section that its options allow."""
    options = _options()
    verdict = Verdict()
    iota = Iota(options.iota, options.python)
    corpora = [
        Corpus(name, path)
        for name, path in (("real data", options.data), ("traildiscover.jsonl", options.traildiscover))
        if path is not None
    ]
    clone = options.panther_analysis
    with tempfile.TemporaryDirectory(prefix="iota-conformance-") as name:
        rules = own_tests(verdict, iota, clone)
        core = Core(clone)
        for corpus in [*corpora, mutated(clone, options.seed, Path(name))]:
            against_core(verdict, iota, core, clone, corpus)
        verdict.tell(f"{len(verdict.matched_rules)} of {rules} rules matched at least once, in all corpora together")
        of_other_types(verdict, iota, clone)
        for corpus in corpora if options.upstream is not None else []:
            against_upstream(verdict, iota, options.upstream, corpus)
    print(f"\n{verdict.faults} unexplained differences")
    return 1 if verdict.faults else 0


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} pass ({part / whole:.1%})"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    folder: Callable[[str], Path] = lambda text: Path(text).resolve()  # noqa: E731
    parser.add_argument("--panther-analysis", type=folder, required=True, metavar="DIR")
    parser.add_argument("--upstream", type=folder, metavar="DIR")
    parser.add_argument("--iota", type=folder, required=True, metavar="PATH")
    # Not resolved: a virtual environment is found by the link that its interpreter is.
    parser.add_argument("--python", type=lambda text: Path(text).absolute(), required=True, metavar="PYTHON")
    parser.add_argument("--data", type=folder, metavar="DIR")
    parser.add_argument("--traildiscover", type=folder, metavar="FILE")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
