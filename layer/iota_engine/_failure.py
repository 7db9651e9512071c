"""Failures: what went wrong in a rule, told in words.

In: an exception out of rule code. Out: the error object of the protocol.
Separate because the exception is hostile too: its class, its text and its traceback are the rule's.
"""

from __future__ import annotations

from iota_engine._clock import RuleTimeout, calls_rules
from iota_engine._text import exact, valid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any

    Failure = dict[str, Any]

MAX_EXCEPTION = 1000

# Read past any attribute that the exception's own class defines under the same name.
_traceback_of: Any = vars(BaseException)["__traceback__"].__get__
_name_of: Any = vars(type)["__name__"].__get__


class WrongType(Exception):
    """A function of a rule returned something of a type it must not return; `file` is the rule's."""

    def __init__(self, message: str, file: str) -> None:
        super().__init__(message)
        self.message = message
        self.file = file


class LoadFailed(Exception):
    """A rule cannot be loaded; `place` is the file and line to blame."""

    def __init__(self, message: str, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line


def name_of(kind: type) -> str:
    """Return the name of a class without asking its metaclass."""
    return exact(_name_of(kind))


def describe(error: BaseException, phase: str, files: Mapping[str, str], limit_ms: int) -> Failure:
    """Turn an exception into the protocol's error object; `files` maps code file names to the pack's paths."""
    kind = type(error)
    if kind is LoadFailed:
        return failure(phase, "load", error.message, error.file, error.line)  # type: ignore[attr-defined]
    file, line = place_of(error, files)
    if kind is RuleTimeout:
        return failure(phase, "timeout", f"no answer within {limit_ms} ms", file, line)
    if issubclass(kind, MemoryError):
        return failure(phase, "memory", "MemoryError: the worker's memory limit is reached", file, line)
    if kind is WrongType:
        return failure(phase, "type", error.message, error.file)  # type: ignore[attr-defined]
    return failure(phase, "raise", summary(error), file, line)


def failure(phase: str, word: str, text: str, file: str | None = None, line: int | None = None) -> Failure:
    """Build the protocol's error object."""
    return {"phase": phase, "failure": word, "exception": valid(text)[:MAX_EXCEPTION], "file": file, "line": line}


def summary(error: BaseException) -> str:
    """Return `Class: text`, whatever the exception does to prevent it."""
    name = name_of(type(error))
    try:
        text = _call(str, error)
    except BaseException as second:  # noqa: BLE001  # the rule's `__str__` may raise anything
        text = f"(its text cannot be read: {name_of(type(second))})"
    return f"{name}: {text}" if text else name


def representation(error: BaseException) -> str:
    """Return `repr(error)`, whatever the exception does to prevent it."""
    try:
        return _call(repr, error)
    except BaseException:  # noqa: BLE001  # the rule's `__repr__` may raise anything
        return f"{name_of(type(error))}()"


@calls_rules
def _call(function: Any, error: BaseException) -> str:
    return exact(function(error))


def place_of(error: BaseException, files: Mapping[str, str]) -> tuple[str | None, int | None]:
    """Return the innermost place of `error` that lies in a file of the pack."""
    file, line = None, None
    traceback: TracebackType | None = _traceback_of(error)
    while traceback is not None:
        known = files.get(traceback.tb_frame.f_code.co_filename)
        if known is not None:
            file, line = known, traceback.tb_lineno
        traceback = traceback.tb_next
    return file, line
