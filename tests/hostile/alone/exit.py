"""The end of the interpreter."""
# expect: raise crash


def rule(event):
    raise SystemExit(0)
