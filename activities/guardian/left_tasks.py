"""TaskRouter's books against the telephone network: tasks that nobody works on any more.

A task is closed by whoever looks after its call. What remains open all the same (the news of a
worker's hang-up was lost, a workflow was ended by force) keeps a worker booked, or rings one for
nobody, and is found by one list of the open tasks now and then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twilio.rest import Client

from activities.errors import ask, unavailable
from activities.guardian.look import Look
from activities.owners import Owner
from activities.settings import TwilioSettings
from activities.task_marks import LABEL
from activities.task_reading import read_tagged, workspace_of
from activities.task_state import (
    ASSIGNED,
    PENDING,
    RESERVED,
    TaskState,
    read_attributes,
    state_of_task,
)

AGE_SECONDS_MIN = 20
"""Younger tasks are being worked on: their room or their leg may be on its way."""
LISTED_MAX = 5000
_OPEN = (PENDING, RESERVED, ASSIGNED)


class OpenTasks:
    """Reads open tasks. Made only where TaskRouter is set up."""

    def __init__(self, client: Client, settings: TwilioSettings, page_size: int = 1000) -> None:
        self._workspace = workspace_of(client, settings)
        self._page_size = page_size

    async def all(self) -> list[TaskState]:
        """Every task that is waiting, offered or assigned."""
        listed = await ask(
            self._workspace.tasks.list_async(
                assignment_status=list(_OPEN), page_size=self._page_size, limit=LISTED_MAX
            )
        )
        if len(listed) >= LISTED_MAX:
            raise unavailable(f"more than {LISTED_MAX} open tasks: the list would be incomplete")
        return [state_of_task(each) for each in listed]

    async def read(self, task_sid: str) -> TaskState:
        """One task as it is now."""
        found = await read_tagged(self._workspace.tasks(task_sid))
        return state_of_task(found[0]) if found else TaskState()


def label_of(task: TaskState) -> str:
    """The label of a task that was made for a transfer; empty for others."""
    label: Any = read_attributes(task.attributes).get(LABEL)
    return label if isinstance(label, str) else ""


def left_over(
    tasks: Iterable[TaskState], look: Look, running: Iterable[Owner], transfer: str
) -> list[TaskState]:
    """The open tasks that nobody works on any more.

    While an owner of the kind `transfer` runs, the tasks of its call are its business. A task that
    waits without a transfer to look for somebody is left over if a transfer made it; callers who
    wait in a queue of their own are nobody's business here.
    """
    transfers = {each.conference_sid for each in running if each.kind == transfer}
    return [
        task
        for task in tasks
        if task.status in _OPEN
        and task.age_seconds >= AGE_SECONDS_MIN
        and task.conference_sid
        and task.conference_sid not in transfers
        and _is_left(task, look)
    ]


def _is_left(task: TaskState, look: Look) -> bool:
    if task.status != ASSIGNED:
        return bool(label_of(task))
    if task.conference_sid not in look.rooms:
        return True
    return bool(task.worker_call_sid) and task.worker_call_sid not in look.calls
