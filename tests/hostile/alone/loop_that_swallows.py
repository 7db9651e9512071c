"""A loop that swallows every exception."""
# expect: timeout


def rule(event):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
