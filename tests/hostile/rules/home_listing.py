"""Which files there are."""

import os


def attempt():
    return [entry.name for entry in os.scandir("@HOME@")]
