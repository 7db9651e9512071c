"""Fixtures of the end-to-end tests."""

import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, binary


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our rules, compiled and bundled: the file that `IOTA_RULEPACK` names, the rules beside it."""
    folder = tmp_path_factory.mktemp("pack")
    pack = folder / "rulepack.json"
    command: list[str | Path] = [binary("iota"), "compile", ROOT / "rules", "--python", sys.executable]
    command += ["-o", pack, "--bundle", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return pack
