"""Reading by way of a library."""

import fileinput


def attempt():
    return list(fileinput.input(["/etc/hosts"]))
