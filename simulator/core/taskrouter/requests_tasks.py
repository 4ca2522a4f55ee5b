"""Tasks and events over REST.

https://www.twilio.com/docs/taskrouter/api/task and .../event
"""

from datetime import UTC, datetime
from typing import Any

from simulator.core.errors import invalid
from simulator.core.taskrouter.configuration import expression
from simulator.core.taskrouter.expressions import Expression, look_up
from simulator.core.taskrouter.model import Event, Task, TaskQueue, Workflow, Workspace
from simulator.core.taskrouter.pages import page
from simulator.core.taskrouter.requests_base import Group, json_object, whole, yes
from simulator.core.taskrouter.resources import Body
from simulator.core.text import Form

ATTRIBUTES_LENGTH_MAX = 4096
PRIORITY_MAX = 2**31 - 1
TTL_SECONDS, TTL_SECONDS_MAX = 86400, 1209600
EVENTS_MINUTES = 15
ORDERINGS = {"datecreated": "created_at", "priority": "priority", "virtualstarttime": "start"}


class TaskRequests(Group):
    def make(
        self,
        space: Workspace,
        *,
        attributes: dict[str, Any],
        text: str = "",
        workflow: Workflow | None,
        channel: str = "default",
        priority: int | None = None,
        timeout: int | None = None,
        start: float | None = None,
    ) -> Task:
        """A task that is not yet on its way."""
        router, now = self._router, self._router.now
        task = Task(
            router.network.sid("WT"),
            now,
            now,
            "",
            {},
            self._requests.task_channels.find(space, channel),
            priority or 0,
            TTL_SECONDS if timeout is None else timeout,
            now if start is None else start,
            workflow,
            asked_priority=priority or 0,
        )
        router.tasks.set_attributes(task, attributes, text)
        task.version = 0
        return task

    def create(self, sid: str, form: Form) -> Body:
        space = self._space(sid)
        text, attributes = self._attributes(form)
        workflow, queue, routing = self._aim(space, form)
        task = self.make(
            space,
            attributes=attributes,
            text=text,
            workflow=workflow,
            channel=form.given("TaskChannel", "default"),
            priority=whole(form, "Priority", 0, PRIORITY_MAX),
            timeout=whole(form, "Timeout", 1, TTL_SECONDS_MAX),
            start=self._start(form),
        )
        if routing is not None:
            task.routing_target = routing
            to_worker = routing.startswith("WK")
            task.ignore_capacity = to_worker and yes(form.given("IgnoreCapacity", "true"))
        self._router.tasks.begin(space, task, queue)
        self._tag(task)
        return self._shown(space).task(task)

    @staticmethod
    def _attributes(form: Form) -> tuple[str, dict[str, Any]]:
        text, found = json_object(form, "Attributes")
        if len(text) > ATTRIBUTES_LENGTH_MAX:
            raise invalid(20001, f"Attributes must not exceed {ATTRIBUTES_LENGTH_MAX} characters")
        return text, found

    def _aim(
        self, space: Workspace, form: Form
    ) -> tuple[Workflow | None, TaskQueue | None, str | None]:
        """The workflow, the queue if the task goes straight into one, and the routing target."""
        target, workflow_sid = form.text("RoutingTarget"), form.text("WorkflowSid")
        queue_sid = form.text("TaskQueueSid")
        if target and target.startswith("WW"):
            workflow_sid = target
        elif target and target.startswith("WQ"):
            queue_sid = target
        elif target and target not in space.workers:
            raise invalid(20001, f"RoutingTarget {target} was not found in the Workspace")
        if workflow_sid and workflow_sid not in space.workflows:
            raise invalid(20001, f"Workflow {workflow_sid} was not found in the Workspace")
        if queue_sid and queue_sid not in space.queues:
            raise invalid(20001, f"TaskQueue {queue_sid} was not found in the Workspace")
        only = next(iter(space.workflows.values())) if len(space.workflows) == 1 else None
        workflow = space.workflows.get(workflow_sid or "", only)
        if workflow is None and not target and not queue_sid:
            raise invalid(20001, "WorkflowSid is required: the Workspace has not just one Workflow")
        routed = target if target and not target.startswith("WW") else None
        if queue_sid and routed is None and not workflow_sid:
            routed = queue_sid
        return workflow, space.queues.get(queue_sid or "") if routed else None, routed

    def _start(self, form: Form) -> float | None:
        text = form.text("VirtualStartTime")
        if not text:
            return None
        start = moment(text, "VirtualStartTime")
        if start > self._router.now:
            raise invalid(20001, "VirtualStartTime cannot be in the future")
        return start

    def fetch(self, sid: str, task_sid: str) -> Body:
        space = self._space(sid)
        task = self._get(space, space.tasks, "Tasks", task_sid)
        self._tag(task)
        return self._shown(space).task(task)

    def read(self, sid: str, form: Form) -> Body:
        space = self._space(sid)
        text = form.text("EvaluateTaskAttributes")
        wanted = expression(text, "EvaluateTaskAttributes") if text else None
        found = [
            task for task in space.tasks.values() if _fits(task, form) and _holds(wanted, task)
        ]
        for part in reversed((form.text("Ordering") or "").split(",")):
            name, _, order = part.strip().partition(":")
            if name and name.lower() not in ORDERINGS:
                raise invalid(20001, f"Ordering by {name} is not possible")
            if name:
                attribute = ORDERINGS[name.lower()]
                found.sort(key=lambda t: getattr(t, attribute), reverse=order.lower() == "desc")
        shown = self._shown(space)
        return page(
            found,
            form,
            key="tasks",
            url=f"{shown.url}/Tasks",
            render=shown.task,
            sid_of=lambda t: t.sid,
        )

    def update(self, sid: str, task_sid: str, form: Form) -> Body:
        """R-06, R-07: attributes and status do not go together, and an end needs a reason."""
        router, space = self._router, self._space(sid)
        task = self._get(space, space.tasks, "Tasks", task_sid)
        self._check_match(task)
        status, reason = form.text("AssignmentStatus"), form.text("Reason")
        if status and "Attributes" in form:
            raise invalid(20001, "Attributes and AssignmentStatus need separate requests")
        priority = whole(form, "Priority", 0, PRIORITY_MAX)
        start = self._start(form)
        channel = form.text("TaskChannel")
        moves = bool(status) and status != task.status
        if status and (moves or status in ("completed", "canceled")):
            router.tasks.check_move(task, status)
            needs = router.network.switches.task_reason_required
            if needs and status in ("completed", "canceled") and not reason:
                raise invalid(20001, f"Reason is required with AssignmentStatus {status}")
        if "Attributes" in form:
            text, attributes = self._attributes(form)
            router.tasks.set_attributes(task, attributes, text)
        if priority is not None:
            task.priority = task.asked_priority = priority
        if channel:
            task.channel = self._requests.task_channels.find(space, channel)
        task.start = task.start if start is None else start
        if status and moves:
            router.tasks.move(space, task, status, reason)
        else:
            task.touch(router.now)
            router.events.tell(space, "task.updated", task)
            router.matching.wake(space)
        self._tag(task)
        return self._shown(space).task(task)

    def delete(self, sid: str, task_sid: str) -> None:
        space = self._space(sid)
        task = self._get(space, space.tasks, "Tasks", task_sid)
        self._check_match(task)
        self._router.tasks.delete(space, task)


