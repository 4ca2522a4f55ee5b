"""A contact centre without HTTP: a workspace on the pure network, and an application to answer."""

import json
from collections.abc import Callable
from typing import Any

from simulator.core.model import Call
from simulator.core.outbox import Fetch, Reply
from simulator.core.phones import Behavior
from simulator.core.taskrouter.model import Reservation, Task, Worker
from simulator.core.text import Form
from tests.simulator.network_kit import CALLER, NUMBER, World

Body = dict[str, Any]
Answer = dict[str, Any] | str | Reply | None
ASSIGN, FALLBACK, EVENTS = "http://app/assign", "http://app/fallback", "http://app/taskrouter"
CONFERENCE = {
    "instruction": "conference",
    "from": NUMBER,
    "conference_status_callback": "http://app/events",
    "conference_status_callback_event": ["start", "end", "join", "leave"],
}


class Centre(World):
    """One workspace with three activities, a queue for all, and a workflow that leads there."""

    def __init__(self, *, multi: bool = True, assign: bool = True, **switches: Any) -> None:
        super().__init__(**switches)
        self.router = self.network.taskrouter
        self.rest = self.router.rest
        self.answers: dict[str, Callable[[dict[str, str]], Answer] | Answer] = {}
        space = self.rest.workspaces.create(
            form(
                FriendlyName="Centre",
                MultiTaskEnabled=multi,
                EventCallbackUrl=EVENTS,
            )
        )
        self.sid: str = space["sid"]
        self.space = self.router.workspaces[self.sid]
        self.activities = {a.name: a.sid for a in self.space.activities.values()}
        self.queue = self.add_queue("Everybody")
        self.workflow = self.add_workflow(
            {"default_filter": {"queue": self.queue}}, assign=assign, timeout=20
        )
        self.advance()
        self.sent.clear()

    # -- setting up --------------------------------------------------------------------------

    def add_queue(self, name: str, target: str = "1==1", **params: Any) -> str:
        params = {"FriendlyName": name, "TargetWorkers": target, **params}
        return str(self.rest.queues.create(self.sid, form(**params))["sid"])

    def add_workflow(self, routing: Body, *, assign: bool = True, timeout: int = 120) -> str:
        params: Body = {
            "FriendlyName": f"Flow {len(self.space.workflows)}",
            "Configuration": json.dumps({"task_routing": routing}),
            "TaskReservationTimeout": timeout,
        }
        if assign:
            params["AssignmentCallbackUrl"] = ASSIGN
        return str(self.rest.workflows.create(self.sid, form(**params))["sid"])

    def add_worker(self, name: str, activity: str = "Available", **attributes: Any) -> Worker:
        attributes.setdefault("contact_uri", f"client:{name}")
        body = self.rest.workers.create(
            self.sid,
            form(
                FriendlyName=name,
                ActivitySid=self.activities[activity],
                Attributes=json.dumps(attributes),
            ),
        )
        return self.space.workers[body["sid"]]

    def add_task(self, *, settle: bool = True, **params: Any) -> Task:
        attributes = params.pop("attributes", {})
        params = {"WorkflowSid": self.workflow, "Attributes": json.dumps(attributes), **params}
        body = self.rest.tasks.create(self.sid, form(**params))
        task = self.space.tasks[body["sid"]]
        if settle:
            self.advance()
        return task

    def enqueue(self, task: str = "{}", caller: str = CALLER, attributes: str = "") -> Call:
        document = (
            f'<Response><Enqueue workflowSid="{self.workflow}" {attributes}>'
            f"<Task>{task}</Task></Enqueue><Say>bye</Say></Response>"
        )
        return self.call_in(document, caller)

    # -- doing -------------------------------------------------------------------------------

    def go(self, worker: Worker, activity: str, **params: Any) -> Body:
        body = self.rest.workers.update(
            self.sid, worker.sid, form(ActivitySid=self.activities[activity], **params)
        )
        self.advance()
        return body

    def update_task(self, task: Task, **params: Any) -> Body:
        body = self.rest.tasks.update(self.sid, task.sid, form(**params))
        self.advance()
        return body

    def order(self, reservation: Reservation, **params: Any) -> Body:
        body = self.rest.reservations.update(
            self.sid, reservation.task.sid, reservation.sid, form(**params)
        )
        self.advance()
        return body

    def phone(self, worker: str, kind: str = "answer", after: float = 0.0, **more: Any) -> None:
        self.network.phones.behave(f"client:{worker}", Behavior(kind, after, **more))

    def _answer(self) -> None:
        network = self.network
        network.clock.run_due()
        while network.outbox:
            fetch = network.outbox.pop(0)
            self.sent.append(fetch)
            reply = self._reply(fetch)
            if reply is not None:
                fetch.reply(reply)
            network.clock.run_due()

    def _reply(self, fetch: Fetch) -> Reply | None:
        if fetch.url not in self.answers:
            known = fetch.kind == "callback" or fetch.url in self.documents
            return Reply(200 if known else 404, self.documents.get(fetch.url, ""))
        answer = self.answers[fetch.url]
        found = answer(fetch.params) if callable(answer) else answer
        if isinstance(found, dict):
            return Reply(200, json.dumps(found), "application/json")
        return Reply(200, found) if isinstance(found, str) else found

    # -- seeing ------------------------------------------------------------------------------

    def task(self) -> Task:
        """The one task there is."""
        (found,) = self.space.tasks.values()
        return found

    def pending(self, worker: Worker) -> Reservation:
        (found,) = [r for r in worker.open.values() if r.status == "pending"]
        return found

    def offered(self, task: Task) -> list[tuple[str, str]]:
        """Who was offered it, in order, and what became of each offer."""
        return [(r.worker.name, r.status) for r in task.reservations.values()]

    def told(self, *kinds: str) -> list[str]:
        """Types of the workspace's events since the workspace was set up."""
        found = [f.params["EventType"] for f in self.sent if f.url == EVENTS]
        wanted = kinds or ("task", "reservation", "workflow", "task-queue", "worker")
        return [t for t in found if t.split(".")[0] in wanted]

    def seconds(self, worker: Worker) -> Body:
        shown = self.router.utilisation.shown()["workers"]
        return dict(next(w for w in shown if w["worker_sid"] == worker.sid))


def form(**params: Any) -> Form:
    return Form.of(params)
