"""The stand-ins of the simulation do what real processes do."""

from __future__ import annotations

import pytest

from tests.simulation.cross_check import lines, run


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_same_seeds_ask_the_same_of_every_leg_on_real_processes() -> None:
    different = [each for each in run(6) if not each.is_same]
    assert not different, "\n".join(line for each in different for line in lines(each))
