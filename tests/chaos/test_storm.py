"""Starts repeated at once on two apis, of which one is killed: one transfer for each key."""

from __future__ import annotations

import pytest

from tests.chaos.storm import storm

KEYS, POSTS = 8, 20


@pytest.mark.timeout(240)
async def test_each_key_starts_one_transfer_whoever_dies() -> None:
    told = await storm(KEYS, POSTS, seed=1)
    assert not told.problems
    assert told.transfers == KEYS
    assert told.kills
    assert sum(told.answered.values()) == KEYS * (POSTS + 2)
