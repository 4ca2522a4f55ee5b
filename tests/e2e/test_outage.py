"""Twilio is down for a while: calls stay as they are, nothing new is begun, then all goes on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from api.engine.provider import FRESH_SECONDS
from tests.e2e.scene import Ending, Scene
from tests.e2e.stack import AGENTS, Options, Stack
from tests.e2e.telephones import Telephones, until
from workflows.messages import PROVIDER_WORKFLOW_ID

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

HANDED_OVER = Ending(
    "completed",
    "completed",
    together=(("caller", "target"),),
    up=("caller", "target"),
    talked=(("agent", "target"), ("caller", "target")),
)
BACK = Ending(
    "failed", "target_busy", together=(("caller", "agent"),), up=("caller", "agent"), talked=()
)
DOWN = [{"status": 503}, {"status": 429, "retry_after": 1}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Stack]:
    """A stack of its own: everything here is hit by the faults."""
    async with Stack(Options(workers=2)) as running:
        yield running


@asynccontextmanager
async def outage(stack: Stack, **answer: Any) -> AsyncIterator[float]:
    """Twilio answers everything like this, as long as the block lasts. Gives when it began."""
    phones = Telephones(stack)
    await phones.ask("POST", "/faults", {"on": "request", "kind": "status", **answer})
    began = time.time()
    try:
        yield began
    finally:
        await phones.ask("DELETE", "/faults")


async def opened(stack: Stack, caller: str, agent: str, target: str) -> Scene:
    """A caller with this agent; the others are busy, so that the call comes here."""
    scene = Scene(stack, caller, agent, target=target)
    for each in AGENTS:
        await scene.phones.behave(each, "answer" if each == agent else "busy")
    await scene.open()
    return scene


async def refused(scene: Scene) -> None:
    """Once the outage is known, a new transfer is refused at once and in plain words."""
    await until(lambda: shown(scene.stack, is_down=True), "the outage to be known")
    known_at = time.time()
    await until(lambda: passed(known_at, FRESH_SECONDS), "the api to have looked")
    body = {"kind": "warm", "call": scene.call, "targets": ["client:hal"]}
    began = time.monotonic()
    answer = await scene.desk.request("POST", "/v1/transfers", body, key="in-the-outage")
    assert time.monotonic() - began < 1.0
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_down"), answer.text
    assert answer.headers["retry-after"]


async def asked_since(stack: Stack, began: float) -> int:
    made = (await Telephones(stack).ask("GET", "/requests"))["requests"]
    return sum(1 for each in made if each["at"] >= began)


async def shown(stack: Stack, *, is_down: bool) -> bool | None:
    """Whether Temporal shows an outage, or none."""
    handle = (await stack.temporal()).get_workflow_handle(PROVIDER_WORKFLOW_ID)
    try:
        is_running = (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    except RPCError:
        is_running = False
    return True if is_running is is_down else None


@pytest.mark.parametrize("answer", DOWN, ids=["503", "429"])
async def test_outage_in_a_consult_holds_the_caller_and_ends_in_the_hand_over(
    site: Stack, answer: dict[str, Any]
) -> None:
    scene = await opened(site, f"+155501085{answer['status'] % 100:02}", AGENTS[0], "client:bob")
    other = await opened(site, f"+155501086{answer['status'] % 100:02}", AGENTS[1], "client:bob")
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    async with outage(site, **answer) as began:
        await scene.press("complete")
        await refused(other)
        caller = await scene.phones.phone(scene.people["caller"])
        assert (caller["status"], caller["hears"]) == ("in-progress", "hold music")
        assert (await scene.desk.read(scene.transfer_id))["state"] == "handing_over"
        known, at = await asked_since(site, began), time.time()
        await until(lambda: passed(at, 4.0), "some seconds of the outage to pass")
        seconds = time.time() - at
        # Two workers, and the workflow that waits for the end, look every other second or so.
        assert await asked_since(site, began) - known <= 4 * seconds, "a busy loop"
    await scene.over()
    told = await scene.told("outage", "outage in a consult", HANDED_OVER)
    assert not told.problems, f"{told.problems}\n{told.ladder}\n{site.log_tails()}"
    assert told.requests <= 40
    await until(lambda: shown(site, is_down=False), "the outage to be over")
    await scene.everybody_goes()
    await begins(other)
    await other.everybody_goes()


async def test_outage_in_a_dial_rings_one_phone_once(site: Stack) -> None:
    scene = await opened(site, "+15550108701", AGENTS[2], "client:bob")
    phones = scene.phones
    await phones.ask(
        "POST",
        "/faults",
        {"on": "request", "kind": "timeout_after", "route": "participants.create", "count": 1},
    )
    await scene.transfer("warm", "target")
    await scene.rings("target")
    async with outage(site, status=503):
        caller = await phones.phone(scene.people["caller"])
        assert caller["hears"] == "hold music"
        began = time.time()
        await until(lambda: passed(began, 5.0), "some seconds of the outage to pass")
    await scene.answers("target")
    await scene.until("consulting")
    await scene.press("complete")
    await scene.over()
    told = await scene.told("outage", "outage in a dial", HANDED_OVER)
    assert not told.problems, f"{told.problems}\n{told.ladder}\n{site.log_tails()}"
    assert await dials(scene) == 1
    await scene.everybody_goes()


async def test_busy_phone_whose_dial_was_not_answered_is_rung_once(site: Stack) -> None:
    scene = await opened(site, "+15550108702", AGENTS[3], "client:bob")
    await scene.phones.behave("client:bob", "busy")
    await scene.phones.ask(
        "POST",
        "/faults",
        {"on": "request", "kind": "reset_after", "route": "participants.create", "count": 1},
    )

    async def begins_after_the_outages_of_others() -> bool | None:
        try:
            await scene.transfer("warm", "target")
        except AssertionError as refused:
            if "provider_down" not in str(refused):
                raise
            return None
        return True

    await until(begins_after_the_outages_of_others, "Twilio to be believed in again")
    await scene.over()
    told = await scene.told("outage", "busy, and the answer lost", BACK)
    assert not told.problems, f"{told.problems}\n{told.ladder}\n{site.log_tails()}"
    assert await dials(scene) == 1
    await scene.everybody_goes()


async def dials(scene: Scene) -> int:
    """How often a phone was rung for the transfer."""
    made = (await scene.phones.ask("GET", "/requests"))["requests"]
    return sum(
        each["method"] == "POST"
        and each["path"].endswith(f"{scene.conference_sid}/Participants.json")
        and each["effect"]
        and each["at"] >= scene.begun_at
        for each in made
    )


async def begins(scene: Scene) -> None:
    """Wait until a new transfer is accepted again, with the key that was refused before."""

    async def look() -> bool | None:
        body = {"kind": "warm", "call": scene.call, "targets": ["client:hal"]}
        answer = await scene.desk.request("POST", "/v1/transfers", body, key="in-the-outage")
        return True if answer.status_code == 202 else None

    await until(look, "a new transfer to be accepted")


async def passed(since: float, seconds: float) -> bool | None:
    return True if time.time() - since >= seconds else None
