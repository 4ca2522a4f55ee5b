"""Outcome of an activity -> event: what it changed, or why it changed nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from workflows.dispatch_order import Heard
from workflows.dispatch_recordings import recordings_reading
from workflows.dispatch_tasks import task_reading

with workflow.unsafe.imports_passed_through():
    from activities.creating import AddedLeg
    from activities.errors import FailureDetails
    from activities.room import Room
    from workflows.machine.commands import Command
    from workflows.machine.events import (
        CommandFailed,
        CommandSucceeded,
        Failure,
        LegReading,
        RoomReading,
    )
    from workflows.machine.model import Cause

_DETAILS = frozenset(each.name for each in fields(FailureDetails))


def outcome_of(command: Command, result: Any, at: float) -> CommandSucceeded | CommandFailed:
    """The event of a command that was carried out. A notice that nobody heard has no effect."""
    if isinstance(result, Heard) and not result.by_anybody:
        return CommandFailed(at=at, command=command.name, key=command.key, failure=Failure.GONE)
    return CommandSucceeded(
        at=at,
        command=command.name,
        key=command.key,
        call_sid=result.call_sid if isinstance(result, AddedLeg) else "",
        reading=_reading(result) if isinstance(result, Room) else None,
        task=task_reading(result),
        recordings=recordings_reading(result),
    )


def not_begun(command: Command, at: float) -> CommandFailed:
    """The event of a command that was not wanted any more when its turn came."""
    return CommandFailed(
        at=at,
        command=command.name,
        key=command.key,
        failure=Failure.REFUSED,
        cause=Cause.CANCELLED,
    )


def failure_of(command: Command, error: ActivityError, at: float) -> CommandFailed:
    """The event of a command that took no effect. A time-out of Temporal's is `unavailable`."""
    cause = error.cause
    failure, details = Failure.UNAVAILABLE, FailureDetails()
    if isinstance(cause, ApplicationError):
        if cause.type in (Failure.GONE, Failure.REFUSED, Failure.UNMET):
            failure = cause.type
        details = _details(cause.details)
    elif isinstance(cause, TemporalTimeoutError):
        # What an attempt wrote down (`activities.claiming.Memory`) before nobody heard of it again.
        details = _details(cause.last_heartbeat_details)
    return CommandFailed(
        at=at,
        command=command.name,
        key=command.key,
        failure=failure,
        cause=details.cause,
        code=details.code,
        reading=_reading(details.room) if details.room is not None else None,
    )


def _details(told: Sequence[Any]) -> FailureDetails:
    """What an activity said of its failure. The converter gives details back as mappings."""
    given = told[0] if told else None
    if isinstance(given, FailureDetails):
        return given
    if not isinstance(given, dict) or not given.keys() <= _DETAILS:
        return FailureDetails()
    payload = workflow.payload_converter().to_payload(given)
    return workflow.payload_converter().from_payload(payload, FailureDetails)


def _reading(room: Room) -> RoomReading:
    return RoomReading(
        conference_sid=room.conference_sid,
        room_name=room.room_name,
        is_live=room.is_live,
        was_held=room.was_held,
        caller_call_sid=room.caller_call_sid,
        legs=tuple(
            LegReading(
                call_sid=leg.call_sid,
                label=leg.label if leg.is_in_room else "",
                address=leg.address,
                status=leg.status,
                held=leg.held,
                muted=leg.muted,
                exit_flag=leg.exit_flag,
                cause=leg.cause,
                coaching=leg.coaching,
                coach_call_sid=leg.coach_call_sid,
            )
            for leg in room.legs
        ),
    )
