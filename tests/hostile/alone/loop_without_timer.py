"""A loop, after the engine's timer was stopped."""
# expect: timeout

import signal


def rule(event):
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True:
        pass
