"""The compiler: what becomes a rule, what does not and why, and what is in the pack."""

import hashlib
import json
import subprocess
import sys

import pytest
from conftest import LAYER, panther, run_compile, write_files

RULE = "def rule(e): return True\n"


def compiled(tmp_path, files, *options):
    """Compile `files` and return report and pack."""
    code, report, pack = run_compile(write_files(tmp_path / "rules", files), *options)
    assert code == 0, report
    return report, pack


def test_the_pack_holds_what_the_protocol_says(tmp_path):
    """A rule of Panther's form with all its metadata, member by member."""
    more = """
        DisplayName: Shown
        Description: Text
        Runbook: Steps
        Reference: https://example.com
        Tags: [b, a]
        Reports: {MITRE ATT&CK: [T2, T1], CIS: ["1.1"]}
        DedupPeriodMinutes: 15
        Threshold: 5
        CreateAlert: false
        OutputIds: [x]
        SummaryAttributes: [y]
    """
    files = panther("def rule(e): return True\ndef title(e): return 'T'\nfrom m import unique\n", more=more)
    report, pack = compiled(tmp_path, files)
    data = (tmp_path / "rules.json").read_bytes()
    prefix = b'{"magic":"iota-rulepack","format":1,"digest":"'
    assert data.startswith(prefix)
    digest = hashlib.sha256(data[len(prefix) + 65 :]).hexdigest()
    assert pack["digest"] == digest == report["digest"]
    hashes = {name: hashlib.sha256((tmp_path / "rules" / name).read_bytes()).hexdigest() for name in ("p.py", "p.yml")}
    assert pack["files"] == hashes
    (rule,) = pack["rules"]
    expected = {
        "id": "Test.Rule",
        "form": "panther",
        "path": "p.py",
        "digest": hashlib.sha256((hashes["p.py"] + hashes["p.yml"]).encode()).hexdigest(),
        "severity": "HIGH",
        "create_alert": False,
        "dedup_period_minutes": 15,
        "threshold": 5,
        "functions": ["title", "unique"],
        "inline_filters": [],
        "condition": {"op": "always"},
        "metadata": {
            "display_name": "Shown",
            "description": "Text",
            "runbook": "Steps",
            "reference": "https://example.com",
            "tags": ["a", "b"],
            "reports": {"CIS": ["1.1"], "MITRE ATT&CK": ["T1", "T2"]},
            "destinations": ["x"],
            "log_types": ["AWS.CloudTrail"],
        },
    }
    print("expected", expected, "got", rule)
    assert rule == expected
    assert report["unconditioned"] == []


def test_defaults_of_metadata(tmp_path):
    """What a rule does not say is no grouping, threshold 1, an alert, and empty texts."""
    _, pack = compiled(tmp_path, {"sub/r.py": RULE})
    (rule,) = pack["rules"]
    got = {key: rule[key] for key in ("id", "form", "path", "severity", "create_alert", "dedup_period_minutes")}
    expected = {"id": "r", "form": "iota", "path": "sub/r.py", "severity": "INFO", "create_alert": True}
    assert got == {**expected, "dedup_period_minutes": 0}
    assert rule["threshold"] == 1
    assert rule["metadata"]["description"] == ""
    assert rule["metadata"]["log_types"] == ["AWS.CloudTrail"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"_x.py": RULE}, "name starts with `_`"),
        ({"global_helpers/x.py": RULE}, "lies in `global_helpers`"),
        ({"data_models/x.py": RULE}, "lies in `data_models`"),
        ({"deep/tests/x.py": RULE}, "lies in `tests`"),
        ({"x.py": "def other(e): return True"}, "defines no `rule`"),
        ({"x.py": "class A:\n    def rule(self): pass"}, "defines no `rule`"),
        ({"x.py": ""}, "defines no `rule`"),
        (panther(RULE, more="CreateAlert: true\nEnabled: false"), "`Enabled` is false"),
        ({"r.py": RULE, "r.yml": "Enabled: false"}, "`Enabled` is false"),
        (panther(RULE, more="LogTypes: [AWS.ALB, Okta.SystemLog]"), "`LogTypes` is AWS.ALB, Okta.SystemLog, without"),
        ({"x.yml": "AnalysisType: scheduled_query\nRuleID: q"}, "`AnalysisType: scheduled_query` is not evaluated"),
        ({"x.yml": "AnalysisType: policy\nFilename: x.py", "x.py": RULE}, "`AnalysisType: policy` is not evaluated"),
        ({"x.yml": "RuleID: lonely"}, "has no `AnalysisType`, and no rule `x.py` beside it"),
    ],
)
def test_what_is_listed(tmp_path, files, reason):
    """A file that is no rule for iota is listed once, with the reason, and fails nothing."""
    report, _ = compiled(tmp_path, files)
    print("expected", reason, "got", report)
    assert (report["rules"], report["failed"]) == (0, [])
    (listed,) = report["listed"]
    assert listed["reason"].startswith(reason)


