"""Another process, and from it many more."""

import os


def attempt():
    if os.fork() == 0:
        open("@CANARY@", "w")
        os._exit(0)
    return "forked"
