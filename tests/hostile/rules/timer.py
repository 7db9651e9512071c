"""Something that happens later."""

import threading


def attempt():
    threading.Timer(0.1, print, ["late"]).start()
    return "started"
