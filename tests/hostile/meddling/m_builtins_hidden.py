"""A name in the engine's module that hides a built-in function."""
# expect: tamper

import sys


def rule(event):
    sys.modules["iota_engine._evaluate"].type = lambda value: None
    sys.modules["iota_engine._evaluate"].bool = lambda value: False
    return len(event) == 0
