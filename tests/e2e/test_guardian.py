"""Not one callback arrives, workflows are ended by force, and still nobody is forgotten.

L4, L7 and S2 of the promises: a wait for lost news is later by one look and a second.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.scene import Scene
from tests.e2e.stack import AGENTS, CALLS_RUNNING, Options, Stack
from tests.e2e.telephones import Json, Telephones, until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

LATE_SECONDS_MAX = 6.0
"""A look every four seconds, a second of grace, and one for everything else."""
ABANDONED_SECONDS_MAX = 10.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def deaf() -> AsyncIterator[Stack]:
    """A stack that no callback reaches."""
    async with Stack(Options(workers=1)) as running:
        await Telephones(running).ask("POST", "/faults", {"on": "callback", "kind": "drop"})
        yield running


async def opened(stack: Stack, caller: str, target: str) -> Scene:
    """A caller talks with the first agent."""
    scene = Scene(stack, caller, AGENTS[0], target=target)
    await scene.phones.behave(AGENTS[0], "answer")
    await scene.open()
    return scene


async def heard(scene: Scene, what: str) -> float:
    """When the transfer heard of something, by its journal."""
    view = await scene.desk.read(scene.transfer_id)
    return next(float(each["at"]) for each in view["journal"] if each["heard"] == what)


async def test_warm_transfer_goes_through_though_no_callback_arrives(deaf: Stack) -> None:
    scene = await opened(deaf, "+15550107001", "client:bob")
    await scene.transfer("warm", "target")
    await scene.answers("target")
    answered_at = time.time()
    await scene.until("consulting")
    assert await heard(scene, "TargetAnswered") - answered_at < LATE_SECONDS_MAX
    await scene.press("complete")
    await scene.over()
    await scene.phones.hears(scene.people["caller"], scene.people["target"])
    await scene.hangs_up("caller")
    gone_at = time.time()
    await scene.phones.idle(*scene.people.values())
    assert time.time() - gone_at < ABANDONED_SECONDS_MAX
    await nothing_runs(deaf)


async def nothing_runs(stack: Stack) -> None:
    """Every workflow of a call comes to its end."""
    client = await stack.temporal()

    async def look() -> bool | None:
        running = await client.count_workflows(CALLS_RUNNING)
        return True if running.count == 0 else None

    await until(look, "every workflow to end", 30.0)


async def guardian(stack: Stack) -> Json:
    """What the guardian shows of itself."""
    client = await stack.temporal()
    description = await client.get_workflow_handle("guardian").describe()
    found: Json = await description.memo_value("view")
    return found
