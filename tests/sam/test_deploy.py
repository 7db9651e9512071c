"""What surrounds the template: the small ones, the one without SAM's transform, Terraform's, and what the guides say.

Each of these repeats something of `template.yaml` for a reader's sake, and must not come to say something else.
"""

import base64
import gzip
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest
import yaml
from evaluate import Evaluated, references, rounds
from transform import ROOT, Json, source, translated

DEPLOY = ROOT / "docs" / "deploy"
FILTER = '{ $.kind = "alert" || $.kind = "rule_error" || $.kind = "health" }'
GIVEN: Json = {"LogBucketName": "our-trail", "LogPrefix": "o-1/AWSLogs/"}
KEY = {"TrailKmsKeyArn": "arn:aws:kms:us-east-1:111122223333:key/1a2b"}
ARCHIVE = {
    "EventBusArn": "arn:aws:events:us-east-1:111122223333:event-bus/iota-log-files",
    "FunctionRoleArn": "arn:aws:iam::111122223333:role/iota-detect",
}


def module(path: Path) -> types.ModuleType:
    """A script of ours, imported."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


package = module(DEPLOY / "package.py")
cost = module(ROOT / "docs" / "cost.py")


def whole(**chosen: str) -> Evaluated:
    """The whole template beside an existing bucket."""
    return Evaluated(translated(source()), GIVEN | chosen)


def small(name: str, **chosen: str) -> Evaluated:
    """One of the small templates."""
    return Evaluated(source(DEPLOY / name), GIVEN | chosen)


def rights(stack: Evaluated, role: str) -> dict[str, Json]:
    """What a role may do, by the statements' names."""
    [policy] = stack.resources[role]["Properties"]["Policies"]
    return {entry["Sid"]: entry for entry in policy["PolicyDocument"]["Statement"]}


def guide(name: str) -> str:
    """A page of the documentation."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("key", [{}, KEY])
def test_the_small_template_is_the_whole_in_small(key: Json) -> None:
    """The same rights, the same pattern, the same way of starting, logging and keeping failures."""
    one = small("same-account.yaml", CodeBucket="code", **key)
    other = whole(SwitchEventBridge="false", **key)

    assert rights(other, "DetectRole") == rights(one, "DetectRole")
    for name, properties in (
        ("NewLogFile", ("EventPattern",)),
        ("Detect", ("Runtime", "Handler", "Environment", "MemorySize", "Timeout", "LoggingConfig")),
        ("DetectLogs", ("RetentionInDays", "LogGroupName")),
    ):
        for key_ in properties:
            assert other.resources[name]["Properties"][key_] == one.resources[name]["Properties"][key_]
    assert set() == set(references(one.resources)) - one.resources.keys()
    assert [] == rounds({name: set(references(entry)) for name, entry in one.resources.items()})


@pytest.mark.parametrize("key", [{}, KEY])
def test_the_archive_gives_only_what_is_read(key: Json) -> None:
    """The reading role can do there what the function does in its own account; the rule forwards and nothing else."""
    archive = small("log-archive-account.yaml", **ARCHIVE, **key)
    other = rights(whole(**key), "DetectRole")
    read = rights(archive, "Reader")

    assert {sid: other[sid] for sid in read} == read
    assert {"ReadLogFiles", *({"DecryptLogFiles"} if key else ())} == read.keys()
    assert ["events:PutEvents"] == [entry["Action"] for entry in rights(archive, "Forwarder").values()]
    assert {"AWS::Events::Rule", "AWS::IAM::Role"} == {entry["Type"] for entry in archive.resources.values()}
    [trusted] = archive.resources["Reader"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert {"AWS": ARCHIVE["FunctionRoleArn"]} == trusted["Principal"]
    # Its name, and so its ARN, is known before it is there.
    role = archive.resources["Reader"]["Properties"]["RoleName"]
    taken = rights(whole(ReaderRoleArn=f"arn:aws:iam::999988887777:role/{role}"), "DetectRole")["TakeReaderRole"]
    assert "arn:aws:iam::999988887777:role/iota-log-reader" == taken["Resource"]
    pattern = archive.resources["NewLogFile"]["Properties"]["EventPattern"]
    forwarded = whole(LogArchiveAccountId="999988887777")
    assert forwarded.resources["NewLogFile"]["Properties"]["EventPattern"] == pattern


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A folder as `sam build` leaves it, with next to nothing in it."""
    for name in package.ARTEFACTS:
        folder = tmp_path / "build" / name
        folder.mkdir(parents=True)
        (folder / "file").write_text(name)
    (tmp_path / "build" / "Detect" / "file").chmod(0o755)
    return tmp_path / "build"


