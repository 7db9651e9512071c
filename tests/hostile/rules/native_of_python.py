"""A function of the interpreter."""

import ctypes


def attempt():
    return ctypes.pythonapi.Py_IsInitialized()
