#!/usr/bin/env python3
"""A function that behaves as the name of the object says, in the place of the real binary.

It speaks the Runtime API with nothing but the standard library, so that what it sees is what was sent. Beside itself it
writes `calls.jsonl`, one line per invocation, which the tests read.
"""

import http.client
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

BESIDE = Path(__file__).resolve().parent
API = "/2018-06-01/runtime/"


def request(
    method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, bytes]:
    """One request on a connection of its own; status, headers and body."""
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, API + path, body, headers or {})
    response = connection.getresponse()
    return response.status, response.headers, response.read()


def record(**call: Any) -> None:
    """Note a call for the test to read."""
    with (BESIDE / "calls.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\n")


def unsigned(method: str, url: str) -> int:
    """The status that a request without a signature gets from the bucket."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, b"x" if method == "PUT" else None, method=method)) as r:
            return r.status
    except urllib.error.HTTPError as error:
        return error.code


def first_time(key: str) -> bool:
    """Whether this key was never asked for before, by any process."""
    marker = BESIDE / ("seen-" + urllib.parse.quote(key, safe=""))
    if marker.exists():
        return False
    marker.touch()
    return True


def handle(key: str, request_id: str, invocation_id: str, url: str) -> None:
    """Do with an invocation what the key says."""
    answer = f"invocation/{request_id}/response"
    if "hang" in key and (first_time(key) or "always" in key):
        sleeper = subprocess.Popen(["sleep", "600"])
        record(sleeper=sleeper.pid)
        time.sleep(600)
    if "crash" in key:
        sys.exit(3)
    if "confused" in key:
        record(
            statuses=[
                request("GET", "invocation/next")[0],
                request("POST", "invocation/other/response", "{}")[0],
                request("POST", answer, "{}", {"Lambda-Runtime-Invocation-Id": "other"})[0],
                request("GET", "nowhere")[0],
            ]
        )
    if "unsigned" in key:
        record(unsigned=[unsigned("GET", url), unsigned("PUT", url)])
    if "torn" in key:
        os.write(1, b'{"kind":"alert","title":"to')
        sys.exit(1)
    print("no line of ours")
    print(json.dumps({"kind": "object", "key": key, "status": "done", "records": 1}), flush=True)
    status, _, _ = request("POST", answer, "{}", {"Lambda-Runtime-Invocation-Id": invocation_id})
    record(answered=status)


def main() -> None:
    """Serve invocations until killed."""
    if (BESIDE / "no-start").exists():
        request("POST", "init/error", json.dumps({"errorType": "Rules", "errorMessage": "no rules here"}))
        sys.exit(1)
    while True:
        _, headers, body = request("GET", "invocation/next")
        s3 = json.loads(body)["Records"][0]["s3"]
        key = urllib.parse.unquote_plus(s3["object"]["key"])
        url = "/".join([os.environ["AWS_ENDPOINT_URL_S3"], s3["bucket"]["name"], urllib.parse.quote(key)])
        left_ms = int(headers["Lambda-Runtime-Deadline-Ms"]) - time.time() * 1000
        ids = headers["Lambda-Runtime-Aws-Request-Id"], headers["Lambda-Runtime-Invocation-Id"]
        record(
            key=key,
            request_id=ids[0],
            invocation_id=ids[1],
            left_ms=left_ms,
            pid=os.getpid(),
            arn=headers["Lambda-Runtime-Invoked-Function-Arn"],
            trace=headers["Lambda-Runtime-Trace-Id"],
            home=os.environ.get("HOME"),
        )
        handle(key, *ids, url)


main()
