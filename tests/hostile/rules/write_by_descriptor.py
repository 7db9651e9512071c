"""The same, by the lowest function there is."""

import os


def attempt():
    return os.open("@CANARY@", os.O_CREAT | os.O_WRONLY)
