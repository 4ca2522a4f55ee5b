"""Supervision in two browsers: the agent asks for help, the supervisor comes and whispers."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.e2e.browser import WAIT_MS, Window, browser
from tests.e2e.scene import Scene
from tests.e2e.stack import Stack
from tests.e2e.troupe import Troupe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
expect.set_options(timeout=WAIT_MS)

SUE = "client:sue"


async def test_agent_asks_and_supervisor_whispers(stack: Stack, troupe: Troupe) -> None:
    agent = await troupe.free_agent()
    scene = Scene(stack, "+15550106002", agent, supervisor=SUE)
    await scene.open()
    async with browser() as context:
        desk, floor = Window(await context.new_page()), Window(await context.new_page())
        await desk.page.goto(f"{stack.api_url}/#key={stack.keys[agent.partition(':')[2]]}")
        await floor.page.goto(f"{stack.api_url}/#key={stack.keys['supervisor']}")
        await desk.page.get_by_role("button", name="Ask for a supervisor").click()
        card = floor.page.locator(".call")
        await expect(card.locator(".help")).to_contain_text(agent)

        await card.get_by_label("Your phone").fill(SUE)
        await card.get_by_role("button", name="Listen").click()
        await scene.answers("supervisor")
        line = card.locator(".supervision li")
        await expect(line).to_contain_text("listening, heard by nobody")
        await expect(desk.page.locator(".supervision li")).to_contain_text(SUE)
        await expect(card.locator(".help")).to_be_hidden()

        await line.get_by_role("button", name="Whisper").click()
        await expect(line).to_contain_text("heard by the agent alone")
        await scene.phones.hears(agent, SUE)
        heard = (await scene.phones.phone(scene.people["caller"]))["can_hear"]
        assert [each["address"] for each in heard] == [agent]
        await line.get_by_role("button", name="Leave").click()
        await expect(line).to_have_count(0)
    assert not desk.complaints
    assert not floor.complaints
    await scene.everybody_goes()
