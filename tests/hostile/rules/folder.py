"""A folder."""

import os


def attempt():
    return os.mkdir("@CANARY@") or "made"
