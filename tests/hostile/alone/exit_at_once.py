"""The end of the process, as a success."""
# expect: crash

import os


def rule(event):
    os._exit(0)
