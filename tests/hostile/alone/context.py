"""A context of 100 MB."""
# expect: nothing memory timeout


def rule(event):
    return True


def alert_context(event):
    return {str(i): "x" * 1000 for i in range(100_000)}
