"""The reference evaluator on the vectors that the prefilter runs as well."""

import json
from pathlib import Path

import pytest
from reference import outcomes

FILES = sorted((Path(__file__).parents[2] / "tests" / "conditions").glob("vectors*.json"))
VECTORS = [(file.stem, vector) for file in FILES for vector in json.loads(file.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("stem", [file.stem for file in FILES])
def test_vectors(stem):
    """Every vector has the outcome that the file says."""
    wrong = []
    for name, vector in VECTORS:
        found = outcomes(vector["condition"], vector["event"]) if name == stem else None
        if found is not None and found != frozenset(vector["outcome"]):
            wrong.append((vector["name"], vector["condition"], vector["event"], vector["outcome"], sorted(found)))
    for each in wrong:
        print(*each, sep="\n  ")
    assert not wrong
