"""The same, relative to a folder that was opened before."""

import os


def attempt():
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    return os.read(os.open(f"proc/{os.getppid()}/environ", os.O_RDONLY, dir_fd=folder), 9999)
