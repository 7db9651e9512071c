"""The repository's own rules for this package."""

import ast
import sys
from pathlib import Path

import pytest

import iota_engine

PACKAGE = Path(iota_engine.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
SUPPLIED = {"boto3", "botocore", "panther_core", "panther_detection_helpers"}
# What a worker imports before its first rule; the compiler's modules must not be among them.
COMPILE_ONLY = {
    "_compile",
    "_discover",
    "_flags",
    "_found",
    "_importpass",
    "_inline",
    "_metadata",
    "_models",
    "_syntax",
    "_testcases",
}
COMPILE_ONLY |= {"_exceptions", "_overrides", "_own_files", "_product", "_site", "_site_module", "_when"}
COMPILE_ONLY |= {"_sys_path", "_tree", "_yaml"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_every_file(file):
    """Every file opens with a docstring, has at most 250 lines and imports nothing but Python and this package."""
    text = file.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no docstring"
    assert len(text.splitlines()) <= 250, "too long"
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            allowed = top in sys.stdlib_module_names or top == "iota_engine" or (top == "yaml" and file.stem == "_yaml")
            # The digest modules are private to a version of Python.
            assert allowed or top in {"_sha2", "_sha256"}, name


def test_a_worker_loads_nothing_of_the_compiler():
    """The serving side never imports the compiling side, at the top or later."""
    for file in FILES:
        if file.stem in COMPILE_ONLY or file.stem == "__main__":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("iota_engine._"):
                assert node.module.removeprefix("iota_engine.") not in COMPILE_ONLY, (file.name, node.module)


def test_a_worker_starts_lean(make_rule):
    """A worker that waits for its first rule has not loaded what is slow to import."""
    engine = make_rule(
        "import sys\nseen = sorted(sys.modules)\ndef rule(e): return True\ndef alert_context(e): return {'m': seen}"
    )
    loaded = set(engine.verdict({})["context"]["m"])
    slow = {
        "typing",
        "inspect",
        "argparse",
        "dataclasses",
        "subprocess",
        "socket",
        "ssl",
        "hashlib",
        "datetime",
        "pathlib",
    }
    print("loaded", sorted(loaded))
    assert not loaded & slow
