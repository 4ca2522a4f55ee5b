"""Whole transfers on the real server: what is asked of Twilio, in which order, and what remains."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from tests.workflows.conftest import Stage
from tests.workflows.room import AGENT, CALLER
from workflows.machine.events import LegAnswered
from workflows.machine.inbound import INBOUND
from workflows.machine.invariants import BrokenInvariantError
from workflows.machine.model import Kind, Policy, ReleaseAgent, State
from workflows.machine.table import Deadline
from workflows.messages import RequestInput, TransferView, transfer_workflow_id

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_agent_consults_swaps_and_completes(stage: Stage) -> None:
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.until("dialing")
    await stage.answer()
    view = await stage.until("consulting")
    assert view.allowed == ("complete", "cancel", "swap", "join", "drop-target")
    assert (await stage.ask("swap")).state == "swapping_back"
    await stage.until("revisiting")
    assert not stage.room.legs[CALLER].held
    assert stage.room.leg_of(f"{stage.part}-t1").held
    await stage.ask("swap")
    await stage.until("consulting")
    await stage.ask("complete")
    result = await handle.result()
    assert result.state == "completed"
    assert result.reason == "completed"
    assert AGENT not in stage.room.legs
    assert not stage.room.legs[CALLER].held
    assert result.seconds_to_human is not None
    assert result.seconds_to_human > 0


async def test_request_that_makes_no_sense_is_refused_with_view(stage: Stage) -> None:
    await stage.start(Kind.WARM, "client:bob")
    await stage.until("dialing")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.ask("join")
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "rejected"
    assert cause.details[0]["state"] == "dialing"
    await stage.ask("cancel")
    assert (await stage.handle.result()).state == "cancelled"


async def test_caller_hangs_up_while_target_rings_and_nothing_is_left(stage: Stage) -> None:
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.until("dialing")
    await stage.hang_up(CALLER)
    result = await handle.result()
    assert (result.state, result.reason) == ("abandoned", "caller_hung_up")
    assert stage.room.legs == {}


async def test_hangup_is_heard_while_dial_is_under_way(stage: Stage) -> None:
    gate = stage.room.block("add_participant")
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.room.began["add_participant"].wait()
    await stage.hang_up(CALLER)
    await stage.until("releasing")
    gate.set()
    result = await handle.result()
    assert result.state == "abandoned"
    assert stage.room.legs == {}
    dial, end = stage.room.asked.index("add_participant"), stage.room.asked.index("end_leg")
    assert dial < end


async def test_cold_transfer_keeps_agent_until_answer(stage: Stage) -> None:
    handle = await stage.start(Kind.COLD, "+15550123")
    await stage.until("dialing")
    assert AGENT in stage.room.legs
    await stage.answer()
    result = await handle.result()
    assert result.state == "completed"
    assert stage.room.asked == [
        "hold_participant",
        "add_participant",
        "resume_participant",
        "remove_participant",
    ]


async def test_blind_transfer_that_nobody_takes_rings_agent_back(stage: Stage) -> None:
    policy = Policy(release_agent=ReleaseAgent.ON_DIAL, guard_seconds=0.2)
    handle = await stage.start(Kind.COLD, "+15550123", policy=policy)
    await stage.until("awaiting")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.hang_up(leg.call_sid, cause="busy")
    await stage.until("recalling")
    recall = await stage.room.ringing(f"{stage.part}-r1")
    await stage.tell(LegAnswered(call_sid=recall.call_sid, label=recall.label))
    result = await handle.result()
    assert (result.state, result.reason) == ("failed", "target_busy")
    assert not stage.room.legs[CALLER].held
    assert [attempt.cause for attempt in result.attempts] == ["busy"]


async def test_operator_cancel_in_web_ui_gives_caller_back(stage: Stage) -> None:
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.until("dialing")
    await handle.cancel()
    result = await handle.result()
    assert (result.state, result.reason) == ("cancelled", "cancelled_by_operator")
    assert not stage.room.legs[CALLER].held


@pytest.mark.parametrize("kind", [Kind.WARM, Kind.COLD])
async def test_cancel_in_the_first_task_is_carried_out(stage: Stage, kind: Kind) -> None:
    """Temporal gives a request that comes at once to the task in which the transfer begins: the
    handler runs before the table's first step."""
    given = stage.transfer(kind, "client:bob")
    start = WithStartWorkflowOperation(
        "WarmTransferWorkflow" if kind is Kind.WARM else "ColdTransferWorkflow",
        given,
        id=transfer_workflow_id(given.conference_sid),
        task_queue=stage.queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        result_type=TransferView,
    )
    await stage.client.execute_update_with_start_workflow(
        "cancel", RequestInput("agent"), start_workflow_operation=start, result_type=TransferView
    )
    result = await (await start.workflow_handle()).result()
    assert (result.state, result.reason) == ("cancelled", "cancelled_by_agent")
    assert not stage.room.legs[CALLER].held
    assert set(stage.room.legs) == {CALLER, AGENT}


