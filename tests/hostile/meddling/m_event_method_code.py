"""Another body of the event's `get`: the class has the same method as before."""
# expect: tamper


def get(self, key, default=None):
    return None


def rule(event):
    type(event).get.__code__ = get.__code__
    return len(event) == 0
