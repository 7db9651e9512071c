"""A pipe in the file system."""

import os


def attempt():
    return os.mkfifo("@CANARY@") or "made"
