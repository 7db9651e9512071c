"""The import pass: loads every rule once, in a worker like the one that will run it.

In: a draft pack. Out: for each rule its functions, or why it cannot load.
Separate, and in another process, because importing a rule runs it: one that exits, hangs or crashes becomes an entry
in `failed` instead of ending the compilation.
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from iota_engine import ENGINE_VERSION, PROTOCOL
from iota_engine._cell import SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from iota_engine._tree import Tree

IMPORT_MS = 10_000
# The worker ends an import itself at its limit; one that does not answer by then is killed.
_DEADLINE = 2 * IMPORT_MS / 1000


class WorkerDied(Exception):
    """The worker ended, or had to be ended, while it loaded a rule."""


class _Worker:
    def __init__(self, folder: Path, pack: Path, digest: str, rules: Path, confine: dict[str, Any] | None) -> None:
        cell = folder / "cell"
        cell.write_bytes(bytes(SIZE))
        package = Path(__file__).resolve().parent.parent
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-S", "-B", "-m", "iota_engine", "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**{name: os.environ[name] for name in _KEPT if name in os.environ}, "PYTHONPATH": str(package)},
        )
        if self._process.stdin is None or self._process.stdout is None:
            message = "it has no pipes"
            raise WorkerDied(message)
        self._requests, self._replies = self._process.stdin, self._process.stdout
        limits = {"rule_ms": IMPORT_MS, "import_ms": IMPORT_MS, "memory_bytes": 0, "strikes": 1, "reply_bytes": 1 << 20}
        start = {"type": "start", "protocol": PROTOCOL, "engine_version": ENGINE_VERSION, "pack": str(pack)}
        more = {"rules": str(rules), "digest": digest, "cell": str(cell), "limits": limits, "site": site_folders()}
        hello = self.ask({**start, **more, "confine": confine})
        if hello.get("type") != "hello":
            self.close()
            raise WorkerDied(f"cannot import the rules: {hello.get('message')}")
        if confine is not None and confine.get("required"):
            self._insist(hello["isolation"])

    def _insist(self, isolation: dict[str, str]) -> None:
        """End here unless the kernel's rungs hold. The user is not asked for: copies of the rules are ours alone."""
        for rung, state in isolation.items():
            if state != "held" and rung != "user":
                self.close()
                message = f"rules may not be imported here: `{rung}` does not hold ({state.removeprefix('refused: ')})"
                raise WorkerDied(message)

    def ask(self, header: dict[str, Any]) -> dict[str, Any]:
        """Send one request and return its only reply."""
        data = json.dumps(header).encode()
        try:
            self._requests.write(struct.pack(">II", len(data) + 4, len(data)) + data)
            self._requests.flush()
            total, length = struct.unpack(">II", self._exactly(8))
            reply: dict[str, Any] = json.loads(self._exactly(total - 4)[:length])
        except BrokenPipeError as error:
            raise WorkerDied(self._cause()) from error
        return reply

    def _exactly(self, count: int) -> bytes:
        deadline = time.monotonic() + _DEADLINE
        data = b""
        while len(data) < count:
            ready, _, _ = select.select([self._replies], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                message = f"its import did not end within {_DEADLINE:g} s"
                raise WorkerDied(message)
            chunk = os.read(self._replies.fileno(), count - len(data))
            if not chunk:
                raise WorkerDied(self._cause())
            data += chunk
        return data

    def _cause(self) -> str:
        code = self._process.wait()
        return f"its import ended the process with {'signal' if code < 0 else 'code'} {abs(code)}"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "TZ")


def site_folders() -> list[str]:
    """Return the folders of third-party packages of this interpreter."""
    library = Path(os.__file__).parent
    own = {library, library / "lib-dynload", Path(__file__).resolve().parent.parent}
    return [path for path in sys.path if path and Path(path).is_dir() and Path(path).resolve() not in own]


class ImportPass:
    """Loads the rules of one draft pack, one worker after the other as they die."""

    def __init__(self, folder: Path, draft: tuple[bytes, str], rules: Path, confine: dict[str, Any] | None) -> None:
        self._folder = folder
        self._pack = folder / "rulepack.json"
        pack, self._digest = draft
        self._pack.write_bytes(pack)
        self._rules = rules
        self._confine = confine
        self._worker: _Worker | None = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the worker's answer, or an error that tells how the worker died of it."""
        if self._worker is None:
            self._worker = _Worker(self._folder, self._pack, self._digest, self._rules, self._confine)
        try:
            reply = self._worker.ask({**request, "seq": 0})
        except WorkerDied as died:
            self.close()
            return {"error": {"exception": str(died), "file": None, "line": None}}
        if reply.get("type") == "tampered":
            # It looks after every load, and ends with this.
            self.close()
            text = f"its import changes `{reply['what']}`, which is not its own; rules share a process"
            return {"error": {"exception": text, "file": None, "line": None}}
        return reply

    def close(self) -> None:
        """End the worker, if there is one."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def import_all(
    draft: tuple[bytes, str], tree: Tree, files: list[Path], count: int, confine: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Load rules 0 to `count` of a draft pack, and its data model; return one answer for each, the model's last.

    An answer holds `functions`, or `error` when the load failed.
    """
    with tempfile.TemporaryDirectory(prefix="iota-import-") as name:
        folder = Path(name)
        imports = ImportPass(folder, draft, tree.materialise(files, folder / "rules"), confine)
        try:
            answers = [imports.ask({"type": "load", "rule": index}) for index in range(count)]
            return [*answers, imports.ask({"type": "load_model"})]
        finally:
            imports.close()
