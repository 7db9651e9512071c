"""`iota redrive` between moto's SQS and S3 and a Lambda that accepts, refuses and forgets as it is told."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from urllib.request import Request, urlopen

import pytest
from stubs import RuntimeApi
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

REGION = "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}


class Lambda(ThreadingHTTPServer):
    """Invoke, and nothing else: keeps what it accepts; statuses that are put in come first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Invoke)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.statuses: list[int] = []
        self.accepted: list[tuple[str, Json]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Invoke(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Lambda

    def do_POST(self) -> None:
        """An asynchronous invocation, signed for Lambda."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        *_, name, call = unquote(self.path).split("/")
        assert (call, self.headers["X-Amz-Invocation-Type"]) == ("invocations", "Event"), self.path
        assert f"/{REGION}/lambda/aws4_request" in self.headers["Authorization"]
        status = self.server.statuses.pop(0) if self.server.statuses else 202
        if status == 202:
            self.server.accepted.append((name, body))
        answer = b"" if status == 202 else b'{"Message":"as told"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


class Cloud(NamedTuple):
    """moto with the synthetic bucket, and a Lambda."""

    endpoint: str
    function: Lambda

    def client(self, service: str) -> Any:
        """Somebody else's client."""
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id="t", aws_secret_access_key="t"
        )

    def queue(self, name: str, messages: list[Any]) -> str:
        """The URL of a new queue with these messages."""
        sqs = self.client("sqs")
        url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
        for message in messages:
            sqs.send_message(QueueUrl=url, MessageBody=message if isinstance(message, str) else json.dumps(message))
        return url

    def left(self, url: str) -> list[str]:
        """All bodies in a queue that can be seen at this moment."""
        sqs, found = self.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60).get(
            "Messages"
        ):
            found += [message["Body"] for message in messages]
        return found

    def redrive(self, *options: str, stdin: str | None = None) -> tuple[int, list[Json], str]:
        """Exit code, lines and words of the command."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_LAMBDA": self.function.url,
            **KEYS,
        }
        done = subprocess.run(
            [binary("iota"), "redrive", *options],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """moto with the synthetic bucket."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # All servers of one process share one account, and other tests have left things in it.
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST"), timeout=10).close()
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name=REGION,
        aws_access_key_id="t",
        aws_secret_access_key="t",
    )
    s3.create_bucket(Bucket=BUCKET)
    for key in log_keys():
        s3.put_object(Bucket=BUCKET, Key=key, Body=(EVENTS / "bucket" / key).read_bytes())
    s3.put_object(Bucket=BUCKET, Key="odd/a b+c%é.json", Body=b'{"Records":[]}')
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def cloud(endpoint: str) -> Iterator[Cloud]:
    """moto, and a Lambda of its own for each test."""
    function = Lambda()
    yield Cloud(endpoint, function)
    function.shutdown()
    function.server_close()


def failure(payload: Json) -> Json:
    """What Lambda puts into the failure queue."""
    return {
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted", "functionArn": "arn", "approximateInvokeCount": 3},
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorType": "ObjectFailed", "errorMessage": "so"},
    }


def texts(values: Iterable[Json]) -> list[str]:
    """The same for the same values."""
    return sorted(json.dumps(value, sort_keys=True) for value in values)


def test_a_failure_queue_goes_to_the_function(cloud: Cloud) -> None:
    """What Lambda, SQS and EventBridge leave behind: each payload is accepted once, and only then deleted."""
    direct, queued = notification(log_keys()[0]), notification(log_keys()[1])
    event = {"source": "aws.s3", "detail-type": "Object Created"}
    event |= {"detail": {"bucket": {"name": BUCKET}, "object": {"key": "k"}}}
    url = cloud.queue("failures", [failure(direct), queued, event])

    code, told, words = cloud.redrive("--queue", url, "--dry-run")
    assert (0, ["would be sent"] * 3) == (code, [line["outcome"] for line in told]), words
    assert [] == cloud.function.accepted
    named = {name for line in told for name in line["objects"]}
    assert {f"s3://{BUCKET}/{key}" for key in (log_keys()[0], log_keys()[1], "k")} == named
    assert {"RetriesExhausted", None} == {line["condition"] for line in told}

    # A throttle and a fault of Lambda's are waited for.
    cloud.function.statuses = [429, 500]
    code, told, words = cloud.redrive("--queue", url, "--function", "iota-detect")
    assert (0, ["sent"] * 3) == (code, [line["outcome"] for line in told]), words
    assert {"iota-detect"} == {name for name, _ in cloud.function.accepted}
    assert texts([direct, queued, event]) == texts(body for _, body in cloud.function.accepted)
    assert [] == cloud.left(url)


