"""The record behind the event: what the next rule sees is another."""
# expect: unseen


def rule(event):
    event._raw.clear()
    event._memo.clear()
    return len(event) == 0
