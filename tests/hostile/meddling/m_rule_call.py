"""What the engine calls for another rule."""
# expect: tamper

import sys


def no(event):
    return False


def rule(event):
    for other in sys._getframe(1).f_locals["self"]._rules:
        if other.id != "m_rule_call" and other.call is not None:
            other.call = no
    return no(event)
