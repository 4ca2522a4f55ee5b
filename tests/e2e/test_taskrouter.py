"""The stories of TaskRouter mode, and the books of the workers' time after them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.books import Page
from tests.e2e.queue_stories import QUEUE_STORIES, QUEUES, QueueStory, QueueTroupe
from tests.e2e.scene import Told
from tests.e2e.stack import CALLS_RUNNING, Stack
from tests.e2e.telephones import Telephones, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

SUPERVISED_REQUESTS_MAX = 60
REQUESTS_MAX = 40
"""The promise: no story takes more requests to Twilio."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre() -> AsyncIterator[Stack]:
    """A stack whose calls come through queues."""
    async with Stack(QUEUES) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def evening(centre: Stack) -> dict[str, Told]:
    """All stories, one after the other."""
    troupe = QueueTroupe(centre)
    return {story.name: await troupe.perform(story) for story in QUEUE_STORIES}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def books(centre: Stack, evening: dict[str, Told]) -> tuple[dict[str, Page], list[str]]:
    """Every worker's page when all have gone home, and what is wrong."""
    found, wrong = await QueueTroupe(centre).books()
    return {page.worker: page for page in found}, wrong


@pytest.mark.parametrize("name", [story.name for story in QUEUE_STORIES])
async def test_story_ends_as_told(evening: dict[str, Told], name: str) -> None:
    told = evening[name]
    is_supervised = "supervisor" in told.people
    assert not told.problems, f"{told.problems}\n{told.ladder}"
    assert 0 < told.requests <= (SUPERVISED_REQUESTS_MAX if is_supervised else REQUESTS_MAX)


@pytest.mark.parametrize("story", [story for story in QUEUE_STORIES if story.cost], ids=str)
async def test_transfer_costs_what_it_should(evening: dict[str, Told], story: QueueStory) -> None:
    """A worker who is in the room before the task is accepted need not be looked for there. Whether
    two pieces of news come in one task of the workflow, which then sets its clock once, is chance:
    an action more or less."""
    told, cost = evening[story.name], story.cost
    assert cost is not None
    assert told.requests in (cost.requests, cost.requests - 1), told.ladder
    assert abs(told.actions - cost.actions) <= 1, told.ladder


async def test_every_second_is_told_right(books: tuple[dict[str, Page], list[str]]) -> None:
    assert books[1] == []


async def test_whoever_talked_had_a_task_and_nobody_else(
    books: tuple[dict[str, Page], list[str]],
) -> None:
    pages = books[0]
    taken = {name: len(page.busy) for name, page in pages.items()}
    assert taken["alice"] == len(QUEUE_STORIES)
    assert sum(taken.values()) == sum(len(page.on_calls) for page in pages.values())


async def test_worker_sent_away_by_a_time_out_is_back(
    books: tuple[dict[str, Page], list[str]],
) -> None:
    sent_away = [page for page in books[0].values() if page.offers.get("timeout")]
    assert sent_away, "nobody let an offer pass, so nothing is proven"
    assert {page.activity for page in sent_away} == {"Available"}


async def test_nothing_is_left_when_all_have_gone_home(
    centre: Stack, books: tuple[dict[str, Page], list[str]]
) -> None:
    assert await Telephones(centre).live_legs() == {}
    client = await centre.temporal()

    async def look() -> bool | None:
        running = await client.count_workflows(CALLS_RUNNING)
        return True if running.count == 0 else None

    await until(look, "every workflow to end")


async def test_nobody_complained(centre: Stack, evening: dict[str, Told]) -> None:
    complaints = {name: process.complaints() for name, process in centre.processes.items()}
    assert not any(complaints.values()), complaints
