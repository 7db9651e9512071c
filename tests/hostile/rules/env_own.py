"""Credentials in the worker's own environment."""

import os


def attempt():
    return next((f"{k}={v}" for k, v in os.environ.items() if "AWS" in k or "@SECRET@" in v), None)
