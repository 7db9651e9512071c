"""A generator without end."""
# expect: timeout

import itertools


def rule(event):
    return sum(itertools.count())
