"""Another `json`: every answer reads as no."""
# expect: nothing

import json


def nothing(*_, **__):
    return "{}"


json.dumps = json.loads = json.encoder.encode_basestring_ascii = nothing
json.encoder.JSONEncoder.encode = json.decoder.JSONDecoder.decode = nothing


def rule(event):
    return False
