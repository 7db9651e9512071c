"""The same, without the library."""

import _thread
import time


def attempt():
    return _thread.start_new_thread(time.sleep, (9,))
