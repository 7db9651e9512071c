"""A greeting, an end, an answer to a question that nobody asked."""
# expect: crash

import os
import struct


def rule(event):
    for text in (
        '{"type":"end","seq":1}',
        '{"type":"fatal","reason":"x","message":"x"}',
        '{"type":"item","seq":9,"i":7,"verdicts":[]}',
    ):
        data = text.encode()
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, struct.pack(">II", len(data) + 4, len(data)) + data)
            except OSError:
                pass
