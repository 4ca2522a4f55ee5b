"""One TaskRouter task: create it, end it, accept it for a worker, find out what became of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from temporalio import activity
from twilio.base import values
from twilio.rest import Client

from activities.creating import AddedTask, create_task_once, is_awaited
from activities.ending import complete_call, is_old
from activities.errors import (
    ABSENT,
    GONE,
    REFUSED,
    STALE_STATUS,
    TwilioError,
    ask,
    gone,
    refused,
    unavailable,
    unmet,
)
from activities.reading import find_participant
from activities.room import CONNECTED
from activities.settings import TwilioSettings
from activities.task_ending import DECISIONS_MAX, UNWANTED, end_one_task
from activities.task_marks import BOOKING, marked
from activities.task_reading import (
    find_tasks,
    list_reservations,
    open_tasks_of,
    read_state,
    read_tagged,
    workspace_of,
)
from activities.task_state import (
    ACCEPTED,
    ASSIGNED,
    CAUSES,
    PENDING,
    REJECTED,
    WRAPPING,
    TaskState,
    state_of_task,
    status_of,
)
from activities.task_state import GONE as TASK_GONE

LOOKS_SECONDS = (0.25, 0.5, 1.0, 2.0, 2.0, 2.0)
"""Pauses before the looks for a worker who has just picked up. TwiML is fetched and the room joined
within the first; who hears a whisper takes as long as that."""
TIMEOUT_SECONDS_MAX = 1_209_600
"""A task's longest life. https://www.twilio.com/docs/taskrouter/api/task"""

BOOKING_SECONDS_MAX = 60
"""How long a task waits for a worker who is on the phone already."""


@dataclass(frozen=True)
class CreateTaskInput:
    """What is to be done by whom. `attributes` is a JSON object; `label` is put into it, with what
    the workflow's filters look at (see `task_marks`).

    After `timeout_seconds` without somebody who took it, TaskRouter cancels the task. `priority`
    None and empty words leave the choice to TaskRouter, an empty `workflow_sid` to the settings.
    """

    label: str
    attributes: str
    timeout_seconds: int
    workflow_sid: str = ""
    priority: int | None = None
    task_channel: str = ""
    routing_target: str = ""
    like_task_sid: str = ""
    """A task whose attributes and priority the new one takes over, where it has none of its own."""


@dataclass(frozen=True)
class BookInput:
    """Who is on a call that no task brought them to: the phone's `address`, and the leg.

    `label` becomes the task's; `like_task_sid` as in `CreateTaskInput`.
    """

    label: str
    address: str
    conference_sid: str
    call_sid: str
    like_task_sid: str = ""
    task_channel: str = ""


@dataclass(frozen=True)
class EndTaskInput:
    """Which task is to end, and why. By `task_sid`; else every task with the `label`.

    `wrap_up`: the worker who has it is given time after the call. `is_doubtful`: the outcome of the
    create was never known, so not finding the task does not yet mean that there is none: not before
    `ending.DOUBT_SECONDS_MAX` have passed since `dialed_at` (seconds since the epoch).
    """

    task_sid: str = ""
    label: str = ""
    reason: str = "ended"
    wrap_up: bool = False
    is_doubtful: bool = False
    call_sid: str = ""
    """The leg of the worker whom TaskRouter rang for it: it ends first."""
    dialed_at: float = 0.0
    conference_sid: str = ""
    """Only if its people are in no other room: TaskRouter makes one for each worker it rings."""


@dataclass(frozen=True)
class EndTasksInput:
    """Whose tasks end: of all for whose leg in the room one was made, and the call's own."""

    conference_sid: str
    task_sid: str = ""
    reason: str = "ended"


@dataclass(frozen=True)
class EndedTask:
    """`status` is completed, cancelled, wrapping, or gone."""

    status: str = TASK_GONE


@dataclass(frozen=True)
class AcceptInput:
    """Whose pending reservation of which task is accepted: with `worker_call_sid` only if this is
    the leg that TaskRouter rang for it, without `worker_sid` only if it is the only one."""

    task_sid: str
    worker_call_sid: str = ""
    worker_sid: str = ""
    reservation_sid: str = ""
    """The offer that is meant, where it is known: then no other one is accepted."""
    conference_sid: str = ""
    """The room in which that leg is waited for first; empty: it is known to be there."""


