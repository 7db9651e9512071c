"""What the engine asks another rule about its matches: every title is the same."""
# expect: tamper

import sys


def rule(event):
    for other in sys._getframe(1).f_locals["self"]._rules:
        if other.id != "m_rule_answers":
            other.functions = ("title",)
            other.answers = {"title": lambda event: "nothing to see"}
    return len(event) == 0
