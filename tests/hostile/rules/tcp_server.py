"""A server of one's own."""

import socketserver


def attempt():
    return socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
