"""Digests: SHA-256 as hex.

In: bytes. Out: 64 hex digits. Separate because `hashlib` loads OpenSSL, which costs a worker more than its own start.
"""

from __future__ import annotations

try:
    from _sha2 import sha256 as _sha256
except ImportError:
    try:
        from _sha256 import sha256 as _sha256
    except ImportError:
        from hashlib import sha256 as _sha256


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hex."""
    digest: str = _sha256(data).hexdigest()
    return digest
