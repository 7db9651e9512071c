"""The environment of the process that started the worker, which holds the function's credentials."""

import os


def attempt():
    with open(f"/proc/{os.getppid()}/environ", "rb") as file:
        return file.read()
