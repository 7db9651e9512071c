"""More memory than was granted."""

import resource


def attempt():
    return resource.setrlimit(resource.RLIMIT_AS, (-1, -1)) or "raised"
