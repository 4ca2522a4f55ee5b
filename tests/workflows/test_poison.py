"""What reaches a workflow past the api: an update of another form, and data nobody can read."""

from __future__ import annotations

import asyncio
import base64
import os
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.workflows.conftest import Stage
from tests.workflows.room import CALLER, FakeRoom
from worker import WORKFLOWS, workflow_runner
from workflows.connection import data_converter
from workflows.encryption import CodecKeys
from workflows.machine.model import Kind, Policy, Target
from workflows.messages import StartTransferInput, transfer_workflow_id
from workflows.warm_transfer import WarmTransferWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("poison", [None, 7, "text", [], [1, 2], {"by": 7}, {"by": {"x": []}}])
@pytest.mark.parametrize("verb", ["complete", "swap"])
async def test_update_of_another_form_is_refused_and_changes_nothing(
    stage: Stage, verb: str, poison: Any
) -> None:
    await stage.start(Kind.WARM, "client:bob")
    await stage.until("dialing")
    with pytest.raises(WorkflowUpdateFailedError):
        await stage.handle.execute_update(verb, poison)
    assert (await stage.view()).state == "dialing"
    await stage.ask("cancel")
    assert (await stage.handle.result()).state == "cancelled"


async def test_unknown_update_is_refused(stage: Stage) -> None:
    await stage.start(Kind.WARM, "client:bob")
    await stage.until("dialing")
    with pytest.raises(WorkflowUpdateFailedError):
        await stage.handle.execute_update("terminate_everything", {})
    await stage.ask("cancel")
    assert (await stage.handle.result()).state == "cancelled"


async def test_data_that_a_worker_cannot_decrypt_waits_for_one_that_can(
    temporal: WorkflowEnvironment,
) -> None:
    """Nothing is lost while the key is missing, and the caller is not touched."""
    queue, room = f"test-{uuid.uuid4()}", FakeRoom()
    room.conference_sid = "CF" + uuid.uuid4().hex
    right = await client_with(temporal, "right")
    given = StartTransferInput(
        kind=Kind.WARM,
        part=uuid.uuid4().hex[:16],
        conference_sid=room.conference_sid,
        agent_address="client:alice",
        targets=(Target("client:bob"),),
        accepted_at=time.time(),
        policy=Policy(guard_seconds=0.2),
        caller_call_sid=CALLER,
    )
    handle = await right.start_workflow(
        WarmTransferWorkflow.run,
        given,
        id=transfer_workflow_id(room.conference_sid),
        task_queue=queue,
        task_timeout=timedelta(seconds=2),
    )
    async with worker_with(await client_with(temporal, "wrong"), queue, room):
        await until_failed_task(handle)
    assert room.asked == []
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    async with worker_with(right, queue, room):
        await room.ringing(f"{given.part}-t1")
        await handle.terminate()


KEYS = {name: base64.b64encode(os.urandom(32)).decode() for name in ("right", "wrong")}


async def client_with(temporal: WorkflowEnvironment, name: str) -> Client:
    keys = CodecKeys.parse(f"{name}:{KEYS[name]}")
    target = temporal.client.service_client.config.target_host
    return await Client.connect(target, data_converter=data_converter(keys))


def worker_with(client: Client, queue: str, room: FakeRoom) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=room.activities(),
        workflow_runner=workflow_runner(),
        graceful_shutdown_timeout=timedelta(seconds=0),
    )


async def until_failed_task(handle: Any) -> None:
    async with asyncio.timeout(20):
        while True:
            events = (await handle.fetch_history()).events
            if any(each.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED for each in events):
                return
            await asyncio.sleep(0.1)
