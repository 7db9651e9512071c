"""A second name."""

import os


def attempt():
    return os.link("@VICTIM@", "@CANARY@") or "linked"