@pytest.mark.parametrize(
    ("files", "path", "line", "reason"),
    [
        ({"x.py": "def rule(e):\n    return (\n"}, "x.py", 2, "SyntaxError: '(' was never closed"),
        ({"x.py": "def rule(e): pass\nreturn 1\n"}, "x.py", 2, "SyntaxError: 'return' outside function"),
        (
            {"x.py": b"def rule(e): return '\xff'\n"},
            "x.py",
            1,
            "SyntaxError: (unicode error) 'utf-8' codec can't decode",
        ),
        ({"x.py": b"def rule(e): return '\0'\n"}, "x.py", None, "source code string cannot contain null bytes"),
        ({"x.yml": "AnalysisType: rule\nRuleID: [\n"}, "x.yml", 3, "not YAML: "),
        ({"x.yml": "a: 1\n b: 2\n"}, "x.yml", 2, "not YAML: mapping values are not allowed"),
        (
            {"x.yml": "AnalysisType: rule\nLogTypes: [AWS.CloudTrail]\nRuleID: X"},
            "x.yml",
            None,
            "`Filename` is missing",
        ),
        ({"p.yml": panther(RULE)["p.yml"]}, "p.yml", None, "`Filename: p.py` cannot be read: No such file"),
        (panther(RULE, severity="Urgent"), "p.yml", None, "`Severity` is `Urgent`; use one of Info, Low, Medium"),
        (panther(RULE, more="Severity: null"), "p.yml", None, "`Severity` is `None`; use one of"),
        (panther(RULE, name="'a<b'"), "p.yml", None, "`RuleID` is `a<b`; give a text without any of"),
        (panther(RULE, more="Enabled: 'yes'"), "p.yml", None, "`Enabled` is `yes`; use true or false"),
        (panther(RULE, more="Filename: ../q.py"), "p.yml", None, "`Filename: ../q.py` leaves the rules folder"),
        (panther("x = 1\n"), "p.py", None, "defines no `rule`; add `def rule(event):`"),
        (panther(RULE, more="Reports: [a]"), "p.yml", None, "`Reports` is not a mapping"),
        (panther(RULE, more="Tags: 5"), "p.yml", None, "`Tags` is not a list"),
        (panther(RULE, more="InlineFilters: [{Key: a, Condition: Resembles}]"), "p.yml", None, "inline filter"),
        ({"r.py": RULE, "r.yml": "Severty: High"}, "r.yml", None, "unknown key `Severty`; use CreateAlert, Dedup"),
        (panther(RULE, more="Treshold: 9"), "p.yml", None, "unknown key `Treshold`; did you mean `Threshold`?"),
        ({"r.py": RULE, "r.yml": "Severity: Urgent"}, "r.yml", None, "`Severity` is `Urgent`; use one of"),
        ({"r.py": RULE, "r.yml": "- a"}, "r.yml", None, "is not a mapping; write `Severity: High` and the like"),
        ({"r.py": RULE, "r.yml": "a: ["}, "r.yml", 2, "not YAML: "),
        ({"a/_h.py": "x = 1", "b/_h.py": "x = 2"}, "b/_h.py", None, "hidden by the helper `a/_h.py` of the same name"),
        (
            {"m.yml": "AnalysisType: datamodel\nLogTypes: [AWS.CloudTrail]\nMappings: [{Name: x, Path: 'a ?'}]"},
            "m.yml",
            None,
            "mapping `x`: path `a ?` is not understood at ` ?`; use names, `[0]` and `[*]` only",
        ),
        (
            {"m.yml": "AnalysisType: datamodel\nLogTypes: [AWS.CloudTrail]\nMappings: [{Name: x}]"},
            "m.yml",
            None,
            "mapping `{'Name': 'x'}` is incomplete; write `Name`",
        ),
    ],
)
def test_what_fails(tmp_path, files, path, line, reason):
    """A file that looks like a rule and cannot be one is told with its place and what to do."""
    report, _ = compiled(tmp_path, files)
    print("expected", path, line, reason, "got", report)
    assert report["rules"] == 0
    (failed,) = report["failed"]
    assert failed["path"] == path
    assert reason in failed["reason"]
    if line is not None:
        assert failed["line"] == line


