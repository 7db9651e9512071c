"""Two small servers on the loopback: the Lambda Runtime API as AWS documents it, and a folder that answers like S3.

The Runtime API is our own so that a deadline can be a real one; the emulator used in `test_moto` sends one of 1970.
"""

import json
import queue
import sys
import threading
import time
import uuid
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

FUNCTION_ARN = "arn:aws:lambda:us-east-1:111122223333:function:iota-detect"


class Outcome(NamedTuple):
    """What the function posted for one invocation: `response` or `error`, and the body."""

    kind: str
    body: Any


class _Server(ThreadingHTTPServer):
    """Serves on a free port until the `with` block ends."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell, unless the function was ended while it was being served."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()


class RuntimeApi(_Server):
    """`AWS_LAMBDA_RUNTIME_API`: hands out one invocation at a time and keeps what comes back."""

    def __init__(self) -> None:
        super().__init__(_RuntimeHandler)
        self.waiting: queue.Queue[tuple[str, float, bytes]] = queue.Queue()
        self.outcomes: queue.Queue[tuple[str, Outcome]] = queue.Queue()

    def invoke(self, payload: Any, seconds: float, alive: Callable[[], bool]) -> Outcome:
        """Send a payload and wait for its outcome: until a little after its deadline, or the function's death."""
        request, deadline = str(uuid.uuid4()), time.time() + seconds
        self.waiting.put((request, deadline, json.dumps(payload).encode()))
        while True:
            try:
                answered, outcome = self.outcomes.get(timeout=0.2)
                break
            except queue.Empty:
                if not alive():
                    raise AssertionError("the function died") from None
                if time.time() > deadline + 5:
                    raise AssertionError(f"no answer within {seconds} s and 5 more") from None
        if answered not in (request, "init"):
            raise AssertionError(f"answer to `{answered}`, expected one to `{request}`")
        return outcome


class _RuntimeHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RuntimeApi

    def do_GET(self) -> None:
        """`next`: blocks until there is an invocation, as long as that takes."""
        assert self.path == "/2018-06-01/runtime/invocation/next", self.path
        request, deadline, payload = self.server.waiting.get()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", request)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(deadline * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", FUNCTION_ARN)
        self.send_header("Lambda-Runtime-Trace-Id", "Root=1-65f2c0de-000000000000000000000001;Sampled=0")
        self.end_headers()
        self.wfile.write(payload)

    def do_POST(self) -> None:
        """`response` or `error` of an invocation, or `init/error`."""
        text = self.rfile.read(int(self.headers["Content-Length"] or 0)) if self._has_length() else self._chunks()
        *_, request, kind = self.path.split("/")
        self.server.outcomes.put((request, Outcome(kind, json.loads(text) if text else None)))
        answer = b'{"status":"OK"}'
        self.send_response(202)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _has_length(self) -> bool:
        return "Content-Length" in self.headers

    def _chunks(self) -> bytes:
        text = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            text += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return text

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


class FileStore(_Server):
    """`AWS_ENDPOINT_URL_S3`: the files below a folder as the objects of one bucket, addressed by path, to read only."""

    def __init__(self, bucket: str, folder: Path) -> None:
        super().__init__(_StoreHandler)
        self.bucket, self.folder = bucket, folder.resolve()


class _StoreHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FileStore

    def do_GET(self) -> None:
        """GetObject: the file, or the error S3 gives for a key that is not there."""
        _, bucket, key = unquote(urlsplit(self.path).path).split("/", 2)
        path = (self.server.folder / key).resolve()
        if bucket != self.server.bucket or not path.is_relative_to(self.server.folder) or not path.is_file():
            self._answer(
                404, b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
            )
            return
        self._answer(200, path.read_bytes())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml" if status != 200 else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", formatdate(0, usegmt=True))
        self.send_header("ETag", '"00000000000000000000000000000000"')
        self.send_header("x-amz-request-id", "EXAMPLE")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""
