"""`AlertsTo` against moto's SQS and EventBridge: every alert of the story is in the queue, as it was printed.

What refuses, throttles and hangs is in `tests/alerts_to.rs`; here the protocol is somebody else's.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stubs import FileStore, RuntimeApi
from support import (
    BUCKET,
    EVENTS,
    ROOT,
    Json,
    binary,
    expected_alerts,
    found_alerts,
    log_keys,
    notification,
    read_lines,
)

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

REGION = "eu-west-1"
ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """moto."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client(service: str, endpoint: str) -> Any:
    """Somebody else's client of a service."""
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )


def queue(endpoint: str, name: str, **attributes: str) -> tuple[str, str]:
    """URL and ARN of a new queue."""
    sqs = client("sqs", endpoint)
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def bus(endpoint: str) -> tuple[str, str]:
    """The URL of a queue that a rule on a new bus sends to, and the bus's ARN."""
    url, arn = queue(endpoint, "behind-the-bus")
    events = client("events", endpoint)
    created = events.create_event_bus(Name="security")["EventBusArn"]
    pattern = json.dumps({"source": ["iota"], "detail-type": ["iota alert"]})
    events.put_rule(Name="alerts", EventBusName="security", EventPattern=pattern)
    events.put_targets(Rule="alerts", EventBusName="security", Targets=[{"Id": "q", "Arn": arn}])
    return url, created


def received(endpoint: str, url: str) -> list[Json]:
    """All messages of a queue."""
    sqs, found = client("sqs", endpoint), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
    return found


def run(pack: Path, output: Path, endpoint: str, to: str, payloads: list[Json]) -> tuple[list[str], list[Json]]:
    """How each invocation ended, and what the function printed."""
    with FileStore(BUCKET, EVENTS / "bucket") as store, RuntimeApi() as api, output.open("w") as stdout:
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            # The queue's region is in its name; the function's is another one.
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ENDPOINT_URL_S3": f"http://{store.address}",
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "iota-detect",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "IOTA_RULEPACK": str(pack),
            "IOTA_ENGINE": str(ROOT / "layer"),
            "IOTA_PYTHON": sys.executable,
            "IOTA_ALERTS_TO": to,
        }
        process = subprocess.Popen([binary("bootstrap")], env=environment, stdout=stdout, stdin=subprocess.DEVNULL)
        try:
            ended = [api.invoke(payload, 60, lambda: process.poll() is None).kind for payload in payloads]
        finally:
            process.kill()
            process.wait()
    return ended, read_lines(output.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["queue", "fifo", "bus", "queue-url"])
def test_the_story_is_acknowledged(kind: str, endpoint: str, pack: Path, tmp_path: Path) -> None:
    """Every alert, whole, at the destination and in the log; done only because it is."""
    if kind == "bus":
        url, to = bus(endpoint)
    else:
        fifo = {"FifoQueue": "true"} if kind == "fifo" else {}
        url, arn = queue(endpoint, f"alerts-{kind}" + (".fifo" if fifo else ""), **fifo)
        # As AWS would spell it; moto's own names no region.
        to = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/alerts-{kind}" if kind == "queue-url" else arn
    keys = log_keys()
    ended, lines = run(pack, tmp_path / "stdout", endpoint, to, [notification(key) for key in keys])

    printed = [line for line in lines if line["kind"] == "alert"]
    arrived = received(endpoint, url)
    if kind == "bus":
        assert {("iota", "iota alert")} == {(event["source"], event["detail-type"]) for event in arrived}
        arrived = [event["detail"] for event in arrived]

    assert ["response"] * len(keys) == ended
    assert expected_alerts(keys) == found_alerts(arrived)
    by_id = {alert["match_id"]: alert for alert in arrived}
    assert {alert["match_id"] for alert in printed} == by_id.keys()
    if kind == "fifo":
        # The event that lies in two files makes two lines, and one message.
        assert len(by_id) == len(arrived) < len(printed)
    else:
        assert sorted(map(str, printed)) == sorted(map(str, arrived))


def test_a_queue_that_is_not_there_loses_nothing(endpoint: str, pack: Path, tmp_path: Path) -> None:
    """The invocation fails and says which queue; once it is there, a repeat brings every alert."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:made-later"
    keys = [key for key in log_keys() if expected_alerts([key])][:2]
    payloads = [notification(key) for key in keys]
    ended, lines = run(pack, tmp_path / "first", endpoint, arn, payloads)

    assert ["error", "error"] == ended
    assert {("failed", "delivery")} == {(line["status"], line["error"]) for line in lines if line["kind"] == "object"}
    [told, *_] = [line for line in lines if line.get("event") == "alerts_not_delivered"]
    assert "made-later" in told["message"]
    assert expected_alerts(keys) == found_alerts(lines)

    url, _ = queue(endpoint, "made-later")
    ended, _ = run(pack, tmp_path / "second", endpoint, arn, payloads)
    assert ["response", "response"] == ended
    assert expected_alerts(keys) == found_alerts(received(endpoint, url))
