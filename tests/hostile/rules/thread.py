"""A thread that outlives the call."""

import threading
import time


def attempt():
    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
    return "started"
