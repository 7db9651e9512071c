"""Packs records into log files as CloudTrail delivers them: per region, every five minutes, a random name each.

Also what real buckets have besides: records that come late, one batch delivered twice, and the hourly digest.
"""

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from .dice import SEED, Dice
from .noise import EAST, SLICE, TRAIL_BUCKET
from .people import ACCOUNT
from .record import Json, at, stamp

# The batch that is delivered twice, as S3 and CloudTrail both may do: same records, another file. It holds an alert.
_REPEATED = (EAST, at("09:30:00"))


def deliver(records: Iterable[Json]) -> dict[str, Json]:
    """Key -> content (still a JSON value) of all objects of the bucket."""
    batches: dict[tuple[str, datetime], list[Json]] = defaultdict(list)
    for entry in records:
        batches[(entry["awsRegion"], _delivered(entry))].append(entry)
    out: dict[str, Json] = {}
    for (region, when), entries in sorted(batches.items()):
        # Within a file CloudTrail promises no order: sort by something that has none.
        entries.sort(key=lambda entry: hashlib.sha256(entry["eventID"].encode()).digest())
        out[_log_key(region, when, "first")] = {"Records": entries}
        if (region, when) == _REPEATED:
            out[_log_key(region, when, "again")] = {
                "Records": entries[:8] + [entry for entry in entries[8:] if not entry["readOnly"]]
            }
    key, digest = _digest(EAST, at("10:02:15"), out)
    return dict(sorted((out | {key: digest}).items()))


def pack(content: Json) -> bytes:
    """The gzip bytes of an object. Fixed time stamp and level: the same zlib gives the same bytes."""
    return gzip.compress(text(content), compresslevel=6, mtime=0)


def text(content: Json) -> bytes:
    """The JSON text as CloudTrail writes it: one line, no spaces."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def _delivered(entry: Json) -> datetime:
    """The time in the name of the file that holds a record: the end of its slice, or of the next for a late one."""
    happened = datetime.strptime(entry["eventTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    late = hashlib.sha256(entry["eventID"].encode()).digest()[0] % 16 == 0
    midnight = happened.replace(hour=0, minute=0, second=0)
    slices = (happened - midnight) // SLICE + (2 if late else 1)
    return midnight + slices * SLICE


def _log_key(region: str, when: datetime, copy: str) -> str:
    name = Dice(f"file/{region}/{stamp(when)}/{copy}").alphanumeric(16)
    return (
        f"AWSLogs/{ACCOUNT}/CloudTrail/{region}/{when:%Y/%m/%d}/"
        f"{ACCOUNT}_CloudTrail_{region}_{when:%Y%m%dT%H%MZ}_{name}.json.gz"
    )


def _digest_key(region: str, end: datetime) -> str:
    return (
        f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{region}/{end:%Y/%m/%d}/"
        f"{ACCOUNT}_CloudTrail-Digest_{region}_management-events_{region}_{end:%Y%m%dT%H%M%SZ}.json.gz"
    )


def _digest(region: str, end: datetime, files: dict[str, Json]) -> tuple[str, Json]:
    """The hourly digest of one region: which files were delivered, and the hash of what each holds uncompressed."""
    start = end - timedelta(hours=1)
    listed: list[Json] = []
    for key, content in sorted(files.items()):
        delivered = datetime.strptime(key.rsplit("_", 2)[1], "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
        if f"/{region}/" not in key or not start <= delivered < end:
            continue
        times = [entry["eventTime"] for entry in content["Records"]]
        listed.append(
            {
                "s3Bucket": TRAIL_BUCKET,
                "s3Object": key,
                "hashValue": hashlib.sha256(text(content)).hexdigest(),
                "hashAlgorithm": "SHA-256",
                "newestEventTime": max(times),
                "oldestEventTime": min(times),
            }
        )
    key = _digest_key(region, end)
    digest: Json = {
        "awsAccountId": ACCOUNT,
        "digestStartTime": stamp(start),
        "digestEndTime": stamp(end),
        "digestS3Bucket": TRAIL_BUCKET,
        "digestS3Object": key,
        "digestPublicKeyFingerprint": _hash("public key")[:32],
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": max(entry["newestEventTime"] for entry in listed),
        "oldestEventTime": min(entry["oldestEventTime"] for entry in listed),
        "previousDigestS3Bucket": TRAIL_BUCKET,
        "previousDigestS3Object": _digest_key(region, start),
        "previousDigestHashValue": _hash("previous digest"),
        "previousDigestHashAlgorithm": "SHA-256",
        # Nobody can sign this for CloudTrail: 256 bytes of the right form.
        "previousDigestSignature": "".join(_hash(f"signature {part}") for part in range(8)),
        "logFiles": listed,
    }
    return key, digest


def _hash(label: str) -> str:
    return hashlib.sha256(f"{SEED}/{label}".encode()).hexdigest()
