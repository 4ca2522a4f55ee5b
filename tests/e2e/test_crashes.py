"""Processes are killed with `kill -9` in the middle of a transfer, and the caller is not lost."""

from __future__ import annotations

import pytest

from tests.e2e.scene import Ending, Scene
from tests.e2e.stack import AGENTS, Stack
from tests.e2e.telephones import addresses, until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

HANDED_OVER = Ending(
    "completed",
    "completed",
    together=(("caller", "target"),),
    up=("caller", "target"),
    talked=(("agent", "target"), ("caller", "target")),
)


async def opened(stack: Stack, caller: str, target: str) -> Scene:
    scene = Scene(stack, caller, AGENTS[0], target=target)
    await scene.phones.behave(AGENTS[0], "answer")
    await scene.open()
    return scene


async def as_told(scene: Scene, name: str) -> None:
    told = await scene.told(name, name, HANDED_OVER)
    assert not told.problems, f"{told.problems}\n{told.ladder}\n{scene.stack.log_tails()}"
    await scene.everybody_goes()


async def test_temporal_killed_in_the_consult_goes_on_from_its_file(durable: Stack) -> None:
    scene = await opened(durable, "+15550108001", "client:bob")
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    durable.processes["temporal"].kill()
    for path in (f"/v1/transfers/{scene.transfer_id}", "/readyz"):
        answer = await scene.desk.request("GET", path)
        assert answer.status_code == 503, answer.text
    agent = await scene.phones.phone(scene.people["agent"])
    caller = await scene.phones.phone(scene.people["caller"])
    assert addresses(agent["can_hear"]) == {"client:bob"}, "the consult was cut off"
    assert (caller["status"], caller["hears"]) == ("in-progress", "hold music")
    await durable.start_again("temporal")
    await scene.press("complete")
    await scene.over()
    await as_told(scene, "temporal-killed")


async def test_api_killed_right_after_its_answer_and_the_answered_call_is_found(
    durable: Stack,
) -> None:
    """The transfer was accepted, so it is carried out; that the target picked up is never told."""
    scene = await opened(durable, "+15550108002", "client:bob")
    await scene.transfer("warm", "target", ring_seconds=5.0)
    durable.processes["api"].kill()
    await scene.answers("target")
    await until(lambda: _answer_is_lost(scene), "the callback to be lost")
    await durable.start_again("api")
    await scene.until("consulting")
    await scene.press("complete")
    await scene.over()
    await as_told(scene, "api-killed")


async def _answer_is_lost(scene: Scene) -> bool | None:
    """Whether the network tried to report that the target picked up, and reached nobody."""
    callbacks = (await scene.phones.ask("GET", "/callbacks"))["callbacks"]
    tried = [
        each
        for each in callbacks
        if each["params"].get("CallStatus") == "in-progress"
        and each["params"].get("To") == scene.people["target"]
        and each["at"] >= scene.begun_at
    ]
    return True if tried and all(each["outcome"] == "failed" for each in tried) else None