def test_what_is_not_accepted_stays(cloud: Cloud) -> None:
    """A function that is not there, a message that nobody understands: left, named, and the exit code says so."""
    good, bad = notification(log_keys()[0]), {"surprise": 1}
    url = cloud.queue("kept", [good, bad, "no JSON"])
    cloud.function.statuses = [404]

    arn = f"arn:aws:lambda:{REGION}:111122223333:function:gone"
    code, told, words = cloud.redrive("--queue", url, "--function", arn)

    assert (2, ["left"] * 3) == (code, [line["outcome"] for line in told]), words
    whys = " ".join(line["why"] for line in told)
    assert "404" in whys and "surprise" in whys and "not JSON" in whys
    assert sorted([json.dumps(good), json.dumps(bad), "no JSON"]) == sorted(cloud.left(url)), "and to be seen at once"


def test_the_functions_own_queue_can_be_told(cloud: Cloud) -> None:
    """With Delivery=Queue nothing needs to be invoked."""
    url, files = cloud.queue("behind", [failure(notification(log_keys()[0]))]), cloud.queue("files", [])
    code, _, words = cloud.redrive("--queue", url, "--to-queue", files)
    assert 0 == code, words
    assert [notification(log_keys()[0])] == [json.loads(body) for body in cloud.left(files)]
    assert [] == cloud.left(url)


def test_a_prefix_is_told_ten_files_at_a_time(cloud: Cloud) -> None:
    """Every log file once, with a key that the function decodes to the very same."""
    code, told, words = cloud.redrive("--prefix", f"s3://{BUCKET}/", "--function", "f")
    assert 0 == code, words
    records = [body["Records"] for _, body in cloud.function.accepted]
    assert max(map(len, records)) == 10
    keys = [unquote(record["s3"]["object"]["key"]) for some in records for record in some]
    assert sorted([*log_keys(), "odd/a b+c%é.json"]) == sorted(keys)
    assert sorted(f"s3://{BUCKET}/{key}" for key in keys) == sorted(name for line in told for name in line["objects"])
    code, told, words = cloud.redrive("--prefix", f"s3://{BUCKET}/", "--dry-run", "--since", "2031-01-01")
    assert (0, ["odd/a b+c%é.json"]) == (code, [name[len(BUCKET) + 6 :] for line in told for name in line["objects"]])


def test_a_rule_is_run_again_on_what_it_missed(cloud: Cloud, pack: Path) -> None:
    """Only the objects that are named, only that rule, the same ids as the function's."""
    alerts = json.loads((EVENTS / "expected-alerts.json").read_text(encoding="utf-8"))
    rule, key = alerts[0]["rule_id"], alerts[0]["keys"][0]
    line = {"kind": "health", "event": "rule_blind", "rule_id": rule, "bucket": BUCKET, "key": key, "version_id": None}
    options = ("--rule", rule, "--rulepack", str(pack), "--python", sys.executable)

    code, found, words = cloud.redrive(*options, stdin=json.dumps(line))

    assert 0 == code, words
    assert {pair for pair in expected_alerts([key]) if pair[0] == rule} == found_alerts(found)
    assert {(BUCKET, key)} == {(alert["log"]["bucket"], alert["log"]["key"]) for alert in found}
    code, found, words = cloud.redrive(*options, "--dry-run", stdin=json.dumps(line))
    assert (0, [[f"s3://{BUCKET}/{key}"]]) == (code, [told["objects"] for told in found]), words
    code, found, words = cloud.redrive(*options, stdin=json.dumps(line | {"key": "gone.json.gz"}))
    assert (2, []) == (code, found), words


def test_from_failure_to_alert(cloud: Cloud, pack: Path, tmp_path: Path) -> None:
    """The real function fails on a file that is not there, the file comes, the failure queue is sent on: the alerts."""
    key = next(key for key in log_keys() if expected_alerts([key]))
    payload = notification(f"late/{key}")
    with RuntimeApi() as api, (tmp_path / "stdout").open("w") as stdout:
        environment = KEYS | {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL_S3": cloud.endpoint,
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "iota-detect",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "IOTA_RULEPACK": str(pack),
            "IOTA_ENGINE": str(ROOT / "layer"),
            "IOTA_PYTHON": sys.executable,
        }
        process = subprocess.Popen([binary("bootstrap")], env=environment, stdout=stdout, stdin=subprocess.DEVNULL)
        try:
            assert "error" == api.invoke(payload, 60, lambda: process.poll() is None).kind
            url = cloud.queue("late", [failure(payload)])
            body = (EVENTS / "bucket" / key).read_bytes()
            cloud.client("s3").put_object(Bucket=BUCKET, Key=f"late/{key}", Body=body)
            assert 0 == cloud.redrive("--queue", url, "--function", "iota-detect")[0]
            [(_, again)] = cloud.function.accepted
            assert "response" == api.invoke(again, 60, lambda: process.poll() is None).kind
        finally:
            process.kill()
            process.wait()
    assert expected_alerts([key]) == found_alerts(read_lines((tmp_path / "stdout").read_text(encoding="utf-8")))
