"""Another program in place of the worker."""

import os


def attempt():
    os.execv("/bin/touch", ["touch", "@CANARY@"])
