"""The guardian's workflow on a real server: it tells the very run, counts, rescues, and goes on."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.client import WorkflowExecutionStatus as Status
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.guardian import compare
from activities.guardian.guard import Finding, GuardInput, GuardReport
from activities.guardian.rescue import RescueInput, RescueReport, Watch
from tests.workflows.conftest import Stage
from tests.workflows.room import CALLER
from worker import workflow_runner
from workflows import guardian
from workflows.guardian import GuardianWorkflow, ensure_guardian
from workflows.machine.model import Kind
from workflows.messages import (
    GUARDIAN_TASK_QUEUE,
    GUARDIAN_WORKFLOW_ID,
    GuardianInput,
    GuardianView,
    call_workflow_id,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Watchman:
    """The guardian's activities, as told by a test."""

    def __init__(self) -> None:
        self.reports: asyncio.Queue[GuardReport] = asyncio.Queue()
        self.given: list[GuardInput] = []
        self.rescues: list[RescueInput] = []
        self.answers: list[RescueReport | Exception] = []

    def finds(self, *findings: Finding, **more: Any) -> None:
        """What the next round finds."""
        self.reports.put_nowait(GuardReport(findings, looks=1, looked_at=time.time(), **more))

    @activity.defn(name="guard")
    async def guard(self, given: GuardInput) -> GuardReport:
        self.given.append(given)
        try:
            return await asyncio.wait_for(self.reports.get(), 0.2)
        except TimeoutError:
            return GuardReport(looks=5, looked_at=time.time())

    @activity.defn(name="rescue")
    async def rescue(self, given: RescueInput) -> RescueReport:
        self.rescues.append(given)
        answer = self.answers.pop(0) if self.answers else RescueReport()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Post:
    """A guardian at work."""

    def __init__(self, handle: WorkflowHandle[Any, Any], watchman: Watchman) -> None:
        self.handle = handle
        self.watchman = watchman

    async def view(self) -> GuardianView:
        """What it shows."""
        found = await self.handle.describe()
        return await found.memo_value("view", type_hint=GuardianView)

    async def until(self, holds: Callable[[GuardianView], bool]) -> GuardianView:
        """Wait until its view is so."""
        give_up_at = time.monotonic() + 15
        while not holds(view := await self.view()):
            assert time.monotonic() < give_up_at, view
            await asyncio.sleep(0.05)
        return view


@asynccontextmanager
async def guarded(client: Client, queue: str) -> AsyncIterator[Post]:
    """A guardian of the test's own, on a queue of its own."""
    watchman = Watchman()
    handle = await client.start_workflow(
        GuardianWorkflow.run,
        GuardianInput(),
        id=f"guardian-{uuid.uuid4()}",
        task_queue=queue,
        memo={"view": GuardianView()},
    )
    async with Worker(
        client,
        task_queue=queue,
        workflows=[GuardianWorkflow],
        activities=[watchman.guard, watchman.rescue],
        workflow_runner=workflow_runner(),
    ):
        yield Post(client.get_workflow_handle(handle.id), watchman)
    await client.get_workflow_handle(handle.id).terminate()


@pytest_asyncio.fixture(loop_scope="session")
async def post(temporal: WorkflowEnvironment) -> AsyncIterator[Post]:
    async with guarded(temporal.client, f"guardian-{uuid.uuid4()}") as made:
        yield made


async def finding(kind: str, stage: Stage, **more: Any) -> Finding:
    """Something about the transfer on the stage, as its run is now."""
    run_id = (await stage.handle.describe()).run_id
    return Finding(
        kind, f"{run_id}/{kind}", stage.handle.id, run_id, stage.room.conference_sid, **more
    )


async def test_what_no_callback_told_is_told_to_the_transfer(post: Post, stage: Stage) -> None:
    await stage.start(Kind.WARM, "client:bob")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    post.watchman.finds(
        await finding(compare.LEG_JOINED, stage, call_sid=leg.call_sid, label=leg.label)
    )
    await stage.until("consulting")
    view = await post.until(lambda view: bool(view.findings))
    assert view.findings == {"leg_joined": 1}
    assert view.latest[0].workflow_id == stage.handle.id
    await stage.hang_up(CALLER)
    await stage.handle.result()


async def test_hold_found_is_mended_by_the_transfer(post: Post, stage: Stage) -> None:
    await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    await stage.until("consulting")
    heard = stage.room.entered["hold_participant"]
    heard.clear()
    post.watchman.finds(await finding(compare.HOLD_DIFFERS, stage, call_sid=CALLER, held=False))
    await asyncio.wait_for(heard.wait(), 10)
    await stage.hang_up(CALLER)
    await stage.handle.result()


async def test_who_ended_meanwhile_is_told_nothing_and_the_guardian_goes_on(
    post: Post, stage: Stage
) -> None:
    await stage.start(Kind.WARM, "client:bob")
    await stage.room.ringing(f"{stage.part}-t1")
    late = await finding(compare.ROOM_ENDED, stage)
    await stage.hang_up(CALLER)
    await stage.handle.result()
    post.watchman.finds(late)
    first = await post.until(lambda view: bool(view.findings))
    await post.until(lambda view: view.looks > first.looks + 5)


