"""The next request, taken before the engine sees it."""
# expect: nothing crash timeout

import os


def rule(event):
    for descriptor in range(3, 64):
        try:
            os.set_blocking(descriptor, False)
            os.read(descriptor, 1 << 20)
        except OSError:
            pass
