"""The platform around the function, on loopback: a Runtime API, an S3 that misbehaves as it is told, and the processes.

Plain HTTP over sockets by hand: a well-behaved server could not misbehave on purpose. Everything that is started here
is ended here, by its process id.
"""

import base64
import contextlib
import fcntl
import json
import os
import queue
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from plan import BUCKET, MAX_RECORD_BYTES

ROOT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]

# How long before the deadline the function stops.
MARGIN_MS = 300
# Linux's smallest pipe: a reader that pauses is soon noticed.
PIPE_BYTES = 4096

_DIE = """
import os

def die(name):
    try:
        orders = os.open(os.path.join({orders!r}, name), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        order = os.read(orders, 1)
    except BlockingIOError:
        return
    finally:
        os.close(orders)
    if order == b"a":
        os.abort()
    if order == b"e":
        os._exit(0)

die("import-" + str(os.getppid()))

def rule(event):
    if event.get("eventName") != "Fatal":
        return False
    die("rule-" + event["requestParameters"]["marker"])
    return True

def title(event):
    die("title-" + event["requestParameters"]["marker"])
    return "fatal"
"""
_SLOW = """
import time

def rule(event):
    if event.get("eventName") != "Slow":
        return False
    time.sleep(0.03)
    return True
"""


def rules(orders: Path) -> dict[str, str]:
    """The rules by name. `fatal` ends its worker, once for each byte that it finds in a pipe in `orders`."""
    return {
        "bad": "def rule(event):\n    return event.get('eventName') in ('Bad', 'Both')\n",
        "other": "def rule(event):\n    return event.get('eventName') == 'Both'\n",
        "slow": _SLOW,
        # Never matches, which only Python can tell.
        "watched": "def rule(event):\n    return event.get('eventName') == 'Watched' and len(repr(event)) == 0\n",
        "fatal": _DIE.format(orders=str(orders)),
    }