@pytest.mark.parametrize(
    ("files", "owner"),
    [
        (
            {**panther(RULE, name="A", file="a.py"), "b.yml": panther(RULE, name="A")["p.yml"].replace("p.py", "a.py")},
            "yml",
        ),
        ({"a/r.py": RULE, "b/r.py": RULE}, "py"),
        ({"a.py": RULE, "a.yml": "RuleID: X", "b.py": RULE, "b.yml": "RuleID: X"}, "yml"),
    ],
)
def test_two_rules_with_one_id_cannot_run(tmp_path, files, owner):
    """The same id twice is an error that names both files."""
    code, message, _ = run_compile(write_files(tmp_path / "rules", files))
    print("got", message)
    assert code == 2
    assert message.startswith("two rules have the id `")
    assert message.count(f".{owner}`") == 2
    assert message.endswith("; rename one\n")


def test_a_panther_yaml_owns_its_python(tmp_path):
    """A `.py` that a YAML names by `Filename` is that rule alone, whatever its stem."""
    files = {"x.yml": panther(RULE)["p.yml"].replace("p.py", "y.py"), "y.py": RULE, "y.yml": "Severity: Low"}
    report, pack = compiled(tmp_path, files)
    assert [(rule["id"], rule["form"], rule["path"]) for rule in pack["rules"]] == [("Test.Rule", "panther", "y.py")]
    assert [listed["path"] for listed in report["listed"]] == [] or report["listed"][0]["path"] == "y.yml"


def test_disabled_rules_can_be_included(tmp_path):
    """`--include-disabled` packs what `Enabled: false` leaves out."""
    report, _ = compiled(tmp_path, {"r.py": RULE, "r.yml": "Enabled: false"}, "--include-disabled")
    assert (report["rules"], report["listed"]) == (1, [])


def test_hidden_files_are_not_seen(tmp_path):
    """Hidden files, hidden folders and caches are no part of a rules folder."""
    report, _ = compiled(tmp_path, {".x.py": RULE, ".git/x.py": RULE, "__pycache__/x.py": RULE, ".x.yml": "a: ["})
    assert (report["rules"], report["failed"], report["listed"]) == (0, [], [])


def test_rules_are_sorted_and_the_pack_is_reproducible(tmp_path):
    """The pack is a function of the files: order on disk and a second run change nothing."""
    files = {f"{name}.py": RULE for name in "zebra"} | {"_h.py": "x = 1"}
    _, first = compiled(tmp_path / "one", files)
    _, second = compiled(tmp_path / "two", dict(reversed(files.items())))
    assert [rule["id"] for rule in first["rules"]] == sorted("zebra")
    assert first == second


_ABOVE = "os.path.dirname(os.path.dirname(os.path.abspath(__file__)))"
BESIDE = [
    "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'helpers'))",
    f"import os, sys\nsys.path.append(os.path.join({_ABOVE}, 'helpers'))",
    "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'helpers'))",
]


