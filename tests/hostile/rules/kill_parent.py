"""The end of the process that started the worker."""

import os
import signal


def attempt():
    return os.kill(os.getppid(), signal.SIGKILL) or "killed"