def compile_rules(iota: Path, folder: Path) -> None:
    """Makes `folder` one that functions can be started in."""
    (folder / "rules").mkdir()
    for name, code in rules(_orders_in(folder)).items():
        (folder / "rules" / f"{name}.py").write_text(code)
    command: list[str | Path] = [
        iota,
        "compile",
        folder / "rules",
        "--bundle",
        folder / "opt",
        "--python",
        sys.executable,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise SystemExit(f"the rules do not compile: {done.stderr}")
    _orders_in(folder).mkdir()


def _orders_in(folder: Path) -> Path:
    """Where rules may read: beside themselves."""
    return folder / "opt" / "rules" / "orders"


class Connections:
    """Listens on a free port; a thread for each connection, which may carry many requests."""

    def __init__(self, answer: Callable[[socket.socket, str, bytes], bool]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._answer = answer
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No new connections; open ones end with their peers."""
        # A blocked `accept` is woken by the shutdown, not by the close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        unread = b""

        def receive() -> bytes:
            received = peer.recv(65536)
            if not received:
                raise ConnectionResetError
            return received

        with peer, contextlib.suppress(OSError):
            while True:
                while b"\r\n\r\n" not in unread:
                    unread += receive()
                head, unread = unread.split(b"\r\n\r\n", 1)
                line, *headers = head.decode("latin-1").split("\r\n")
                fields = dict(header.lower().split(":", 1) for header in headers)
                length, chunked = int(fields.get("content-length", "0")), "transfer-encoding" in fields
                while len(unread) < length or (chunked and not unread.endswith(b"0\r\n\r\n")):
                    unread += receive()
                body, unread = (_unchunked(unread), b"") if chunked else (unread[:length], unread[length:])
                if not self._answer(peer, line, body):
                    return


def _unchunked(data: bytes) -> bytes:
    body = b""
    while True:
        size, data = data.split(b"\r\n", 1)
        length = int(size, 16)
        if length == 0:
            return body
        body, data = body + data[:length], data[length + 2 :]


def send(peer: socket.socket, status: str, headers: Iterable[str], body: bytes) -> bool:
    """A whole answer; the connection can carry more."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""])
    peer.sendall(head.encode() + body)
    return True


class S3:
    """GetObject, with a list of misdeeds for each key before it succeeds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bodies: dict[str, bytes] = {}
        self._answers: dict[str, list[str]] = {}
        self._last: dict[str, str] = {}
        self._misdeeds: list[str] = []
        self.address = Connections(self._get).address

    def put(self, key: str, body: bytes, answers: list[str]) -> None:
        """An object, and how its first GETs are answered."""
        with self._lock:
            self._bodies[key], self._answers[key] = body, list(answers)

    def left(self, keys: Iterable[str]) -> list[str]:
        """Misdeeds that are still to come."""
        with self._lock:
            return [answer for key in keys for answer in self._answers.get(key, [])]

    def take_served(self) -> tuple[dict[str, str], list[str]]:
        """How the last GET of each key was answered since this was asked, and all misdeeds since then."""
        with self._lock:
            last, self._last = self._last, {}
            misdeeds, self._misdeeds = self._misdeeds, []
            return last, misdeeds

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._bodies.clear()
            self._answers.clear()
            self._last.clear()

    def _get(self, peer: socket.socket, line: str, _body: bytes) -> bool:
        target = line.split(" ")[1]
        _, bucket, key = unquote(urlsplit(target).path).split("/", 2)
        with self._lock:
            answers = self._answers.get(key, [])
            answer = answers.pop(0) if answers else "200"
            self._last[key] = answer
            if answer != "200":
                self._misdeeds.append(answer)
        body = self.body(target, key) if bucket == BUCKET else None
        return misbehave(peer, "404" if body is None else answer, body or b"")

    def body(self, _target: str, key: str) -> bytes | None:
        """What the object holds, if there is one."""
        with self._lock:
            return self._bodies.get(key)


_ERRORS = {
    "403": ("403 Forbidden", "AccessDenied"),
    "404": ("404 Not Found", "NoSuchKey"),
    "500": ("500 Internal Server Error", "InternalError"),
    "503": ("503 Slow Down", "SlowDown"),
}


def misbehave(peer: socket.socket, answer: str, body: bytes) -> bool:
    """Answers a GET of `body` as told. False if that is the end of the connection."""
    crc = "x-amz-checksum-crc32: " + base64.b64encode(struct.pack(">I", zlib.crc32(body))).decode()
    if answer in _ERRORS:
        status, code = _ERRORS[answer]
        xml = f"<Error><Code>{code}</Code><Message>as the plan wants it</Message></Error>"
        return send(peer, status, ["content-type: application/xml"], xml.encode())
    if answer == "200":
        return send(peer, "200 OK", [crc], body)
    if answer == "empty_body":
        return send(peer, "200 OK", [], b"")
    if answer == "wrong_checksum":
        return send(peer, "200 OK", ["x-amz-checksum-crc32: AAAAAQ=="], body)
    if answer == "damaged_bytes":
        damaged = bytearray(body or b"?")
        damaged[len(damaged) // 2] ^= 1
        return send(peer, "200 OK", [crc], bytes(damaged))
    if answer == "length_too_short":
        # The rest of the body stands where the next answer should: the connection is of no use any more.
        send(peer, "200 OK", [crc], body[: len(body) // 2])
        peer.sendall(body[len(body) // 2 :])
        return False
    if answer == "garbage":
        peer.sendall(b"SMTP? no such thing here\r\n\r\n")
        return False
    if answer == "reset":
        _reset(peer)
        return False
    if answer in ("silence", "long_silence"):
        return _until_closed(peer)
    more = 1000 if answer == "length_too_long" else 0
    peer.sendall(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body) + more}\r\n{crc}\r\n\r\n".encode())
    if answer == "slow_body":
        step = max(1, len(body) // 6)
        for at in range(0, len(body), step):
            peer.sendall(body[at : at + step])
            time.sleep(0.03)
        return True
    peer.sendall(body if more else body[: len(body) // 2])
    if answer in ("stall", "long_stall"):
        return _until_closed(peer)
    if answer == "reset_in_body":
        # Let what was sent arrive: a reset overtakes it.
        time.sleep(0.01)
        _reset(peer)
    return False


def _until_closed(peer: socket.socket) -> bool:
    peer.settimeout(60)
    with contextlib.suppress(TimeoutError):
        peer.recv(1)
    return False


def _reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


class Function:
    """One execution environment: a `bootstrap`, its Runtime API, and its standard output."""

    def __init__(
        self, bootstrap: Path, folder: Path, s3: str, settings: dict[str, str], stdout: str | None = None
    ) -> None:
        self._invocations: queue.Queue[tuple[bytes, int] | None] = queue.Queue()
        self._answers: queue.Queue[tuple[bool, Any]] = queue.Queue()
        # A byte on this pipe for every answer, so that one `poll` waits for everything.
        self._wake: int | None
        self._woken, self._wake = os.pipe()
        # A number that is closed may soon be another's.
        self._lock = threading.Lock()
        self._api = Connections(self._runtime)
        self._unread = b""
        self.lines: list[Json] = []
        self.output: int | None = None
        if stdout is None:
            self.output, end = os.pipe()
            fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            os.set_blocking(self.output, False)
        else:
            end = os.open(stdout, os.O_WRONLY)
        self.stderr = folder / f"stderr-{os.getpid()}"
        with self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [bootstrap],
                env=self._environment(folder, s3) | settings,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=end,
                stderr=stderr,
            )
        os.close(end)

    def _environment(self, folder: Path, s3: str) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", ""),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "iota-detect",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/iota-detect",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL_S3": f"http://{s3}",
            "IOTA_RULEPACK": str(folder / "opt" / "rulepack.json"),
            "IOTA_ENGINE": str(ROOT / "layer"),
            "IOTA_PYTHON": sys.executable,
            "IOTA_DEADLINE_MARGIN_MS": str(MARGIN_MS),
            "IOTA_MAX_RECORD_BYTES": str(MAX_RECORD_BYTES),
            # Only the build that mutants.py makes asks for it.
            "MUTANT": os.environ.get("MUTANT", ""),
        }

    def _runtime(self, peer: socket.socket, line: str, body: bytes) -> bool:
        if line.startswith("GET"):
            waiting = self._invocations.get()
            if waiting is None:
                return False
            payload, deadline_ms = waiting
            headers = [
                "lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                f"lambda-runtime-deadline-ms: {deadline_ms}",
                "content-type: application/json",
                "lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:111122223333:function:iota-detect",
            ]
            return send(peer, "200 OK", headers, payload)
        try:
            told = json.loads(body or b"null")
        except ValueError:
            told = {"errorType": "NotJson", "errorMessage": repr(body[:200])}
        self._answers.put((line.split(" ")[1].endswith("/error"), told))
        with self._lock:
            if self._wake is not None:
                os.write(self._wake, b"a")
        return send(peer, "202 Accepted", ["content-type: application/json"], b'{"status":"OK"}')

    def invoke(self, payload: bytes, deadline_ms: int) -> None:
        """Hand out an invocation."""
        self.lines = []
        self._invocations.put((payload, deadline_ms))

    def wait(self, seconds: float, *, read: bool = True) -> tuple[bool, Any] | None:
        """Until there is something to read, an answer, or so many seconds are over. Gives back the answer."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if self.output is not None and read:
            poll.register(self.output, select.POLLIN)
        poll.poll(max(0.0, seconds) * 1000)
        if self._answers.empty():
            if read:
                self.read()
            return None
        # All lines were out before the answer.
        if read:
            self.read()
        os.read(self._woken, 1)
        return self._answers.get()

    def read(self) -> None:
        """Take the lines that are out. What is no line of ours is an error of the function."""
        while self.output is not None:
            try:
                received = os.read(self.output, 65536)
            except BlockingIOError:
                return
            if not received:
                return
            *lines, self._unread = (self._unread + received).split(b"\n")
            for line in lines:
                try:
                    self.lines.append(json.loads(line))
                except ValueError:
                    raise AssertionError(f"not a JSON line: {line[:300]!r}") from None

    def close_output(self) -> None:
        """Nobody listens any more. The function stands still meanwhile, so that what is out was read before."""
        if self.output is not None:
            self.signal(signal.SIGSTOP)
            time.sleep(0.005)
            self.read()
            os.close(self.output)
            self.output = None
            self.signal(signal.SIGCONT)

    def alive(self) -> bool:
        """True until the process has ended."""
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send it to the function alone."""
        if self.alive():
            self.process.send_signal(number)

    def workers(self) -> list[int]:
        """The process ids of the function's children."""
        found = []
        for children in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(pid) for pid in children.read_text().split()]
        return found

    def end(self) -> list[int]:
        """Kill it, as Lambda does. Gives back the workers that outlived it by seconds; they are ended too."""
        workers = self.workers()
        self.process.kill()
        self.process.wait()
        self._invocations.put(None)
        self._api.close()
        with contextlib.suppress(AssertionError):
            self.read()
        with self._lock:
            pipes, self._wake = (self.output, self._woken, self._wake), None
        for pipe in pipes:
            if pipe is not None:
                os.close(pipe)
        patience = time.monotonic() + 5
        while time.monotonic() < patience and any(map(_runs, workers)):
            time.sleep(0.002)
        survivors = [pid for pid in workers if _runs(pid)]
        for pid in survivors:
            signal_to(pid, signal.SIGKILL)
        return survivors


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


def signal_to(pid: int, number: int) -> None:
    """To a worker of ours, which may have ended already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class World:
    """One lane: its own S3, and one function after another."""

    def __init__(self, bootstrap: Path, folder: Path, s3: S3 | None = None) -> None:
        self._bootstrap, self.folder = bootstrap, folder
        self._function: Function | None = None
        self._settings: dict[str, str] = {}
        self.s3 = s3 or S3()
        self.starts = 0

    def set(self, settings: dict[str, str]) -> None:
        """What functions are started with, besides the usual; one that was started otherwise is ended."""
        if settings != self._settings:
            self.end()
            self._settings = settings

    def function(self) -> Function:
        """The function that is running, or a new one."""
        if self._function is not None and self._function.alive():
            return self._function
        return self.start()

    def start(self, stdout: str | None = None) -> Function:
        """A new function, in place of any other."""
        self.end()
        self.starts += 1
        self._function = Function(self._bootstrap, self.folder, self.s3.address, self._settings, stdout)
        return self._function

    def end(self) -> None:
        """End the function. A worker that outlives it is an error."""
        if self._function is not None:
            function, self._function = self._function, None
            survivors = function.end()
            if survivors:
                raise AssertionError(f"workers {survivors} outlive their function by 5 s")


class Orders:
    """Orders to end the worker, for the rule `fatal`: it may read, and each byte of a pipe is read only once."""

    def __init__(self, folder: Path, name: str, bytes_: bytes) -> None:
        self._path = _orders_in(folder) / name
        os.mkfifo(self._path)
        self._pipe = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
        os.write(self._pipe, bytes_)

    def take_back(self) -> int:
        """How many were not obeyed."""
        try:
            left = len(os.read(self._pipe, 100))
        except BlockingIOError:
            left = 0
        os.close(self._pipe)
        self._path.unlink()
        return left


def binaries() -> tuple[Path, Path]:
    """`bootstrap` and `iota`, as built; `IOTA_BINARIES` names another folder."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    folder = Path(os.environ.get("IOTA_BINARIES") or Path(target) / "release")
    for path in (folder / "bootstrap", folder / "iota"):
        if not path.is_file():
            raise SystemExit(f"`{path}` is missing: run `cargo build --release --locked`")
    return folder / "bootstrap", folder / "iota"
