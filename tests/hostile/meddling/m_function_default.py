"""Another default argument of the event's `get`: what is missing is `Bad` no more, and what is there is nothing."""
# expect: tamper


def rule(event):
    type(event).get.__defaults__ = ("Bad",)
    return len(event) == 0
