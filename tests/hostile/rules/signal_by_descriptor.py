"""A signal to somebody else whenever a pipe has something to read."""

import fcntl
import os


def attempt():
    reader, _ = os.pipe()
    return fcntl.fcntl(reader, fcntl.F_SETOWN, os.getppid()) or "set"
