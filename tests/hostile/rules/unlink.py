"""Nothing of a file that is there."""

import os


def attempt():
    return os.unlink("@VICTIM@") or "unlinked"
