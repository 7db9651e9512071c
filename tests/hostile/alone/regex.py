"""A regular expression that takes for ever."""
# expect: timeout

import re


def rule(event):
    return re.match("(a+)+$", "a" * 64 + "b")
