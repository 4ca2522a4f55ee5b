"""The stories of `make demo`, each held against the ledger of the simulated network."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from tests.e2e.scene import Told
from tests.e2e.stack import CALLS_RUNNING, Stack
from tests.e2e.stories import STORIES
from tests.e2e.telephones import Telephones, until
from tests.e2e.troupe import Troupe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

PEACEFUL = [story for story in STORIES if not story.breaks_things]
REQUESTS_MAX = 40
"""The promise: no story takes more requests to Twilio."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def evening(troupe: Troupe) -> dict[str, Told]:
    """All stories that do not disturb each other, played at once."""
    told = await asyncio.gather(*(troupe.perform(story) for story in PEACEFUL))
    return {each.name: each for each in told}


@pytest.mark.parametrize("name", [story.name for story in PEACEFUL])
async def test_story_ends_as_told(evening: dict[str, Told], name: str) -> None:
    told = evening[name]
    assert not told.problems, f"{told.problems}\n{told.ladder}"
    assert 0 < told.requests <= REQUESTS_MAX


async def test_worker_killed_in_the_consult_is_replaced(
    troupe: Troupe, stack: Stack, evening: dict[str, Told]
) -> None:
    (story,) = (each for each in STORIES if each.name == "worker-killed")
    told = await troupe.perform(story)
    for name, process in stack.processes.items():
        if name.startswith("worker") and not process.is_running:
            await stack.start_again(name)
    assert not told.problems, f"{told.problems}\n{told.ladder}"
    assert len(told.asides) == 2


async def test_nothing_is_left_when_all_have_gone_home(
    stack: Stack, evening: dict[str, Told]
) -> None:
    assert await Telephones(stack).live_legs() == {}
    client = await stack.temporal()

    async def look() -> bool | None:
        running = await client.count_workflows(CALLS_RUNNING)
        return True if running.count == 0 else None

    await until(look, "every workflow to end")


async def test_nobody_complained(stack: Stack, evening: dict[str, Told]) -> None:
    """Stories in which people merely act leave no warning in any log, and no fault at Twilio."""
    complaints = {name: process.complaints() for name, process in stack.processes.items()}
    assert not any(complaints.values()), complaints
    alerts = (await Telephones(stack).ask("GET", "/debugger"))["alerts"]
    assert not alerts
