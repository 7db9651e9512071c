"""The same, by functions that no audit event announces."""

import os
import signal


def attempt():
    return signal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGKILL) or "killed"
