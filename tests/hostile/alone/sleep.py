"""Nothing, for long."""
# expect: timeout

import time


def rule(event):
    time.sleep(60)
