"""With TaskRouter: news is lost, workflows are ended by force, and no worker stays booked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.e2e.guardians import guardian_of, nothing_runs
from tests.e2e.provisioning import WORKERS
from tests.e2e.queue_scene import QueueScene, name_of
from tests.e2e.queue_stories import QUEUES
from tests.e2e.stack import Stack
from tests.e2e.telephones import Telephones, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

CLOSED_SECONDS_MAX = 30.0
"""The promise: so long after the end TaskRouter's books are right."""
NEWS = {"on": "callback", "kind": "drop", "path": "^(?!.*/taskrouter/assignment)"}
"""All news is lost. TaskRouter's question what a worker is to do is no news."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre() -> AsyncIterator[Stack]:
    """A contact centre that the guardian looks after."""
    settings = {**QUEUES.settings, "HANDOVER_GUARDIAN": "true"}
    async with Stack(replace(QUEUES, workers=1, settings=settings)) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="module")
async def scene(centre: Stack) -> AsyncIterator[QueueScene]:
    """A caller talks with the first worker, and from then on no news arrives."""
    made = QueueScene(centre, "+15550106001")
    await made.open()
    before = sum((await guardian_of(centre)).findings.values())
    await Telephones(centre).ask("POST", "/faults", NEWS)
    yield made
    after = sum((await guardian_of(centre)).findings.values())
    assert after > before, "no news was lost, so nothing is proven"
    await Telephones(centre).ask("DELETE", "/faults")


async def all_are_free(scene: QueueScene) -> None:
    """No worker has or is offered a task, and no workflow waits."""

    async def look() -> bool | None:
        workers = [await scene.centre.worker(name_of(each)) for each in WORKERS]
        return True if not any(each["accepted"] or each["offered"] for each in workers) else None

    await until(look, "all workers to be free", CLOSED_SECONDS_MAX)
    await nothing_runs(scene.stack, CLOSED_SECONDS_MAX)


async def test_worker_who_took_the_call_and_hung_up_unheard_is_free(scene: QueueScene) -> None:
    await scene.transfer_to("warm", "worker:dave")
    await scene.answers_as("target", "dave")
    await scene.until("consulting")
    await scene.press("complete")
    await scene.over()
    await scene.hangs_up("target")
    await scene.phones.idle(*scene.people.values())
    await all_are_free(scene)


async def test_caller_who_hung_up_unheard_frees_the_worker(scene: QueueScene) -> None:
    await scene.hangs_up("caller")
    await scene.phones.idle(*scene.people.values())
    await all_are_free(scene)


async def test_transfer_ended_by_force_rings_no_worker(scene: QueueScene) -> None:
    await scene.transfer_to("warm", "queue:Billing")
    name, _ = await scene.centre.offered("bob", "carol", "dave")
    await scene.phones.ringing(f"client:{name}")
    client = await scene.stack.temporal()
    await client.get_workflow_handle(f"transfer/{scene.conference_sid}").terminate()
    await scene.phones.hears(scene.people["caller"], scene.people["agent"])
    others = [each for each in WORKERS if each != scene.people["agent"]]
    await scene.phones.idle(*others)
    await scene.hangs_up("caller")
    await all_are_free(scene)
