"""Another name."""

import os


def attempt():
    return os.rename("@VICTIM@", "@CANARY@") or "renamed"
