"""A program, by the library that everybody uses."""

import subprocess


def attempt():
    return subprocess.run(["/bin/touch", "@CANARY@"], check=True)
