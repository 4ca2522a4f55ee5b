"""Commands on TaskRouter -> activities: somebody is looked for by a task instead of a dial."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from temporalio import workflow

from workflows.dispatch_order import (
    HEARTBEAT_SECONDS,
    LOOK_FIRST,
    OUTLAST_SECONDS,
    QUICKLY,
    UNHURRIED,
    Order,
)

with workflow.unsafe.imports_passed_through():
    from activities.conferences import Conferences, ReadRoomInput
    from activities.creating import AddedTask
    from activities.room import Room
    from activities.task_state import OVER, TaskState
    from activities.tasks import (
        AcceptInput,
        CreateTaskInput,
        EndTaskInput,
        EndTasksInput,
        ReadTaskInput,
        RejectInput,
        RestoreWorkerInput,
        Tasks,
    )
    from workflows.machine.commands import AcceptTask, Command, EndTask, RejectTask, RestoreWorker
    from workflows.machine.events import TaskReading
    from workflows.machine.model import Kind, Leg, Reason, Target, Transfer
    from workflows.messages import TaskPeople

CALL_OVER = "call ended"
"""Why a task is closed at the end of its call."""
VOICE = "voice"
"""The channel of calls, as `<Enqueue>` has it: capacity is counted per channel, and on another one
a worker who is on a call would be offered a second."""
TASK_REASON = "transferred"
"""Why an agent's task is closed when the caller has gone to somebody else."""


def create_task(begun: Transfer, target: Target, label: str) -> Order:
    kind, _, name = target.address.partition(":")
    wish = {
        "transfer": begun.public_id,
        "label": label,
        "conference_sid": begun.conference_sid,
        "room": begun.room_name,
        "task_sid": begun.task_sid,
        "requested_worker": name if kind == "worker" else None,
        "requested_queue": name if kind == "queue" else None,
        "skills": list(target.skills),
        "accept": target.accept.value,
        **_context(begun),
    }
    return Order(
        Tasks.create_task,
        CreateTaskInput(
            label=label,
            attributes=json.dumps({"handover": wish}),
            timeout_seconds=int(target.ring_seconds),
            priority=target.priority,
            task_channel=VOICE,
            like_task_sid=begun.task_sid,
        ),
        f"ask TaskRouter for somebody, attempt {len(begun.attempts)} of {len(begun.targets)}",
        start_to_close=5.0,
        schedule_to_close=20.0,
        retry=LOOK_FIRST,
    )


