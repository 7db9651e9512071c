"""`~/.aws/credentials`."""


def attempt():
    with open("@HOME@/.aws/credentials") as file:
        return file.read()
