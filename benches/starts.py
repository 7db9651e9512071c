"""Starts: how long `bootstrap` takes from its start to its first answer, whole machine or a share of a core.

In: the binaries, a rulepack and an interpreter. Out: milliseconds. Lambda gives a function CPU by its memory: 512 MB
are 0.29 of a core, 1,769 MB one. A control group does the same here; making one takes root.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests" / "e2e"))

from stubs import FUNCTION_ARN, FileStore, RuntimeApi  # noqa: E402  # it lies with the tests

BUCKET, KEY = "example-trail-111122223333", "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/14/one.json.gz"
PERIOD_US = 100_000
MAX_SECONDS = 60


class NoQuota(Exception):
    """The kernel lets nobody here share out CPU."""


class Starts:
    """Starts a function again and again, each time with one file of five records."""

    def __init__(self, iota: Path, pack: Path, folder: Path, runs: int) -> None:
        self._bootstrap = iota.with_name("bootstrap")
        self._pack = pack
        self._folder = folder
        self._runs = runs

    def milliseconds(self, *, candidate: bool, cores: float | None = None) -> float:
        """Return the median time from start to answer; with `candidate` one record starts Python and alerts."""
        store = self._folder / ("loud" if candidate else "quiet")
        file = store / KEY
        file.parent.mkdir(parents=True, exist_ok=True)
        records = [quiet(number) for number in range(5)]
        if candidate:
            records[3] = loud()
        file.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
        with quota(cores) as join:
            return statistics.median(self._once(store, join, alerts=int(candidate)) for _ in range(self._runs))

    def _once(self, store: Path, join: str, *, alerts: int) -> float:
        output = self._folder / "lines"
        with RuntimeApi() as api, FileStore(BUCKET, store) as s3, output.open("wb") as lines:
            environment = {
                "PATH": os.environ["PATH"],
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "AWS_LAMBDA_FUNCTION_NAME": FUNCTION_ARN.rpartition(":")[2],
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "example",
                "AWS_SECRET_ACCESS_KEY": "example",
                "AWS_ENDPOINT_URL_S3": f"http://{s3.address}",
                "IOTA_PYTHON": sys.executable,
                "IOTA_ENGINE": str(ROOT / "layer"),
                "IOTA_RULEPACK": str(self._pack),
            }
            command = ["/bin/sh", "-c", f'{join}exec "$0"', str(self._bootstrap)]
            # The shell that joins the group is not what is measured: a millisecond.
            started = time.perf_counter()
            process = subprocess.Popen(command, env=environment, stdout=lines, stderr=subprocess.STDOUT)
            try:
                outcome = api.invoke(notification(), MAX_SECONDS, lambda: process.poll() is None)
                took = time.perf_counter() - started
            finally:
                process.kill()
                process.wait()
        found = [json.loads(line)["kind"] for line in output.read_text(encoding="utf-8").splitlines()]
        if outcome.kind != "response" or found.count("alert") != alerts:
            sys.exit(f"expected {alerts} alerts, found {found} and {outcome}")
        return took * 1000


@contextmanager
def quota(cores: float | None) -> Iterator[str]:
    """Make a control group with that share of a core; gives the shell words by which a process joins it."""
    if cores is None:
        yield ""
        return
    name = f"iota-bench-{os.getpid()}"
    v1, v2 = Path("/sys/fs/cgroup/cpu", name), Path("/sys/fs/cgroup", name)
    group = v1 if v1.parent.is_dir() else v2
    share = int(cores * PERIOD_US)
    try:
        group.mkdir()
    except OSError as error:
        raise NoQuota(str(error)) from error
    try:
        if group == v1:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(share))
        else:
            (group / "cpu.max").write_text(f"{share} {PERIOD_US}")
        yield f"echo $$ > {group}/cgroup.procs && "
    except OSError as error:
        raise NoQuota(str(error)) from error
    finally:
        _removed(group)


def _removed(group: Path) -> None:
    """Remove a group, once the workers in it have ended with their function."""
    for _ in range(100):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.02)
        else:
            return


def notification() -> dict[str, Any]:
    """Return what S3 sends for the file."""
    payload: dict[str, Any] = json.loads((ROOT / "events" / "s3-put.json").read_text(encoding="utf-8"))
    payload["Records"][0]["s3"]["bucket"]["name"] = BUCKET
    payload["Records"][0]["s3"]["object"]["key"] = KEY
    return payload


def quiet(number: int) -> dict[str, Any]:
    """Return a record that no rule is asked about."""
    return {
        "eventVersion": "1.09",
        "userIdentity": {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"},
        "eventTime": "2026-03-14T09:00:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "autoscaling.amazonaws.com",
        "userAgent": "autoscaling.amazonaws.com",
        "requestParameters": None,
        "responseElements": None,
        "eventID": f"00000000-0000-4000-8000-00000000000{number}",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
    }


def loud() -> dict[str, Any]:
    """Return the sample attack's sign-in of the account's root user, which alerts."""
    events = ROOT / "events"
    alerts = json.loads((events / "expected-alerts.json").read_text(encoding="utf-8"))
    alert = next(alert for alert in alerts if alert["rule_id"] == "IOTA.AWS.RootConsoleLogin")
    records = json.loads(gzip.decompress((events / "bucket" / alert["keys"][0]).read_bytes()))["Records"]
    return next(record for record in records if record["eventID"] == alert["event_id"])
