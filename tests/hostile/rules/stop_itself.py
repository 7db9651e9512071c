"""A standstill that is not the rule's fault, it seems."""

import signal


def attempt():
    return signal.raise_signal(signal.SIGSTOP) or "stopped"
