"""Another `get` for every event before the first record is looked at."""
# expect: unloaded

import sys

sys.modules["iota_engine._event"].KindEvent.get = lambda self, key, default=None: None


def rule(event):
    return len(event) == 0
