"""The rules that are still to be asked, in the engine's own frame."""
# expect: unseen

import sys


def rule(event):
    plan = sys._getframe(1).f_locals["plan"]
    plan[:] = [step for step in plan if step[1].__globals__ is globals()]
    return len(event) == 0
