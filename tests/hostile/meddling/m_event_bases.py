"""Another class above the event's: methods are found there first."""
# expect: tamper


def rule(event):
    kind = type(event)
    [base] = kind.__bases__

    class Between(base):
        __slots__ = ("_deep", "_memo", "_method_view", "_model", "_raw", "_shape")

        def __init__(self, event, data_model=None):
            base.__init__(self, {}, data_model)

    for change in (lambda: setattr(kind, "__init__", Between.__init__), lambda: setattr(kind, "__bases__", (Between,))):
        try:
            change()
        except TypeError:
            pass
    return len(event) == 0
