"""The worker process: from its first step to its exit.

In: frames on stdin. Out: frames on stdout, and an exit code.
Separate from `_worker`, which answers requests: here are the descriptors, the conversation and every way it can end.
"""

from __future__ import annotations

import os
import sys

from iota_engine._codec import encode
from iota_engine._frames import FrameError, Frames
from iota_engine._limits import end_quietly_on_interrupt, take_descriptors
from iota_engine._pack import PackError
from iota_engine._worker import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Exit codes, for the reader of a log: Rust takes any end that it did not ask for as a death.
_CANNOT_START, _LOST_STEP, _FAULT = 3, 4, 70

# Bound before any rule is imported.
_exit, _write = os._exit, os.write
_STREAMS = (sys.__stdout__, sys.__stderr__)


def serve() -> int:
    """Run one worker. Never returns normally: no `atexit` handler or thread of a rule can hold the exit up."""
    source, sink = take_descriptors()
    end_quietly_on_interrupt()
    code = _run(Frames(source, sink))
    _exit(code)
    return code


def _run(frames: Frames) -> int:
    try:
        first = frames.read()
        if first is not None:
            _converse(frames, first[0])
    except PackError as error:
        frames.write(encode({"type": "fatal", "reason": error.reason, "message": str(error)}))
        frames.flush()
        return _CANNOT_START
    except BrokenPipeError:
        # Rust is gone.
        return 0
    except FrameError as error:
        _say(f"iota engine: {error}\n")
        return _LOST_STEP
    except BaseException:  # noqa: BLE001  # whatever it is, the worker must end here and not in an `atexit` handler
        import traceback

        _say(f"iota engine: {traceback.format_exc()}")
        return _FAULT
    for stream in _STREAMS:
        _flush(stream)
    return 0


def _converse(frames: Frames, start: dict[str, Any]) -> None:
    try:
        worker = Worker(frames, start)
    except (ImportError, LookupError, MemoryError, OSError, TypeError, ValueError) as error:
        # A malformed `start`, or a cell that cannot be mapped.
        raise PackError("internal", f"the worker cannot start: {type(error).__name__}: {error}") from error
    frames.write(encode(worker.hello))
    frames.flush()
    frames.seal(start.get("seal", ""))
    while (request := frames.read()) is not None:
        header, body = request
        worker.answer(header, body)
        frames.flush()


def _say(text: str) -> None:
    try:
        _write(2, text.encode(errors="replace"))
    except OSError:
        return


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except Exception:  # noqa: BLE001  # a rule may have put anything in its place
        return
