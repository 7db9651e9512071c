"""A datagram."""

import socket


def attempt():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"secret", ("127.0.0.1", int("@PORT@")))
