"""A small contact centre on the simulated network, provisioned as the engine's own would be."""

from __future__ import annotations

import json
from typing import Any

from twilio.rest import Client

from activities.provision.account import Provisioner
from activities.provision.wanted import parse
from activities.settings import TwilioSettings
from activities.task_state import TaskState
from activities.tasks import CreateTaskInput, Tasks
from simulator.core.taskrouter.model import Reservation, Task, Worker, Workspace
from tests.activities.telephony import Telephony, attempt

CENTRE = """
[queues.Support]
skills = ["support"]

[queues.Sales]
workers = 'skills HAS "sales"'
timeout_seconds = 120
overflow = "Support"

[workers.anna]
contact_uri = "client:anna"
skills = ["support", "german"]
activity = "Available"

[workers.ben]
contact_uri = "client:ben"
skills = ["support", "sales"]

[workflow]
default_queue = "Support"
"""

LABEL = "0123456789abcdef-1"
LOST = ["timeout_after", "reset_after", "timeout_before", "reset_before"]
"""Faults after which nobody knows whether a request took effect."""


class Centre:
    """The workspace as it really is, and the activities in front of it."""

    def __init__(self, phones: Telephony, client: Client, settings: TwilioSettings) -> None:
        self.phones = phones
        self.client = client
        self.settings = settings
        self.tasks = Tasks(client, settings)

    @property
    def space(self) -> Workspace:
        return self.phones.runtime.network.taskrouter.workspaces[self.settings.twilio_workspace_sid]

    def task(self, sid: str) -> Task:
        return self.space.tasks[sid]

    @property
    def all_tasks(self) -> list[Task]:
        return list(self.space.tasks.values())

    def worker(self, name: str) -> Worker:
        return next(each for each in self.space.workers.values() if each.name == name)

    def activity_sid(self, name: str) -> str:
        return next(each.sid for each in self.space.activities.values() if each.name == name)

    def goes(self, name: str, activity: str) -> None:
        """A worker changes activity."""
        with self.phones.runtime.act() as network:
            router = network.taskrouter
            found = self.space.activities[self.activity_sid(activity)]
            router.workers.set_activity(self.space, self.worker(name), found)
            router.matching.wake(self.space)

    def reservation(self, task_sid: str) -> Reservation:
        """The one that was made last."""
        return list(self.task(task_sid).reservations.values())[-1]

    def happens(self, what: str, *given: Any) -> None:
        """Somebody else does something to a reservation or a task."""
        with self.phones.runtime.act() as network:
            router = network.taskrouter
            group, _, verb = what.partition(".")
            getattr(getattr(router, group), verb)(self.space, *given)


def wishes(**handover: Any) -> str:
    return json.dumps({"handover": handover, "language": "en"})


def words(state: TaskState) -> tuple[str, str]:
    return state.status, state.reservation_status


def to_create(**more: Any) -> CreateTaskInput:
    given = {"attributes": wishes(requested_worker="anna"), "timeout_seconds": 60, **more}
    return CreateTaskInput(LABEL, **given)


async def made(centre: Centre, **more: Any) -> str:
    added = await attempt(centre.tasks.create_task, to_create(**more))
    centre.phones.forget_requests()
    return added.task_sid


async def in_status(centre: Centre, status: str) -> str:
    """A task that has come as far as this."""
    target = "ben" if status == "pending" else "anna"
    sid = await made(centre, attributes=wishes(requested_worker=target))
    if status in ("assigned", "wrapping", "completed"):
        centre.happens("reservations.accept", centre.reservation(sid))
    if status == "wrapping":
        centre.happens("tasks.wrap", centre.task(sid))
    if status == "completed":
        centre.happens("tasks.complete", centre.task(sid), "done")
    if status == "canceled":
        centre.happens("tasks.cancel", centre.task(sid), "done")
    assert centre.task(sid).status == status
    return sid


async def provisioned(
    phones: Telephony, client: Client, settings: TwilioSettings, text: str = CENTRE
) -> Centre:
    done = await Provisioner(client, settings, parse(text)).run(is_number_set=False)
    phones.forget_requests()
    with phones.runtime.act() as network:
        # Reservations are driven by the tests, not by an application that is not there.
        for space in network.taskrouter.workspaces.values():
            for workflow in space.workflows.values():
                workflow.assignment_url = workflow.fallback_url = ""
            space.event_url = ""
    update = {"twilio_workspace_sid": done.workspace_sid, "twilio_workflow_sid": done.workflow_sid}
    return Centre(phones, client, settings.model_copy(update=update))
