"""A look at everything that runs after."""

import sys


def attempt():
    return sys.settrace(print) or "traced"
