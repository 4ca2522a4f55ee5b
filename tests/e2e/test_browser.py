"""An agent in a browser: the page shows the call, a click moves it, the phones are beside it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import FrameLocator, Locator, Page, expect

from tests.e2e.browser import WAIT_MS, Window, browser
from tests.e2e.scene import Scene
from tests.e2e.stack import COLLEAGUE, NUMBER, Stack
from tests.e2e.troupe import Troupe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

CALLER = "+15550106001"
expect.set_options(timeout=WAIT_MS)


def phone(phones: FrameLocator, address: str) -> Locator:
    """One phone's card on the phones page."""
    title = phones.get_by_role("heading", name=address, exact=True)
    return phones.locator("article", has=title)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: a folder named by HANDOVER_PICTURES, or one that pytest keeps."""
    folder = Path(os.environ.get("HANDOVER_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def talking(page: Page, phones: FrameLocator, agent: str) -> None:
    """A caller dials our number and the agent picks up, both on the phones page."""
    await phones.get_by_label("From").fill(CALLER)
    await phones.get_by_label("To").fill(NUMBER)
    await phones.get_by_role("button", name="Call", exact=True).click()
    await phone(phones, agent).get_by_role("button", name="Answer").click()
    await expect(page.locator(".call .state")).to_have_text("talking")


async def test_agent_transfers_a_call_with_clicks(
    stack: Stack, troupe: Troupe, pictures: Path
) -> None:
    agent = await troupe.free_agent()
    scene = Scene(stack, CALLER, agent, target=COLLEAGUE)
    await scene.phones.behave(agent, "ring", "busy")
    await scene.phones.behave(COLLEAGUE, "ring")
    async with browser() as context:
        window = Window(await context.new_page())
        page = window.page
        await page.goto(f"{stack.api_url}/#key={stack.keys[agent.partition(':')[2]]}")
        assert "key=" not in page.url, "the key stays in the address, for anybody to read"
        await expect(page.get_by_role("status")).to_contain_text(agent)
        phones = page.frame_locator("#phones-frame")
        await talking(page, phones, agent)
        card = page.locator(".call")
        await expect(card).to_contain_text(CALLER)
        await window.picture(pictures, "1-talking")

        await card.get_by_role("textbox", name="To").fill(COLLEAGUE)
        await card.get_by_role("button", name="Transfer", exact=True).click()
        await expect(card.locator(".state")).to_have_text("dialing")
        await window.picture(pictures, "2-dialing")
        await phone(phones, COLLEAGUE).get_by_role("button", name="Answer").click()
        await expect(card.locator(".state")).to_have_text("consulting")
        await expect(card.get_by_role("button", name="Swap")).to_be_visible()
        caller = card.get_by_role("row", name=re.compile("caller"))
        await expect(caller).to_contain_text("on hold")
        await expect(caller).to_contain_text(CALLER)
        await window.picture(pictures, "3-consulting")

        await card.get_by_role("button", name="Complete").click()
        latest = page.locator("#latest tbody tr").first
        await expect(latest).to_contain_text("completed")
        await expect(page.locator(".call")).to_have_count(0)
        await expect(phone(phones, CALLER)).to_contain_text(f"hears {COLLEAGUE}")
        await window.picture(pictures, "4-completed")
        await phone(phones, CALLER).get_by_role("button", name="Hang up").click()
        await expect(phone(phones, COLLEAGUE)).to_contain_text("on the hook")
    assert not window.complaints
    await scene.everybody_goes()


async def test_agent_holds_and_resumes_with_clicks(
    stack: Stack, troupe: Troupe, pictures: Path
) -> None:
    agent = await troupe.free_agent()
    scene = Scene(stack, CALLER, agent)
    await scene.phones.behave(agent, "ring", "busy")
    async with browser() as context:
        window = Window(await context.new_page())
        page = window.page
        await page.goto(f"{stack.api_url}/#key={stack.keys[agent.partition(':')[2]]}")
        phones = page.frame_locator("#phones-frame")
        await talking(page, phones, agent)
        card = page.locator(".call")
        await card.get_by_role("button", name="Hold", exact=True).click()
        await expect(card.locator(".state")).to_have_text("held")
        await expect(card.get_by_role("row", name=re.compile("caller"))).to_contain_text("on hold")
        timer = card.locator(".holder span")
        await expect(timer).to_contain_text(re.compile(r"On hold for 0:0[2-9]"))
        await expect(timer).to_contain_text("back with the agent in 29:")
        await window.picture(pictures, "5-on-hold")
        await card.get_by_role("button", name="Resume", exact=True).click()
        await expect(card.locator(".state")).to_have_text("talking")
        await expect(timer).to_have_text("")
        await expect(phone(phones, CALLER)).to_contain_text(f"hears {agent}")
        await phone(phones, CALLER).get_by_role("button", name="Hang up").click()
    assert not window.complaints
    await scene.everybody_goes()


async def test_wrong_key_is_told_to_the_person(stack: Stack) -> None:
    async with browser() as context:
        window = Window(await context.new_page())
        await window.page.goto(stack.api_url)
        await window.page.get_by_label("API key or token").fill("not-a-key")
        await window.page.get_by_role("button", name="Sign in").click()
        await expect(window.page.get_by_role("alert").first).to_contain_text("not known")
