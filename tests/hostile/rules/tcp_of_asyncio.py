"""The same, asynchronously."""

import asyncio


def attempt():
    return asyncio.run(asyncio.open_connection("127.0.0.1", int("@PORT@")))
