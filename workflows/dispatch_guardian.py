"""The guardian's orders to `activities/guardian`, and its findings as facts of the machine."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

from workflows.dispatch_order import Order
from workflows.dispatch_tasks import CALL_OVER

with workflow.unsafe.imports_passed_through():
    from activities.guardian import compare
    from activities.guardian.guard import Finding, Guard, GuardInput, GuardReport
    from activities.guardian.remedy import END_LEG, RESUME
    from activities.guardian.rescue import Rescue, RescueInput, RescueReport
    from activities.tasks import EndTaskInput, Tasks
    from workflows.machine.events import (
        Fact,
        HoldFound,
        LegAnswered,
        LegEnded,
        LegJoined,
        LegScreened,
        RoomEnded,
    )
    from workflows.machine.model import Cause
    from workflows.messages import (
        MEMO_TASK,
        MEMO_VIEW,
        TASK_QUEUE,
        GuardianInput,
        StartCallInput,
    )

OWNERS = (
    "WarmTransferWorkflow",
    "ColdTransferWorkflow",
    "CallWorkflow",
    "HoldWorkflow",
    "SupervisionWorkflow",
)
"""The workflows that look after a call."""

SILENT_WHILE = {"call": "transfer", "hold": "transfer"}
"""While a transfer lives, the others hear of nothing but the end of the room."""

KNOWS_HOLDS = ("transfer", "hold")
"""Owners whose views say who is on hold. A call between transfers does not know."""

TOLD_TO_CALL = frozenset({RESUME, END_LEG})
"""What a rescue did that a call between its transfers does not see by itself."""

EXPECTED = frozenset({compare.LEG_MOVED_ON})
"""Findings that are no fault: a call learns by them whom a transfer has left it with, if with
anybody."""

ROUND_SECONDS = 8.0
"""How long one attempt looks. Longer would cost fewer actions, and a worker's death would be missed
for longer: nobody looks until the attempt's time is up."""
ROUND_SECONDS_MAX = 20.0
"""With a look that begins late, over many pages, and a second one at what differs."""


def guard_order(given: GuardianInput) -> Order:
    """Look for a while, and answer what was found."""
    return Order(
        Guard.guard,
        GuardInput(
            types=OWNERS,
            view=MEMO_VIEW,
            task_queue=TASK_QUEUE,
            silent_while=SILENT_WHILE,
            knows_holds=KNOWS_HOLDS,
            # The first look is shown at once.
            seconds=ROUND_SECONDS if given.view.looked_at else 0.0,
            looked_at=given.view.looked_at,
            quiet=given.quiet | given.settled,
        ),
        "what did the callbacks not tell?",
        start_to_close=ROUND_SECONDS_MAX,
        schedule_to_close=10 * ROUND_SECONDS_MAX,
        # Each sign of life is billed, and this goes on for ever.
        heartbeat=None,
    )


def rescue_order(finding: Finding) -> Order | None:
    """Look after the people of whoever was cut off, or after who is on a call unasked; None if
    nobody is to be looked after."""
    is_astray = finding.kind == compare.LEG_STRAY
    if finding.kind not in (*PAGE, compare.LEG_STRAY):
        return None
    return Order(
        Rescue.end_strays if is_astray else Rescue.rescue,
        RescueInput(
            conference_sid=finding.conference_sid,
            types=OWNERS,
            view=MEMO_VIEW,
            task=MEMO_TASK,
            task_queue=TASK_QUEUE,
            workflow_id=finding.workflow_id,
            run_id=finding.run_id if finding.workflow_id else "",
            is_stuck=finding.kind == compare.OWNER_STUCK,
        ),
        f"{finding.kind}: who is left, and what do they need?",
        start_to_close=15.0,
        schedule_to_close=30.0,
    )


def task_order(finding: Finding) -> Order | None:
    """Close a task that nobody works on any more; None if this is about something else."""
    if finding.kind != compare.TASK_LEFT:
        return None
    return Order(
        Tasks.end_task,
        EndTaskInput(task_sid=finding.task_sid, reason=CALL_OVER),
        "close a task that nobody works on",
        start_to_close=15.0,
        schedule_to_close=30.0,
    )


def watch_of(report: RescueReport, at: float) -> StartCallInput | None:
    """Who is to watch a call that goes on; None if nobody has to."""
    found = report.watch
    if found is None:
        return None
    is_task = found.room_name.startswith("WT")
    return StartCallInput(
        conference_sid=found.conference_sid,
        room_name=found.room_name,
        caller_call_sid=found.caller_call_sid,
        caller_address="",
        agents=(),
        accepted_at=at,
        task_sid=found.room_name if is_task else "",
        # Who is who is known, or is learnt from the task.
        is_watched=bool(found.caller_call_sid),
    )


def fact_of(finding: Finding, at: float) -> Fact | None:
    """The fact that its owner should have heard; None if nobody is to be told."""
    make = _FACTS.get(finding.kind)
    return make(finding, at) if make else None


def _ended(found: Finding, at: float) -> Fact:
    return LegEnded(at=at, call_sid=found.call_sid, label=found.label, cause=found.cause)


def _answered(found: Finding, at: float) -> Fact:
    return LegAnswered(at=at, call_sid=found.call_sid, label=found.label)


def _joined(found: Finding, at: float) -> Fact:
    return LegJoined(
        at=at,
        call_sid=found.call_sid,
        label=found.label,
        conference_sid=found.conference_sid,
    )


def _judged(found: Finding, at: float) -> Fact:
    is_machine = found.answered_by == "machine"
    return LegScreened(
        at=at,
        call_sid=found.call_sid,
        label=found.label,
        willing=not is_machine,
        cause=Cause.MACHINE.value if is_machine else "",
    )


def _hold_differs(found: Finding, at: float) -> Fact:
    return HoldFound(at=at, call_sid=found.call_sid, label=found.label, held=found.held)


def _room_ended(found: Finding, at: float) -> Fact:
    return RoomEnded(at=at, conference_sid=found.conference_sid)


_FACTS: dict[str, Any] = {
    compare.LEG_ENDED: _ended,
    compare.LEG_MOVED_ON: _ended,
    compare.LEG_LEFT: _ended,
    compare.HOLD_DIFFERS: _hold_differs,
    compare.LEG_ANSWERED: _answered,
    compare.LEG_JOINED: _joined,
    compare.LEG_JUDGED: _judged,
    compare.ROOM_ENDED: _room_ended,
}
"""A kind of finding -> the fact it amounts to."""

PAGE = frozenset({compare.OWNER_STUCK, compare.OWNER_CUT_OFF, compare.ROOM_UNOWNED})
"""Findings that somebody has to be woken for."""

__all__ = ["EXPECTED", "PAGE", "Finding", "GuardReport", "RescueReport", "fact_of", "guard_order"]
