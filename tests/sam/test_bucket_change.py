"""The function that changes a bucket's notifications, taken out of the template and run against moto.

What must hold whatever it is asked to do: what others have put there is still there, byte for byte of its meaning.
"""

import copy
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from transform import Json, source

boto3 = pytest.importorskip("boto3")
ClientError = pytest.importorskip("botocore.exceptions").ClientError
mock_aws = pytest.importorskip("moto").mock_aws
s3_responses = pytest.importorskip("moto.s3.responses")
ActionResult = s3_responses.ActionResult

CODE = source()["Resources"]["BucketChanger"]["Properties"]["Code"]["ZipFile"]
BUCKET = "trail-bucket"
REGION, ACCOUNT = "us-east-1", "123456789012"
DETECT = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:iota-Detect-1"
OTHER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:wiz-ingest"

# All kinds of entries that a bucket can have, in somebody else's hands, none about new log files.
FOREIGN: Json = {
    "EventBridgeConfiguration": {},
    "TopicConfigurations": [
        {"Id": "t", "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:deletions", "Events": ["s3:ObjectRemoved:*"]}
    ],
    "QueueConfigurations": [
        {
            "Id": "q",
            "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:config-files",
            "Events": ["s3:ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "config/"}]}},
        }
    ],
    "LambdaFunctionConfigurations": [
        {
            "Id": "l",
            "LambdaFunctionArn": OTHER,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".parquet"}]}},
        }
    ],
}


@pytest.fixture
def changer(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The function's module, as Lambda would import it, over an empty bucket."""
    answers: list[Json] = []

    def send(_event: Json, _context: object, status: str, _data: Json, place: str, reason: str | None = None) -> None:
        answers.append({"status": status, "place": place, "reason": reason})

    answerer = types.ModuleType("cfnresponse")
    answerer.__dict__.update(SUCCESS="SUCCESS", FAILED="FAILED", send=send, answers=answers)
    monkeypatch.setitem(sys.modules, "cfnresponse", answerer)
    monkeypatch.setattr(s3_responses, "ActionResult", told)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        client = boto3.client("sqs")
        client.create_queue(QueueName="config-files")
        boto3.client("sns").create_topic(Name="deletions")
        module = types.ModuleType("index")
        exec(compile(CODE, "template.yaml:BucketChanger", "exec"), module.__dict__)
        module.__dict__["PAUSE"] = 0
        yield module


def told(result: Any) -> object:
    """What moto answers, with the one part of a bucket's notifications that it keeps but does not tell."""
    if isinstance(result, dict) and "LambdaFunctionConfigurations" in result:
        notifications = s3_responses.s3_backends[ACCOUNT]["aws"].buckets[BUCKET].notification_configuration
        if notifications is not None and notifications.event_bridge is not None:
            result["EventBridgeConfiguration"] = {}
    return ActionResult(result)


def ask(changer: types.ModuleType, kind: str, mode: str, place: str | None = None, **changed: str) -> Json:
    """One request of CloudFormation's, and what it was answered."""
    properties = {"Bucket": BUCKET, "Mode": mode, "Id": "iota-stack-1", "Target": DETECT, "OwnRules": "iota-"}
    properties |= {"Prefix": "AWSLogs/", "Suffix": ".json.gz", **changed}
    event: Json = {"RequestType": kind, "ResourceProperties": properties}
    if place is not None:
        event["PhysicalResourceId"] = place
    changer.handler(event, None)
    answer: Json = changer.cfnresponse.answers[-1]
    return answer


def document() -> Json:
    """The bucket's notifications."""
    found: Json = boto3.client("s3").get_bucket_notification_configuration(Bucket=BUCKET)
    del found["ResponseMetadata"]
    return found


def put(wanted: Json) -> Json:
    """Somebody else's notifications, as they come back."""
    client = boto3.client("s3")
    client.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration=copy.deepcopy(wanted), SkipDestinationValidation=True
    )
    return document()


def without(found: Json, own: str) -> Json:
    """The document without the entry of that id."""
    kept: Json = {}
    for kind, entries in found.items():
        rest = [entry for entry in entries if entry.get("Id") != own] if isinstance(entries, list) else entries
        if rest or not isinstance(entries, list):
            kept[kind] = rest
    return kept


