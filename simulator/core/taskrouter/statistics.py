"""Statistics of queues, workflows, workers and workspaces: what is now, and what was.

https://www.twilio.com/docs/taskrouter/api/workspace-statistics and the pages beside it
What was is counted from the workspace's events; what is now, from its state.
"""

from collections.abc import Callable, Iterable
from typing import Any

from simulator.core.errors import invalid
from simulator.core.taskrouter.model import Event, Task, TaskQueue, Worker, Workspace
from simulator.core.taskrouter.pages import page
from simulator.core.taskrouter.requests_base import Group
from simulator.core.taskrouter.resources import Body, iso
from simulator.core.text import Form

OPEN = ("pending", "reserved", "assigned", "wrapping")
WAITING = ("pending", "reserved")
# Fields of cumulative statistics, and the event that each of them counts.
RESERVATIONS = {
    "reservations_created": "reservation.created",
    "reservations_accepted": "reservation.accepted",
    "reservations_rejected": "reservation.rejected",
    "reservations_timed_out": "reservation.timeout",
    "reservations_canceled": "reservation.canceled",
    "reservations_rescinded": "reservation.rescinded",
}
TASKS = {
    "tasks_canceled": "task.canceled", "tasks_completed": "task.completed",
    "tasks_deleted": "task.deleted", "tasks_moved": "task-queue.moved",
}  # fmt: skip
TIMED_OUT = {"tasks_timed_out_in_workflow": "workflow.timeout"}
OF_QUEUE = {**RESERVATIONS, **TASKS, "tasks_entered": "task-queue.entered"}
OF_WORKFLOW = {**RESERVATIONS, **TASKS, **TIMED_OUT, "tasks_entered": "workflow.entered"}
OF_WORKSPACE = {**RESERVATIONS, **TASKS, **TIMED_OUT, "tasks_created": "task.created"}
Keep = Callable[[Event], bool]


