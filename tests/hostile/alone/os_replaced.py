"""Another `os.write`, another `struct`."""
# expect: nothing

import os
import struct
import sys

os.write = os.read = lambda *_: 0
struct.pack = lambda *_: b""
sys.exc_info = lambda: (None, None, None)


def rule(event):
    return False