@dataclass(frozen=True)
class RejectInput:
    """Which offer of which task its worker does not want."""

    task_sid: str
    reservation_sid: str


@dataclass(frozen=True)
class ReadTaskInput:
    """Which task is asked about; `with_position` costs two more requests while it waits."""

    task_sid: str = ""
    label: str = ""
    with_position: bool = True


@dataclass(frozen=True)
class RestoreWorkerInput:
    """Which worker, and the activity it was in before a reservation timed out."""

    worker_sid: str
    activity_sid: str


class Tasks:
    """Activities on TaskRouter's Task, Reservation and Worker resources."""

    def __init__(self, client: Client, settings: TwilioSettings) -> None:
        self._client = client
        self._settings = settings

    @activity.defn(name="create_task")
    async def create_task(self, given: CreateTaskInput) -> AddedTask:
        """Create a task, at most once however often this is attempted.

        TaskRouter knows no label of a task: it is found by the label in its attributes.
        """
        made = await self._create_task(given)
        if not await is_awaited():
            workspace = workspace_of(self._client, self._settings)
            await end_one_task(workspace, made.task_sid, UNWANTED, wrap_up=False)
        return made

    async def _create_task(self, given: CreateTaskInput) -> AddedTask:
        workspace = workspace_of(self._client, self._settings)
        given = await self._like(workspace, given)
        attributes = marked(given.attributes, given.label)

        async def create() -> str:
            made = await ask(
                workspace.tasks.create_async(attributes=attributes, **self._wishes(given))
            )
            return str(made.sid)

        async def find() -> str:
            tasks = await find_tasks(workspace, given.label)
            return str(tasks[0].sid) if tasks else ""

        return await create_task_once(create, find)

    @activity.defn(name="book_worker")
    async def book_worker(self, given: BookInput) -> AddedTask:
        """Have TaskRouter know that a worker is on a call: by a task for this worker alone, which
        the answer to the assignment callback accepts. Nobody is rung. Without a task SID: no
        worker has this phone.

        A worker who is not available is offered nothing anyhow; the task ends by itself then.
        """
        workspace = workspace_of(self._client, self._settings)
        if '"' in given.address or "\\" in given.address:
            return AddedTask()  # cannot stand in an expression, so no worker has it
        expression = f'contact_uri == "{given.address}"'
        found = await ask(
            workspace.workers.list_async(target_workers_expression=expression, limit=2)
        )
        if len(found) != 1:
            return AddedTask()
        wish = {
            "label": given.label,
            "conference_sid": given.conference_sid,
            "requested_worker": str(found[0].sid),
            "worker_call_sid": given.call_sid,
            BOOKING: True,
        }
        return await self._create_task(
            CreateTaskInput(
                label=given.label,
                attributes=json.dumps({"handover": wish}),
                timeout_seconds=BOOKING_SECONDS_MAX,
                task_channel=given.task_channel,
                like_task_sid=given.like_task_sid,
            )
        )

    @activity.defn(name="end_task")
    async def end_task(self, given: EndTaskInput) -> EndedTask:
        """End a task in whatever state it is. Ended already is done."""
        workspace = workspace_of(self._client, self._settings)
        if given.call_sid:
            await complete_call(self._client, given.call_sid)
        if given.task_sid:
            sids = [given.task_sid]
        else:
            sids = [str(task.sid) for task in await find_tasks(workspace, given.label)]
        if not sids and given.is_doubtful and not is_old(given.dialed_at):
            raise unavailable("the task is not found; it may still appear")
        why, room = given.reason, given.conference_sid
        ended = [await end_one_task(workspace, sid, why, given.wrap_up, room) for sid in sids]
        return EndedTask(ended[0]) if ended else EndedTask()

    @activity.defn(name="end_tasks_of_room")
    async def end_tasks_of_room(self, given: EndTasksInput) -> int:
        """End all tasks of a call; answers how many: also those of people who have hung up, and of
        whom nobody has heard it."""
        workspace = workspace_of(self._client, self._settings)
        sids = {given.task_sid: None} if given.task_sid else {}
        made = await open_tasks_of(workspace, given.conference_sid)
        sids |= {str(task.sid): None for task in made}
        for sid in sids:
            await end_one_task(workspace, sid, given.reason, wrap_up=False)
        return len(sids)

    @activity.defn(name="accept_reservation")
    async def accept_reservation(self, given: AcceptInput) -> TaskState:
        """Accept a task for its worker. Accepted already is done.

        With a room, the worker is waited for there as long as the offer is open, at most for
        `sum(LOOKS_SECONDS)`; `unmet` with the cause `absent` if they have not come.
        """
        workspace = workspace_of(self._client, self._settings)
        task, listed, is_there = await self._offer(workspace, given)
        accepted, pending = _reservations_for(listed, given)
        if accepted is not None:
            return state_of_task(task, accepted)
        _demand(task, pending, listed, given)
        if not is_there:
            raise unmet("the worker is not in the room", cause=ABSENT)
        try:
            context = workspace.tasks(given.task_sid).reservations(pending[0].sid)
            done = await ask(context.update_async(reservation_status=ACCEPTED))
        except TwilioError as error:
            if error.kind not in (GONE, REFUSED):
                raise
            # Which code stands for "not pending any more" is not documented: look instead.
            listed = await list_reservations(workspace, given.task_sid, "", given.worker_sid)
            accepted, pending = _reservations_for(listed, given)
            if accepted is None:
                _demand(task, pending, listed, given)
                raise unavailable("the offer is open, and was refused to be accepted") from error
            done = accepted
        if status_of(done.reservation_status) not in (ACCEPTED, WRAPPING):
            raise unavailable("the reservation is not accepted yet")
        return replace(state_of_task(task, done), status=ASSIGNED)

    @activity.defn(name="reject_reservation")
    async def reject_reservation(self, given: RejectInput) -> None:
        """Reject an offer, so that the next worker is asked. One that is not open is left alone."""
        workspace = workspace_of(self._client, self._settings)
        offer = workspace.tasks(given.task_sid).reservations(given.reservation_sid)
        found = await read_tagged(offer)
        if found is None or status_of(found[0].reservation_status) != PENDING:
            return
        try:
            await ask(offer.update_async(reservation_status=REJECTED))
        except TwilioError as error:
            if error.kind not in (GONE, REFUSED):
                raise
            # Whoever was faster has settled it, unless it is still open.
            again = await read_tagged(offer)
            if again is not None and status_of(again[0].reservation_status) == PENDING:
                raise

    @activity.defn(name="read_task")
    async def read_task(self, given: ReadTaskInput) -> TaskState:
        """What became of a task: status, room, legs, worker, and its place while it waits. A task
        that is not there (any more) has the status `gone`."""
        workspace = workspace_of(self._client, self._settings)
        if given.task_sid:
            found = await read_tagged(workspace.tasks(given.task_sid))
            task = found[0] if found else None
        else:
            task = next(iter(await find_tasks(workspace, given.label)), None)
        if task is None:
            return TaskState(task_sid=given.task_sid)
        return await read_state(workspace, task, given.with_position)

    @activity.defn(name="restore_worker")
    async def restore_worker(self, given: RestoreWorkerInput) -> None:
        """Put a worker back whom a reservation's time-out sent away: only if nobody has moved the
        worker since. A worker who is gone is left alone.

        https://www.twilio.com/docs/taskrouter/workflow-configuration#task-reservation-timeout
        """
        workspace = workspace_of(self._client, self._settings)
        for _ in range(DECISIONS_MAX):
            space, found = await asyncio.gather(
                ask(workspace.fetch_async()), read_tagged(workspace.workers(given.worker_sid))
            )
            if found is None:
                return
            worker, tag = found
            sent_to = space.timeout_activity_sid
            if worker.activity_sid != sent_to or given.activity_sid == sent_to:
                return
            try:
                await ask(
                    workspace.workers(given.worker_sid).update_async(
                        if_match=tag or values.unset, activity_sid=given.activity_sid
                    )
                )
                return
            except TwilioError as error:
                if error.status != STALE_STATUS:
                    raise
        raise unavailable("the worker changes faster than it can be put back")

    async def _offer(self, workspace: Any, given: AcceptInput) -> tuple[Any, list[Any], bool]:
        """The task, its reservations, and whether the worker's leg is in the room: looked at again
        until it is, or the offer is not open any more."""
        for pause in LOOKS_SECONDS if given.conference_sid else (0.0,):
            await asyncio.sleep(pause)
            found, listed, is_there = await asyncio.gather(
                read_tagged(workspace.tasks(given.task_sid)),
                list_reservations(workspace, given.task_sid, "", given.worker_sid),
                self._is_in_room(given),
            )
            if found is None:
                raise gone("the task is gone")
            accepted, pending = _reservations_for(listed, given)
            if is_there or accepted is not None or not pending:
                break
        return found[0], listed, is_there

    async def _is_in_room(self, given: AcceptInput) -> bool:
        if not given.conference_sid:
            return True
        leg = await find_participant(self._client, given.conference_sid, given.worker_call_sid)
        return leg is not None and leg.status == CONNECTED

    async def _like(self, workspace: Any, given: CreateTaskInput) -> CreateTaskInput:
        """`given` with what it takes over from another task. One that is gone leaves it as it is:
        a caller must not be lost for the sake of an attribute."""
        if not given.like_task_sid:
            return given
        try:
            other = await ask(workspace.tasks(given.like_task_sid).fetch_async())
        except TwilioError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return given
        taken_over = json.loads(other.attributes or "{}") | json.loads(given.attributes)
        priority = given.priority if given.priority is not None else int(other.priority or 0)
        return replace(given, attributes=json.dumps(taken_over), priority=priority)

    def _wishes(self, given: CreateTaskInput) -> dict[str, Any]:
        workflow_sid = given.workflow_sid or self._settings.twilio_workflow_sid
        if not workflow_sid:
            raise refused("TaskRouter is not set up: TWILIO_WORKFLOW_SID is not set")
        wishes: dict[str, Any] = {
            "workflow_sid": workflow_sid,
            "timeout": max(1, min(TIMEOUT_SECONDS_MAX, given.timeout_seconds)),
        }
        if given.priority is not None:
            wishes["priority"] = given.priority
        if given.task_channel:
            wishes["task_channel"] = given.task_channel
        if given.routing_target:
            wishes["routing_target"] = given.routing_target
        return wishes


