"""An answer in the engine's name: another rule matched, with words of one's own."""
# expect: crash

import os
import struct


def send(text):
    data = text.encode()
    frame = struct.pack(">II", len(data) + 4, len(data)) + data
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, frame)
        except OSError:
            pass


def rule(event):
    for other in range(3):
        send(
            f'{{"type":"item","seq":1,"i":0,"verdicts":[{{"rule":{other},"match":true,"title":"FORGED","errors":[]}}]}}'
        )
