"""The same, without the library."""

import _socket


def attempt():
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.connect(("127.0.0.1", int("@PORT@")))
    return connection
