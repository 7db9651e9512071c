"""As much as there is, bit by bit."""
# expect: memory crash timeout

kept = []


def rule(event):
    while True:
        kept.append(bytes(1 << 20))
