"""Times: the two time formats that Panther's fields need, without a date library.

In: `eventTime` of a record, or `p_event_time`. Out: `p_event_time`, or seconds since 1970.
Separate because most rules never ask, so that most workers never import `datetime`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

# How CloudTrail writes nearly every time.
_COMMON = "2024-05-01T10:11:12Z"


def panther_time(event_time: object) -> str | None:
    """Turn `2024-05-01T10:11:12Z` into Panther's `2024-05-01 10:11:12`; None when it is not a time."""
    if type(event_time) is not str:
        return None
    if len(event_time) == len(_COMMON) and event_time[10] == "T" and event_time[-1] == "Z" and event_time.isascii():
        return event_time[:10] + " " + event_time[11:-1]
    from datetime import datetime, timezone

    try:
        moment = datetime.fromisoformat(event_time)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc)
    return moment.replace(tzinfo=None).isoformat(" ")


def epoch(text: object, *, force_utc: bool) -> int:
    """Return whole seconds since 1970; 0 for what is missing or not a time.

    With `force_utc` a zone inside the text or a date alone is an error, hence 0, as in Panther; without it, a text that
    names no zone is local time.
    """
    if not text:
        return 0
    if not isinstance(text, str):
        message = f"`p_event_time` is `{type(text).__name__}`, expected text"
        raise TypeError(message)
    from datetime import timezone

    moment = _parsed(text)
    has_time = len(text.strip()) > _COMMON.index("T")
    if moment is None or (force_utc and (moment.tzinfo is not None or not has_time)):
        return 0
    return int((moment.replace(tzinfo=timezone.utc) if force_utc else moment).timestamp())


def _parsed(text: str) -> datetime | None:
    from datetime import datetime

    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None
