"""A title of 100 MB."""
# expect: nothing timeout


def rule(event):
    return True


def title(event):
    return "\x1b[31m" * 20_000_000
