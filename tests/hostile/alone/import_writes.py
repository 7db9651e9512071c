"""A file of one's own, at import."""
# expect: unloaded

open("@CANARY@", "w").write("here")


def rule(event):
    return False
