"""Memory that no limit of the process counts."""

import os


def attempt():
    return os.write(os.memfd_create("x"), bytes(1 << 20))
