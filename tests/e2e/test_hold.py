"""The stories of callers on hold, each held against the ledger of the simulated network."""

from __future__ import annotations

import pytest

from tests.e2e.hold_stories import HOLD_STORIES
from tests.e2e.stack import CALLS_RUNNING, Stack
from tests.e2e.telephones import Telephones, until
from tests.e2e.troupe import Troupe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest.mark.parametrize("name", [story.name for story in HOLD_STORIES])
async def test_story_ends_as_told(troupe: Troupe, stack: Stack, name: str) -> None:
    (story,) = (each for each in HOLD_STORIES if each.name == name)
    told = await troupe.perform(story)
    assert not told.problems, f"{told.problems}\n{told.ladder}\n{told.asides}"
    assert 0 < told.requests <= 40
    assert await Telephones(stack).live_legs() == {}
    client = await stack.temporal()

    async def look() -> bool | None:
        running = await client.count_workflows(CALLS_RUNNING)
        return True if running.count == 0 else None

    await until(look, "every workflow to end")
    complaints = {name: process.complaints() for name, process in stack.processes.items()}
    assert not any(complaints.values()), complaints
