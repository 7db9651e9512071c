"""Bytes on every descriptor."""
# expect: crash

import os


def rule(event):
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"Traceback (most recent call last)")
        except OSError:
            pass
