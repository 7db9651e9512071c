"""The end of the process, as an accident."""
# expect: crash

import os


def rule(event):
    os.abort()
