"""Another rule's `rule`, by its body, wherever it is loaded."""
# expect: tamper

import sys


def no(event):
    return False


def rule(event):
    for name in ("iota_rules.a_benign", "iota_rules.z_benign"):
        if name in sys.modules:
            sys.modules[name].rule.__code__ = no.__code__
    return no(event)
