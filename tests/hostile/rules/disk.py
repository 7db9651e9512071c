"""As much of the disk as there is."""


def attempt():
    with open("@CANARY@", "wb") as file:
        return sum(file.write(bytes(1 << 20)) for _ in range(100))
