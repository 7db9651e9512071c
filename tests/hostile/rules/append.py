"""More of a file that is there."""


def attempt():
    return open("@VICTIM@", "a").write("more")
