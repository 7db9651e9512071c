"""Less of a file that is there."""

import os


def attempt():
    return os.truncate("@VICTIM@", 0) or "truncated"
