"""A file without a name."""

import os


def attempt():
    return os.open("@HOME@", os.O_TMPFILE | os.O_RDWR)