@pytest.mark.parametrize("adds", range(len(BESIDE)))
def test_a_folder_beside_the_rules_that_they_add_to_the_path(tmp_path, adds):
    """Its modules go into the pack, so that they are there where the rules run; folders elsewhere do not."""
    elsewhere = (
        "import sys\nsys.path.append('/etc')\nsys.path.append(__import__('os').path.dirname(__file__) + '/../..')\n"
    )
    rule = f"{BESIDE[adds]}\n{elsewhere}import words\ndef rule(e): return e.get('x') == words.WORD\n"
    write_files(
        tmp_path / "all", {"rules/r.py": rule, "helpers/words.py": "WORD = 1\n", "other/words.py": "WORD = 2\n"}
    )
    code, report, pack = run_compile(tmp_path / "all" / "rules")
    assert (code, report["failed"]) == (0, [])
    assert [path for path in pack["files"] if path.endswith("words.py")] == [str(tmp_path / "all/helpers/words.py")]


def test_helpers_are_found_in_the_nearest_parents_and_in_includes(tmp_path):
    """`global_helpers` and `data_models` of the nearest parent and every `--include` are part of the pack."""
    write_files(
        tmp_path,
        {
            "repo/rules/aws/r.py": "import near, extra\ndef rule(e): return near.x + extra.x == 3\n",
            "repo/global_helpers/near.py": "x = 1",
            "repo/global_helpers/tests/t.py": "x = 1",
            "repo/data_models/m.yml": "AnalysisType: datamodel\nLogTypes: [AWS.CloudTrail]\nDataModelID: M",
            "repo/data_models/other.yml": "AnalysisType: datamodel\nLogTypes: [Okta]\nDataModelID: O",
            "global_helpers/far.py": "x = 1",
            "more/extra.py": "x = 2",
            "more/deep/not.py": "x = 2",
        },
    )
    folder = tmp_path / "repo/rules/aws"
    code, report, pack = run_compile(
        folder, "--include", str(tmp_path / "more"), "--import", output=tmp_path / "p.json"
    )
    print("got", report, pack)
    assert (code, report["rules"], report["failed"]) == (0, 1, [])
    outside = {
        str(tmp_path / name) for name in ("repo/global_helpers/near.py", "repo/data_models/m.yml", "more/extra.py")
    }
    assert pack["files"].keys() == {"r.py", *outside}
    assert pack["paths"] == [str(tmp_path / "repo/global_helpers"), str(tmp_path / "more")]
    assert [model["id"] for model in pack["data_models"]] == ["M"]


def test_one_data_model_per_log_type(tmp_path):
    """The first enabled data model for CloudTrail counts; a further one is listed."""
    model = "AnalysisType: datamodel\nLogTypes: [AWS.CloudTrail]\nDataModelID: {}\nEnabled: {}"
    files = {
        "a.yml": model.format("A", "false"),
        "b.yml": model.format("B", "true"),
        "c.yml": model.format("C", "true"),
    }
    report, pack = compiled(tmp_path, files)
    assert [entry["id"] for entry in pack["data_models"]] == ["B"]
    assert [(entry["id"], entry["reason"]) for entry in report["listed"]] == [
        ("C", "`AWS.CloudTrail` has the data model `B` already")
    ]


def test_a_bundle_is_whole(tmp_path):
    """`--bundle` copies every file of the pack beside it, and a worker runs from there alone."""
    write_files(
        tmp_path,
        {
            "repo/rules/r.py": "import near\ndef rule(e): return near.x == 1\n",
            "repo/rules/broken.py": "def rule(",
            "repo/rules/notes.txt": "no rule",
            "repo/global_helpers/near.py": "x = 1",
        },
    )
    output = tmp_path / "out/rulepack.json"
    code, report, pack = run_compile(tmp_path / "repo/rules", "--bundle", "--import", output=output)
    assert (code, report["rules"]) == (0, 1)
    copied = sorted(str(path.relative_to(output.parent)) for path in output.parent.rglob("*") if path.is_file())
    assert copied == ["rulepack.json", "rules/global_helpers/near.py", "rules/r.py"]
    assert sorted(pack["files"]) == ["global_helpers/near.py", "r.py"]
    assert pack["paths"] == ["global_helpers"]
    from conftest import Engine

    (tmp_path / "repo").rename(tmp_path / "gone")
    engine = Engine(output, tmp_path / "out/rules", tmp_path / "cell")
    try:
        assert engine.greet()["rules"] == 1
        assert engine.verdict({})["match"] is True
    finally:
        engine.destroy()


