"""The settings class that code around `boto3` makes at import."""

from __future__ import annotations


class Config:
    """Takes any settings and keeps none: there is no client to set."""

    def __init__(self, *_arguments: object, **_named: object) -> None:
        """Accept what the real class accepts."""
