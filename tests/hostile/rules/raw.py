"""Raw system calls out of machine code of one's own: what only the kernel can refuse."""
# full only: without the kernel's filters nothing keeps machine code from the kernel

import ctypes
import mmap
import os

# rax = first argument, then the others one place down; syscall; ret.
_CODE = bytes.fromhex("4889f84889f74889d64889ca4d89c24d89c80f05c3")
_page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
_page.write(_CODE)
_long = ctypes.c_long
# An `mmap` object begins with a count, its type and where its memory lies.
_address = ctypes.cast(id(_page) + 16, ctypes.POINTER(ctypes.c_void_p))[0]
_call = ctypes.CFUNCTYPE(_long, _long, _long, _long, _long, _long, _long)(_address)
_kept = []


def _at(data):
    _kept.append(data)
    # Behind the count, the type, the length and the hash of a `bytes` object lie its bytes.
    return id(data) + 32


def attempt():
    path, secret, parent = _at(b"@CANARY@"), _at(b"@HOME@/.aws/credentials"), os.getppid()
    how = _at(bytes(24))
    clone3 = _at(bytes(32) + (17).to_bytes(8, "little") + bytes(48))
    touch = _at(b"/bin/touch")
    argv = _at(touch.to_bytes(8, "little") + path.to_bytes(8, "little") + bytes(8))
    calls = {
        "getppid, which is allowed": (110,),
        "open for writing": (2, path, 0o101, 0o600),
        "openat for writing": (257, -100, path, 0o101, 0o600),
        "openat2": (437, -100, secret, how, 24),
        "open for reading": (2, secret, 0),
        "creat": (85, path, 0o600),
        "mkdir": (83, path, 0o700),
        "mknod": (133, path, 0o10600),
        "symlink": (88, secret, path),
        "unlink": (87, _at(b"@VICTIM@")),
        "truncate": (76, _at(b"@VICTIM@"), 0),
        "rename": (82, _at(b"@VICTIM@"), path),
        "socket": (41, 2, 1, 0),
        "socket of the kernel": (41, 16, 3, 0),
        "socketpair": (53, 1, 1, 0, _at(bytes(8))),
        "fork": (57,),
        "vfork": (58,),
        "clone": (56, 17, 0, 0, 0, 0),
        "clone3": (435, clone3, 88),
        "execve": (59, touch, argv, 0),
        "execveat": (322, -100, touch, argv, 0, 0),
        "kill": (62, parent, 0),
        "tgkill": (234, parent, parent, 0),
        "tkill": (200, parent, 0),
        "rt_sigqueueinfo": (129, parent, 0, _at(bytes(128))),
        "pidfd_open": (434, parent, 0),
        "ptrace": (101, 16, parent, 0, 0),
        "process_vm_readv": (310, parent, _at(bytes(16)), 0, 0, 0),
        "prctl": (157, 4, 1, 0, 0, 0),
        "seccomp": (317, 2, 0, 0),
        "unshare": (272, 0x10000000),
        "io_uring_setup": (425, 4, _at(bytes(120))),
        "memfd_create": (319, path, 0),
        "bpf": (321, 0, _at(bytes(64)), 48),
        "perf_event_open": (298, _at(bytes(64)), 0, -1, -1, 0),
        "userfaultfd": (323, 1),
        "setrlimit": (160, 9, _at(b"\xff" * 16)),
        "prlimit64": (302, 0, 9, _at(b"\xff" * 16), 0),
        "setuid": (105, 0),
        "keyctl": (250, 0, -3, 0),
        "shmget": (29, 0, 4096, 0o1600),
        "timer_create": (222, 0, 0, _at(bytes(8))),
        "chdir": (80, _at(b"/")),
        "x32 open": (0x40000002, path, 0o101, 0o600),
    }
    done = {name: _call(*(arguments + (0,) * (6 - len(arguments)))) for name, arguments in calls.items()}
    if done.pop("getppid, which is allowed") != parent:
        raise RuntimeError("the machine code does not work: nothing was tried")
    through = {name: value for name, value in done.items() if value >= 0}
    if done["clone3"] != -38 or done["openat2"] != -38:
        through["ENOSYS"] = done["clone3"], done["openat2"]
    return through or None
