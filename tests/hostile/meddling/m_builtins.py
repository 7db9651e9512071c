"""Other built-in functions for the engine alone: its modules still refer to the real ones."""
# expect: tamper

import sys


def rule(event):
    found = sys.modules["iota_engine._evaluate"].__builtins__
    members = found if isinstance(found, dict) else vars(found)
    members["bool"] = lambda value=None: False
    return len(event) == 0
