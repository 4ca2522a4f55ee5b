"""A workflow whose own code fails at every step: the caller it held is free within a minute.

All of it is real but the telephones: Temporal's server, the guardian's workflow and activities.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowExecutionStatus as Status
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.client import open_client
from activities.guardian.guard import Guard
from activities.guardian.rescue import Rescue
from tests.activities.settings import settings_for
from tests.activities.telephony import TARGET, telephony
from worker import workflow_runner
from workflows import dispatch_guardian
from workflows.guardian import GuardianWorkflow
from workflows.messages import TASK_SECONDS, GuardianInput, GuardianView, PersonView, TransferView

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

RESCUED_SECONDS_MAX = 60.0
PART = "0123456789abcdef"


@workflow.defn(name="WarmTransferWorkflow")
class Broken:
    """A transfer with a bug: no step of it can be taken."""

    @workflow.run
    async def run(self, given: Any) -> None:
        """Fails, again and again."""
        raise RuntimeError("a bug in a handler")


async def test_caller_of_a_stuck_transfer_is_given_back_within_a_minute(
    temporal: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, queue = temporal.client, f"stuck-{uuid.uuid4()}"
    monkeypatch.setattr(dispatch_guardian, "TASK_QUEUE", queue)
    async with telephony() as phones, open_client(settings_for(phones.url)) as twilio:
        caller, agent = phones.people_talk()
        target = phones.enter(TARGET, Label=f"{PART}-t1")
        phones.change(caller, Hold="true")
        people = (
            PersonView("caller", call_sid=caller, presence="present", held=True),
            PersonView("agent", call_sid=agent, presence="present"),
            PersonView("target", call_sid=target, presence="present", label=f"{PART}-t1"),
        )
        at = time.time()
        view = TransferView(
            f"{phones.room}-{PART}", "warm", "consulting", phones.room, at, at, people=people
        )
        guard = Guard(twilio, client, look_seconds=2.0)
        rescue = Rescue(twilio, settings_for(phones.url), client)
        stuck = await client.start_workflow(
            "WarmTransferWorkflow",
            None,
            id=f"transfer/{phones.room}",
            task_queue=queue,
            task_timeout=timedelta(seconds=TASK_SECONDS),
            memo={"view": view},
        )
        watch = await client.start_workflow(
            GuardianWorkflow.run,
            GuardianInput(),
            id=f"guardian-{uuid.uuid4()}",
            task_queue=f"{queue}-guardian",
        )
        async with (
            Worker(
                client,
                task_queue=queue,
                workflows=[Broken],
                workflow_runner=UnsandboxedWorkflowRunner(),
            ),
            Worker(
                client,
                task_queue=f"{queue}-guardian",
                workflows=[GuardianWorkflow],
                activities=[guard.guard, rescue.rescue],
                workflow_runner=workflow_runner(),
            ),
        ):
            give_up_at = time.monotonic() + RESCUED_SECONDS_MAX
            while phones.leg(caller).hold:
                assert time.monotonic() < give_up_at, "the caller is still on hold"
                await asyncio.sleep(0.1)
            assert phones.status(target) == "completed", "the consult was heard by the caller"
            assert phones.status(agent) == "in-progress"
            assert (await stuck.describe()).status is Status.TERMINATED
            found = await watch.describe()
            seen = await found.memo_value("view", type_hint=GuardianView)
            assert seen.findings.get("owner_stuck") == 1
            await watch.terminate()
