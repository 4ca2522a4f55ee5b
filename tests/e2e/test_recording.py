"""Calls that are recorded, on real processes: held against what the network says ran."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.browser import WAIT_MS, Window, browser
from tests.e2e.desk import Desk
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


RECORDING_SID = re.compile(rb"RE[0-9a-f]{32}")


async def test_t9_addresses_of_recordings_are_neither_answered_nor_logged(company: Troupe) -> None:
    """Whoever has one needs no more than the account's key to listen: ours have no use for it."""
    stack = company.stack
    scene = Scene(stack, "+15550108002", await company.free_agent())
    await scene.open()
    tape = Tape(scene)
    await tape.becomes("in-progress", "recording")
    desks = [scene.desk, Desk(stack, "supervisor")]
    read = f"/v1/calls/{scene.conference_sid}/recording"
    answers = [await desk.request("GET", path) for desk in desks for path in (read, "/v1/calls")]
    answers.append(await scene.desk.request("POST", f"{read}/pause"))
    await tape.becomes("paused", "paused", "person")
    assert [each.status_code for each in answers] == [200] * len(answers)
    assert RECORDING_SID.search(str(await tape.entries()).encode()), "the network's own has one"
    await scene.everybody_goes()
    logs = {name: process.log.read_bytes() for name, process in stack.processes.items()}
    places = dict(enumerate(each.content for each in answers)) | logs
    told = {str(place) for place, content in places.items() if RECORDING_SID.search(content)}
    assert told <= {"simulator"}


@pytest.mark.parametrize("story", RECORDING_STORIES, ids=lambda story: story.name)
async def test_story_ends_as_told(company: Troupe, story: Story) -> None:
    told = await company.perform(story)
    assert not told.problems, f"{told.problems}\n{told.ladder}"
