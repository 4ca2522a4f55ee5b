"""Commands on TaskRouter -> activities: somebody is looked for by a task instead of a dial."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from temporalio import workflow

from workflows.dispatch_order import LOOK_FIRST, Order

with workflow.unsafe.imports_passed_through():
    from activities.creating import AddedTask
    from activities.task_state import OVER, TaskState
    from activities.tasks import (
        AcceptInput,
        CreateTaskInput,
        EndTaskInput,
        ReadTaskInput,
        RestoreWorkerInput,
        Tasks,
    )
    from workflows.machine.commands import Command, RestoreWorker
    from workflows.machine.events import TaskReading
    from workflows.machine.model import Leg, Reason, Target, Transfer

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
        **_context(begun),
    }
    return Order(
        Tasks.create_task,
        CreateTaskInput(
            label=label,
            attributes=json.dumps({"handover": wish}),
            timeout_seconds=int(target.ring_seconds),
            priority=target.priority,
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


def accept_task(_command: Command, begun: Transfer, now: Transfer) -> Order:
    return Order(
        Tasks.accept_reservation,
        AcceptInput(task_sid=task_sid_of(now, begun.target), worker_call_sid=begun.target.call_sid),
        "the task is the target's from now on",
        start_to_close=5.0,
        schedule_to_close=20.0,
    )


def close_task(_command: Command, _begun: Transfer, now: Transfer) -> Order:
    return Order(
        Tasks.end_task,
        EndTaskInput(task_sid=now.task_sid, reason=TASK_REASON, wrap_up=now.wrap_up),
        "close the task of the agent who left",
        start_to_close=5.0,
        schedule_to_close=30.0,
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


def task_sid_of(now: Transfer, leg: Leg) -> str:
    """The task that was made for the attempt of `leg`, as far as it is known."""
    return next((each.task_sid for each in now.attempts if each.label == leg.label), "")
