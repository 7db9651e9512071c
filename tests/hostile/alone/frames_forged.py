"""An answer in the engine's name: nobody matched."""
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
    for seq in range(1, 4):
        for item in range(3):
            send(f'{{"type":"item","seq":{seq},"i":{item},"verdicts":[]}}')
