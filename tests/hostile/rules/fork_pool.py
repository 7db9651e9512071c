"""The same, by the dozen."""

import multiprocessing


def attempt():
    return multiprocessing.get_context("fork").Pool(2)
