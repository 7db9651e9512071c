"""A command line."""

import os


def attempt():
    return os.system("touch @CANARY@") or "ran"
