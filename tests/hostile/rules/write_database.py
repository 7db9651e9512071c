"""A database."""

import sqlite3


def attempt():
    return sqlite3.connect("@CANARY@").execute("create table t (x)")
