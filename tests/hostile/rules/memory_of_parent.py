"""The memory of the process that started the worker."""

import os


def attempt():
    with open(f"/proc/{os.getppid()}/maps") as file:
        first = int(file.readline().split("-")[0], 16)
    with open(f"/proc/{os.getppid()}/mem", "rb", buffering=0) as file:
        file.seek(first)
        return file.read(64)
