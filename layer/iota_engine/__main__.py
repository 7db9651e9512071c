"""The door: picks the command and nothing else.

In: the command line. Out: an exit code. Separate because a worker must not pay for importing the compiler.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run one command and return the process's exit code."""
    command, *rest = arguments or [""]
    if command == "serve":
        from iota_engine._serve import serve

        return serve()
    if command == "compile":
        from iota_engine._compile import main as compile_main

        return compile_main(rest)
    sys.stderr.write(f"unknown command `{command}`; use `serve` or `compile`\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
