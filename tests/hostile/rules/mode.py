"""Another mode of a file that is there."""

import os


def attempt():
    return os.chmod("@VICTIM@", 0o777) or "changed"
