"""An audit hook of one's own."""

import sys

seen = []


def attempt():
    sys.addaudithook(lambda *event: seen.append(event))
    sys.audit("anything")
    return seen[0] if seen else None
