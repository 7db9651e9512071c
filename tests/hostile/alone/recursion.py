"""Recursion without end."""
# expect: raise


def rule(event):
    return rule(event)
