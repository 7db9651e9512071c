"""No descriptor left."""
# expect: crash

import os


def rule(event):
    os.closerange(0, 64)
