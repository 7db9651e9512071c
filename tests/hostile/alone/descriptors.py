"""All descriptors there are."""
# expect: raise

import os


def rule(event):
    while True:
        os.pipe()
