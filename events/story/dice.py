"""Deterministic choices: numbers, ids and picks that depend on a label and a counter, never on the machine.

Built on SHA-256 rather than on `random`, whose sequences may change between versions of Python.
"""

import base64
import hashlib
import uuid
from collections.abc import Sequence
from typing import TypeVar

SEED = "iota-story-1"

_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

T = TypeVar("T")


class Dice:
    """One stream of choices. Streams with different labels never disturb each other."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._throws = 0

    def _bytes(self) -> bytes:
        self._throws += 1
        return hashlib.sha256(f"{SEED}/{self._label}/{self._throws}".encode()).digest()

    def number(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return low + int.from_bytes(self._bytes()[:8], "big") % (high - low + 1)

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.number(0, len(choices) - 1)]

    def uuid(self) -> str:
        """A version 4 UUID, as in `eventID` and most `requestID`s."""
        return str(uuid.UUID(bytes=self._bytes()[:16], version=4))

    def hex(self, length: int) -> str:
        """Hex digits, as in resource ids."""
        return self._bytes().hex()[:length]

    def alphanumeric(self, length: int) -> str:
        """Letters and digits, as at the end of a log file's name."""
        return "".join(_ALPHANUMERIC[byte % len(_ALPHANUMERIC)] for byte in self._bytes()[:length])

    def base64(self, length: int) -> str:
        """Base64 text of any length, as in tokens and S3's extended request id."""
        text = ""
        while len(text) < length:
            text += base64.b64encode(self._bytes()).decode().rstrip("=")
        return text[:length]


def key_id(prefix: str, label: str) -> str:
    """An access key or principal id of AWS's length that ends in EXAMPLE, so that no scanner takes it for a real one.

    The same label always has the same id: an actor keeps its key throughout the story.
    """
    digest = hashlib.sha256(f"{SEED}/{prefix}/{label}".encode()).digest()
    return prefix + "".join(_BASE32[byte % 32] for byte in digest[:9]) + "EXAMPLE"
