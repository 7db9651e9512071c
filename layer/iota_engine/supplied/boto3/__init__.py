"""Stands in for `boto3`: rules may import it and name its parts, but they run without network and credentials.

In: any use. Out: `NoAwsAccess`. Separate from the engine so that only rules see it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class NoAwsAccess(Exception):
    """A rule tried to call AWS."""


def _refuse(*_arguments: object, **_named: object) -> NoReturn:
    message = "rules cannot call AWS: they run without network and credentials; take what you need from the event"
    raise NoAwsAccess(message)


client = resource = setup_default_session = _refuse


class Session:
    """Exists to be named; making one is a use."""

    def __init__(self, *_arguments: object, **_named: object) -> None:
        _refuse()