def test_the_template_for_stacksets_has_no_transform(build: Path, tmp_path: Path) -> None:
    """Nothing of SAM's is left, the linter accepts it in every partition, and code comes from the region's bucket."""
    keys = package.stackset(build, tmp_path / "out")
    template = json.loads((tmp_path / "out" / "template.json").read_text())

    assert "Transform" not in template
    assert not [entry for entry in template["Resources"].values() if "Serverless" in entry["Type"]]
    code = template["Resources"]["Detect"]["Properties"]["Code"]
    assert {"S3Bucket": {"Fn::Sub": "${CodeBucketPrefix}-${AWS::Region}"}, "S3Key": keys[0]} == code
    assert all((tmp_path / "out" / key).is_file() for key in keys)
    command: list[str | Path] = [Path(sys.executable).with_name("cfn-lint"), "--regions", "us-east-1", "us-gov-west-1"]
    command += ["cn-north-1", "--", tmp_path / "out" / "template.json"]
    lint = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == lint.returncode, lint.stdout
    stack = Evaluated(template, {"CodeBucketPrefix": "code"} | GIVEN, "us-gov-west-1")
    assert set() == set(references(stack.resources)) - stack.resources.keys()


def test_a_changed_rule_has_another_name(build: Path, tmp_path: Path) -> None:
    """The same files give the same keys; another rule gives another, or no stack would be updated."""
    before = package.stackset(build, tmp_path / "one")
    os.utime(build / "RulesLayer" / "file", (0, 0))
    again = package.stackset(build, tmp_path / "two")
    (build / "RulesLayer" / "file").write_text("other")
    after = package.stackset(build, tmp_path / "three")

    assert before == again
    assert before[:2] == after[:2]
    assert before[2] != after[2]


def test_what_was_runnable_stays_so(build: Path, tmp_path: Path) -> None:
    """Lambda unpacks as the zip says, and runs `bootstrap` as a stranger."""
    package.pack(build / "Detect", tmp_path / "detect.zip")
    with zipfile.ZipFile(tmp_path / "detect.zip") as archive:
        [entry] = archive.infolist()

    assert 0o755 == entry.external_attr >> 16 & 0o777


def test_rules_are_built_by_python_alone(tmp_path: Path) -> None:
    """No Cargo and no `iota` in sight: the layer is there all the same, and what cannot load fails it."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("make", "sh", "env", "mkdir", "printf", "grep"):
        (tools / name).symlink_to(str(shutil.which(name)))
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "rules", folder / "rules")
    (folder / "layer").symlink_to(ROOT / "layer")

    def build() -> subprocess.CompletedProcess[str]:
        arguments = [f"PYTHON={sys.executable}", f"ARTIFACTS_DIR={tmp_path / 'out'}"]
        command = ["make", "-f", str(folder / "rules" / "Makefile"), "build-RulesLayer", *arguments]
        environment = {"PATH": str(tools)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    done = build()
    (folder / "rules" / "broken.py").write_text("import nothing_of_that_name\n\ndef rule(event):\n    return True\n")
    broken = build()

    assert 0 == done.returncode, done.stderr
    assert json.loads((tmp_path / "out" / "iota" / "rulepack.json").read_text())
    assert 0 != broken.returncode
    assert "broken.py" in broken.stdout


def test_terraform_parses_and_says_the_same() -> None:
    """Formatted where the tool is there; the filter, the wrapper, the pattern and the rights of the whole template."""
    hcl2 = pytest.importorskip("hcl2")
    text = (DEPLOY / "terraform" / "main.tf").read_text(encoding="utf-8")
    parsed = hcl2.loads(text)

    kinds = {next(iter(entry)).strip('"') for entry in parsed["resource"]}
    assert {"aws_lambda_function", "aws_cloudwatch_event_rule", "aws_iam_role_policy", "aws_sqs_queue"} <= kinds
    assert FILTER.replace('"', '\\"') in text
    assert 'AWS_LAMBDA_EXEC_WRAPPER = "/var/task/bootstrap"' in text
    assert "*/CloudTrail*/*.json.gz" in text
    for right in rights(whole(Delivery="Queue", **KEY), "DetectRole").values():
        actions = right["Action"] if isinstance(right["Action"], list) else [right["Action"]]
        assert f'"{right["Sid"]}"' in text
        assert all(f'"{action}"' in text for action in actions)
    if shutil.which("terraform"):
        command = ["terraform", "fmt", "-check", str(DEPLOY / "terraform")]
        assert 0 == subprocess.run(command, capture_output=True, check=False).returncode


def test_three_commands_and_five_inputs() -> None:
    """From nothing to the first alert, counted; every input is a parameter, every file is there."""
    block = re.search(r"<!-- three commands -->\n```\n(.*?)```", guide("deploy.md"), re.DOTALL)
    assert block is not None
    commands = block[1].strip().splitlines()
    inputs = re.findall(r"(\w+)=[A-Z]+\b", block[1])

    assert len(commands) <= 3
    assert len(inputs) <= 5
    assert set(inputs) <= source()["Parameters"].keys()
    assert f"\n{commands[0].removeprefix('make ')}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
    [event] = re.findall(r"--event-file (\S+)", block[1])
    assert (ROOT / event).is_file()


def test_the_first_alert_is_one() -> None:
    """The record of the third command is one that the rules' own story alerts on."""
    record = json.loads((DEPLOY / "first-alert.json").read_text(encoding="utf-8"))["detail"]
    expected = json.loads((ROOT / "events" / "expected-alerts.json").read_text(encoding="utf-8"))

    assert record["eventID"] in {alert["event_id"] for alert in expected}


