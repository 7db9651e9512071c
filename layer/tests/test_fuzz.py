"""A little of what `make fuzz` runs for long."""

import fuzz
import pytest


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_no_finding(target):
    """A fixed number of executions has no finding."""
    fuzz.run(target, runs=2_000, seed=1)
