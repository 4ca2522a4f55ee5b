"""The guardian's lists on their shorter way show what Twilio's SDK shows, at the same moments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.play import play
from tests.simulation.scenarios import story_of
from tests.simulation.simulate import be_quiet


@pytest.mark.parametrize("seed", range(40, 70))
def test_history_is_the_same_to_the_last_request_with_lists_by_the_sdk(seed: int) -> None:
    be_quiet()
    story = story_of(seed)
    quick = play(replace(story, lists_by_sdk=False), with_ladder=True)
    real = play(replace(story, lists_by_sdk=True), with_ladder=True)
    assert quick.looks == real.looks
    assert quick.requests == real.requests
    assert _without_lists(quick.ladder) == _without_lists(real.ladder)


def _without_lists(ladder: list[str]) -> list[str]:
    return [line for line in ladder if ".list" not in line]
