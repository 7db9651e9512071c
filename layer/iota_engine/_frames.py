"""Frames: length-prefixed messages over a pair of pipes.

In: file descriptors. Out: (header, body) pairs, and reply frames written in few system calls.
Knows bytes only; what a message means is decided in `_serve`.
"""

from __future__ import annotations

import os
import struct

from iota_engine._codec import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# The largest request Rust may send; a longer length means that the two sides have lost step.
MAX_REQUEST = 8 * 1024 * 1024
# Replies are gathered up to this size: a write per item would wake the reader thousands of times a second.
FLUSH_BYTES = 32 * 1024
READ_BYTES = 64 * 1024

_LENGTHS = struct.Struct(">II")
# The first length counts the second.
_COUNTED = 4
# Bound here, before any rule is imported, so that a rule that replaces them harms only itself.
_read, _write, _exit = os.read, os.write, os._exit
TAMPERED = 5


class FrameError(Exception):
    """The stream is not what the protocol says: the worker must end."""


class Frames:
    """Both directions of the conversation with Rust."""

    def __init__(self, source: int, sink: int) -> None:
        """Read from the descriptor `source`, write to the descriptor `sink`."""
        self._source = source
        self._sink = sink
        self._pending = bytearray()
        # Read, and not yet asked for.
        self._ahead = bytearray()
        self._seal = b""
        # Says what takes the place of replies that must not leave.
        self._vouch: Callable[[], str | None] | None = None

    def vouch(self, vouch: Callable[[], str | None]) -> None:
        """Ask `vouch` before anything is sent: a reply of its own is the last one of this process."""
        self._vouch = vouch

    def seal(self, text: str) -> None:
        """End every reply from now on with `text`, which no rule is told."""
        self._seal = text.encode("ascii")

    def read(self) -> tuple[dict[str, Any], memoryview] | None:
        """Return the next request, or None at end of file between two frames."""
        lengths = self._exactly(8, may_end=True)
        if not lengths:
            return None
        total, header_length = _LENGTHS.unpack(lengths)
        if not _COUNTED <= total <= MAX_REQUEST or header_length > total - _COUNTED:
            message = f"frame of {total} bytes with a header of {header_length} is out of bounds"
            raise FrameError(message)
        payload = memoryview(self._exactly(total - _COUNTED))
        try:
            header = decode(str(payload[:header_length], "utf-8"))
        except (ValueError, RecursionError) as error:
            message = f"the header of a frame is no JSON: {error}"
            raise FrameError(message) from error
        if type(header) is not dict:
            message = f"the header of a frame is no object, but `{type(header).__name__}`"
            raise FrameError(message)
        return header, payload[header_length:]

    def write(self, header: str) -> None:
        """Queue one reply; `header` is JSON text in ASCII."""
        self._queue(header)
        if len(self._pending) >= FLUSH_BYTES:
            self.flush()

    def _queue(self, header: str) -> None:
        data = header.encode("ascii")
        self._pending += _LENGTHS.pack(len(data) + len(self._seal) + _COUNTED, len(data))
        self._pending += data
        self._pending += self._seal

    def flush(self) -> None:
        """Send all queued replies."""
        last = None if self._vouch is None else self._vouch()
        if last is not None:
            self._pending.clear()
            self._queue(last)
        self._send()
        if last is not None:
            # Here and now: a rule may be running, and would go on if this were an exception.
            _exit(TAMPERED)

    def _send(self) -> None:
        view = memoryview(bytes(self._pending))
        self._pending.clear()
        while view:
            view = view[_write(self._sink, view) :]

    def _exactly(self, count: int, *, may_end: bool = False) -> bytearray:
        data = self._ahead
        while len(data) < count:
            # Most requests come whole, and then this is the only call.
            chunk = _read(self._source, max(READ_BYTES, count - len(data)))
            if not chunk:
                if may_end and not data:
                    return data
                message = f"the stream ended after {len(data)} of {count} bytes"
                raise FrameError(message)
            data += chunk
        self._ahead = data[count:]
        del data[count:]
        return data
