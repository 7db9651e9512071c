"""What else runs here, and with which arguments."""

import os


def attempt():
    return [open(f"/proc/{name}/cmdline").read() for name in os.listdir("/proc") if name.isdigit()]
