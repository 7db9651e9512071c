"""The data of another rule's module: it knows `Bad` by a constant, which is its own to change."""
# expect: unseen

import sys


def rule(event):
    for name in ("iota_rules.a_benign", "iota_rules.z_benign"):
        if name in sys.modules:
            sys.modules[name].__dict__["BAD"] = "Good"
    return len(event) == 0
