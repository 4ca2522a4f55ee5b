"""Holds on a real server: how each path ends, who hears of it, and what two at once come to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.conferences import AnnounceInput
from tests.workflows.conftest import Stage
from tests.workflows.hold_paths import HOLD_PATHS, Path
from tests.workflows.room import AGENT, CALLER
from workflows.hold_messages import HoldView
from workflows.machine.events import HoldReported, LegEnded, OwnerSought, RoomEnded
from workflows.machine.model import Kind, Policy, State
from workflows.messages import HOLD_NOTICE_PATH, HOLD_REMINDER_PATH, TransferView

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("path", HOLD_PATHS, ids=lambda path: path.__name__)
async def test_hold_ends_as_told(stage: Stage, path: Path) -> None:
    result = await path(stage)
    assert (result.state, result.reason) == HOLD_PATHS[path]
    assert result.is_over
    assert result.allowed == ()
    assert result.journal[-1].state_to == result.state
    if CALLER in stage.room.legs:
        assert not stage.room.legs[CALLER].held, "nobody is left on hold"
        others = [leg for leg in stage.room.legs.values() if leg.call_sid != CALLER]
        assert len(others) == 1, "the agent, first or recalled, and nobody else"


async def test_hold_is_read_back_and_its_timer_shown(stage: Stage) -> None:
    await stage.start_hold(Policy(hold_seconds_max=900.0))
    view: HoldView = await stage.until("held")
    assert stage.room.legs[CALLER].held
    assert view.is_held
    assert view.allowed == ("resume",)
    assert view.limit_at is not None
    assert 895 < view.limit_at - view.started_at <= 905
    assert view.deadline_at == pytest.approx(view.limit_at - 60, abs=1)
    assert {person.party: person.hears for person in view.people} == {"caller": (), "agent": ()}
    await stage.ask("resume")
    await stage.handle.result()


async def test_hold_that_cannot_be_read_back_is_not_called_one(stage: Stage) -> None:
    gate = stage.room.block("hold_participant")
    await stage.start_hold()
    view: HoldView = await stage.until("holding")
    assert not view.is_held
    gate.set()
    assert (await stage.until("held")).is_held


async def test_notices_go_to_the_caller_and_the_reminder_to_the_agent(stage: Stage) -> None:
    policy = Policy(hold_seconds_max=2.0, hold_reminder_seconds=0.5, hold_notice_seconds=0.4)
    hold = await stage.start_hold(policy)
    await stage.until("reminded")
    assert (await stage.view()).is_reminded
    await hold.result()
    spoken = [each for each in stage.room.given if isinstance(each, AnnounceInput)]
    *notices, reminder = [(each.call_sid, each.path) for each in spoken]
    assert set(notices) == {(CALLER, HOLD_NOTICE_PATH)}
    assert len(notices) >= 2
    assert reminder == (AGENT, HOLD_REMINDER_PATH)


async def test_resume_twice_is_refused_with_the_hold(stage: Stage) -> None:
    gate = stage.room.block("resume_participant")
    await stage.start_hold()
    await stage.until("held")
    await stage.ask("resume")
    await stage.until("resuming")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.ask("resume")
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.message) == ("rejected", "the hold is ending already")
    gate.set()
    await stage.handle.result()


async def test_plain_transfer_tells_no_hold(stage: Stage) -> None:
    """The word to a hold costs something, so it is said only where there may be one."""
    transfer = await stage.start(Kind.COLD, "client:bob")
    await stage.answer()
    await transfer.result()
    history = await transfer.fetch_history()
    assert not any(
        event.HasField("signal_external_workflow_execution_initiated_event_attributes")
        for event in history.events
    )


async def test_transfer_from_hold_has_the_hold_end_untouched(stage: Stage) -> None:
    hold = await stage.start_hold()
    await stage.until("held")
    transfer = await stage.start(Kind.WARM, "client:bob")
    await stage.room.ringing(f"{stage.part}-t1")
    taken: HoldView = await hold.result()
    assert (taken.state, taken.reason) == ("taken_over", "taken_over")
    assert "resume_participant" not in stage.room.asked, "the hold let go without touching anybody"
    assert stage.room.legs[CALLER].held
    await stage.ask("cancel")
    over: TransferView = await transfer.result()
    assert over.state == "cancelled"
    assert not stage.room.legs[CALLER].held


async def test_resume_finds_that_a_transfer_has_the_caller(stage: Stage) -> None:
    """The request came through, and a transfer began before it: nothing is un-held."""
    hold = await stage.start_hold()
    await _held_and_said(stage)
    gate = stage.room.block("hold_participant")
    await stage.start(Kind.WARM, "client:bob")
    await asyncio.wait_for(stage.room.began["hold_participant"].wait(), 15)
    transfer, stage.handle = stage.handle, hold
    await stage.ask("resume")
    await stage.until("yielding")
    assert "resume_participant" not in stage.room.asked
    gate.set()
    assert (await hold.result()).state == "taken_over"
    stage.handle = transfer
    await stage.until("dialing")
    assert stage.room.legs[CALLER].held
    await stage.ask("cancel")


async def test_unhold_on_its_way_is_undone_by_the_transfer(stage: Stage) -> None:
    """No transfer lived when it was asked, one began before the un-hold took effect: the target
    must not be heard by the caller."""
    hold = await stage.start_hold()
    await _held_and_said(stage)
    gate = stage.room.block("resume_participant")
    await stage.ask("resume")
    await asyncio.wait_for(stage.room.began["resume_participant"].wait(), 15)
    transfer = await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    await stage.until("consulting")
    gate.set()
    assert (await hold.result()).is_over
    await _until(stage, lambda: stage.room.asked.count("hold_participant") >= 3)
    await _until(stage, lambda: stage.room.legs[CALLER].held)
    await stage.ask("cancel")
    assert (await transfer.result()).state == "cancelled"
    assert not stage.room.legs[CALLER].held


async def test_hold_outlives_a_transfer_that_never_had_the_caller(stage: Stage) -> None:
    """It was alive when the hold asked, and failed before it touched anybody."""
    hold = await stage.start_hold()
    await _held_and_said(stage)
    gate = stage.room.block("hold_participant")
    stage.room.fail("hold_participant", "unmet")
    transfer = await stage.start(Kind.WARM, "client:bob")
    await asyncio.wait_for(stage.room.began["hold_participant"].wait(), 15)
    stage.handle = hold
    await stage.ask("resume")
    await stage.until("yielding")
    gate.set()
    assert (await transfer.result()).reason == "agent_not_on_call"
    result = await asyncio.wait_for(hold.result(), 30)
    assert (result.state, result.is_held) == ("resumed", False)
    assert not stage.room.legs[CALLER].held


async def test_call_leaves_a_caller_on_hold_to_the_hold(stage: Stage) -> None:
    """Both hear that the agent is gone; the hold rings the agent, the call does not divert."""
    agent = await _call(stage)
    call = stage.handle
    hold = await stage.start_hold(agent=agent)
    await stage.until("held")
    stage.room.legs.pop(agent)
    for each in (hold, call):
        await each.signal("fact", asdict(LegEnded(call_sid=agent)))
    recall = await stage.room.ringing(f"{stage.part}-r1")
    await asyncio.wait_for(stage.room.entered["read_room"].wait(), 15)
    stage.handle = call
    await stage.until("talking")
    assert "divert_call" not in stage.room.asked
    await hold.signal("fact", asdict(LegEnded(call_sid=recall.call_sid)))
    assert (await hold.result()).state == "diverted"
    assert stage.room.asked.count("divert_call") == 1
    await call.signal("fact", asdict(RoomEnded()))
    await call.result()


async def test_call_diverts_a_forgotten_caller_whom_nobody_owns(stage: Stage) -> None:
    agent = await _call(stage)
    stage.room.legs.pop(agent)
    stage.room.legs[CALLER] = replace(stage.room.legs[CALLER], held=True)
    await stage.tell(LegEnded(call_sid=agent))
    assert (await stage.handle.result()).state == "diverted"


async def test_words_between_workflows_are_harmless_where_they_are_not_meant(stage: Stage) -> None:
    await stage.start_hold()
    view = await stage.until("held")
    for word in (HoldReported(), HoldReported(hold="off"), OwnerSought()):
        await stage.handle.signal("fact", asdict(word))
    await stage.ask("resume")
    result = await stage.handle.result()
    assert result.state == "resumed"
    assert State.YIELDING not in {entry.state_to for entry in result.journal}
    assert view.is_held


async def _call(stage: Stage) -> str:
    """A call that alice has taken; answers her leg."""
    await stage.start_call("client:alice")
    await stage.answer()
    await stage.until("talking")
    return stage.room.leg_of(f"{stage.part}-t1").call_sid


async def _held_and_said(stage: Stage) -> None:
    """The caller is on hold, and the hold has heard that no transfer lives: one that begins now is
    not the one that it had told."""
    await stage.until("held")
    refused = "signal_external_workflow_execution_failed_event_attributes"
    async with asyncio.timeout(15):
        while True:
            events = (await stage.handle.fetch_history()).events
            if any(each.HasField(refused) for each in events):
                return


async def _until(stage: Stage, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not holds():
            await stage.view()
