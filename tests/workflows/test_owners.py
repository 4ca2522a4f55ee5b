"""What activities ask Temporal about other workflows, on the real server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from activities.owners import Owner, Owners, caller_known_to
from tests.workflows.conftest import Stage
from tests.workflows.room import CALLER
from workflows.dispatch_guardian import OWNERS
from workflows.machine.model import Kind
from workflows.messages import MEMO_VIEW, transfer_workflow_id

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def listed(owners: Owners, since: datetime, is_running: bool) -> Owner:
    """The one owner there is, as soon as lists show it so: they may be a moment late."""
    async with asyncio.timeout(10):
        while True:
            match await owners.lately(since):
                case [owner] if owner.is_running is is_running:
                    return owner


async def test_owner_that_has_run_lately_is_listed_with_whom_it_dials(stage: Stage) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    owners = Owners(stage.client, OWNERS, MEMO_VIEW, stage.queue)
    assert await owners.lately(began) == []
    handle = await stage.start(Kind.WARM, "client:bob")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.answer()
    await stage.until("consulting")
    running = await listed(owners, began, is_running=True)
    assert leg.call_sid in running.call_sids
    assert not running.is_dialling("client:bob")
    owner_id = transfer_workflow_id(stage.room.conference_sid)
    assert await caller_known_to(stage.client, owner_id, MEMO_VIEW) == CALLER
    assert await caller_known_to(stage.client, "call/nobody", MEMO_VIEW) == ""
    await stage.ask("cancel")
    await handle.result()
    over = await listed(owners, began, is_running=False)
    assert leg.call_sid in over.call_sids
    assert await owners.lately(datetime.now(UTC) + timedelta(seconds=60)) == []
