"""The rulepack: one JSON file that says which rules there are, what they read, and that nobody changed it.

In: a file, or the parts that the compiler found. Out: the checked pack, or the bytes of a new one.
Separate because reading and writing must agree on the digest to the byte. The format is in docs/engine-protocol.md.
"""

from __future__ import annotations

import json

from iota_engine._digest import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAGIC = b'{"magic":"iota-rulepack","format":'
FORMAT = 1
_HEAD = MAGIC + b'%d,"digest":"' % FORMAT
_DIGEST_LENGTH = 64


class PackError(Exception):
    """A pack cannot be used; `reason` is a word of the protocol."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_pack(path: str, digest: str | None = None) -> tuple[dict[str, Any], str]:
    """Return the pack in `path` and its digest, which must be `digest` where that is given."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        reason = f"cannot read the rulepack `{path}`: {error.strerror}; make it with `iota compile`"
        raise PackError("pack_unreadable", reason) from error
    if not data.startswith(_HEAD):
        if data.startswith(MAGIC):
            reason = f"`{path}` is a rulepack of another format than {FORMAT}; make it anew with this version of iota"
        else:
            reason = f"`{path}` is not a rulepack; make it with `iota compile`"
        raise PackError("pack_unreadable", reason)
    # The digest covers every byte after its own closing quote.
    end = len(_HEAD) + _DIGEST_LENGTH
    said, found = data[len(_HEAD) : end].decode("latin-1"), sha256(data[end + 1 :])
    if said != found:
        reason = f"`{path}` was changed after it was made: it says `{said}` but holds `{found}`; compile it again"
        raise PackError("pack_mismatch", reason)
    if digest is not None and digest != found:
        reason = f"`{path}` has the digest `{found}`, expected `{digest}`; deploy pack and rules together"
        raise PackError("pack_mismatch", reason)
    try:
        return json.loads(data), found
    except ValueError as error:
        reason = f"`{path}` is not JSON: {error}; compile it again"
        raise PackError("pack_unreadable", reason) from error


def pack_bytes(parts: dict[str, Any]) -> tuple[bytes, str]:
    """Return the bytes of a pack made of `parts` (all members after the digest), and its digest."""
    body = json.dumps(parts, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    tail = b"," + body[1:].encode("ascii") + b"\n"
    digest = sha256(tail)
    return _HEAD + digest.encode("ascii") + b'"' + tail, digest
