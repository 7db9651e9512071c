"""A link to a place that may not be read."""

import os


def attempt():
    return os.symlink("/etc/passwd", "@CANARY@") or "linked"
