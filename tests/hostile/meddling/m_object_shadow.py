"""The engine's evaluator: a function of its own in place of its method."""
# expect: tamper

import gc


def rule(event):
    for found in gc.get_referrers(*[each for each in gc.get_objects() if type(each).__name__ == "Rule"][:1]):
        for holder in gc.get_referrers(found):
            if type(holder) is dict and "_rules" in holder and "_sources" in holder:
                holder["_rules"] = []
    frame = __import__("sys")._getframe(1)
    frame.f_locals["self"]._rules = []
    return len(event) == 0
