"""Another program beside the worker."""

import os


def attempt():
    return os.posix_spawn("/bin/touch", ["touch", "@CANARY@"], {})
