"""The same, by the lowest function there is."""

import posix


def attempt():
    return posix.read(posix.open("@HOME@/.aws/credentials", posix.O_RDONLY), 999)