def test_what_arrives_is_read_as_the_guide_reads_it() -> None:
    """The reader of the guide, over the sample of the guide, packed as Kinesis has it."""
    page = guide("siem.md")
    sample = re.search(r"<!-- what arrives -->\n```json\n(.*?)```", page, re.DOTALL)
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert sample is not None and code is not None
    names: Json = {}
    exec(code[1], names)
    packed = base64.b64encode(gzip.compress(sample[1].encode())).decode()
    control = base64.b64encode(gzip.compress(b'{"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "x"}]}'))

    [alert] = names["lines"]({"kinesis": {"data": packed}})

    assert ("alert", "iota/1", "CRITICAL") == (alert["kind"], alert["schema"], alert["severity"])
    assert [] == list(names["lines"]({"kinesis": {"data": control.decode()}}))
    assert FILTER in page


def test_the_costs_are_those_that_are_calculated() -> None:
    """The page holds the script's table, and the script counts the alarms and metrics that there are."""
    stack = whole()
    kinds = [entry["Type"] for entry in stack.resources.values()]
    printed = set(re.findall(r'\("(\w+)", "\w+", ', (ROOT / "src" / "lambda.rs").read_text(encoding="utf-8")))

    assert cost.page() == guide("cost.md")
    assert kinds.count("AWS::CloudWatch::Alarm") == cost.ALARMS
    # The dashboard has two prices of its own.
    of = cost.FIGURES
    prices = {f"{of[name]:.10f}" for name in ("per_gb_second", "per_gb_second_arm64")}
    assert prices == set(re.findall(r"'(0\.0000\d{6})'", (ROOT / "template.yaml").read_text(encoding="utf-8")))
    assert len(printed) + kinds.count("AWS::Logs::MetricFilter") == cost.METRICS


def test_the_release_workflow_runs_what_is_there() -> None:
    """Every make target is one of ours, the tag is compared with the version, and the token may only draft."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    job = workflow["jobs"]["release"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    targets = [target for line in commands if line.startswith("make ") for target in line.split()[1:]]

    assert {"test", "lint", "release"} <= set(targets)
    assert [] == [target for target in targets if f"\n{target}:" not in makefile]
    assert {} == workflow["permissions"]
    assert {"contents": "write", "id-token": "write", "attestations": "write"} == job["permissions"]
    [tag] = [line for line in commands if line.startswith("test ")]
    version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    for name, expected in ((f"v{version[1]}", 0), ("v0.0.0", 1)):
        environment = {"PATH": os.environ["PATH"], "GITHUB_REF_NAME": name}
        assert expected == subprocess.run(["sh", "-c", tag], cwd=ROOT, env=environment, check=False).returncode
    assert (ROOT / "docs" / "deploy" / "release.py").is_file()


def test_links_lead_somewhere() -> None:
    """Files that the guides name are there."""
    for name in ("deploy.md", "siem.md", "cost.md", "troubleshooting.md"):
        for link in re.findall(r"\]\(([^)#]+)", guide(name)):
            assert (ROOT / "docs" / link).exists(), f"{name}: {link}"
