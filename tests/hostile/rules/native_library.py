"""A function of the C library."""

import ctypes


def attempt():
    return ctypes.CDLL(None).getpid()
