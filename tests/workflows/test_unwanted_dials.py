"""A dial that came to nothing, or is not wanted any more, is not tried again: on the real server,
whose promises about a cancelled activity this rests on."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.exceptions import ActivityError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.workflows.conftest import Stage
from tests.workflows.room import CALLER
from tests.workflows.supervised import Supervised
from workflows.machine.events import LegAnswered, LegEnded
from workflows.machine.model import Kind, Policy, ReleaseAgent

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST, SECOND = "CA" + "8" * 32, "CA" + "9" * 32
FOREVER = 1000
"""Times that an activity fails: it would be tried again and again."""


async def between_attempts(stage: Stage) -> None:
    """Until an attempt has failed, and the next one is waited for."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        pending = (await stage.handle.describe()).raw_description.pending_activities
        if any(
            each.activity_type.name == "add_participant"
            and each.attempt > 1
            and each.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
            for each in pending
        ):
            return
    raise AssertionError("no dial is to be tried again")


async def second_attempt(stage: Stage) -> None:
    """Until the second target's turn has come."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if len((await stage.view()).attempts) == 2:
            return
    raise AssertionError("nobody else is dialled")


def dials(stage: Stage) -> int:
    return stage.room.asked.count("add_participant")


async def declined(stage: Stage, number: int = 1, call_sid: str = FIRST) -> None:
    """A callback tells that the phone of this attempt is busy."""
    label = f"{stage.part}-t{number}"
    await stage.tell(LegEnded(call_sid=call_sid, label=label, cause="busy"))


async def test_busy_phone_is_not_rung_again_after_its_callback(stage: Stage) -> None:
    stage.room.fail("add_participant", "unavailable", times=FOREVER)
    handle = await stage.start(Kind.WARM, "client:bob")
    await between_attempts(stage)
    before = dials(stage)
    await declined(stage)
    result = await handle.result()
    assert (result.state, result.reason) == ("failed", "target_busy")
    assert dials(stage) == before
    assert not stage.room.legs[CALLER].held


async def test_attempt_under_way_ends_by_itself_and_is_the_last(stage: Stage) -> None:
    stage.room.fail("add_participant", "unavailable", times=FOREVER)
    gate = stage.room.block("add_participant")
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.room.began["add_participant"].wait()
    await declined(stage)
    await stage.until("returning")
    gate.set()
    result = await handle.result()
    assert (result.state, result.reason) == ("failed", "target_busy")
    assert dials(stage) == 1


async def test_next_phone_rings_at_once_and_not_after_all_tries_of_the_last(stage: Stage) -> None:
    stage.room.fail("add_participant", "unavailable", times=FOREVER)
    await stage.start(Kind.WARM, "client:bob", "client:carol")
    await between_attempts(stage)
    stage.room.failures.clear()
    await declined(stage)
    leg = await stage.room.ringing(f"{stage.part}-t2")
    assert leg.address == "client:carol"
    assert not [each for each in stage.room.legs.values() if each.label.endswith("-t1")]
    await stage.ask("cancel")
    assert (await stage.handle.result()).state == "cancelled"


async def test_phone_that_is_picked_up_is_not_dialled_again(stage: Stage) -> None:
    stage.room.fail("add_participant", "unavailable", times=FOREVER)
    await stage.start(Kind.WARM, "client:bob")
    await between_attempts(stage)
    before = dials(stage)
    await stage.tell(LegAnswered(call_sid=FIRST, label=f"{stage.part}-t1"))
    await stage.until("consulting")
    await stage.ask("cancel")
    result = await stage.handle.result()
    assert (result.state, dials(stage)) == ("cancelled", before)
    assert [each.call_sid for each in result.attempts] == [FIRST]


async def test_cancel_keeps_a_dial_from_being_tried_again(stage: Stage) -> None:
    stage.room.fail("add_participant", "unavailable", times=FOREVER)
    handle = await stage.start(Kind.WARM, "client:bob")
    await between_attempts(stage)
    before = dials(stage)
    await stage.ask("cancel")
    result = await handle.result()
    assert (result.state, dials(stage)) == ("cancelled", before)
    assert "end_leg" in stage.room.asked, "what the dial may have made is looked for"


async def test_dial_whose_turn_comes_too_late_is_not_begun(stage: Stage) -> None:
    """The first dial is under way when the second target's turn comes, and then the cancel."""
    gate = stage.room.block("add_participant")
    handle = await stage.start(Kind.WARM, "client:bob", "client:carol")
    await stage.room.began["add_participant"].wait()
    await declined(stage)
    await second_attempt(stage)
    await stage.ask("cancel")
    gate.set()
    assert (await handle.result()).state == "cancelled"
    assert dials(stage) == 1


