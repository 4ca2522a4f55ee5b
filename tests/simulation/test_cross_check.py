"""The simulation stands in truly: the short form of `make cross-check`, on real processes."""

from __future__ import annotations

import pytest

from tests.simulation.cross_check import lines, run


@pytest.mark.timeout(180)
def test_the_same_seeds_ask_the_same_of_every_leg_on_real_processes() -> None:
    compared = run(2, seconds_max=6.0)
    different = [each for each in compared if not each.is_same]
    assert len(compared) == 2
    assert not different, "\n".join(line for each in different for line in lines(each))
