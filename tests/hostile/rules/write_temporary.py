"""A temporary file."""

import tempfile


def attempt():
    return tempfile.NamedTemporaryFile()