async def test_poison_signals_change_nothing(stage: Stage) -> None:
    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.until("dialing")
    for poison in (None, 7, "text", [], {}, {"kind": "leg_answered", "at": "x"}, {"kind": 1}):
        await handle.signal("fact", poison)
    await handle.signal("fact")
    await handle.signal("fact", args=[{"kind": "leg_rang"}, 2, "three"])
    await handle.signal("unknown", {"kind": "leg_ended"})
    await stage.answer()
    await stage.until("consulting")
    await stage.ask("cancel")
    assert (await handle.result()).state == "cancelled"


async def test_call_that_can_give_its_caller_to_nobody_fails_for_the_guardian(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twilio is away for longer than the apology may take: the caller is not forgotten over it."""
    monkeypatch.setitem(INBOUND.deadlines, State.DIVERTING, Deadline(1.0))
    stage.room.fail("divert_call", "refused", times=1000)
    await stage.start_call("client:alice")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.hang_up(leg.call_sid, cause="busy")
    with pytest.raises(WorkflowFailureError) as failure:
        await asyncio.wait_for(stage.handle.result(), 60)
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "provider_down"


async def test_bug_gives_the_caller_back_first_and_fails_loudly(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await stage.start(Kind.WARM, "client:bob")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    await stage.until("dialing")

    def broken(_transfer: object) -> None:
        raise BrokenInvariantError("as told by the test")

    monkeypatch.setattr("workflows.shell_transfers.check", broken)
    await stage.answer()
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "engine_fault"
    assert not stage.room.legs[CALLER].held
    assert AGENT in stage.room.legs
    assert stage.room.asked[-1] == "resume_participant"
    assert leg.call_sid


async def test_bug_in_an_order_gives_the_caller_back_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object) -> None:
        raise ValueError("as told by the test")

    handle = await stage.start(Kind.WARM, "client:bob")
    await stage.answer()
    await stage.until("consulting")
    monkeypatch.setattr("workflows.dispatch.order_for", broken)
    await stage.ask("complete")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert not stage.room.legs[CALLER].held


async def test_flood_of_callbacks_is_bounded(stage: Stage) -> None:
    handle = await stage.start(Kind.WARM, "client:bob")
    leg = await stage.room.ringing(f"{stage.part}-t1")
    for _ in range(50):
        await stage.tell(LegAnswered(call_sid=leg.call_sid, label=leg.label))
    view = await stage.until("consulting")
    assert view.step < 8
    await stage.ask("cancel")
    result = await handle.result()
    assert len(result.journal) < 15


@pytest.mark.parametrize(
    ("meant", "is_taken"),
    [
        ({}, True),
        ({"agent": "client:alice"}, True),
        ({"agent": "client:mallory"}, False),
        ({"part": "f" * 16}, False),
        ({"part": "f" * 16, "agent": "client:alice"}, False),
    ],
)
async def test_request_without_a_look_is_taken_by_the_transfer_that_is_meant_alone(
    stage: Stage, meant: dict[str, str], is_taken: bool
) -> None:
    await stage.start(Kind.WARM, "client:bob")
    await stage.until("dialing")
    given = RequestInput(**{"part": stage.part, **meant})
    if is_taken:
        view = await stage.handle.execute_update("cancel", given, result_type=TransferView)
        assert view.state == "cancelling"
        return
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.handle.execute_update("cancel", given, result_type=TransferView)
    assert isinstance(refused.value.cause, ApplicationError)
    assert (refused.value.cause.type, refused.value.cause.details) == ("not_meant", ())
    names = [
        EventType.Name(each.event_type) for each in (await stage.handle.fetch_history()).events
    ]
    assert not [name for name in names if "UPDATE_ACCEPTED" in name], "a refusal leaves no trace"
    assert (await stage.view()).state == "dialing"
