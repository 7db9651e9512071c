"""The same, of a cycle that the collector finds while others run."""
# expect: timeout nothing


class Last:
    def __init__(self):
        self.me = self

    def __del__(self):
        while True:
            pass


def rule(event):
    Last()
