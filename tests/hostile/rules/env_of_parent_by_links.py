"""The same, by a path that takes detours."""

import os


def attempt():
    library = os.path.dirname(os.__file__)
    up = "../" * library.count("/")
    with open(f"{library}/{up}proc/self/../{os.getppid()}/environ", "rb") as file:
        return file.read()
