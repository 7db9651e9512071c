"""The same, with a terminal."""

import os


def attempt():
    child, _ = os.forkpty()
    if child == 0:
        os._exit(0)
    return "forked"
