"""A file of one's own."""


def attempt():
    with open("@CANARY@", "w") as file:
        return file.write("here")
