"""A TCP connection to a listener on this machine."""

import socket


def attempt():
    connection = socket.socket()
    connection.connect(("127.0.0.1", int("@PORT@")))
    return connection