def test_several_rules_folders_make_one_pack(tmp_path):
    """Rules of further folders are named by absolute paths, and in a bundle by the folder's name."""
    one, two = write_files(tmp_path / "one", {"a.py": RULE}), write_files(tmp_path / "two", {"b.py": RULE})
    _, _, pack = run_compile(one, str(two), output=tmp_path / "p.json")
    assert [rule["path"] for rule in pack["rules"]] == ["a.py", str(two / "b.py")]
    _, _, pack = run_compile(one, str(two), "--bundle", output=tmp_path / "out/p.json")
    assert [rule["path"] for rule in pack["rules"]] == ["a.py", "two/b.py"]
    assert (tmp_path / "out/rules/two/b.py").is_file()


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("import sys\nsys.exit(7)\n", 2, "SystemExit: 7"),
        ("import os\nos._exit(7)\n", None, "its import ended the process with code 7"),
        ("import os\nos.abort()\n", None, "its import ended the process with signal 6"),
        ("import nowhere\n", 1, "package `nowhere` is not installed; add it to `requirements.txt` of the rules"),
        ("import socket\nsocket.socket()\n", 2, "PermissionError: `socket.__new__` is refused"),
    ],
)
def test_the_import_pass(tmp_path, source, line, reason):
    """A rule that cannot be imported is told, whatever its import does, and the others are packed."""
    report, pack = compiled(tmp_path, {"a.py": RULE, "b.py": source + RULE, "c.py": RULE}, "--import")
    print("expected", line, reason, "got", report)
    assert [rule["id"] for rule in pack["rules"]] == ["a", "c"]
    (failed,) = report["failed"]
    assert (failed["id"], failed["path"], failed["line"]) == ("b", "b.py", line)
    assert failed["reason"].startswith(reason)
    assert "b.py" not in pack["files"]


def test_an_import_that_hangs_is_ended(tmp_path, monkeypatch):
    """An import has a limit; one that swallows it is killed, and the pass goes on with a fresh worker."""
    from iota_engine import _importpass

    monkeypatch.setattr(_importpass, "IMPORT_MS", 100)
    monkeypatch.setattr(_importpass, "_DEADLINE", 0.6)
    swallow = "while True:\n    try:\n        time.sleep(60)\n    except BaseException: pass\n"
    files = {"a.py": "import time\ntime.sleep(60)\n" + RULE, "b.py": "import time\n" + swallow + RULE, "c.py": RULE}
    report, pack = compiled(tmp_path, files, "--import")
    print("got", report)
    assert [rule["id"] for rule in pack["rules"]] == ["c"]
    reasons = [failed["reason"] for failed in report["failed"]]
    assert reasons == ["no answer within 100 ms", "its import did not end within 0.6 s"]


def test_the_import_pass_knows_the_functions(tmp_path):
    """What a module defines is known for certain after its import, conditional definitions included."""
    source = RULE + "globals()['dedup'] = lambda e: 'd'\nif False:\n    def title(e): return 'T'\n"
    _, without = compiled(tmp_path / "a", {"r.py": source})
    _, with_import = compiled(tmp_path / "b", {"r.py": source}, "--import")
    assert without["rules"][0]["functions"] == ["title"]
    assert with_import["rules"][0]["functions"] == ["dedup"]


def test_a_data_model_that_cannot_load_is_told(tmp_path):
    """The data model's file is imported too, and its failure is told beside the rules'."""
    model = "AnalysisType: datamodel\nLogTypes: [AWS.CloudTrail]\nDataModelID: M\nFilename: m.py"
    report, _ = compiled(tmp_path, {"m.yml": model, "m.py": "import nowhere", "r.py": RULE}, "--import")
    (failed,) = report["failed"]
    assert (failed["id"], failed["path"], failed["line"]) == ("M", "m.py", 1)


