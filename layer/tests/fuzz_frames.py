"""Frames under any bytes in any pieces: a model says which come out, and whether `FrameError` follows."""

import json
import struct

from iota_engine import _frames
from iota_engine._frames import MAX_REQUEST, FrameError, Frames

HEADERS = [
    b'{"type":"batch","seq":1,"sets":[null],"items":[]}',
    b"{}",
    b'{"a":"\xc3\xa9"}',
    b'{"a":1e400,"b":NaN}',
    b"[1]",
    b"null",
    b"",
    b'{"a":"\xff"}',
    b"[" * 5_000,
    b"9" * 5_000,
    b'{"a":1}x',
]


class Pieces:
    """Stands in for both pipes: hands bytes out, and takes them, in pieces of given sizes."""

    def __init__(self, data, sizes):
        self.data, self.sizes, self.calls = data, sizes, 0
        self.taken = bytearray()

    def _size(self, most):
        self.calls += 1
        return min(self.sizes[self.calls % len(self.sizes)], most)

    def read(self, _descriptor, most):
        """Stand in for `os.read`."""
        size = self._size(most)
        piece, self.data = self.data[:size], self.data[size:]
        return piece

    def write(self, _descriptor, data):
        """Stand in for `os.write`."""
        # Not a byte at a time where there are a hundred thousand.
        size = max(self._size(len(data)), len(data) // 50)
        self.taken += data[:size]
        return size


def make(dice):
    """Return a stream, the sizes of its pieces, and replies to write."""
    data = b""
    for _ in range(dice.randrange(4)):
        header = dice.choice(HEADERS[:4] if dice.random() < 0.9 else HEADERS)
        body = dice.randbytes(dice.choice([0, 1, 300]))
        data += struct.pack(">II", 4 + len(header) + len(body), len(header)) + header + body
    at = dice.randrange(len(data) + 1)
    match dice.randrange(6):
        case 0:
            data = data[:at]
        case 1:
            data = data[:at] + dice.randbytes(dice.randrange(1, 12)) + data[at:]
        case 2 if data:
            at = dice.randrange(min(len(data), dice.choice([12, len(data)])))
            data = data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]
        case 3:
            total = dice.choice([0, 3, 4, 8, MAX_REQUEST, MAX_REQUEST + 1, 2**32 - 1])
            data += struct.pack(">II", total, dice.choice([0, 1, total, max(total - 4, 0), 2**32 - 1]))
    sizes = dice.choice([[1], [3, 8], [1, 70_000], [1 << 20]])
    if len(data) > 5_000:
        sizes = [70_000]
    replies = [
        json.dumps({"i": number, "t": "é" * dice.choice([0, 3, 30, 6_000 if dice.random() < 0.02 else 300])})
        for number in range(dice.randrange(3))
    ]
    return data, sizes, replies, dice.choice(["", "seal"])


def model(data):
    """Return the frames in `data`, and whether its end is a proper one."""
    frames = []
    while data:
        if len(data) < 8:
            return frames, False
        total, length = struct.unpack(">II", data[:8])
        payload = data[8 : 4 + total]
        if not 4 <= total <= MAX_REQUEST or length > total - 4 or len(payload) < total - 4:
            return frames, False
        try:
            header = json.loads(payload[:length].decode())
        except (ValueError, RecursionError):
            return frames, False
        if not isinstance(header, dict):
            return frames, False
        frames.append((repr(header), payload[length:]))
        data = data[4 + total :]
    return frames, True


def read():
    """Return the same from the engine's own reader."""
    frames, got = Frames(0, 1), []
    try:
        while (request := frames.read()) is not None:
            header, body = request
            got.append((repr(header), bytes(body)))
    except FrameError:
        return got, False
    return got, True


def written(pieces, replies, seal):
    """Return the bytes that the engine writes."""
    frames = Frames(0, 1)
    frames.seal(seal)
    for reply in replies:
        frames.write(reply)
    frames.flush()
    return bytes(pieces.taken)


def check(case):
    """Return what is wrong, None if nothing is."""
    data, sizes, replies, seal = case
    pieces = Pieces(data, sizes)
    before = _frames._read, _frames._write
    _frames._read, _frames._write = pieces.read, pieces.write
    try:
        expected, got = model(data), read()
        if expected != got:
            return f"expected {expected}, got {got}"
        stream = written(pieces, replies, seal)
    finally:
        _frames._read, _frames._write = before
    for reply in replies:
        total, length = struct.unpack(">II", stream[:8])
        header, end, stream = stream[8 : 8 + length], stream[8 + length : 4 + total], stream[4 + total :]
        if (header.decode(), end.decode()) != (reply, seal):
            return f"expected {reply!r} and {seal!r}, got {header!r} and {end!r}"
    return f"{len(stream)} bytes too many were written" if stream else None


def smaller(case):
    """Yield the same with less of the stream."""
    data, sizes, replies, seal = case
    if replies:
        yield data, sizes, replies[:-1], seal
    piece = len(data)
    while piece := piece // 2:
        for at in range(0, len(data), piece):
            yield data[:at] + data[at + piece :], sizes, replies, seal
