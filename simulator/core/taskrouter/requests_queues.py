"""Task queues and workflows over REST.

https://www.twilio.com/docs/taskrouter/api/task-queue and .../workflow
"""

from simulator.core.errors import invalid
from simulator.core.taskrouter.configuration import expression, read
from simulator.core.taskrouter.model import TaskQueue, Workflow, Workspace
from simulator.core.taskrouter.pages import page
from simulator.core.taskrouter.requests_base import (
    ORDERS,
    Group,
    choice,
    friendly_name,
    json_object,
    required,
    whole,
)
from simulator.core.taskrouter.resources import Body
from simulator.core.text import Form

RESERVATION_SECONDS_MAX = 86400
RESERVED_WORKERS_MAX = 50


class Queues(Group):
    def create(self, sid: str, form: Form) -> Body:
        space, now = self._space(sid), self._router.now
        name = friendly_name(form)
        self._check_name(space, name, None)
        target = form.text("TargetWorkers")
        target = "1==1" if target is None else target
        self._check_expression(target)
        queue = TaskQueue(self._router.network.sid("WQ"), now, now, name, target)
        self._set(space, queue, form)
        space.queues[queue.sid] = queue
        self._router.events.tell(space, "task-queue.created", queue)
        return self._shown(space).task_queue(queue)

    @staticmethod
    def _check_name(space: Workspace, name: str, own: TaskQueue | None) -> None:
        others = [q for q in space.queues.values() if q is not own]
        if any(q.name.lower() == name.lower() for q in others):
            raise invalid(20001, f"A TaskQueue named {name} exists already")

    @staticmethod
    def _check_expression(text: str) -> None:
        if text.strip():
            expression(text, "TargetWorkers expression")

    def _set(self, space: Workspace, queue: TaskQueue, form: Form) -> None:
        found = {
            name: self._get(space, space.activities, "Activities", form.given(name, ""))
            for name in ("ReservationActivitySid", "AssignmentActivitySid")
            if form.text(name)
        }
        reserved = whole(form, "MaxReservedWorkers", 1, RESERVED_WORKERS_MAX)
        queue.order = choice(form, "TaskOrder", ORDERS, queue.order)
        queue.max_reserved = reserved or queue.max_reserved
        queue.reservation_activity = found.get("ReservationActivitySid", queue.reservation_activity)
        queue.assignment_activity = found.get("AssignmentActivitySid", queue.assignment_activity)

    def fetch(self, sid: str, queue_sid: str) -> Body:
        space = self._space(sid)
        return self._shown(space).task_queue(
            self._get(space, space.queues, "TaskQueues", queue_sid)
        )

    def read(self, sid: str, form: Form) -> Body:
        space = self._space(sid)
        name, workers = form.text("FriendlyName"), self._router.workers
        found = [q for q in space.queues.values() if name in (None, "", q.name)]
        if form.text("WorkerSid"):
            worker = self._get(space, space.workers, "Workers", form.given("WorkerSid", ""))
            found = [q for q in found if workers.in_queue(worker, q)]
        if form.text("EvaluateWorkerAttributes"):
            _, attributes = json_object(form, "EvaluateWorkerAttributes")
            found = [q for q in found if workers.would_be_in_queue(attributes, q)]
        if (form.text("Ordering") or "").lower() == "datecreated:desc":
            found.reverse()
        shown = self._shown(space)
        return page(
            found,
            form,
            key="task_queues",
            url=f"{shown.url}/TaskQueues",
            render=shown.task_queue,
            sid_of=lambda q: q.sid,
        )

    def update(self, sid: str, queue_sid: str, form: Form) -> Body:
        space = self._space(sid)
        queue = self._get(space, space.queues, "TaskQueues", queue_sid)
        name, target = form.given("FriendlyName", queue.name), form.text("TargetWorkers")
        self._check_name(space, name, queue)
        if target is not None:
            self._check_expression(target)
        self._set(space, queue, form)
        queue.name = name
        queue.touch(self._router.now)
        if target is not None and target != queue.target_workers:
            queue.target_workers = target
            self._router.events.tell(space, "task-queue.expression.updated", queue)
        self._router.matching.wake(space)
        return self._shown(space).task_queue(queue)

    def delete(self, sid: str, queue_sid: str) -> None:
        space = self._space(sid)
        queue = self._get(space, space.queues, "TaskQueues", queue_sid)
        named = any(queue_sid in w.configuration_text for w in space.workflows.values())
        if named or any(t.queue is queue and t.open for t in space.tasks.values()):
            raise invalid(20001, f"TaskQueue {queue.name} is in use")
        del space.queues[queue_sid]
        self._router.events.tell(space, "task-queue.deleted", queue)


class Workflows(Group):
    def create(self, sid: str, form: Form) -> Body:
        space, now = self._space(sid), self._router.now
        name, text = friendly_name(form), required(form, "Configuration")
        made = Workflow(
            self._router.network.sid("WW"), now, now, name, text, read(text, space.queues)
        )
        self._set(made, form)
        space.workflows[made.sid] = made
        self._router.events.tell(space, "workflow.created", made)
        return self._shown(space).workflow(made)

    @staticmethod
    def _set(workflow: Workflow, form: Form) -> None:
        seconds = whole(form, "TaskReservationTimeout", 1, RESERVATION_SECONDS_MAX)
        workflow.reservation_timeout = seconds or workflow.reservation_timeout
        if "AssignmentCallbackUrl" in form:
            workflow.assignment_url = form.given("AssignmentCallbackUrl", "")
        if "FallbackAssignmentCallbackUrl" in form:
            workflow.fallback_url = form.given("FallbackAssignmentCallbackUrl", "")

    def fetch(self, sid: str, workflow_sid: str) -> Body:
        space = self._space(sid)
        return self._shown(space).workflow(
            self._get(space, space.workflows, "Workflows", workflow_sid)
        )

    def read(self, sid: str, form: Form) -> Body:
        space, name = self._space(sid), form.text("FriendlyName")
        shown = self._shown(space)
        return page(
            [w for w in space.workflows.values() if name in (None, "", w.name)],
            form,
            key="workflows",
            url=f"{shown.url}/Workflows",
            render=shown.workflow,
            sid_of=lambda w: w.sid,
        )

    def update(self, sid: str, workflow_sid: str, form: Form) -> Body:
        space = self._space(sid)
        workflow = self._get(space, space.workflows, "Workflows", workflow_sid)
        text = form.text("Configuration")
        configuration = read(text, space.queues) if text else workflow.configuration
        self._set(workflow, form)
        workflow.name = form.given("FriendlyName", workflow.name)
        workflow.configuration, workflow.configuration_text = (
            configuration,
            text or workflow.configuration_text,
        )
        workflow.touch(self._router.now)
        self._router.events.tell(space, "workflow.updated", workflow)
        if form.true("ReEvaluateTasks"):
            for task in list(space.waiting.values()):
                if task.workflow is workflow:
                    self._router.routing.again(space, task)
            self._router.matching.wake(space)
        return self._shown(space).workflow(workflow)

    def delete(self, sid: str, workflow_sid: str) -> None:
        space = self._space(sid)
        workflow = self._get(space, space.workflows, "Workflows", workflow_sid)
        if any(t.workflow is workflow and t.open for t in space.tasks.values()):
            raise invalid(20001, f"Workflow {workflow.name} has open Tasks")
        del space.workflows[workflow_sid]
        self._router.events.tell(space, "workflow.deleted", workflow)
