"""Calls that all want something at once, and a worker that dies among them."""

from __future__ import annotations

import pytest

from tests.chaos.crowd import crowd

CALLS = 6


@pytest.mark.timeout(240)
async def test_every_one_of_many_calls_is_transferred_though_a_worker_dies() -> None:
    told = await crowd(CALLS, seed=1)
    assert not told.problems
    assert told.tasks >= CALLS
