"""The same, in HTTP."""

import http.client


def attempt():
    connection = http.client.HTTPConnection("127.0.0.1", int("@PORT@"), timeout=1)
    connection.request("GET", "/")
    return connection
