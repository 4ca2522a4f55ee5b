"""A task's attributes as TaskRouter sends them: whose they are, and what a transfer wrote there.

Pure; cannot raise. Attributes are JSON that anybody with access to the account may have changed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from api.webhooks.translate import Get, is_label
from workflows.machine.events import Fact, TaskEnded, WorkerDeclined, WorkerTimedOut
from workflows.machine.model import Accept, Cause
from workflows.messages import CONFERENCE_SID, TASK_SID

_ROOM = re.compile(r"^[A-Za-z0-9_.:-]{1,128}$")
_NUMBER = re.compile(r"^\+?[0-9]{5,15}$")
_ACTIVITY_SID = re.compile(r"^WA[0-9a-f]{32}$")
RESERVATION_SID = re.compile(r"^WR[0-9a-f]{32}$")
_WORKER_SID = re.compile(r"^WK[0-9a-f]{32}$")
_CALL_SID = re.compile(r"^CA[0-9a-f]{32}$")

_OFFER_OVER = frozenset({"reservation.timeout", "reservation.rejected"})
"""Events after which TaskRouter offers the call to the next worker."""

TASK_OVER = frozenset({"task.canceled", "task.deleted", "task.system-deleted", "workflow.timeout"})
"""Events after which nobody will be offered the call any more. `workflow.timeout` is followed by
the default queue where there is one, but a transfer that asked for somebody has not found them.
https://www.twilio.com/docs/taskrouter/api/event/reference"""


@dataclass(frozen=True)
class Handover:
    """What a transfer wrote into the task that looks for its target."""

    conference_sid: str
    label: str
    room: str
    demands_accept: bool = False


def attributes_in(text: str) -> dict[str, Any] | None:
    """The attributes; None for what is not a JSON object."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def handover_in(attributes: dict[str, Any]) -> Handover | None:
    """What the transfer wrote; None if that is not whole."""
    given = attributes.get("handover")
    if not isinstance(given, dict):
        return None
    words = {name: each for name, each in given.items() if isinstance(each, str)}
    conference_sid, label = words.get("conference_sid", ""), words.get("label", "")
    if not (CONFERENCE_SID.fullmatch(conference_sid) and is_label(label)):
        return None
    # A room that the conference instruction made is named by the caller's own task.
    room = words.get("room") or words.get("task_sid", "")
    demands_accept = words.get("accept") == Accept.PRESS_1.value
    return Handover(conference_sid, label, room, demands_accept)


def booked_worker(attributes: dict[str, Any]) -> str | None:
    """The worker who is on the call already, and for whom alone the task is; None for other tasks,
    empty if it is not said who."""
    given = attributes.get("handover")
    if not isinstance(given, dict) or given.get("is_booking") is not True:
        return None
    worker = given.get("requested_worker")
    return worker if isinstance(worker, str) and _WORKER_SID.fullmatch(worker) else ""


def is_room(name: str) -> bool:
    """Whether a room's name may stand in an address: a SID or a word, never a phone number."""
    return bool(_ROOM.fullmatch(name)) and not _NUMBER.fullmatch(name)


def task_fact(get: Get, at: float) -> tuple[str, Fact] | None:
    """An event of the workspace -> whose transfer it is, and what happened; None for the rest."""
    event = get("EventType")
    if event not in _OFFER_OVER and event not in TASK_OVER:
        return None
    attributes = attributes_in(get("TaskAttributes")) or {}
    handover = handover_in(attributes)
    if handover is None or booked_worker(attributes) is not None:
        return None  # nobody waits for it
    call_sid = _worker_leg(attributes)
    if event == "reservation.timeout":
        return _timed_out(get, handover, call_sid, at)
    if event == "reservation.rejected":
        declined = WorkerDeclined(at=at, label=handover.label, call_sid=call_sid)
        return handover.conference_sid, declined
    task_sid = get("TaskSid")
    if not TASK_SID.fullmatch(task_sid):
        return None
    ended = TaskEnded(at=at, label=handover.label, task_sid=task_sid, cause=Cause.NO_ANSWER.value)
    return handover.conference_sid, ended


def _worker_leg(attributes: dict[str, Any]) -> str:
    """The leg that TaskRouter dialled last for the task; empty where it has not written it."""
    call_sid = attributes.get("worker_call_sid")
    return call_sid if isinstance(call_sid, str) and _CALL_SID.fullmatch(call_sid) else ""


def _timed_out(get: Get, handover: Handover, call_sid: str, at: float) -> tuple[str, Fact] | None:
    """The activity before is told by its own name once the worker has been sent away, and is still
    the present one before that."""
    worker_sid = get("WorkerSid")
    activity_sid = get("WorkerPreviousActivitySid") or get("WorkerActivitySid")
    if not _WORKER_SID.fullmatch(worker_sid):
        return None
    timed_out = WorkerTimedOut(
        at=at,
        label=handover.label,
        worker_sid=worker_sid,
        activity_sid=activity_sid if _ACTIVITY_SID.fullmatch(activity_sid) else "",
        call_sid=call_sid,
    )
    return handover.conference_sid, timed_out
