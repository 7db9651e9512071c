"""panther_core's time: CPU seconds that the reference implementation takes for every so many-th record of some logs.

    PYTHON benches/reference.py --panther-analysis DIR --every N LOGS [LOGS ...]

PYTHON has tests/conformance/requirements.txt installed. Prints one JSON object: `records` and `cpu_s`. Reading the
records is not counted, nor loading the rules.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "conformance"))

from core import Core
from records import Corpus


def main() -> None:
    """Judge the records and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--panther-analysis", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("logs", type=Path, nargs="+")
    options = parser.parse_args()
    records = [each for folder in options.logs for each in Corpus("", folder)][:: options.every]
    core = Core(options.panther_analysis)
    started = time.process_time()
    core.matches(records)
    print(json.dumps({"records": len(records), "cpu_s": time.process_time() - started}))


if __name__ == "__main__":
    main()
