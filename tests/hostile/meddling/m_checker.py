"""Whoever looks whether the engine is what it was, first; then the event."""
# expect: unseen

import sys


def nothing(self, asked):
    return None


def rule(event):
    sys.modules["iota_engine._vouch"].Vouch.changed.__code__ = nothing.__code__
    type(event).get = lambda self, key, default=None: None
    return len(event) == 0