@pytest.mark.parametrize("target", [DETECT, f"arn:aws:sqs:{REGION}:{ACCOUNT}:files"])
def test_an_entry_leaves_the_others_alone(changer: types.ModuleType, target: str) -> None:
    """Created, updated, created again and deleted: every kind of foreign entry is as it was, all the time."""
    before = put(FOREIGN)

    made = ask(changer, "Create", "Entry", Target=target)
    first = document()
    again = ask(changer, "Create", "Entry", Target=target)
    second = document()
    moved = ask(changer, "Update", "Entry", made["place"], Target=target, Prefix="o-1/AWSLogs/")
    third = document()
    gone = ask(changer, "Delete", "Entry", moved["place"], Target=target)

    assert ["SUCCESS"] * 4 == [made["status"], again["status"], moved["status"], gone["status"]]
    assert made["place"] == again["place"] == moved["place"]
    assert before == without(first, "iota-stack-1") == without(third, "iota-stack-1")
    assert first == second != third
    assert before == document()


def test_eventbridge_is_switched_on_and_off_again(changer: types.ModuleType) -> None:
    """Who switched it on switches it off; the other entries never notice."""
    before = put({kind: entries for kind, entries in FOREIGN.items() if kind != "EventBridgeConfiguration"})

    made = ask(changer, "Create", "EventBridge")
    on = document()
    updated = ask(changer, "Update", "EventBridge", made["place"], Prefix="x/")
    gone = ask(changer, "Delete", "EventBridge", updated["place"])

    assert {**before, "EventBridgeConfiguration": {}} == on
    assert made["place"] == updated["place"] == gone["place"]
    assert before == document()


def test_what_was_on_stays_on(changer: types.ModuleType) -> None:
    """Another consumer's EventBridge is none of ours to switch off."""
    before = put(FOREIGN)

    made = ask(changer, "Create", "EventBridge")
    ask(changer, "Delete", "EventBridge", made["place"])

    assert before == document()


def test_a_later_listener_keeps_its_events(changer: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody else's rule has come to rely on events that we switched on: they stay, and the log says for whom."""
    made = ask(changer, "Create", "EventBridge")
    events = boto3.client("events")
    events.put_rule(Name="iota-NewLogFile-1", EventPattern='{"source": ["aws.s3"]}')
    events.put_rule(Name="siem-ingest", EventPattern='{"source": ["aws.s3"]}')
    ask(changer, "Delete", "EventBridge", made["place"])

    assert {"EventBridgeConfiguration": {}} == document()
    assert "siem-ingest" in capsys.readouterr().out

    events.delete_rule(Name="siem-ingest")
    ask(changer, "Delete", "EventBridge", made["place"])

    assert {} == document()


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        ({"Events": ["s3:ObjectCreated:*"]}, True),
        ({"Events": ["s3:ObjectCreated:Put"], "Filter": ("AWSLogs/o-1/", "")}, True),
        ({"Events": ["s3:ObjectCreated:Copy"], "Filter": ("AWS", ".gz")}, True),
        ({"Events": ["s3:ObjectRemoved:*", "s3:ObjectCreated:Post"], "Filter": ("", ".json.gz")}, True),
        ({"Events": ["s3:ObjectCreated:*"], "Filter": ("AWSLogs/", ".csv")}, False),
        ({"Events": ["s3:ObjectCreated:*"], "Filter": ("config/", ".json.gz")}, False),
        ({"Events": ["s3:ObjectRemoved:*"], "Filter": ("AWSLogs/", ".json.gz")}, False),
    ],
)
def test_an_overlap_is_refused_with_its_name(changer: types.ModuleType, entry: Json, refused: bool) -> None:
    """S3 tells one consumer of an object: who has it already is named, and nothing is written."""
    theirs = {"Id": "wiz", "LambdaFunctionArn": OTHER, "Events": entry["Events"]}
    if "Filter" in entry:
        start, end = entry["Filter"]
        rules = [{"Name": "prefix", "Value": start}, {"Name": "suffix", "Value": end}]
        theirs["Filter"] = {"Key": {"FilterRules": [rule for rule in rules if rule["Value"]]}}
    before = put({"LambdaFunctionConfigurations": [theirs]})

    answer = ask(changer, "Create", "Entry")

    assert ("FAILED" if refused else "SUCCESS") == answer["status"]
    assert before == without(document(), "iota-stack-1")
    if refused:
        assert OTHER in answer["reason"]
        assert "`wiz`" in answer["reason"]
        # CloudFormation rolls back by deleting what failed: still nothing of theirs is touched.
        assert "SUCCESS" == ask(changer, "Delete", "Entry", answer["place"])["status"]
        assert before == document()


