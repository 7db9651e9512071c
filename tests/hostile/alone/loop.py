"""A loop."""
# expect: timeout


def rule(event):
    while True:
        pass
