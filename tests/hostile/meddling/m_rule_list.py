"""The engine's list of rules: one in another's place."""
# expect: tamper

import sys


def rule(event):
    rules = sys._getframe(1).f_locals["self"]._rules
    rules[:] = [rules[1]] * len(rules)
    return len(event) == 0
