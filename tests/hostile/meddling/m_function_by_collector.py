"""The engine's function that words a match, found among all objects and put into its module anew."""
# expect: tamper

import gc


def rule(event):
    # What was there before the first rule is out of the collector's sight until somebody asks for it.
    gc.unfreeze()
    for found in gc.get_objects():
        if isinstance(found, dict) and found.get("__name__") == "iota_engine._evaluate":
            found["_verdict"] = lambda rule, answers, errors: f'{{"rule":{rule.index},"match":false,"errors":[]}}'
    return len(event) == 0
