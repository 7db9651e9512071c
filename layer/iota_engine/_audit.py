"""The audit hook: what Python itself refuses to rules, on every kernel.

In: Python's audit events. Out: `PermissionError` in the rule that caused one, so that the worker lives.
Separate because it is one table; it is a wall against accidents and plain Python, the kernel's filters are the other.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

_MAX_LINKS = 40
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_REASONS = {
    "network": "rules run without network: everything a rule may know is in its event",
    "process": "rules run in one process: they start and signal no other",
    "native": "rules run without `ctypes`: use what Python and the rules' packages offer",
    "write": "rules write no files: put what should be kept into `alert_context`",
    "thread": "rules run in one thread: do the work in `rule` itself",
    "read": "rules read only what Python, its packages and the rules' own folder hold",
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
            "fcntl.ioctl",
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


# What Python raises no audit event for, and a rule would get around the hook with.
_UNHEARD = (
    (("_posixsubprocess",), "fork_exec", "process"),
    (("_signal", "signal"), "raise_signal pidfd_send_signal", "process"),
    (("posix", "os"), "pidfd_open setsid setpgid setuid setgid setresuid setresgid setpriority nice", "process"),
    (("posix", "os"), "unshare setns sched_setaffinity sched_setscheduler sched_setparam", "process"),
    (("posix", "os"), "memfd_create mkfifo mknod copy_file_range sendfile splice posix_fallocate chroot", "write"),
)


def install_audit_hook(folders: list[str] | None = None) -> str:
    """Install the hook for the life of the process; return `held`, or what hindered it.

    With `folders`, files are read below these only, by absolute paths: the kernel may know no such limit.
    """
    import fcntl

    _refuse_unheard()
    refused, write_flags, reasons, unheard = _REFUSED, _WRITE_FLAGS, _REASONS, frozenset(modules[0] for modules, _, _ in _UNHEARD)
    signalling = frozenset(getattr(fcntl, name) for name in ("F_SETOWN", "F_SETSIG", "F_SETOWN_EX") if hasattr(fcntl, name))
    may_read = None if folders is None else _reader(folders)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if arguments[2] & write_flags:
                raise PermissionError(f"`{event}` for writing is refused: {reasons['write']}")
            if may_read is not None and not may_read(arguments[0]):
                raise PermissionError(f"`{event}` is refused: {reasons['read']}")
            return
        if event in ("os.listdir", "os.scandir"):
            if may_read is not None and not may_read(arguments[0]):
                raise PermissionError(f"`{event}` is refused: {reasons['read']}")
            return
        if event == "fcntl.fcntl":
            if arguments[1] in signalling:
                raise PermissionError(f"`{event}` is refused: {reasons['process']}")
            return
        if event == "import":
            # A second copy would come with what was taken out of the first.
            if arguments[0] in unheard:
                raise PermissionError(f"`import` of another `{arguments[0]}` is refused: {reasons['process']}")
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


def _reader(folders: list[str]) -> Callable[[object], bool]:
    """Return the question whether a path leads, by whatever links, below one of `folders`."""
    readlink, fsdecode, isinstance_ = os.readlink, os.fsdecode, isinstance
    exact, below = frozenset(folders), tuple(folder + "/" for folder in folders)

    def may_read(path: object) -> bool:
        if isinstance_(path, int):
            # A descriptor: whoever opened it was asked.
            return True
        text = str.__str__(fsdecode(path)) if isinstance_(path, (str, bytes)) else ""
        if not text.startswith("/"):
            return False
        done, links, rest = "", 0, text.split("/")[::-1]
        while rest:
            part = rest.pop()
            if part in ("", "."):
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            try:
                target = readlink(f"{done}/{part}")
            except OSError:
                done = f"{done}/{part}"
                continue
            links += 1
            if links > _MAX_LINKS:
                return False
            if target.startswith("/"):
                done = ""
            rest += target.split("/")[::-1]
        return done in exact or done.startswith(below)

    return may_read


def _refuse_unheard() -> None:
    """Take the place of functions that no audit event announces."""
    import importlib

    for modules, names, kind in _UNHEARD:
        for module in modules:
            home = importlib.import_module(module)
            for name in names.split():
                if hasattr(home, name):
                    setattr(home, name, _refuser(f"{modules[-1]}.{name}", kind))


def _refuser(name: str, kind: str) -> Callable[..., NoReturn]:
    def refuse(*_arguments: object, **_named: object) -> NoReturn:
        raise PermissionError(f"`{name}` is refused: {_REASONS[kind]}")

    return refuse


def _refuse_threads() -> None:
    """Take the place of the functions that start threads, for which older Pythons raise no audit event."""
    import _thread
    import threading

    refuse = _refuser("_thread.start_new_thread", "thread")
    for module, name in ((_thread, "start_new_thread"), (_thread, "start_new"), (threading, "_start_new_thread")):
        setattr(module, name, refuse)
