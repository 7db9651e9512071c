"""The engine's function that words a match: another body in the same function object."""
# expect: tamper

import sys


def nothing(index, error):
    return ""


def verdict(rule, answers, errors):
    return '{"rule":%d,"match":false,"errors":[]}' % rule.index


def rule(event):
    sys.modules["iota_engine._evaluate"]._verdict.__code__ = verdict.__code__
    return nothing(0, event) == "x"
