"""A small load through moto's SQS and several environments, with faults; `tests/faults/load.py` does thousands."""

import subprocess
import sys

import pytest
from support import ROOT, binary

pytest.importorskip("moto.server")


def test_nothing_is_lost_under_load() -> None:
    """Every file is done with all its alerts acknowledged, or lies in the failure queue."""
    command = [sys.executable, ROOT / "tests" / "faults" / "load.py", "--notifications", "200", "--visibility", "3"]
    assert binary("bootstrap").is_file()

    done = subprocess.run(
        [*command, "--faults", "10"], capture_output=True, text=True, check=False, timeout=300, cwd=ROOT
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "log files in the failure queue" in done.stdout
