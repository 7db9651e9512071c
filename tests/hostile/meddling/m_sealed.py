"""The seal of the engine's replies, read out of its memory, and with it an answer in its name: nobody matched."""
# expect: unseen

import gc
import os
import struct


def rule(event):
    frames = [found for found in gc.get_objects() if type(found).__name__ == "Frames"]
    if not frames:
        # The collector does not walk what was there before the first rule; the frames that called us do hold it.
        frame = __import__("sys")._getframe()
        while frame is not None and not frames:
            frames = [each for each in frame.f_locals.values() if type(each).__name__ == "Frames"]
            frame = frame.f_back
    for found in frames[:1]:
        for text in ('{"type":"item","seq":1,"i":0,"verdicts":[]}', '{"type":"item","seq":1,"i":1,"verdicts":[]}'):
            data = text.encode()
            body = struct.pack(">II", len(data) + len(found._seal) + 4, len(data)) + data + found._seal
            os.write(found._sink, body)
        data = b'{"type":"end","seq":1}'
        os.write(found._sink, struct.pack(">II", len(data) + len(found._seal) + 4, len(data)) + data + found._seal)
        __import__("time").sleep(60)
    return len(event) == 0
