"""Recursion without end, with the limit out of the way."""
# expect: crash raise memory timeout

import sys


def rule(event):
    sys.setrecursionlimit(1 << 30)
    return rule(event)
