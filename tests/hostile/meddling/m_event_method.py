"""Another `get` for every event, by the class of this one."""
# expect: tamper


def rule(event):
    type(event).get = lambda self, key, default=None: None
    return len(event) == 0