def _context(begun: Transfer) -> dict[str, Any]:
    """What the agent wants the target to know; unreadable text is nothing to know."""
    try:
        given = json.loads(begun.context or "{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def with_parameters(address: str, begun: Transfer) -> str:
    """An in-app phone's address with the context as custom parameters. Numbers take none."""
    context = _context(begun)
    if not address.startswith("client:") or not context:
        return address
    flat = {name: each for name, each in context.items() if isinstance(each, str) and each}
    flat |= {str(name): str(each) for name, each in (context.get("attributes") or {}).items()}
    return f"{address}?{urlencode(flat)}" if flat else address


def end_task(begun: Transfer, now: Transfer, is_doubtful: bool, patience: float) -> Order:
    return Order(
        Tasks.end_task,
        EndTaskInput(
            task_sid=task_sid_of(now, begun.target),
            label=begun.target.label,
            reason=(now.reason or Reason.TARGET_NO_ANSWER).value,
            is_doubtful=is_doubtful,
            call_sid=now.target.call_sid if now.target.label == begun.target.label else "",
            dialed_at=dialed_at(now, begun.target),
        ),
        "end the search for a target",
        start_to_close=5.0,
        schedule_to_close=patience,
    )


def read_task(_command: Command, begun: Transfer, now: Transfer) -> Order:
    return Order(
        Tasks.read_task,
        ReadTaskInput(task_sid=task_sid_of(now, begun.target), label=begun.target.label),
        "ask TaskRouter how the search goes",
        start_to_close=5.0,
        schedule_to_close=15.0,
    )


def accept_task(command: Command, begun: Transfer, now: Transfer) -> Order:
    """A worker who is not known to be in the room is looked for. That takes as long as they hear a
    whisper, and signs of life in that time would each be billed; a worker of ours that dies in it
    is missed later."""
    given = command if isinstance(command, AcceptTask) else AcceptTask()
    is_there = now.target.is_here and now.target.call_sid == given.call_sid
    return Order(
        Tasks.accept_reservation,
        AcceptInput(
            task_sid=task_sid_of(now, begun.target),
            worker_call_sid=given.call_sid,
            reservation_sid=given.reservation_sid,
            conference_sid="" if is_there else now.conference_sid,
        ),
        "the task is the target's from now on",
        start_to_close=5.0 if is_there else 15.0,
        schedule_to_close=20.0,
        heartbeat=HEARTBEAT_SECONDS if is_there else None,
    )


def reject_task(command: Command, begun: Transfer, now: Transfer) -> Order:
    given = command if isinstance(command, RejectTask) else RejectTask()
    return Order(
        Tasks.reject_reservation,
        RejectInput(task_sid=task_sid_of(now, begun.target), reservation_sid=given.reservation_sid),
        "the next worker is asked",
        start_to_close=5.0,
        schedule_to_close=20.0,
    )


def close_task(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    is_awaited = now.caller.is_live  # no other transfer of this call begins before
    return Order(
        Tasks.end_task,
        EndTaskInput(
            task_sid=now.task_sid,
            reason=TASK_REASON,
            wrap_up=now.wrap_up,
            conference_sid=now.conference_sid if now.kind is Kind.ROUTED else "",
        ),
        "close the task of the agent who left",
        start_to_close=5.0,
        schedule_to_close=30.0 if is_awaited else OUTLAST_SECONDS,
        retry=QUICKLY if is_awaited else UNHURRIED,
    )


def restore_worker(command: Command, _begun: Transfer, _now: Transfer) -> Order:
    given = command if isinstance(command, RestoreWorker) else RestoreWorker()
    return Order(
        Tasks.restore_worker,
        RestoreWorkerInput(worker_sid=given.worker_sid, activity_sid=given.activity_sid),
        "put a worker back who let the offer pass",
        start_to_close=5.0,
        schedule_to_close=20.0,
    )


def task_reading(result: Any) -> TaskReading | None:
    if isinstance(result, AddedTask):
        return TaskReading(task_sid=result.task_sid)
    if isinstance(result, TaskState):
        return TaskReading(
            task_sid=result.task_sid,
            is_over=result.status in OVER,
            position=result.waiting_tasks_ahead,
            longest_wait_seconds=result.longest_wait_seconds,
        )
    return None


def dialed_at(now: Transfer, leg: Leg) -> float:
    """When the dial of this leg was begun; 0 if that is not known."""
    return next((each.dialed_at for each in now.attempts if each.label == leg.label), 0.0)


def task_sid_of(now: Transfer, leg: Leg) -> str:
    """The task that was made for the attempt of `leg`, as far as it is known."""
    return next((each.task_sid for each in now.attempts if each.label == leg.label), "")


def end_told_task(command: Command, _begun: Transfer, _now: Transfer) -> Order:
    """The task of somebody who had taken the call, and has hung up."""
    left = command if isinstance(command, EndTask) else EndTask()
    return Order(
        Tasks.end_task,
        EndTaskInput(task_sid=left.task_sid, label=left.label, reason=CALL_OVER),
        "close the task of somebody who left",
        start_to_close=5.0,
        schedule_to_close=OUTLAST_SECONDS,
        retry=UNHURRIED,
    )


def close_room_tasks(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    """The tasks of everybody in the room, before the room and its list of people end."""
    return Order(
        Tasks.end_tasks_of_room,
        EndTasksInput(now.conference_sid, task_sid=now.task_sid, reason=CALL_OVER),
        "close the tasks of the call",
        start_to_close=5.0,
        schedule_to_close=20.0,
    )


def people_orders(task_sid: str) -> tuple[Order, Callable[[TaskState], Order]]:
    """How it is found out whom a task brought together: the task, then the legs it names."""
    task = Order(
        Tasks.read_task,
        ReadTaskInput(task_sid=task_sid, with_position=False),
        "whom did the task bring together?",
        start_to_close=5.0,
        schedule_to_close=10.0,
    )

    def room(state: TaskState) -> Order:
        return Order(
            Conferences.read_room,
            ReadRoomInput(state.conference_sid, with_addresses=True),
            "what are their addresses?",
            start_to_close=5.0,
            schedule_to_close=10.0,
        )

    return task, room


def people_in(state: TaskState, room: Room | None = None) -> TaskPeople:
    """What the task says of its people, with the worker's address as the room knows it."""
    worker = room.find(state.worker_call_sid) if room else None
    return TaskPeople(
        conference_sid=state.conference_sid,
        caller_call_sid=state.caller_call_sid,
        agent_call_sid=state.worker_call_sid,
        agent_address=worker.address if worker else "",
    )
