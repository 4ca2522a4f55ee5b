"""A task as TaskRouter tells it: plain values, and how TaskRouter's words become them.

Everything here crosses Temporal: frozen dataclasses of plain values, new fields only with defaults.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PENDING = "pending"
RESERVED = "reserved"
ASSIGNED = "assigned"
WRAPPING = "wrapping"
COMPLETED = "completed"
CANCELLED = "cancelled"
GONE = "gone"
"""Deleted, which TaskRouter does some five minutes after the end, or never there."""

ACCEPTED = "accepted"
REJECTED = "rejected"
TIMED_OUT = "timed_out"
RESCINDED = "rescinded"

OVER = frozenset({COMPLETED, CANCELLED, GONE})
WAITING = frozenset({PENDING, RESERVED})

_OUR_WORDS = {"canceled": CANCELLED, "timeout": TIMED_OUT}
"""Where a status of a task or reservation is spelled differently by us; all others are the same.

https://www.twilio.com/docs/taskrouter/api/task
https://www.twilio.com/docs/taskrouter/api/reservations
"""

CAUSES = {REJECTED: "rejected", TIMED_OUT: "no_answer", RESCINDED: "cancelled"}
"""Status of a reservation that came to nothing -> cause, in the words of `RoomLeg.cause`."""


@dataclass(frozen=True)
class TaskState:
    """One task, and who it is reserved for.

    `status` is pending, reserved, assigned, wrapping, completed, cancelled or gone; an unknown task
    has no other field. `reservation_status` is pending, accepted, wrapping, completed, rejected,
    timed_out, cancelled or rescinded, of the reservation that counts now, else of the last one.
    The last three fields are told only while the task waits.
    """

    task_sid: str = ""
    status: str = GONE
    reason: str = ""
    age_seconds: int = 0
    priority: int = 0
    queue_sid: str = ""
    queue_name: str = ""
    workflow_sid: str = ""
    task_channel: str = ""
    attributes: str = "{}"
    conference_sid: str = ""
    room_name: str = ""
    caller_call_sid: str = ""
    worker_call_sid: str = ""
    worker_sid: str = ""
    worker_name: str = ""
    reservation_sid: str = ""
    reservation_status: str = ""
    waiting_tasks_ahead: int | None = None
    longest_wait_seconds: int | None = None
    workers_available: int | None = None


def status_of(word: Any) -> str:
    """Our word for TaskRouter's."""
    return _OUR_WORDS.get(str(word), str(word))


@dataclass(frozen=True)
class People:
    """Room and legs as a task's attributes tell them."""

    conference_sid: str = ""
    room_name: str = ""
    caller_call_sid: str = ""
    worker_call_sid: str = ""


def state_of_task(task: Any, reservation: Any = None) -> TaskState:
    """A task out of the SDK's `TaskInstance`, with the `ReservationInstance` that counts."""
    people = people_of(read_attributes(task.attributes))
    return TaskState(
        task_sid=task.sid or "",
        status=status_of(task.assignment_status),
        reason=task.reason or "",
        age_seconds=task.age or 0,
        priority=task.priority or 0,
        queue_sid=task.task_queue_sid or "",
        queue_name=task.task_queue_friendly_name or "",
        workflow_sid=task.workflow_sid or "",
        task_channel=task.task_channel_unique_name or "",
        attributes=task.attributes or "{}",
        conference_sid=people.conference_sid,
        room_name=people.room_name,
        caller_call_sid=people.caller_call_sid,
        worker_call_sid=people.worker_call_sid,
        worker_sid=(reservation.worker_sid or "") if reservation else "",
        worker_name=(reservation.worker_name or "") if reservation else "",
        reservation_sid=(reservation.sid or "") if reservation else "",
        reservation_status=status_of(reservation.reservation_status) if reservation else "",
    )


def people_of(attributes: Mapping[str, Any]) -> People:
    """Room and legs out of attributes.

    After the `conference` instruction TaskRouter writes them below `conference`
    (https://www.twilio.com/docs/taskrouter/contact-center-blueprint/call-control-concepts). A task
    that we made for a transfer names its room below `handover`; its worker's leg is written by the
    `call` instruction (https://www.twilio.com/docs/taskrouter/handle-assignment-callbacks), and by
    us if the worker was on the call before.
    """
    handover = _object(attributes.get("handover"))
    conference = _object(attributes.get("conference"))
    participants = _object(conference.get("participants"))
    worker = attributes.get("worker_call_sid") if handover else participants.get("worker")
    worker = handover.get("worker_call_sid") or worker
    return People(
        conference_sid=_text(handover.get("conference_sid") or conference.get("sid")),
        room_name=_text(handover.get("room") or conference.get("room_name")),
        caller_call_sid=_text(participants.get("customer") or attributes.get("call_sid")),
        worker_call_sid=_text(worker or attributes.get("worker_call_sid")),
    )


def read_attributes(text: str | None) -> dict[str, Any]:
    """Attributes as an object; whatever else somebody stored there counts as nothing."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return _object(found)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
