"""Looks at a task that several activities share."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from twilio.rest import Client

from activities.errors import GONE as NOT_THERE
from activities.errors import TwilioError, ask, refused
from activities.settings import TwilioSettings
from activities.task_marks import labelled, of_room
from activities.task_state import (
    ACCEPTED,
    ASSIGNED,
    PENDING,
    RESERVED,
    WAITING,
    WRAPPING,
    TaskState,
    state_of_task,
    status_of,
)

T = TypeVar("T")

LABELLED_MAX = 20
"""A label names one task; more than one is a fault that is mended, not listed."""
RESERVATIONS_MAX = 100
"""One page. A task may have been offered a thousand times, but the one that counts is asked for."""
AHEAD_MAX = 100
"""Tasks that are counted before ours. Who has more before them is told this number."""

_COUNTING = {RESERVED: PENDING, ASSIGNED: ACCEPTED, WRAPPING: WRAPPING}
"""Status of a task -> status of the reservation that it stems from."""

_LIVELINESS = (ASSIGNED, WRAPPING, RESERVED, PENDING)


def workspace_of(client: Client, settings: TwilioSettings) -> Any:
    """The workspace's context of the SDK."""
    if not settings.twilio_workspace_sid:
        raise refused("TaskRouter is not set up: TWILIO_WORKSPACE_SID is not set")
    return client.taskrouter.v1.workspaces(settings.twilio_workspace_sid)


async def find_tasks(workspace: Any, label: str) -> list[Any]:
    """The tasks with this label, the one that is furthest on first, of equals the oldest."""
    found = await ask(
        workspace.tasks.list_async(
            evaluate_task_attributes=labelled(label), limit=LABELLED_MAX, page_size=LABELLED_MAX
        )
    )
    return sorted(found, key=lambda task: (_rank(task), -(task.age or 0)))


async def open_tasks_of(workspace: Any, conference_sid: str) -> list[Any]:
    """The tasks that were made for a call in this room and are not over."""
    listed: list[Any] = await ask(
        workspace.tasks.list_async(
            evaluate_task_attributes=of_room(conference_sid),
            assignment_status=list(_LIVELINESS),
            limit=LABELLED_MAX,
            page_size=LABELLED_MAX,
        )
    )
    return listed


async def read_tagged(context: Any) -> tuple[Any, str] | None:
    """One record with its ETag, or None if there is none.

    https://www.twilio.com/docs/taskrouter/api/task#task-version
    """
    try:
        answer = await ask(context.fetch_with_http_info_async())
    except TwilioError as error:
        if error.kind != NOT_THERE:
            raise
        return None
    return answer.data, etag_of(answer.headers)


def etag_of(headers: Mapping[str, str]) -> str:
    """The ETag; names of headers have no case."""
    return next((value for name, value in headers.items() if name.lower() == "etag"), "")


async def read_state(workspace: Any, task: Any, is_position_told: bool = False) -> TaskState:
    """A task that has been read, with the reservation that counts, and where it stands."""
    status = status_of(task.assignment_status)
    is_told = is_position_told and status in WAITING and bool(task.task_queue_sid)
    if not is_told:
        return state_of_task(task, await _counting_reservation(workspace, task))
    reservation, ahead, statistics = await asyncio.gather(
        _counting_reservation(workspace, task),
        _if_told(_waiting_ahead(workspace, task)),
        _if_told(_statistics(workspace, task)),
    )
    state = state_of_task(task, reservation)
    return replace(
        state,
        waiting_tasks_ahead=ahead,
        longest_wait_seconds=statistics.longest_task_waiting_age if statistics else None,
        workers_available=statistics.total_available_workers if statistics else None,
    )


async def list_reservations(
    workspace: Any, task_sid: str, status: str = "", worker_sid: str = ""
) -> list[Any]:
    """A task's reservations, of one status or worker if told so; none of a task that is gone."""
    given = {"reservation_status": status, "worker_sid": worker_sid}
    wishes = {name: value for name, value in given.items() if value}
    try:
        listed: list[Any] = await ask(
            workspace.tasks(task_sid).reservations.list_async(
                limit=RESERVATIONS_MAX, page_size=RESERVATIONS_MAX, **wishes
            )
        )
    except TwilioError as error:
        if error.kind != NOT_THERE:
            raise
        return []
    return listed


async def _counting_reservation(workspace: Any, task: Any) -> Any:
    counting = _COUNTING.get(status_of(task.assignment_status), "")
    listed = await list_reservations(workspace, task.sid, counting)
    return max(listed, key=lambda each: each.date_created, default=None)


async def _waiting_ahead(workspace: Any, task: Any) -> int:
    """How many tasks of the same queue get a worker before this one: those of higher priority, and
    of the same priority those that came earlier.

    https://www.twilio.com/docs/taskrouter/how-it-works
    """
    listed = await ask(
        workspace.tasks.list_async(
            task_queue_sid=task.task_queue_sid,
            assignment_status=[PENDING],
            ordering="Priority:desc,DateCreated:asc",
            limit=AHEAD_MAX,
            page_size=AHEAD_MAX,
        )
    )
    return sum(1 for each in listed if each.sid != task.sid and _turn(each) < _turn(task))


async def _statistics(workspace: Any, task: Any) -> Any:
    queue = workspace.task_queues(task.task_queue_sid)
    return await ask(queue.real_time_statistics().fetch_async())


async def _if_told(request: Coroutine[Any, Any, T]) -> T | None:
    """Where a task stands is nice to know: not knowing it is no reason to know nothing."""
    try:
        return await request
    except TwilioError:
        return None


def _turn(task: Any) -> tuple[int, Any]:
    return -(task.priority or 0), task.virtual_start_time or task.date_created


def _rank(task: Any) -> int:
    status = status_of(task.assignment_status)
    return _LIVELINESS.index(status) if status in _LIVELINESS else len(_LIVELINESS)
