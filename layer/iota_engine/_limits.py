"""Limits: what the kernel and the process itself keep from rules.

In: a fresh process. Out: private descriptors for the frames, and the sentence for `hello.isolation.limits`.
Separate because it must run first and once, before anything of a rule exists.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

# Enough for imports and the data files of libraries; far fewer than a descriptor leak needs to hurt the host.
MAX_DESCRIPTORS = 64


def take_descriptors() -> tuple[int, int]:
    """Move stdin and stdout out of reach; return the descriptors of the frames.

    Descriptor 0 becomes an empty pipe and 1 a copy of 2, so that a rule that reads or prints, from Python or from C,
    touches no frame.
    """
    import fcntl

    source = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    sink = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
    reader, writer = os.pipe()
    os.dup2(reader, 0)
    os.dup2(2, 1)
    for descriptor in range(3, max(reader, writer, source, sink) + 1):
        if descriptor not in (source, sink):
            _close(descriptor)
    os.closerange(max(reader, writer, source, sink) + 1, _open_max())
    sys.stdout = sys.stderr
    return source, sink


def set_limits(memory_bytes: int) -> str:
    """Set the resource limits; return `held`, or which of them were refused."""
    wanted = [
        ("core", resource.RLIMIT_CORE, 0),
        ("file size", resource.RLIMIT_FSIZE, 0),
        ("descriptors", resource.RLIMIT_NOFILE, MAX_DESCRIPTORS),
    ]
    if memory_bytes:
        wanted.append(("memory", resource.RLIMIT_AS, memory_bytes))
    refused = []
    for name, kind, value in wanted:
        try:
            resource.setrlimit(kind, (value, value))
        except (OSError, ValueError) as error:
            refused.append(f"{name}: {error}")
    return "refused: " + "; ".join(refused) if refused else "held"


def end_quietly_on_interrupt() -> None:
    """Let Ctrl-C, which reaches the whole process group, end the worker without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return


def _open_max() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A host may allow a billion descriptors; what a parent leaks lies low.
    return min(soft, 65536) if soft > 0 else 65536
