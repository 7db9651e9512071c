"""A signal handler that others are interrupted with."""
# expect: nothing timeout

import signal


def struck(*_):
    while True:
        pass


def rule(event):
    signal.signal(signal.SIGALRM, struck)
