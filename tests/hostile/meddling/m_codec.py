"""Python's own JSON decoder, by the body of its method: it reads the engine's requests."""
# expect: tamper

import json


def raw_decode(self, s, idx=0):
    return {"type": "batch", "seq": 0, "sets": [], "items": []}, len(s)


def rule(event):
    json.decoder.JSONDecoder.raw_decode.__code__ = raw_decode.__code__
    return len(event) == 0
