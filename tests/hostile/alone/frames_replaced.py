"""Other descriptors in the place of the engine's."""
# expect: crash

import os


def rule(event):
    reader, writer = os.pipe()
    for descriptor in range(3, 64):
        if descriptor not in (reader, writer):
            os.dup2(writer, descriptor)