def _reservations_for(listed: list[Any], given: AcceptInput) -> tuple[Any, list[Any]]:
    """The accepted reservation of that worker, if there is one, and the pending ones."""
    ours = [each for each in listed if not given.worker_sid or each.worker_sid == given.worker_sid]
    if given.reservation_sid:
        ours = [each for each in ours if each.sid == given.reservation_sid]
    by_status = [(status_of(each.reservation_status), each) for each in ours]
    accepted = [each for status, each in by_status if status in (ACCEPTED, WRAPPING)]
    return next(iter(accepted), None), [each for status, each in by_status if status == PENDING]


def _demand(task: Any, pending: list[Any], listed: list[Any], given: AcceptInput) -> None:
    """Raises `unmet` unless there is exactly one reservation to accept, for the leg that is meant.

    `TaskState.reservation_status` and the cause tell what became of the offer instead.
    """
    meant = [each for each in listed if each.sid == given.reservation_sid] or listed
    last = max(meant, key=lambda each: each.date_created, default=None)
    state = state_of_task(task, last)
    if not pending:
        cause = CAUSES.get(state.reservation_status, "cancelled")
        raise unmet("the task has no pending reservation", task=state, cause=cause)
    if len(pending) > 1:
        raise unmet("several reservations are pending; none is taken for ours", task=state)
    rung = state.worker_call_sid
    if given.worker_call_sid and rung and rung != given.worker_call_sid:
        raise unmet("another leg is being rung for the task", task=state, cause="cancelled")
