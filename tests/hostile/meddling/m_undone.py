"""The event's `get`, changed for the next rule and put back by that rule's own question."""
# expect: unseen


def rule(event):
    kind = type(event)
    get = kind.get

    def once(self, key, default=None):
        kind.get = get
        return None

    kind.get = once
    return len(event) == 0
