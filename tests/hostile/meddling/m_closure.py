"""What the engine's encoder has closed over: every answer it words is another."""
# expect: tamper

import sys


def rule(event):
    encode = sys.modules["iota_engine._codec"].encode
    for cell in encode.__closure__:
        if callable(cell.cell_contents):
            cell.cell_contents = lambda *_: lambda *_: ("{}",)
    return len(event) == 0
