"""A raw system call at import, which happens when rules are compiled, too."""
# expect: nothing
# full only: without the kernel's filters nothing keeps machine code from the kernel

import ctypes
import mmap

_page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
_page.write(bytes.fromhex("4889f84889f74889d64889ca4d89c24d89c80f05c3"))
_long = ctypes.c_long
# An `mmap` object begins with a count, its type and where its memory lies.
_address = ctypes.cast(id(_page) + 16, ctypes.POINTER(ctypes.c_void_p))[0]
_call = ctypes.CFUNCTYPE(_long, _long, _long, _long, _long)(_address)
_path = b"@CANARY@"
# Behind the count, the type, the length and the hash of a `bytes` object lie its bytes.
_call(2, id(_path) + 32, 0o101, 0o600, 0)
if _call(41, 2, 1, 0, 0) >= 0:
    raise RuntimeError("SUCCEEDED: a socket")
if _call(39, 0, 0, 0, 0) <= 0:
    raise RuntimeError("the machine code does not work: nothing was tried")


def rule(event):
    return False