async def test_counts_outlive_the_guardians_runs(
    post: Post, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardian, "ROUNDS_MAX", 2)
    await stage.start(Kind.WARM, "client:bob")
    first = (await post.handle.describe()).run_id
    quiet = {"something": time.time() + 60}
    post.watchman.finds(await finding(compare.OWNER_OVERDUE, stage), quiet=quiet)
    post.watchman.finds(await finding(compare.OWNER_OVERDUE, stage), quiet=quiet)
    view = await post.until(lambda view: view.findings.get("owner_overdue") == 2)

    async def is_new_run() -> bool:
        return (await post.handle.describe()).run_id != first

    give_up_at = time.monotonic() + 15
    while not await is_new_run():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)
    later = await post.until(lambda later: later.looks > view.looks)
    assert later.findings == {"owner_overdue": 2}
    assert later.since == view.since
    await stage.handle.terminate()


async def test_rescue_is_repeated_until_nothing_is_left(post: Post, stage: Stage) -> None:
    await stage.start(Kind.WARM, "client:bob")
    cut_off = await finding(compare.OWNER_CUT_OFF, stage)
    await stage.handle.terminate()
    post.watchman.answers += [
        ApplicationError("Twilio: 503", non_retryable=True),
        RescueReport(("end_leg", "resume"), is_settled=False),
        RescueReport(),
    ]
    for number in range(1, 4):
        post.watchman.finds(cut_off)
        give_up_at = time.monotonic() + 15
        while len(post.watchman.rescues) < number:
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.02)
    view = await post.until(lambda view: bool(view.rescues))
    assert view.rescues == {"end_leg": 1, "resume": 1}
    given = post.watchman.rescues[0]
    assert (given.workflow_id, given.is_stuck) == (stage.handle.id, False)
    give_up_at = time.monotonic() + 15
    while cut_off.key not in post.watchman.given[-1].quiet:
        assert time.monotonic() < give_up_at, "a complete rescue is looked for again and again"
        await asyncio.sleep(0.02)


async def test_call_that_goes_on_is_watched_again(
    temporal: WorkflowEnvironment, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardian, "TASK_QUEUE", stage.queue)
    sid = stage.room.conference_sid
    async with guarded(temporal.client, f"guardian-{uuid.uuid4()}") as post:
        stage.handle = stage.client.get_workflow_handle(call_workflow_id(sid))
        gone = Finding(compare.OWNER_CUT_OFF, "key", stage.handle.id, "run", sid)
        post.watchman.answers.append(RescueReport(watch=Watch(sid, "room", CALLER)))
        post.watchman.finds(gone)
        assert (await post.until(lambda view: bool(view.rescues))).rescues == {"watch": 1}
        view = await stage.until("talking")
        assert {each.party for each in view.people} == {"caller", "agent"}
    await stage.hang_up(CALLER)
    assert (await stage.handle.result()) is not None
    assert stage.room.asked[-1] == "end_room"


async def test_second_guardian_finds_the_place_taken(temporal: WorkflowEnvironment) -> None:
    client = temporal.client
    await asyncio.gather(*(ensure_guardian(client) for _ in range(3)))
    first = await client.get_workflow_handle(GUARDIAN_WORKFLOW_ID).describe()
    await ensure_guardian(client)
    second = await client.get_workflow_handle(GUARDIAN_WORKFLOW_ID).describe()
    assert (first.status, first.run_id) == (Status.RUNNING, second.run_id)
    assert first.task_queue == GUARDIAN_TASK_QUEUE
    await client.get_workflow_handle(GUARDIAN_WORKFLOW_ID).terminate()


async def test_guardian_that_was_ended_is_replaced_and_knows_what_it_counted(
    temporal: WorkflowEnvironment,
) -> None:
    client = temporal.client
    handle = client.get_workflow_handle(GUARDIAN_WORKFLOW_ID)
    await client.start_workflow(
        GuardianWorkflow.run,
        GuardianInput(),
        id=GUARDIAN_WORKFLOW_ID,
        task_queue=GUARDIAN_TASK_QUEUE,
        memo={"view": GuardianView(since=7.0, looks=3, findings={"leg_ended": 2})},
    )
    await handle.terminate()
    await ensure_guardian(client)
    found = await handle.describe()
    view = await found.memo_value("view", type_hint=GuardianView)
    assert (found.status, view.looks, view.findings) == (Status.RUNNING, 3, {"leg_ended": 2})
    await handle.terminate()


async def test_guardian_whose_own_code_fails_is_replaced(
    temporal: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = temporal.client
    handle = client.get_workflow_handle(GUARDIAN_WORKFLOW_ID)
    monkeypatch.setattr(guardian, "FAILURES_MAX", 1)
    await ensure_guardian(client)
    first = (await handle.describe()).run_id

    def broken(_given: GuardianInput) -> None:
        raise RuntimeError("a change that went wrong")

    monkeypatch.setattr(guardian, "guard_order", broken)
    async with Worker(
        client,
        task_queue=GUARDIAN_TASK_QUEUE,
        workflows=[GuardianWorkflow],
        workflow_runner=workflow_runner(),
    ):
        give_up_at = time.monotonic() + 15
        while (await handle.describe()).raw_description.pending_workflow_task.attempt < 2:
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.05)
    await ensure_guardian(client)
    found = await handle.describe()
    assert (found.status, found.run_id == first) == (Status.RUNNING, False)
    await handle.terminate()
