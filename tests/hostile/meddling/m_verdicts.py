"""The verdicts of this record so far, in the engine's own frame."""
# expect: unseen

import sys


def rule(event):
    sys._getframe(1).f_locals["verdicts"].clear()
    return len(event) == 0