TESTS = """
Severity: Low
Tests:
  - Name: one
    ExpectedResult: true
    Log: {eventName: X, nested: {no: yes, number: 0644, time: 2024-01-01}}
    Mocks:
      - objectName: helper
        returnValue: true
  - {Name: two, ExpectedResult: false, Log: {}, ExpectedTitle: t, ExpectedSeverity: Low}
"""


def test_the_rules_own_tests_are_written(tmp_path):
    """`--tests` writes every test with its rule's index; YAML is read as Panther reads it."""
    output = tmp_path / "tests.json"
    compiled(tmp_path, {"a.py": RULE, "r.py": RULE, "r.yml": TESTS}, "--tests", str(output))
    log = {"eventName": "X", "nested": {"no": "yes", "number": 644, "time": "2024-01-01"}}
    mocks = [{"objectName": "helper", "returnValue": True}]
    values = {"title": "t", "severity": "LOW"}
    common = {"rule": 1, "id": "r", "path": "r.yml"}
    expected = [
        {**common, "name": "one", "expected": True, "log": log, "mocks": mocks, "values": {}},
        {**common, "name": "two", "expected": False, "log": {}, "mocks": [], "values": values},
    ]
    got = json.loads(output.read_text())
    print("expected", expected, "got", got)
    assert got == expected


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("5", "test 1: is not a mapping"),
        ("{ExpectedResult: true, Log: {}}", "test 1: has no `Name`"),
        ("{Name: n, Log: {}}", "test 1: `n` has `ExpectedResult: None`; use true or false"),
        ("{Name: n, ExpectedResult: true}", "test 1: `n` has no `Log`"),
        ("{Name: n, ExpectedResult: true, Log: {}, ExpectedTitle: 5}", "test 1: `n` has `ExpectedTitle: 5`; write a"),
        ("{Name: n, ExpectedResult: true, Log: {}, Mocks: [a]}", "test 1: `n` has a mock without `objectName`"),
        ("{Name: n, ExpectedResult: true, Log: {a: !!binary aGk=}}", "test 1: `n` holds what JSON cannot"),
    ],
)
def test_malformed_tests_are_told(tmp_path, test, reason):
    """A test that is not written as tests must be is told; its rule still serves."""
    report, _ = compiled(tmp_path, {"r.py": RULE, "r.yml": f"Tests:\n  - {test}\n"})
    (failed,) = report["failed"]
    assert report["rules"] == 1
    assert (failed["id"], failed["path"]) == ("r", "r.yml")
    assert failed["reason"].startswith(reason)


def test_what_cannot_run_exits_with_two(tmp_path):
    """A folder that is not there, or is a file, is told on stderr with exit code 2."""
    for path in (tmp_path / "nowhere", write_files(tmp_path, {"file.py": RULE}) / "file.py"):
        code, message, _ = run_compile(path)
        assert (code, message) == (2, f"`{path}` is not a folder; give the folder that holds the rules\n")


def test_yaml_without_pyyaml_exits_with_two(tmp_path, monkeypatch):
    """PyYAML is needed only where there is YAML, and its absence is told with what to do."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    report, _ = compiled(tmp_path / "a", {"r.py": RULE})
    assert report["rules"] == 1
    code, message, _ = run_compile(write_files(tmp_path / "b", {"r.py": RULE, "r.yml": "Severity: Low"}))
    assert code == 2
    assert message.startswith("PyYAML is not installed for this Python; run `pip install pyyaml`")


def test_the_command(tmp_path):
    """`python -m iota_engine compile` prints one JSON object; an unknown command exits with 2."""
    rules = write_files(tmp_path / "rules", {"r.py": "print('noise')\n" + RULE})
    command = [sys.executable, "-P", "-s", "-B", "-m", "iota_engine"]
    arguments = ["compile", str(rules), "--output", str(tmp_path / "p.json")]
    done = subprocess.run([*command, *arguments], env={"PYTHONPATH": str(LAYER)}, capture_output=True, check=False)
    print("got", done)
    assert (done.returncode, json.loads(done.stdout)["rules"]) == (0, 1)
    assert not list(tmp_path.rglob("__pycache__"))
    done = subprocess.run([*command, "dance"], env={"PYTHONPATH": str(LAYER)}, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (2, b"unknown command `dance`; use `serve` or `compile`\n")