def test_a_writer_in_between_costs_nobody_anything(changer: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another tool replaces the document right after us: our entry is merged into theirs on the next reading."""
    interrupted = between(changer, monkeypatch, times=2, other=lambda: put(FOREIGN))

    answer = ask(changer, "Create", "Entry")

    assert "SUCCESS" == answer["status"]
    assert 2 == interrupted()
    assert document()["TopicConfigurations"][0]["Id"] == "t"
    assert "iota-stack-1" in {entry["Id"] for entry in document()["LambdaFunctionConfigurations"]}


def test_a_quarrel_is_given_up(changer: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who always writes last wins, and the stack says so instead of hanging."""
    between(changer, monkeypatch, times=100, other=lambda: put(FOREIGN))

    answer = ask(changer, "Create", "Entry")

    assert "FAILED" == answer["status"]
    assert "keeps replacing" in answer["reason"]


def test_a_new_role_is_given_time(changer: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """IAM takes some seconds to know a role: denied at first is not denied, denied to the end is."""
    denials = 3

    class Denied:
        def __init__(self, client: Any) -> None:
            self._client, self.meta = client, client.meta

        def __getattr__(self, name: str) -> Any:
            nonlocal denials
            if denials:
                denials -= 1
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not yet"}}, name)
            return getattr(self._client, name)

    sdk: Any = types.SimpleNamespace(client=lambda service: Denied(boto3.client(service)))
    monkeypatch.setitem(changer.__dict__, "boto3", sdk)
    first = ask(changer, "Create", "Entry")
    denials = 100
    last = ask(changer, "Create", "EventBridge")

    assert "SUCCESS" == first["status"]
    assert "FAILED" == last["status"]
    assert "not yet" in last["reason"]


def test_what_is_not_understood_is_not_touched(changer: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of entry that the SDK does not know would be lost by writing: it is named instead."""
    before = put(FOREIGN)
    words = changer.WORDS - {"TopicConfiguration", "Topic"}
    monkeypatch.setitem(changer.__dict__, "WORDS", words)

    answer = ask(changer, "Create", "Entry")

    assert "FAILED" == answer["status"]
    assert "`Topic, TopicConfiguration`" in answer["reason"]
    assert before == document()


def test_s3_spells_filters_its_own_way(changer: types.ModuleType) -> None:
    """What was written as `prefix` comes back as `Prefix`, in any order: it is ours all the same, and done."""
    wanted = {"Id": "iota-stack-1", "Target": DETECT, "Prefix": "AWSLogs/", "Suffix": ".json.gz"}
    [read] = changer.with_entry({}, wanted)["LambdaFunctionConfigurations"]
    rules = [{"Name": rule["Name"].title(), "Value": rule["Value"]} for rule in read["Filter"]["Key"]["FilterRules"]]
    read["Filter"]["Key"]["FilterRules"] = rules[::-1]
    found = {"LambdaFunctionConfigurations": [read]}

    assert found == changer.with_entry(copy.deepcopy(found), wanted)
    assert found != changer.with_entry(copy.deepcopy(found), {**wanted, "Target": OTHER})


def test_another_bucket_is_another_thing(changer: types.ModuleType) -> None:
    """The stack is pointed at another bucket: CloudFormation deletes what has the old name, in the old bucket."""
    boto3.client("s3").create_bucket(Bucket="second")
    made = ask(changer, "Create", "Entry")
    moved = ask(changer, "Update", "Entry", made["place"], Bucket="second")
    assert made["place"] != moved["place"]

    ask(changer, "Delete", "Entry", made["place"])

    assert {} == document()
    second = boto3.client("s3").get_bucket_notification_configuration(Bucket="second")
    assert "LambdaFunctionConfigurations" in second


def test_a_bucket_that_is_gone_holds_nothing_up(changer: types.ModuleType) -> None:
    """A stack can be deleted after its bucket; it cannot be made for none."""
    failed = ask(changer, "Create", "EventBridge", Bucket="nowhere")
    gone = ask(changer, "Delete", "Entry", "Entry/nowhere/iota-stack-1", Bucket="nowhere")

    assert "FAILED" == failed["status"]
    assert "SUCCESS" == gone["status"]


def test_the_code_is_in_the_house_style() -> None:
    """What stands in the template is Python like any other."""
    command = [sys.executable, "-m", "ruff"]
    ignored = ["--ignore", "ANN,PTH", "--stdin-filename", "tests/sam/index.py", "-"]

    for arguments in (["check", *ignored], ["format", "--diff", "--line-length", "110", "-"]):
        done = subprocess.run([*command, *arguments], input=CODE, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stdout + done.stderr


def between(
    changer: types.ModuleType, monkeypatch: pytest.MonkeyPatch, times: int, other: Callable[[], object]
) -> Callable[[], int]:
    """Let somebody else write in the pause after each of our writes, so many times; tells how often it happened."""
    happened = 0

    def sleep(_seconds: float) -> None:
        nonlocal happened
        if happened < times:
            happened += 1
            other()

    clock: Any = types.SimpleNamespace(sleep=sleep)
    monkeypatch.setitem(changer.__dict__, "time", clock)
    return lambda: happened
