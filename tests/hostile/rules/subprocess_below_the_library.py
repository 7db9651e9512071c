"""The function below that library, which no audit event announces."""

import os
import subprocess


def attempt():
    reader, writer = os.pipe()
    arguments = ([b"touch", b"@CANARY@"], [b"/bin/touch"], True, (writer,), None, None)
    return subprocess._fork_exec(
        *arguments, -1, -1, -1, -1, -1, -1, reader, writer, True, False, -1, None, None, None, -1, None, True
    )
