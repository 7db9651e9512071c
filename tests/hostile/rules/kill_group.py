"""The end of everything that was started with it."""

import os
import signal


def attempt():
    return os.killpg(0, signal.SIGKILL) or "killed"
