"""Memory of one worker process per waiting transfer, beside the floor's.

A transfer waits while the target's phone rings: caller held, target dialled. To make thousands of
them in reasonable time the transfers are started at Temporal and their activities are answered
inside the worker process, without HTTP; workflows and worker options are the product's.
The floor's workflows are started and wait for their first signal. One after the other, each in a
fresh worker process.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from benchmarks.floor import HEAR, QUEUE, Floor
from benchmarks.processes import Bench, add_process, cpu_seconds, resident_bytes, said
from tests.e2e.processes import Process
from workflows.machine.model import Kind, Policy, Target
from workflows.messages import (
    MEMO_VIEW,
    TASK_QUEUE,
    StartTransferInput,
    TransferView,
    transfer_workflow_id,
)
from workflows.views import begin, view_of

BATCH = 50
"""Starts at a time."""
IDLE_CPU_SHARE = 0.05
PATIENCE_SECONDS = 120.0
WAITING_SECONDS = 3600.0
"""Long enough that no deadline passes while the others are started."""

Check = Callable[[Client, str], Awaitable[bool]]


@dataclass(frozen=True)
class Memory:
    """One side: bytes of the empty worker, and with so many waiting."""

    name: str
    empty: int
    waiting: tuple[tuple[int, int], ...]
    """Pairs of how many wait and the resident bytes then."""

    def per_transfer(self, number: int) -> float:
        """Bytes that each of so many waiting transfers takes."""
        return (dict(self.waiting)[number] - self.empty) / number


async def measure(
    bench: Bench, numbers: Sequence[int], progress: Callable[[int], None]
) -> list[Memory]:
    """Both sides, with so many waiting, ascending. Ends the stack's own workers."""
    sealed = await bench.stack.temporal()
    bare = await Client.connect(bench.stack.temporal_address)
    told = []
    for name, module, ended, client, start in (
        ("floor", "benchmarks.floor_worker", "floor-worker", bare, _start_floor),
        ("engine", "benchmarks.waiting_worker", "worker-1", sealed, _start_engine),
    ):
        await bench.stack.processes[ended].stop()
        worker = add_process(bench.stack, f"{name}-memory", ["-m", module])
        await worker.until(lambda worker=worker: said(worker, "worker ready"))  # type: ignore[misc]
        told.append(await _fill(name, client, worker, start, numbers, progress))
        await worker.stop()
    return told[::-1]


async def _fill(
    name: str,
    client: Client,
    worker: Process,
    start: Callable[[Client], Awaitable[str]],
    numbers: Sequence[int],
    progress: Callable[[int], None],
) -> Memory:
    await _quiet(worker)
    empty, waiting, made = resident_bytes(worker), [], 0
    is_there = _is_dialing if name == "engine" else _is_waiting
    for number in numbers:
        before: list[str] = []
        for begun in range(made, number, BATCH):
            size = min(BATCH, number - begun)
            names = await asyncio.gather(*(start(client) for _ in range(size)))
            # One batch ahead: the worker is never idle, and no start waits past its deadline.
            await _until(is_there, client, before)
            before = names
            progress(size)
        await _until(is_there, client, before)
        made = number
        await _quiet(worker)
        waiting.append((number, resident_bytes(worker)))
    return Memory(name, empty, tuple(waiting))


async def _until(is_there: Check, client: Client, names: Sequence[str]) -> None:
    """Wait until each of these workflows waits."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for name in names:
            while not await is_there(client, name):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def _start_floor(client: Client) -> str:
    name = uuid.uuid4().hex
    await client.start_workflow(Floor.run, [HEAR], id=name, task_queue=QUEUE)
    return name


async def _start_engine(client: Client) -> str:
    """A start as the api makes it."""
    order = StartTransferInput(
        kind=Kind.WARM,
        part=uuid.uuid4().hex[:16],
        conference_sid="CF" + uuid.uuid4().hex,
        agent_address="client:alice",
        targets=(Target("client:bob", ring_seconds=WAITING_SECONDS),),
        accepted_at=time.time(),
        policy=Policy(budget_seconds=WAITING_SECONDS),
        agent_call_sid="CA" + uuid.uuid4().hex,
        caller_call_sid="CA" + uuid.uuid4().hex,
    )
    name = transfer_workflow_id(order.conference_sid)
    await client.start_workflow(
        "WarmTransferWorkflow",
        order,
        id=name,
        task_queue=TASK_QUEUE,
        task_timeout=timedelta(seconds=10),
        memo={MEMO_VIEW: view_of(begin(order))},
        static_summary="warm: client:alice to client:bob",
    )
    return name


async def _quiet(worker: Process) -> None:
    """Wait until the process has nothing to do any more."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        before = cpu_seconds(worker)
        await asyncio.sleep(1.0)
        if cpu_seconds(worker) - before < IDLE_CPU_SHARE:
            return
    raise TimeoutError(f"{worker.name} never came to rest")


async def _is_waiting(client: Client, workflow_id: str) -> bool:
    """Whether the floor's workflow waits for its signal."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    return history.events[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


async def _is_dialing(client: Client, workflow_id: str) -> bool:
    """Whether the transfer waits for its target to answer."""
    description = await client.get_workflow_handle(workflow_id).describe()
    view: TransferView = await description.memo_value(MEMO_VIEW, type_hint=TransferView)
    return view.state == "dialing"
