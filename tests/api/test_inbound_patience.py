"""A caller who dials while Temporal is away for a moment is not turned away."""

from __future__ import annotations

from typing import Any, cast

import pytest

from api.engine.facts import Facts
from api.engine.temporal import EngineUnreachableError
from api.webhooks import voice


class Away:
    """Cannot begin anything the first few times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.asked = 0

    async def begin_inbound(self, _: Any) -> None:
        self.asked += 1
        if self.asked <= self.times:
            raise EngineUnreachableError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(voice, "PATIENCE_SECONDS", 0.5)


async def test_a_start_is_repeated_until_temporal_is_back() -> None:
    away = Away(3)
    assert await voice.begun(cast(Facts, away), cast(Any, None))
    assert away.asked == 4


async def test_a_start_is_given_up_in_time_for_an_apology() -> None:
    away = Away(10_000)
    assert not await voice.begun(cast(Facts, away), cast(Any, None))
    assert away.asked > 1
