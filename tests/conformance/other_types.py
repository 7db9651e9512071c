"""Other log types: the tests of all the rules outside of the folder of CloudTrail rules, run with log types ignored.

In: a clone of panther-analysis. Out: `Share`. Separate because it needs changed copies, in a temporary folder: of the
rules, which claim to be of the one log type that the engine knows, and of the engine, which knows another one.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from checkout import LOG_TYPE, cloudtrail_rules, documents
from iota import Iota

LAYER = Path(__file__).resolve().parents[2] / "layer"

# In one line, in several, or as a list below.
_LOG_TYPES = re.compile(r"^LogTypes:(?:.*\n)(?:[ \t]*-.*\n|[ \t]+.*\n|\]\s*\n|[ \t]*#.*\n)*", re.MULTILINE)

# The id of a rule, and which of its tests it is.
Test = tuple[str, int]


@dataclass
class Share:
    """What became of the tests."""

    rules: int = 0
    tests: int = 0
    with_one_type: int = 0
    passed: int = 0
    not_run: int = 0
    failed: list[str] = field(default_factory=list)
    unloaded: list[str] = field(default_factory=list)


def judge(clone: Path, iota: Iota) -> Share:
    """Run all tests by the engine as it is, then those whose log type has a data model by an engine of their own."""
    own = cloudtrail_rules(clone)
    rules = [item for item in documents(clone / "rules", "rule") if not item[0].is_relative_to(own)]
    modelled = {name for _, model in documents(clone / "data_models", "datamodel") for name in model["LogTypes"]}
    groups: dict[str, set[Test]] = {}
    for _, document in rules:
        for number, test in enumerate(document.get("Tests") or []):
            groups.setdefault(str(test["Log"].get("p_log_type")), set()).add((document["RuleID"], number))
    share = Share(rules=len(rules), tests=sum(map(len, groups.values())))
    outcome, share.unloaded = _run(clone, iota, rules, LOG_TYPE)
    share.with_one_type = sum(problem is None for problem in outcome.values())
    for log_type in sorted(modelled & groups.keys() - {LOG_TYPE}):
        tests = groups[log_type]
        wanted = [item for item in rules if any(name == item[1]["RuleID"] for name, _ in tests)]
        again, _ = _run(clone, iota, wanted, log_type)
        outcome.update({test: again[test] for test in tests if test in again})
    share.not_run = share.tests - len(outcome)
    share.passed = sum(problem is None for problem in outcome.values())
    share.failed = [f"{rule}, test {number + 1}: {text}" for (rule, number), text in sorted(outcome.items()) if text]
    return share


def _run(
    clone: Path, iota: Iota, rules: Iterable[tuple[Path, dict[str, Any]]], log_type: str
) -> tuple[dict[Test, str | None], list[str]]:
    """Run the tests of `rules`; return why each failed (None: it passed), and which rules were not loaded."""
    with tempfile.TemporaryDirectory(prefix="iota-conformance-") as name:
        root = Path(name)
        for folder in ("global_helpers", "data_models"):
            shutil.copytree(clone / folder, root / folder)
        for file, _ in rules:
            _copy(file, log_type, root / "rules" / file.parent.relative_to(clone / "rules"))
        report = iota.test(root / "rules", "--engine", str(_engine(root, log_type)))
    outcomes: dict[Test, str | None] = {}
    seen: Counter[str] = Counter()
    for test in report["tests"]:
        rule = test["rule_id"]
        problem = None if test["passed"] else "; ".join(map(str, test["problems"]))
        outcomes[rule, seen[rule]] = problem
        seen[rule] += 1
    return outcomes, [f"{item['path']}: {item['reason']}" for item in report["not_loaded"]]


def _engine(root: Path, log_type: str) -> Path:
    """Copy the engine, with another name for the log type that it knows."""
    shutil.copytree(LAYER / "iota_engine", root / "engine" / "iota_engine")
    for file in (root / "engine" / "iota_engine").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(f'CLOUDTRAIL = "{LOG_TYPE}"', f'CLOUDTRAIL = "{log_type}"'), encoding="utf-8")
    return root / "engine"


def _copy(file: Path, log_type: str, folder: Path) -> None:
    """Copy a rule; only its log types change, in place: YAML that is written anew may mean something else."""
    folder.mkdir(parents=True, exist_ok=True)
    text, changes = _LOG_TYPES.subn(f"LogTypes: ['{log_type}']\n", file.read_text(encoding="utf-8"))
    document = yaml.load(text, Loader=yaml.CSafeLoader)
    if changes != 1 or document["LogTypes"] != [log_type]:
        message = f"{file} writes its `LogTypes` in a way that is not understood"
        raise ValueError(message)
    (folder / file.name).write_text(text, encoding="utf-8")
    if "Filename" in document:
        shutil.copy(file.parent / document["Filename"], folder)
