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
    _refuse_unheard()
    refused, reasons, looks = _REFUSED, _REASONS, _looks(None if folders is None else _reader(folders))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        look = looks.get(event)
        if look is not None:
            kind = look(arguments)
        else:
            kind = refused.get(event)
            if kind is None and event.startswith(("socket.", "ctypes.")):
                kind = "network" if event.startswith("socket.") else "native"
        if kind is not None:
            name = "`open` for writing" if (event, kind) == ("open", "write") else f"`{event}`"
            raise PermissionError(f"{name} is refused: {reasons[kind]}")

    try:
        sys.addaudithook(hook)
    except RuntimeError as error:
        return f"refused: {error}"
    if sys.version_info < (3, 12):
        _refuse_threads()
    return "held"


def _looks(may_read: Callable[[object], bool] | None) -> dict[str, Callable[[tuple[Any, ...]], str | None]]:
    """Return, by event, what is refused for its arguments: the kind, or None."""
    import fcntl

    write_flags, unheard = _WRITE_FLAGS, frozenset(modules[0] for modules, _, _ in _UNHEARD)
    names = ("F_SETOWN", "F_SETSIG", "F_SETOWN_EX")
    signalling = frozenset(getattr(fcntl, name) for name in names if hasattr(fcntl, name))

    def read(arguments: tuple[Any, ...]) -> str | None:
        return None if may_read is None or may_read(arguments[0]) else "read"

    def opened(arguments: tuple[Any, ...]) -> str | None:
        return "write" if arguments[2] & write_flags else read(arguments)

    def control(arguments: tuple[Any, ...]) -> str | None:
        return "process" if arguments[1] in signalling else None

    def imported(arguments: tuple[Any, ...]) -> str | None:
        # A second copy would come with what was taken out of the first.
        return "process" if arguments[0] in unheard else None

    def library(arguments: tuple[Any, ...]) -> str | None:
        # `import ctypes` itself opens the running program, and many libraries import it without using it.
        return None if arguments == (None,) else "native"

    return {
        "open": opened,
        "os.listdir": read,
        "os.scandir": read,
        "fcntl.fcntl": control,
        "import": imported,
        "ctypes.dlopen": library,
    }


def _reader(folders: list[str]) -> Callable[[object], bool]:
    """Return the question whether a path leads, by whatever links, below one of `folders`."""
    readlink, fsdecode = os.readlink, os.fsdecode
    exact, below = frozenset(folders), tuple(folder + "/" for folder in folders)

    def may_read(path: object) -> bool:
        if isinstance(path, int):
            # A descriptor: whoever opened it was asked.
            return True
        text = str.__str__(fsdecode(path)) if isinstance(path, str | bytes) else ""
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
