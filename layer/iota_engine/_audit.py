"""The audit hook: what Python itself refuses to rules, on every kernel.

In: Python's audit events. Out: `PermissionError` in the rule that caused one, so that the worker lives.
Separate because it is one table; it is a wall against accidents and careless code, the kernel's filters are the other.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_REASONS = {
    "network": "rules run without network: everything a rule may know is in its event",
    "process": "rules run in one process: they start and signal no other",
    "native": "rules run without `ctypes`: use what Python and the rules' packages offer",
    "write": "rules write no files: put what should be kept into `alert_context`",
    "thread": "rules run in one thread: do the work in `rule` itself",
    "hook": "rules run without hooks into the interpreter: they would run inside the engine",
}

_REFUSED = {
    **dict.fromkeys(("urllib.Request", "ftplib.connect", "smtplib.connect", "imaplib.open"), "network"),
    **dict.fromkeys(
        (
            "os.system",
            "os.exec",
            "os.posix_spawn",
            "os.spawn",
            "os.fork",
            "os.forkpty",
            "os.kill",
            "os.killpg",
            "os.startfile",
            "pty.spawn",
            "signal.pthread_kill",
            "subprocess.Popen",
            "webbrowser.open",
        ),
        "process",
    ),
    **dict.fromkeys(
        (
            "os.chflags",
            "os.chmod",
            "os.chown",
            "os.link",
            "os.lockf",
            "os.mkdir",
            "os.remove",
            "os.removexattr",
            "os.rename",
            "os.rmdir",
            "os.setxattr",
            "os.symlink",
            "os.truncate",
            "os.utime",
            "resource.prlimit",
            "resource.setrlimit",
            "sqlite3.connect",
            "syslog.openlog",
            "syslog.syslog",
        ),
        "write",
    ),
    **dict.fromkeys(("_thread.start_new_thread", "_thread.start_joinable_thread"), "thread"),
    **dict.fromkeys(
        (
            "sys.addaudithook",
            "sys.monitoring.register_callback",
            "sys.setprofile",
            "sys.settrace",
        ),
        "hook",
    ),
}


def install_audit_hook() -> str:
    """Install the hook for the life of the process; return `held`, or what hindered it."""
    refused, write_flags, reasons = _REFUSED, _WRITE_FLAGS, _REASONS

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if arguments[2] & write_flags:
                raise PermissionError(f"`{event}` for writing is refused: {reasons['write']}")
            return
        kind = refused.get(event)
        if kind is None:
            if event.startswith("socket."):
                kind = "network"
            elif event.startswith("ctypes."):
                # `import ctypes` itself opens the running program, and many libraries import it without using it.
                if event == "ctypes.dlopen" and arguments == (None,):
                    return
                kind = "native"
            else:
                return
        raise PermissionError(f"`{event}` is refused: {reasons[kind]}")

    try:
        sys.addaudithook(hook)
    except RuntimeError as error:
        return f"refused: {error}"
    if sys.version_info < (3, 12):
        _refuse_threads()
    return "held"


def _refuse_threads() -> None:
    """Take the place of the functions that start threads, for which older Pythons raise no audit event."""
    import _thread
    import threading

    def refuse(*_arguments: object, **_named: object) -> NoReturn:
        raise PermissionError(f"`_thread.start_new_thread` is refused: {_REASONS['thread']}")

    for module, name in ((_thread, "start_new_thread"), (_thread, "start_new"), (threading, "_start_new_thread")):
        setattr(module, name, refuse)
