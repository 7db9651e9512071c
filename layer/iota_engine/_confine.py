"""The kernel's rungs: from here on the kernel itself refuses what a rule has no business with.

In: `confine` of the start frame, and the folders that rules and libraries are read from. Out: for each rung `held`, or
`refused: ` and why. Separate because it must run once, before the audit hook refuses `ctypes` and before any rule, and
because no single rung may be a condition for running: Rust decides what a refused one means.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

HELD = "held"

_PR_SET_SECCOMP, _PR_GET_NO_NEW_PRIVS, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 39, 38, 2
# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
# Kinds of access to files and folders by the ABI that brought them; beyond those, TCP and what reaches out of a domain.
_FILE_ACCESS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_NETWORK_ABI, _SCOPE_ABI = 4, 6
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3

# What libraries read besides their own folders: shared objects, time zones, kinds of files, entropy.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/lib")
_SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/usr/share/zoneinfo",
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
)


def readable_folders(rules: str, files: Iterable[str]) -> list[str]:
    """Return what a worker may read: its `sys.path`, shared libraries, the folder of the rules and files beside it."""
    own = [*sys.path, os.path.join(sys.base_prefix, "lib"), *os.environ.get("LD_LIBRARY_PATH", "").split(":")]
    apart = [os.path.dirname(path) for path in files if os.path.isabs(path)]
    wanted = [*own, rules, *apart, *_LIBRARIES, *_SYSTEM_FILES]
    found = [os.path.realpath(path) for path in wanted if path and os.path.exists(path)]
    # The root is never meant: one such entry would open everything.
    return [path for path in dict.fromkeys(found) if path != "/"]


def confine(wanted: dict[str, Any], folders: list[str], files: Iterable[str]) -> dict[str, str]:
    """Climb all rungs, for the life of the process; return what became of each. `files` will be read later on."""
    needed = [path for path in sys.path if os.path.exists(path)]
    user = _change_user(wanted.get("user"), [*needed, os.__file__, __file__, *files])
    if not sys.platform.startswith("linux"):
        why = "refused: this system has none"
        return {"user": user, "no_new_privs": why, "landlock": why, "seccomp": why}
    try:
        import base64
        import ctypes
    except ImportError as error:
        why = f"refused: {error}"
        return {"user": user, "no_new_privs": why, "landlock": why, "seccomp": why}
    kernel = _Kernel(ctypes)
    dropped = kernel.drop_capabilities()
    states = {
        "user": user if user != HELD else dropped,
        "no_new_privs": kernel.no_new_privs(),
        "landlock": kernel.landlock(folders),
    }
    # Last: it refuses the system calls of the other rungs.
    states["seccomp"] = kernel.seccomp([base64.b64decode(program) for program in wanted["filters"]])
    for name in [name for name in sys.modules if name.partition(".")[0] in ("ctypes", "_ctypes")]:
        del sys.modules[name]
    return states


def _change_user(user: int | None, needed: Iterable[str]) -> str:
    """Become `user` for good, if we are root, were told to, and `needed` can be read all the same."""
    if os.geteuid() != 0:
        return HELD
    if user is None:
        return "refused: it stays root"
    try:
        os.setgroups([])
        os.setegid(user)
        os.seteuid(user)
        closed = next((path for path in needed if not os.access(path, os.R_OK, effective_ids=True)), None)
        os.seteuid(0)
        os.setegid(0)
        if closed is not None:
            return f"refused: `{closed}` can't be read by others; it stays root, without privileges"
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError as error:
        return _refused(error.errno or 0)
    return HELD


def _refused(number: int) -> str:
    return f"refused: {errno.errorcode.get(number, str(number))}"


class _Kernel:
    """System calls by way of the C library."""

    def __init__(self, ctypes: Any) -> None:
        self._ctypes = ctypes
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._long = ctypes.c_long

    def _call(self, number: int, *arguments: Any) -> int:
        self._libc.syscall.restype = self._long
        return int(self._libc.syscall(self._long(number), *arguments))

    def _prctl(self, option: int, *arguments: Any) -> int:
        filled = [self._long(value) if type(value) is int else value for value in (*arguments, 0, 0, 0, 0)[:4]]
        return int(self._libc.prctl(option, *filled))

    def _why(self) -> str:
        return _refused(self._ctypes.get_errno())

    def drop_capabilities(self) -> str:
        """Give up all of root's privileges, which may be ours by another name."""
        header = (self._ctypes.c_uint32 * 2)(0x20080522, 0)
        return HELD if self._libc.capset(header, (self._ctypes.c_uint32 * 6)()) == 0 else self._why()

    def no_new_privs(self) -> str:
        if self._prctl(_PR_GET_NO_NEW_PRIVS) == 1 or self._prctl(_PR_SET_NO_NEW_PRIVS, 1) == 0:
            return HELD
        return self._why()

    def landlock(self, folders: list[str]) -> str:
        """Deny every access to files but reading below `folders`, and whatever else this kernel's version knows."""
        u64, size = self._ctypes.c_uint64, self._ctypes.c_size_t
        abi = self._call(_CREATE_RULESET, None, size(0), self._long(_VERSION_FLAG))
        if abi < 1:
            return self._why()
        access = sum(bits for since, bits in _FILE_ACCESS.items() if since <= abi)
        handled = [access] + [3] * (abi >= _NETWORK_ABI) + [3] * (abi >= _SCOPE_ABI)
        attributes = (u64 * len(handled))(*handled)
        size_now = size(self._ctypes.sizeof(attributes))
        ruleset = self._call(_CREATE_RULESET, attributes, size_now, self._long(0))
        if ruleset < 0:
            return self._why()
        try:
            for folder in folders:
                self._allow_reading(ruleset, folder)
            done = self._call(_RESTRICT_SELF, self._long(ruleset), self._long(0))
            return HELD if done == 0 else self._why()
        finally:
            os.close(ruleset)

    def _allow_reading(self, ruleset: int, path: str) -> None:
        # What may not be added stays closed, and says so when something reads it.
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        try:
            access = _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE
            beneath = access.to_bytes(8, sys.byteorder) + descriptor.to_bytes(4, sys.byteorder)
            self._call(_ADD_RULE, self._long(ruleset), self._long(_PATH_BENEATH), beneath, self._long(0))
        finally:
            os.close(descriptor)

    def seccomp(self, programs: list[bytes]) -> str:
        """Install the filters; each can only take away."""
        ctypes = self._ctypes

        class Program(ctypes.Structure):  # type: ignore[misc, name-defined]
            _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

        for program in programs:
            code = ctypes.create_string_buffer(program, len(program))
            described = Program(len(program) // 8, ctypes.addressof(code))
            if self._prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(described)) != 0:
                return self._why()
        return HELD if programs else "refused: no filter for this architecture"
