"""Worker: the engine itself, spoken to over pipes as docs/engine-protocol.md says, for what `iota scan` does not print.

In: rules and a corpus. Out: the records on which a `rule()` failed. Separate because the command sums failures up by
rule, which hides whether both engines fail on the same records.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from iota import Iota
from matches import Place

_LAYER = Path(__file__).resolve().parents[2] / "layer"
_LIMITS = {"rule_ms": 2000, "import_ms": 10000, "memory_bytes": 1 << 30, "strikes": 3, "reply_bytes": 1 << 20}
_SITES = "import json, site; print(json.dumps(site.getsitepackages()))"


def failures(iota: Iota, rules: Path, corpus: Iterable[tuple[str, int, dict[str, Any]]]) -> set[Place]:
    """Run all rules on all records by one worker."""
    failed: set[Place] = set()
    with tempfile.TemporaryDirectory(prefix="iota-conformance-") as name:
        pack, cell = Path(name, "rulepack.json"), Path(name, "cell")
        command = [str(iota.binary), "compile", str(rules), "-o", str(pack), "--python", str(iota.python)]
        subprocess.run([*command, "--include-disabled", "--no-import"], check=True, capture_output=True)
        cell.write_bytes(bytes(64))
        with _started(iota.python, name) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            ids = _greet(process.stdin, process.stdout, iota.python, rules, pack, cell)
            for file, index, record in corpus:
                body = json.dumps(record).encode()
                header = {"type": "batch", "seq": index, "sets": [None], "items": [[0, len(body), 0]]}
                _send(process.stdin, header, body)
                failed |= {Place(ids[rule], file, index) for rule in _failed(process.stdout)}
            process.stdin.close()
    return failed


def _started(python: Path, folder: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(python), "-P", "-s", "-S", "-B", "-m", "iota_engine", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(_LAYER)},
    )


def _greet(
    requests: IO[bytes], replies: IO[bytes], python: Path, rules: Path, pack_file: Path, cell: Path
) -> list[str]:
    """Start the worker and return the ids of its rules."""
    pack = json.loads(pack_file.read_bytes())
    sites = json.loads(subprocess.run([str(python), "-c", _SITES], check=True, capture_output=True).stdout)
    start = {"type": "start", "protocol": 1, "engine_version": pack["engine_version"], "limits": _LIMITS, "site": sites}
    paths = {"pack": str(pack_file), "rules": str(rules), "digest": pack["digest"], "cell": str(cell)}
    _send(requests, {**start, **paths})
    hello = _receive(replies)
    if hello["type"] != "hello":
        message = f"the engine did not start: {hello}"
        raise RuntimeError(message)
    return [rule["id"] for rule in pack["rules"]]


def _failed(replies: IO[bytes]) -> set[int]:
    """Read the replies to one batch; return the rules whose `rule()` failed."""
    found: set[int] = set()
    while (reply := _receive(replies))["type"] != "end":
        for verdict in reply["verdicts"]:
            if any(error["phase"] in ("import", "rule") for error in verdict["errors"]):
                found.add(verdict["rule"])
    return found


def _send(pipe: IO[bytes], header: dict[str, Any], body: bytes = b"") -> None:
    data = json.dumps(header).encode()
    pipe.write(struct.pack(">II", len(data) + 4 + len(body), len(data)) + data + body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> dict[str, Any]:
    total, length = struct.unpack(">II", pipe.read(8))
    header: dict[str, Any] = json.loads(pipe.read(total - 4)[:length])
    return header
