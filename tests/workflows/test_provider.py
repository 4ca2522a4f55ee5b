"""An outage of Twilio is one workflow: begun once, and over with the first answer."""

from __future__ import annotations

import uuid

import pytest
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.health import ProbeInput
from worker import WORKFLOWS, workflow_runner
from workflows import provider
from workflows.messages import PROVIDER_WORKFLOW_ID

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_outage_is_one_workflow_and_ends_with_the_first_answer(
    temporal: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = f"test-{uuid.uuid4()}"
    monkeypatch.setattr(provider, "TASK_QUEUE", queue)
    looks = 0

    @activity.defn(name="probe_twilio")
    async def probe(given: ProbeInput) -> None:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise ApplicationError("HTTP 503", type="unavailable")

    await provider.tell_outage(temporal.client)
    handle = temporal.client.get_workflow_handle(PROVIDER_WORKFLOW_ID)
    first = await handle.describe()
    await provider.tell_outage(temporal.client)
    assert (await handle.describe()).run_id == first.run_id
    assert first.status == WorkflowExecutionStatus.RUNNING
    async with Worker(
        temporal.client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=[probe],
        workflow_runner=workflow_runner(),
    ):
        await handle.result()
    assert looks == 3
