"""Ten gigabytes."""
# expect: memory


def rule(event):
    return len(bytearray(10 << 30)) > 0
