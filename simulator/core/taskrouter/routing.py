"""A task's way through its workflow: filters, targets, time-outs, skips (R-22, R-23, R-25).

https://www.twilio.com/docs/taskrouter/workflow-configuration
https://www.twilio.com/docs/taskrouter/task-evaluation
"""

from typing import TYPE_CHECKING

from simulator.core.taskrouter.configuration import Filter, Target
from simulator.core.taskrouter.expressions import look_up
from simulator.core.taskrouter.model import Step, Task, TaskQueue, Workspace

if TYPE_CHECKING:
    from simulator.core.taskrouter.router import TaskRouter

WORKFLOW_TIMEOUT = "Task canceled on Workflow timeout"
TTL_EXCEEDED = "Task TTL Exceeded"
TARGET_NOT_MET = "RoutingTarget SLA for Reservation creation was not met"


class Routing:
    def __init__(self, router: "TaskRouter") -> None:
        self._router = router

    # -- where a task stands -----------------------------------------------------------------

    @staticmethod
    def target(task: Task) -> Target | None:
        step, workflow = task.step, task.workflow
        if task.routing_target or workflow is None:
            return None
        if step.filter is not None:
            return step.filter.targets[step.target_index]
        return workflow.configuration.default

    def known_worker(self, target: Target, task: Task) -> str | None:
        """The SID or name the target is aimed at: a literal, or a task's attribute."""
        given = target.known_worker_sid or target.known_worker_name
        if given is None:
            return None
        if given.startswith("task."):
            return str(look_up(task.attributes, tuple(given.split(".")[1:])) or "")
        return given

    # -- coming in ---------------------------------------------------------------------------

    def start(self, space: Workspace, task: Task, queue: TaskQueue | None) -> None:
        """Into the workflow, or straight to where the creator aimed it. Order of events: R-20."""
        router = self._router
        if queue is not None or task.routing_target or task.workflow is None:
            self._enter_queue(task, queue)
            if queue is not None:
                router.events.tell(space, "task-queue.entered", task)
            router.events.tell(space, "task.created", task, f"Task {task.sid} created")
            self._watch_target(space, task)
        else:
            router.events.tell(space, "workflow.entered", task)
            placed = self._enter_next_filter(space, task)
            if placed:
                router.events.tell(space, "task-queue.entered", task)
            router.events.tell(space, "task.created", task, f"Task {task.sid} created")
            if placed:
                self._tell_match(space, task)
            else:
                router.tasks.cancel(space, task, WORKFLOW_TIMEOUT)
        router.matching.wake(space)

    def _enter_queue(self, task: Task, queue: TaskQueue | None) -> None:
        task.queue = queue
        task.queue_entered = self._router.now if queue is not None else None

    def _watch_target(self, space: Workspace, task: Task) -> None:
        """R-10: a task aimed at one worker does not wait for that worker for ever."""
        if not (task.routing_target or "").startswith("WK"):
            return
        router = self._router
        seconds = router.network.switches.routing_target_seconds

        def late() -> None:
            if task.status == "pending" and task.rounds == 0:
                router.tasks.cancel(space, task, TARGET_NOT_MET)

        task.timers.append(router.network.clock.call_later(seconds, late))

    def _enter_next_filter(self, space: Workspace, task: Task) -> bool:
        """Into the first filter behind the present one that matches, else into the default."""
        workflow = task.workflow
        if workflow is None:
            return False
        filters = workflow.configuration.filters
        for index in range(task.step.filter_index + 1, len(filters)):
            if self._matches(filters[index], task):
                self._enter(space, task, Step(filters[index], index, 0))
                return True
        return self._enter_default(space, task)

    def _enter_default(self, space: Workspace, task: Task) -> bool:
        workflow = task.workflow
        if workflow is None or workflow.configuration.default is None:
            return False
        if task.step.filter is None and task.step.filter_index >= 0:
            return False
        self._enter(space, task, Step(None, len(workflow.configuration.filters), 0))
        return True

    @staticmethod
    def _matches(rule: Filter, task: Task) -> bool:
        expression = rule.expression
        return expression is None or expression.holds(lambda p: look_up(task.attributes, p))

    def _enter(self, space: Workspace, task: Task, step: Step) -> None:
        if task.step.deadline is not None:
            task.step.deadline.cancel()
        task.step = step
        step.entering = True
        target = self.target(task)
        if target is None:
            return
        self._enter_queue(task, space.queues.get(target.queue))
        task.priority = task.asked_priority if target.priority is None else target.priority
        self._set_deadline(space, task, step, target)

    def _set_deadline(self, space: Workspace, task: Task, step: Step, target: Target) -> None:
        """Time-outs add up along the filter and are held against the task's age."""
        if target.timeout is None:
            return
        passed = step.filter.targets[: step.target_index] if step.filter is not None else ()
        due = task.created_at + target.timeout + sum(before.timeout or 0 for before in passed)
        clock = self._router.network.clock

        def fell_due() -> None:
            if task.step is not step:
                return
            if task.status == "pending":
                self._time_out(space, task)
            elif task.status == "reserved":
                step.overdue = True

        step.deadline = clock.call_later(due - clock.now, fell_due)

    def _tell_match(self, space: Workspace, task: Task) -> None:
        self._router.events.tell(space, "workflow.target-matched", task)

    # -- going on ----------------------------------------------------------------------------

    def settle(self, space: Workspace, task: Task) -> bool:
        """After the first look for workers on entering a target: skip it? True when it moved."""
        task.step.entering = False
        target = self.target(task)
        if task.status != "pending" or target is None:
            return False
        fault = self._known_worker_fault(space, target, task)
        if fault is None and (
            target.skip_if is None
            or not target.skip_if.holds(
                lambda path: self._router.matching.counts(space, task, path)
            )
        ):
            return False
        self._router.events.tell(space, "workflow.skipped", task)
        self._go_on(space, task, skipped=True)
        return True

    def _known_worker_fault(self, space: Workspace, target: Target, task: Task) -> int | None:
        wanted = self.known_worker(target, task)
        if wanted is None:
            return None
        router = self._router
        worker = next((w for w in space.workers.values() if wanted in (w.sid, w.name)), None)
        code = None
        if worker is None:
            others = [w for s in router.workspaces.values() for w in s.workers.values()]
            elsewhere = any(wanted == w.sid for w in others)
            code, text = (
                (40155, "The known Worker belongs to another Workspace")
                if elsewhere
                else (40154, "The known Worker is missing or unknown")
            )
        elif task.queue is not None and not router.workers.in_queue(worker, task.queue):
            code, text = 40152, "The known Worker is not in the target's TaskQueue"
        if code is not None:
            router.alert(code, f"{text} ({task.sid})")
        return code

    def back_to_pending(self, space: Workspace, task: Task, *, timed_out: bool) -> None:
        """A reservation ended without a taker: on with this target, or with the next one."""
        moves = timed_out and self._router.network.switches.reservation_timeout_target == "next"
        if (task.step.overdue or moves) and self.target(task) is not None:
            self._time_out(space, task)
        self._router.matching.wake(space)

    def _time_out(self, space: Workspace, task: Task) -> None:
        self._router.events.tell(space, "task-queue.timeout", task)
        self._go_on(space, task, skipped=False)

    def _go_on(self, space: Workspace, task: Task, *, skipped: bool) -> None:
        """To the next target; behind the last one to a later filter (if skipped) or default."""
        router, step, before = self._router, task.step, task.queue
        rule = step.filter
        if rule is not None and step.target_index + 1 < len(rule.targets):
            router.events.tell(space, "task-queue.moved", task)
            self._enter(space, task, Step(rule, step.filter_index, step.target_index + 1))
        else:
            if not skipped:
                router.events.tell(space, "workflow.timeout", task)
            placed = (
                self._enter_next_filter(space, task)
                if skipped
                else self._enter_default(space, task)
            )
            if not placed:
                router.tasks.cancel(space, task, WORKFLOW_TIMEOUT)
                return
            if before is not task.queue:
                router.events.tell(space, "task-queue.entered", task)
        task.touch(router.now)
        self._tell_match(space, task)
        router.matching.wake(space)

    def again(self, space: Workspace, task: Task) -> None:
        """ReEvaluateTasks: a pending task starts its (changed) workflow from the beginning."""
        if task.status != "pending" or task.routing_target or task.workflow is None:
            return
        task.step = Step()
        if self._enter_next_filter(space, task):
            task.touch(self._router.now)
            self._tell_match(space, task)
        else:
            self._router.tasks.cancel(space, task, WORKFLOW_TIMEOUT)