class Statistics(Group):
    # -- now ---------------------------------------------------------------------------------

    def _tasks_now(self, tasks: Iterable[Task], form: Form) -> Body:
        """Of open tasks: how many, in what state, and who has waited longest."""
        found = [t for t in tasks if t.status in OPEN and _in_channel(t, form)]
        waiting = [t for t in found if t.status in WAITING]
        longest = min(waiting, key=lambda t: t.created_at, default=None)
        priorities: dict[str, int] = {}
        for task in found:
            priorities[str(task.priority)] = priorities.get(str(task.priority), 0) + 1
        return {
            "longest_task_waiting_age": _age(
                self._router.now, longest.created_at if longest else None
            ),
            "longest_task_waiting_sid": longest.sid if longest else None,
            "tasks_by_priority": priorities,
            "tasks_by_status": {s: sum(t.status == s for t in found) for s in OPEN},
            "total_tasks": len(found),
        }

    @staticmethod
    def _activities(space: Workspace, workers: list[Worker]) -> list[Body]:
        return [
            {
                "friendly_name": activity.name,
                "sid": activity.sid,
                "workers": sum(w.activity is activity for w in workers),
            }
            for activity in space.activities.values()
        ]

    def _queue_now(self, space: Workspace, queue: TaskQueue, form: Form) -> Body:
        tasks = [t for t in space.tasks.values() if t.queue is queue]
        workers = self._router.workers.of_queue(space, queue)
        waiting = [t for t in tasks if t.status in WAITING and _in_channel(t, form)]
        relative = min(waiting, key=lambda t: t.start, default=None)
        return {
            **self._tasks_now(tasks, form),
            "activity_statistics": self._activities(space, workers),
            "longest_relative_task_age_in_queue": _age(
                self._router.now, relative.start if relative else None
            ),
            "longest_relative_task_sid_in_queue": relative.sid if relative else None,
            "total_available_workers": sum(w.activity.available for w in workers),
            "total_eligible_workers": len(workers),
        }

    # -- what was ----------------------------------------------------------------------------

    def _counted(self, space: Workspace, form: Form, fields: dict[str, str], keep: Keep) -> Body:
        begin, end = self._requests.events.window(form)
        channel = form.text("TaskChannel")
        events = [
            e
            for e in space.events
            if begin <= e.at <= end
            and keep(e)
            and (
                not channel
                or channel in (e.data.get("TaskChannelSid"), e.data.get("TaskChannelUniqueName"))
            )
        ]
        counts = {name: sum(e.type == kind for e in events) for name, kind in fields.items()}
        return {"start_time": iso(begin), "end_time": iso(end), **counts, "_events": events}

    def _waits(self, counted: Body, form: Form) -> Body:
        """Times until acceptance or cancellation, and how they lie about the asked thresholds."""
        events: list[Event] = counted.pop("_events")
        accepted = _ages(events, "reservation.accepted")
        canceled = _ages(events, "task.canceled")
        split = {}
        for text in (form.text("SplitByWaitTime") or "").split(","):
            if not text.strip():
                continue
            if not text.strip().isdigit():
                raise invalid(20001, "SplitByWaitTime must be a comma separated list of seconds")
            limit = int(text)
            split[text.strip()] = {
                "above": {
                    "tasks_canceled": sum(a > limit for a in canceled),
                    "reservations_accepted": sum(a > limit for a in accepted),
                },
                "below": {
                    "tasks_canceled": sum(a <= limit for a in canceled),
                    "reservations_accepted": sum(a <= limit for a in accepted),
                },
            }
        return {
            **counted,
            "avg_task_acceptance_time": _summary(accepted)["avg"],
            "wait_duration_until_accepted": _summary(accepted),
            "wait_duration_until_canceled": _summary(canceled),
            "split_by_wait_time": split or None,
        }

    def _queue_then(self, space: Workspace, queue: TaskQueue, form: Form) -> Body:
        counted = self._counted(
            space, form, OF_QUEUE, lambda e: e.data.get("TaskQueueSid") == queue.sid
        )
        found = self._waits(counted, form)
        found["wait_duration_in_queue_until_accepted"] = found["wait_duration_until_accepted"]
        return found

    def _workflow_then(self, space: Workspace, sid: str, form: Form) -> Body:
        keep: Keep = lambda e: e.data.get("WorkflowSid") == sid  # noqa: E731
        return self._waits(self._counted(space, form, OF_WORKFLOW, keep), form)

    def _workers_then(self, space: Workspace, workers: list[Worker], form: Form) -> Body:
        sids = {w.sid for w in workers}
        counted = self._counted(
            space, form, RESERVATIONS, lambda e: e.data.get("WorkerSid") in sids
        )
        counted.pop("_events")
        begin, end = self._requests.events.window(form)
        counted["activity_durations"] = self._router.utilisation.durations(
            list(space.activities.values()), sids, begin, end
        )
        return counted

    # -- by resource -------------------------------------------------------------------------

    def _own(self, space: Workspace, path: str, **more: str) -> Body:
        url = f"{self._shown(space).url}/{path}"
        account = self._router.network.account_sid
        return {"account_sid": account, "workspace_sid": space.sid, "url": url, **more}

    def workspace(self, sid: str, kind: str, form: Form) -> Body:
        space = self._space(sid)

        def now() -> Body:
            workers = list(space.workers.values())
            found = self._tasks_now(space.tasks.values(), form)
            activities = self._activities(space, workers)
            return {**found, "activity_statistics": activities, "total_workers": len(workers)}

        def then() -> Body:
            return self._waits(self._counted(space, form, OF_WORKSPACE, lambda _: True), form)

        return self._answer(self._own(space, kind), kind, now, then)

    def queue(self, sid: str, queue_sid: str, kind: str, form: Form) -> Body:
        space = self._space(sid)
        queue = self._get(space, space.queues, "TaskQueues", queue_sid)
        return self._answer(
            self._own(space, f"TaskQueues/{queue_sid}/{kind}", task_queue_sid=queue_sid),
            kind,
            lambda: self._queue_now(space, queue, form),
            lambda: self._queue_then(space, queue, form),
        )

    def workflow(self, sid: str, workflow_sid: str, kind: str, form: Form) -> Body:
        space = self._space(sid)
        workflow = self._get(space, space.workflows, "Workflows", workflow_sid)
        tasks = [t for t in space.tasks.values() if t.workflow is workflow]
        return self._answer(
            self._own(space, f"Workflows/{workflow_sid}/{kind}", workflow_sid=workflow_sid),
            kind,
            lambda: self._tasks_now(tasks, form),
            lambda: self._workflow_then(space, workflow_sid, form),
        )

    def workers(self, sid: str, kind: str, form: Form) -> Body:
        space = self._space(sid)
        asked = (form.text("TaskQueueSid"), form.text("TaskQueueName"))
        found = list(space.workers.values())
        if form.text("FriendlyName"):
            found = [w for w in found if w.name == form.text("FriendlyName")]
        if any(asked):
            queues = [q for q in space.queues.values() if q.sid in asked or q.name in asked]
            found = [w for w in found if any(self._router.workers.in_queue(w, q) for q in queues)]
        return self._answer(
            self._own(space, f"Workers/{kind}"),
            kind,
            lambda: {
                "total_workers": len(found),
                "activity_statistics": self._activities(space, found),
            },
            lambda: self._workers_then(space, found, form),
        )

    @staticmethod
    def _answer(own: Body, kind: str, now: Callable[[], Body], then: Callable[[], Body]) -> Body:
        if kind == "RealTimeStatistics":
            return {**own, **now()}
        if kind == "CumulativeStatistics":
            return {**own, **then()}
        return {**own, "realtime": now(), "cumulative": then()}

    def worker(self, sid: str, worker_sid: str, form: Form) -> Body:
        space = self._space(sid)
        worker = self._get(space, space.workers, "Workers", worker_sid)
        own = self._own(space, f"Workers/{worker_sid}/Statistics", worker_sid=worker_sid)
        return {**own, "cumulative": self._workers_then(space, [worker], form)}

    def queues(self, sid: str, form: Form) -> Body:
        space, name = self._space(sid), form.text("FriendlyName")
        account = self._router.network.account_sid

        def render(queue: TaskQueue) -> Body:
            return {
                "account_sid": account,
                "workspace_sid": space.sid,
                "task_queue_sid": queue.sid,
                "realtime": self._queue_now(space, queue, form),
                "cumulative": self._queue_then(space, queue, form),
            }

        return page(
            [q for q in space.queues.values() if name in (None, "", q.name)],
            form,
            key="task_queues_statistics",
            url=f"{self._shown(space).url}/TaskQueues/Statistics",
            render=render,
            sid_of=lambda queue: queue.sid,
        )

    def queues_now(self, sid: str, form: Form) -> Body:
        """POST TaskQueues/RealTimeStatistics: of the queues named in the body, or of all."""
        space = self._space(sid)
        wanted = form.words("QueueSids") or tuple(space.queues)
        data = [
            {"task_queue_sid": sid, **self._queue_now(space, space.queues[sid], form)}
            for sid in wanted
            if sid in space.queues
        ]
        own = self._own(space, "TaskQueues/RealTimeStatistics")
        return {**own, "task_queue_data": data, "task_queue_response_count": len(data)}


def _in_channel(task: Task, form: Form) -> bool:
    asked = form.text("TaskChannel")
    return not asked or asked in (task.channel.sid, task.channel.unique_name)


def _age(now: float, since: float | None) -> int:
    return 0 if since is None else int(now - since)


def _ages(events: list[Event], kind: str) -> list[int]:
    return [int(e.data.get("TaskAge", "0")) for e in events if e.type == kind]


def _summary(ages: list[int]) -> dict[str, Any]:
    if not ages:
        return {"avg": 0, "min": 0, "max": 0, "total": 0}
    return {
        "avg": sum(ages) // len(ages),
        "min": min(ages),
        "max": max(ages),
        "total": sum(ages),
    }