async def test_leg_of_a_dial_that_was_made_again_too_soon_is_ended(stage: Stage) -> None:
    gate = stage.room.block("add_participant")
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.room.began["add_participant"].wait()
    await declined(stage, call_sid=SECOND)
    await stage.until("returning")
    gate.set()
    result = await handle.result()
    assert (result.state, result.reason) == ("failed", "target_busy")
    ended = [each for each in stage.room.given if type(each).__name__ == "EndLegInput"]
    assert [each.call_sid for each in ended] == ["CA" + "1".rjust(32, "0")]
    assert not [each for each in stage.room.legs.values() if each.label.endswith("-t1")]


async def test_recalled_agent_who_declines_is_not_rung_again(stage: Stage) -> None:
    policy = Policy(release_agent=ReleaseAgent.ON_DIAL, guard_seconds=0.2)
    handle = await stage.start(Kind.COLD, "client:bob", policy=policy)
    await stage.until("awaiting")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    stage.room.fail("add_participant", "unavailable", times=FOREVER)
    await stage.hang_up(leg.call_sid, cause="busy")
    await between_attempts(stage)
    before = dials(stage)
    await stage.tell(LegEnded(call_sid=FIRST, label=f"{stage.part}-r1", cause="busy"))
    assert (await handle.result()).state == "diverted"
    assert dials(stage) == before


async def test_recalled_agent_who_picks_up_unseen_has_the_caller(stage: Stage) -> None:
    policy = Policy(release_agent=ReleaseAgent.ON_DIAL, guard_seconds=0.2)
    handle = await stage.start(Kind.COLD, "client:bob", policy=policy)
    await stage.until("awaiting")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    stage.room.fail("add_participant", "unavailable", times=FOREVER)
    await stage.hang_up(leg.call_sid, cause="busy")
    await between_attempts(stage)
    before = dials(stage)
    await stage.tell(LegAnswered(call_sid=FIRST, label=f"{stage.part}-r1"))
    result = await handle.result()
    assert (result.state, result.reason) == ("failed", "target_busy")
    assert dials(stage) == before
    assert not stage.room.legs[CALLER].held


async def test_supervisor_who_declines_is_not_rung_again(stage: Stage) -> None:
    scene = Supervised(stage)
    stage.room.fail("add_participant", "unavailable", times=FOREVER)
    wish = scene.wish()
    label = f"{wish.part}-v1"
    await scene.begin(wish)
    await between_attempts(stage)
    before = dials(stage)
    await stage.tell(LegEnded(call_sid=FIRST, label=label, cause="busy"))
    result = await stage.handle.result()
    assert [each.state for each in result.supervisors] == ["left"]
    assert dials(stage) == before


@workflow.defn(name="ChangesItsMind")
class ChangesItsMind:
    """Begins an activity, and cancels it within the same workflow task."""

    @workflow.run
    async def run(self) -> bool:
        """Whether the history was as long at the cancel as when the activity was begun."""
        begun_at = workflow.info().get_current_history_length()
        dial = workflow.start_activity(
            "add_participant",
            start_to_close_timeout=timedelta(seconds=5),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        await asyncio.sleep(0)
        is_same_task = begun_at == workflow.info().get_current_history_length()
        dial.cancel()
        try:
            await dial
        except ActivityError:
            return is_same_task
        raise AssertionError("a cancelled activity has a result")


async def test_activity_cancelled_in_the_task_that_began_it_is_never_scheduled(
    temporal: WorkflowEnvironment,
) -> None:
    queue = f"mind-{uuid.uuid4()}"
    async with Worker(
        temporal.client,
        task_queue=queue,
        workflows=[ChangesItsMind],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await temporal.client.start_workflow(
            ChangesItsMind.run, id=queue, task_queue=queue
        )
        assert await handle.result()
    events = [each.event_type async for each in handle.fetch_history_events()]
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED not in events
