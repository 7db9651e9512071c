"""Records: raw bytes of one CloudTrail event become the dictionary that events wrap.

In: bytes, UTF-8. Out: a dictionary, or the reason why there is none.
Separate because what Python's `json` accepts decides what counts as unparsable, here and in the tests of rules.
"""

from __future__ import annotations

from iota_engine._codec import decoder, scan
from iota_engine._times import panther_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Python refuses to convert longer texts to `int`, since that takes quadratic time.
MAX_DIGITS = 4300
CLOUDTRAIL = "AWS.CloudTrail"


def _bounded_int(text: str) -> int | float:
    """Read an integer of any length: one that Python refuses becomes a float, so that its record is still evaluated."""
    return int(text) if len(text) <= MAX_DIGITS else float(text)


_decode_long = decoder(parse_int=_bounded_int)


def parse_record(data: memoryview) -> tuple[dict[str, Any], str] | tuple[None, str]:
    """Return the record, or None and the reason."""
    text = str(data, "utf-8", "replace")
    try:
        # Nearly every record is one object and nothing else: the scanner alone reads it.
        value, end = scan(text, 0) if text.startswith("{") else (None, -1)
        if end == len(text):
            return value, ""
    except RecursionError:
        return None, "nested too deep"
    except (ValueError, StopIteration):
        # Told below, by the decoder that tells best; or it was an integer that is too long.
        value = None
    try:
        value = _decode_long(text)
    except MemoryError:
        # Says nothing of the record: a fresh worker will read it.
        raise
    except Exception as error:  # noqa: BLE001  # a rule that broke `json` changes what it raises
        return None, str(error)
    if type(value) is not dict:
        return None, f"expected an object, found `{type(value).__name__}`"
    return value, ""


def add_panther_fields(record: dict[str, Any], log_type: str) -> None:
    """Add the fields that Panther always adds: `p_log_type` and `p_event_time`."""
    record.setdefault("p_log_type", log_type)
    if "p_event_time" not in record:
        moment = panther_time(record.get("eventTime"))
        if moment is not None:
            record["p_event_time"] = moment
