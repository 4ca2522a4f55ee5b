"""Calls that are recorded, on real processes: held against what the network says ran."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.browser import WAIT_MS, Window, browser
from tests.e2e.recording_stories import RECORDED, RECORDING_STORIES, Tape
from tests.e2e.scene import Scene
from tests.e2e.stack import Stack
from tests.e2e.stories import Story
from tests.e2e.troupe import Troupe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def company() -> AsyncIterator[Troupe]:
    """Agents who are free, on a stack whose calls are recorded."""
    async with Stack(RECORDED) as stack:
        troupe = Troupe(stack)
        await troupe.open()
        yield troupe


async def test_agent_sees_and_stops_the_recording(company: Troupe) -> None:
    """The badge on the page, and the button for card numbers."""
    agent = await company.free_agent()
    stack = company.stack
    scene = Scene(stack, "+15550108001", agent)
    async with browser() as context:
        window = Window(await context.new_page())
        await scene.open()
        await window.page.goto(f"{stack.api_url}/#key={stack.keys[agent.partition(':')[2]]}")
        card = window.page.locator(".call")
        badge = card.locator(".recording")
        await expect(badge).to_have_text("recording", timeout=WAIT_MS)
        await card.get_by_role("button", name="Pause the recording").click()
        await expect(badge).to_have_text("recording paused")
        await Tape(scene).becomes("paused", "paused", "person")
        await card.get_by_role("button", name="Resume the recording").click()
        await expect(badge).to_have_text("recording")
        await Tape(scene).becomes("in-progress", "recording")
        assert not window.complaints
    await scene.everybody_goes()


@pytest.mark.parametrize("story", RECORDING_STORIES, ids=lambda story: story.name)
async def test_story_ends_as_told(company: Troupe, story: Story) -> None:
    told = await company.perform(story)
    assert not told.problems, f"{told.problems}\n{told.ladder}"
