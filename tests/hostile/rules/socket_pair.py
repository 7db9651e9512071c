"""A pair of sockets, which `sendmsg` can pass descriptors through."""

import socket


def attempt():
    return socket.socketpair()
