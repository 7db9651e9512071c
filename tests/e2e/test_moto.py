"""The real `bootstrap` between two programs that are not ours: moto as S3, cargo-lambda as the Lambda Runtime API.

What the function prints for the synthetic bucket must be what `iota scan` finds in the same folder, and what the story
says. cargo-lambda sends a deadline of 1970 with every invocation, so this also proves that such a deadline is ignored.
"""

import json
import os
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
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
    scan,
)

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

REAL = ROOT.parent / "shared" / "data" / "sans-504.tar.gz"
FUNCTION = "iota-detect"
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
ENVELOPES = sorted(path.name for path in (EVENTS / "envelopes").glob("*.json"))


class Store(NamedTuple):
    """The synthetic bucket in moto: where it is, and the version id of every object."""

    endpoint: str
    versions: dict[str, str]

    def client(self) -> Any:
        """A client of it that is none of ours."""
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )


class Function:
    """A running `bootstrap` and the emulator it listens to."""

    def __init__(self, url: str, output: Path) -> None:
        self._url, self._output, self._read = url, output, 0

    def invoke(self, payload: Json) -> tuple[object, list[Json]]:
        """The answer, and the lines that were printed meanwhile: all lines are out before the answer is."""
        request = urllib.request.Request(self._url, json.dumps(payload).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer = json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            raise AssertionError(
                f"the function failed: `{error.read().decode()}`; it printed `{self._new_text()}`"
            ) from None
        return answer, read_lines(self._new_text())

    def _new_text(self) -> str:
        with self._output.open(encoding="utf-8") as output:
            output.seek(self._read)
            text = output.read()
            self._read = output.tell()
        return text


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """moto with the synthetic bucket, versioned as the template makes it."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        store = Store(f"http://{host}:{port}", {})
        s3 = store.client()
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for key in log_keys():
            body = (EVENTS / "bucket" / key).read_bytes()
            # As CloudTrail writes them: the SDK must not be tempted to unpack by the header.
            put = s3.put_object(
                Bucket=BUCKET, Key=key, Body=body, ContentType="application/json", ContentEncoding="gzip"
            )
            store.versions[key] = put["VersionId"]
        yield store
    finally:
        server.stop()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of cargo-lambda's Runtime API."""
    program = Path(sys.executable).with_name("cargo-lambda")
    if not program.is_file():
        pytest.skip(f"`{program}` is missing: run `pip install -r requirements-sam.txt`")
    # It wants to stand in a Cargo project with a binary of the function's name, which it never builds here.
    project = tmp_path_factory.mktemp("project")
    (project / "src").mkdir()
    (project / "src" / "main.rs").write_text("fn main() {}\n")
    (project / "Cargo.toml").write_text(f'[package]\nname = "{FUNCTION}"\nversion = "0.0.0"\nedition = "2024"\n')
    address = f"127.0.0.1:{free_port()}"
    host, port = address.split(":")
    command = [str(program), "lambda", "watch", "--only-lambda-apis", "--invoke-address", host, "--invoke-port", port]
    with (project / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=project, stdout=log, stderr=log)
    try:
        wait_for(address, process)
        yield address
    finally:
        stop(process)


@pytest.fixture(scope="module")
def function(store: Store, emulator: str, pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """`bootstrap` as Lambda starts it, but for the four variables that say where things lie here."""
    output = tmp_path_factory.mktemp("function") / "stdout"
    environment = CREDENTIALS | {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL_S3": store.endpoint,
        "AWS_LAMBDA_RUNTIME_API": f"http://{emulator}/.rt/{FUNCTION}",
        "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/03/14/[$LATEST]0123456789abcdef",
        "IOTA_RULEPACK": str(pack),
        "IOTA_RULES": str(pack.parent / "rules"),
        "IOTA_ENGINE": str(ROOT / "layer"),
        "IOTA_PYTHON": sys.executable,
    }
    with output.open("w") as stdout:
        process = subprocess.Popen([str(binary("bootstrap"))], env=environment, stdout=stdout, stdin=subprocess.DEVNULL)
    try:
        yield Function(f"http://{emulator}/2015-03-31/functions/{FUNCTION}/invocations", output)
    finally:
        stop(process)


def test_a_bucket_gives_what_a_scan_gives(function: Function, pack: Path) -> None:
    """One notification per file: the same alert ids as `iota scan`, and the alerts of the story."""
    lines = [line for key in log_keys() for line in function.invoke(notification(key))[1]]

    alerts = [line for line in lines if line["kind"] == "alert"]

    assert {alert["alert_id"] for alert in scan(EVENTS / "bucket", pack)} == {alert["alert_id"] for alert in alerts}
    assert expected_alerts(log_keys()) == found_alerts(lines)


def test_the_real_data_set_gives_what_a_scan_gives(
    function: Function, store: Store, pack: Path, tmp_path: Path
) -> None:
    """Thousands of real files, a hundred to a notification: every record accounted for, and a scan's alert ids."""
    if not REAL.exists():
        pytest.skip(f"`{REAL.name}` is not beside the project")
    with tarfile.open(REAL) as archive:
        archive.extractall(tmp_path, filter="data")
    files = sorted(tmp_path.rglob("*.json.gz"))
    keys = [file.relative_to(tmp_path).as_posix() for file in files]
    for key, file in zip(keys, files, strict=True):
        store.client().put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
    lines = []
    for at in range(0, len(keys), 100):
        records = [notification(key)["Records"][0] for key in keys[at : at + 100]]
        lines += function.invoke({"Records": records})[1]

    objects = [line for line in lines if line["kind"] == "object"]
    alerts = {line["alert_id"] for line in lines if line["kind"] == "alert"}

    assert {"done": 3871} == Counter(entry["status"] for entry in objects)
    assert 30476 == sum(entry["records"] for entry in objects)
    assert 30476 == sum(entry["evaluated"] + entry["repeat"] for entry in objects)
    assert {alert["alert_id"] for alert in scan(tmp_path, pack)} == alerts
    assert alerts


def test_every_file_is_accounted_for(function: Function) -> None:
    """One `object` line per log file, done and in balance; one `digest` line for the digest."""
    for key in log_keys():
        _, lines = function.invoke(notification(key))

        if "/CloudTrail-Digest/" in key:
            assert 1 == len([line for line in lines if line["kind"] == "digest"])
            continue
        [entry] = [line for line in lines if line["kind"] == "object"]
        assert (BUCKET, key, "done") == (entry["bucket"], entry["key"], entry["status"])
        assert entry["records"] == entry["evaluated"] + entry["repeat"] + entry["malformed"] + entry["oversize"]
        assert entry["records"] > 0


def test_alerts_are_whole(function: Function) -> None:
    """An alert names the file and the record it came from, and carries that record."""
    alerts = json.loads((EVENTS / "expected-alerts.json").read_text(encoding="utf-8"))
    key = alerts[0]["keys"][0]
    _, lines = function.invoke(notification(key))

    for alert in (line for line in lines if line["kind"] == "alert"):
        assert "WARN" == alert["level"]
        assert (BUCKET, key) == (alert["log"]["bucket"], alert["log"]["key"])
        assert alert["event"]["eventID"] == alert["event_id"]
        assert alert["severity"] in ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
        assert alert["title"] and alert["runbook"] and alert["reports"]


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelopes(function: Function, store: Store, name: str) -> None:
    """Every way of telling the function about a file gives that file's alerts and the answer its sender expects."""
    payload = with_versions(json.loads((EVENTS / "envelopes" / name).read_text(encoding="utf-8")), store.versions)
    text = json.dumps(payload)
    keys = [key for key in log_keys() if key in text or key.replace("/", "%2F") in text]

    answer, lines = function.invoke(payload)

    if name == "cloudwatch-logs.json":
        # The records themselves, of the same file that `s3-put.json` names.
        keys = [json.loads((EVENTS / "s3-put.json").read_text(encoding="utf-8"))["Records"][0]["s3"]["object"]["key"]]
    assert expected_alerts(keys) == found_alerts(lines)
    if name.startswith("sqs-"):
        assert {"batchItemFailures": []} == answer
    if name.startswith("s3-batch-"):
        assert isinstance(answer, dict)
        assert payload["invocationId"] == answer["invocationId"]
        expected = [(task["taskId"], "Succeeded") for task in payload["tasks"]]
        assert expected == [(result["taskId"], result["resultCode"]) for result in answer["results"]]


def with_versions(value: object, versions: dict[str, str]) -> Json:
    """A payload in which every object that names a version names the one moto gave it."""
    if isinstance(value, dict):
        if "versionId" in value and value.get("key") in versions:
            return value | {"versionId": versions[value["key"]]}
        return {key: with_versions(inner, versions) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_versions(inner, versions) for inner in value]  # type: ignore[return-value]
    return value  # type: ignore[return-value]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens there, or the process that should has died."""
    host, port = address.split(":")
    for _ in range(200):
        assert process.poll() is None, f"`{process.args!r}` ended with {process.returncode}"
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nobody listens on {address} after 10 s")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End one process of ours."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
