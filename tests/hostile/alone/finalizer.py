"""An object whose end takes for ever."""
# expect: timeout nothing


class Last:
    def __del__(self):
        while True:
            pass


def rule(event):
    Last()