def _holds(wanted: Expression | None, task: Task) -> bool:
    return wanted is None or wanted.holds(lambda path: look_up(task.attributes, path))


def _fits(task: Task, form: Form) -> bool:
    statuses = form.words("AssignmentStatus")
    if statuses and task.status not in statuses:
        return False
    workflow, queue = task.workflow, task.queue
    for name, value in (
        ("Priority", str(task.priority)),
        ("WorkflowSid", workflow.sid if workflow else None),
        ("WorkflowName", workflow.name if workflow else None),
        ("TaskQueueSid", queue.sid if queue else None),
        ("TaskQueueName", queue.name if queue else None),
        ("RoutingTarget", task.routing_target),
    ):
        if form.text(name) and form.text(name) != value:
            return False
    return not form.true("HasAddons")


class EventRequests(Group):
    def fetch(self, sid: str, event_sid: str) -> Body:
        space = self._space(sid)
        table = {event.sid: event for event in space.events}
        return self._shown(space).event(self._get(space, table, "Events", event_sid))

    def read(self, sid: str, form: Form) -> Body:
        """Newest first, of the last quarter of an hour unless asked otherwise."""
        space = self._space(sid)
        begin, end = self.window(form)
        found = [
            event
            for event in reversed(space.events)
            if begin <= event.at <= end and _event_fits(event, form)
        ]
        shown = self._shown(space)
        return page(
            found,
            form,
            key="events",
            url=f"{shown.url}/Events",
            render=shown.event,
            sid_of=lambda event: event.sid,
        )

    def window(self, form: Form) -> tuple[float, float]:
        now = self._router.now
        minutes = whole(form, "Minutes", 1, 10**9)
        begin = moment(form.given("StartDate", ""), "StartDate") if form.text("StartDate") else None
        end = moment(form.given("EndDate", ""), "EndDate") if form.text("EndDate") else now
        if begin is None:
            begin = now - (minutes or EVENTS_MINUTES) * 60.0
        return begin, end


def _event_fits(event: Event, form: Form) -> bool:
    kind = form.text("EventType")
    if kind and kind != event.type:
        return False
    if form.text("Sid") and form.text("Sid") != event.sid:
        return False
    for name in ("ReservationSid", "TaskQueueSid", "TaskSid", "WorkerSid", "WorkflowSid"):
        if form.text(name) and form.text(name) != event.data.get(name):
            return False
    channel = form.text("TaskChannel")
    known = (event.data.get("TaskChannelSid"), event.data.get("TaskChannelUniqueName"))
    return not channel or channel in known


def moment(text: str, name: str) -> float:
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise invalid(20001, f"{name} is not an ISO 8601 date") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
