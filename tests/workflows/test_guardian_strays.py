"""A leg whose transfer is over and that nobody wants is ended, on a call that goes on.

All of it is real but the telephones: Temporal's server and its lists, the guardian's workflow and
activities.
"""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.client import open_client
from activities.guardian.guard import Guard
from activities.guardian.rescue import Rescue
from tests.activities.settings import settings_for
from tests.activities.telephony import TARGET, telephony
from worker import workflow_runner
from workflows import dispatch_guardian
from workflows.guardian import GuardianWorkflow
from workflows.messages import CallView, GuardianInput, GuardianView, PersonView, TransferView

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

ENDED_SECONDS_MAX = 30.0
PART = "0123456789abcdef"


async def test_leg_that_nobody_wants_is_ended_though_the_call_has_an_owner(
    temporal: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, queue = temporal.client, f"astray-{uuid.uuid4()}"
    monkeypatch.setattr(dispatch_guardian, "TASK_QUEUE", queue)
    async with telephony() as phones, open_client(settings_for(phones.url)) as twilio:
        caller, agent = phones.people_talk()
        target, at = phones.enter(TARGET, Label=f"{PART}-t1"), time.time()
        talking = (
            PersonView("caller", call_sid=caller, presence="present"),
            PersonView("target", call_sid=agent, presence="present"),
        )
        let_go = PersonView("target", call_sid=target, presence="gone", label=f"{PART}-t1")
        call = await client.start_workflow(
            "CallWorkflow",
            None,
            id=f"call/{phones.room}",
            task_queue=queue,
            memo={"view": CallView(phones.room, "talking", at, at, people=talking)},
        )
        transfer = await client.start_workflow(
            "WarmTransferWorkflow",
            None,
            id=f"transfer/{phones.room}",
            task_queue=queue,
            memo={
                "view": TransferView(
                    f"{phones.room}-{PART}", "warm", "cancelled", phones.room, at, at,
                    people=(let_go,),
                )
            },
        )  # fmt: skip
        await transfer.terminate()
        guard = Guard(twilio, client, look_seconds=0.5)
        rescue = Rescue(twilio, settings_for(phones.url), client)
        watch = await client.start_workflow(
            GuardianWorkflow.run,
            GuardianInput(),
            id=f"guardian-{uuid.uuid4()}",
            task_queue=f"{queue}-guardian",
        )
        async with Worker(
            client,
            task_queue=f"{queue}-guardian",
            workflows=[GuardianWorkflow],
            activities=[guard.guard, rescue.rescue, rescue.end_strays],
            workflow_runner=workflow_runner(),
        ):
            give_up_at = time.monotonic() + ENDED_SECONDS_MAX
            while phones.status(target) != "completed":
                assert time.monotonic() < give_up_at, "the leg is still in the room"
                await asyncio.sleep(0.1)
            assert phones.status(agent) == phones.status(caller) == "in-progress"
            found = await watch.describe()
            seen = await found.memo_value("view", type_hint=GuardianView)
            assert "leg_stray" in seen.findings
            await watch.terminate()
        await call.terminate()
