"""Supervisions are ended by force while somebody listens or whispers: nobody stays on the call for
whom nobody answers, and the caller hears none of it. No callback arrives, and the network is set to
the worst that may become of a coach whose coached participant leaves.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.guardians import nothing_runs
from tests.e2e.scene import Scene
from tests.e2e.stack import AGENTS, Options, Stack
from tests.e2e.supervision_stories import Ears
from tests.e2e.telephones import until
from workflows.messages import supervision_workflow_id, transfer_workflow_id

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

RESCUED_SECONDS_MAX = 15.0
"""A look, a second of grace, the rescue, and one more look that finds nothing left."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    """One whose workers may complain."""
    async with Stack(Options(workers=1)) as running:
        yield running


async def supervised(stack: Stack, caller: str, mode: str) -> tuple[Scene, Ears]:
    """A caller talks with an agent, and somebody supervises."""
    scene = Scene(stack, caller, AGENTS[0], target="client:bob", supervisor="client:sue")
    await scene.phones.behave(AGENTS[0], "answer")
    await scene.open()
    ears = Ears(scene)
    await ears.join(mode)
    return scene, ears


async def supervisor_has_gone(scene: Scene, since: float) -> None:
    """Off the phone in time, and never heard by the caller; who talked, talks on."""
    await scene.phones.idle(scene.people["supervisor"])
    assert time.time() - since < RESCUED_SECONDS_MAX
    talk = {frozenset((scene.people["caller"], scene.people["agent"]))}

    async def look() -> bool | None:
        return True if await scene.phones.pairs(scene.conference_sid) == talk else None

    await until(look, "caller and agent to talk, and nobody else")


@pytest.mark.parametrize("mode", ["monitor", "whisper"])
async def test_supervision_ended_by_force_leaves_no_supervisor(stack: Stack, mode: str) -> None:
    scene, ears = await supervised(stack, "+15550107101", mode)
    client = await stack.temporal()
    await client.get_workflow_handle(supervision_workflow_id(scene.conference_sid)).terminate()
    await supervisor_has_gone(scene, time.time())
    await ears.check_privacy()
    assert (await ears.view())["is_over"]
    await scene.everybody_goes()
    await nothing_runs(stack)


async def test_supervisor_goes_though_a_transfer_lives_and_another_supervisor_has_come(
    stack: Stack,
) -> None:
    scene, ears = await supervised(stack, "+15550107102", "whisper")
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    client = await stack.temporal()
    await client.get_workflow_handle(supervision_workflow_id(scene.conference_sid)).terminate()
    ended_at = time.time()
    old, scene.people["supervisor"] = scene.people["supervisor"], "client:sid"
    await Ears(scene).join("monitor")
    await scene.phones.idle(old)
    assert time.time() - ended_at < RESCUED_SECONDS_MAX + 5.0, "the new one's answer comes first"
    assert (await scene.phones.phone("client:sid"))["calls"], "the new one stays"
    await scene.press("cancel")
    await scene.over()
    await scene.phones.hears(scene.people["caller"], scene.people["agent"])
    await ears.check_privacy()
    await scene.everybody_goes()
    await nothing_runs(stack)


async def test_everything_ended_by_force_leaves_caller_and_agent(stack: Stack) -> None:
    """The transfer in its consult, the call and the supervision, all at once."""
    scene, ears = await supervised(stack, "+15550107103", "whisper")
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    client = await stack.temporal()
    for workflow_id in (
        transfer_workflow_id(scene.conference_sid),
        supervision_workflow_id(scene.conference_sid),
        f"call/{scene.conference_sid}",
    ):
        await client.get_workflow_handle(workflow_id).terminate()
    await supervisor_has_gone(scene, time.time())
    await scene.phones.idle(scene.people["target"])
    await ears.check_privacy()
    await scene.everybody_goes()
    await nothing_runs(stack)
