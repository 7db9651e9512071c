"""A socket in the file system, as container engines have one."""

import socket


def attempt():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect("@UNIX@")
    return connection
