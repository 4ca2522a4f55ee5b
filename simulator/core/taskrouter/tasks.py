"""The life of a task: pending, reserved, assigned, wrapping, and how it ends (R-03 to R-09).

https://www.twilio.com/docs/taskrouter/lifecycle-task-state
"""

import json
from typing import TYPE_CHECKING, Any

from simulator.core.errors import TwilioError, invalid
from simulator.core.taskrouter.model import Task, TaskQueue, Workspace
from simulator.core.taskrouter.routing import TTL_EXCEEDED

if TYPE_CHECKING:
    from simulator.core.taskrouter.router import TaskRouter

ASSIGNED_SECONDS_MAX = 24 * 3600.0
ROUNDS_MAX = 1000
TOO_MANY_ROUNDS = "Task canceled after too many Reservations"
# From which status a request may lead to which; anything else is error 20001.
MOVES = {
    "canceled": ("pending", "reserved"),
    "wrapping": ("assigned",),
    "completed": ("assigned", "wrapping"),
}


class Tasks:
    def __init__(self, router: "TaskRouter") -> None:
        self._router = router

    def begin(self, space: Workspace, task: Task, queue: TaskQueue | None) -> None:
        """A new task: remembered, given its time to live, and sent on its way."""
        space.tasks[task.sid] = space.waiting[task.sid] = task

        def expire() -> None:
            if task.status in ("pending", "reserved"):
                self.cancel(space, task, TTL_EXCEEDED)

        task.timers.append(self._router.network.clock.call_later(task.timeout, expire))
        self._router.routing.start(space, task, queue)

    def set_attributes(self, task: Task, attributes: dict[str, Any], text: str = "") -> None:
        task.attributes = attributes
        task.attributes_text = text or json.dumps(attributes, separators=(",", ":"))
        task.touch(self._router.now)

    def merge(self, space: Workspace, task: Task, **changes: Any) -> None:
        """TaskRouter itself adds to the attributes: worker_call_sid, conference (I-03, I-06)."""
        self.set_attributes(task, {**task.attributes, **changes})
        self._router.events.tell(space, "task.updated", task)

    # -- changes of status -------------------------------------------------------------------

    def check_move(self, task: Task, status: str) -> None:
        if task.status not in MOVES.get(status, ()):
            raise invalid(
                20001,
                f"Cannot update Task {task.sid} to {status}: its assignment status is "
                f"{task.status}",
            )

    def move(self, space: Workspace, task: Task, status: str, reason: str | None) -> None:
        """What a request asks for. Raises 20001 when the task is not in a state for it."""
        self.check_move(task, status)
        if status == "canceled":
            self.cancel(space, task, reason or "")
        elif status == "wrapping":
            self.wrap(space, task, reason)
        else:
            self.complete(space, task, reason)

    def reserve(self, task: Task) -> None:
        task.status = "reserved"
        task.rounds += 1
        task.touch(self._router.now)

    def assign(self, space: Workspace, task: Task) -> None:
        router = self._router
        task.status = "assigned"
        task.touch(router.now)
        space.waiting.pop(task.sid, None)
        self._stop_timers(task)

        def overdue() -> None:
            if task.status in ("assigned", "wrapping"):
                self.delete(space, task, by_system=True)

        task.timers.append(router.network.clock.call_later(ASSIGNED_SECONDS_MAX, overdue))

    def release(self, space: Workspace, task: Task, *, timed_out: bool) -> None:
        """The last offer has fallen through: pending again, for a thousand rounds at most."""
        if task.status != "reserved" or any(r.open for r in task.reservations.values()):
            return
        task.status = "pending"
        task.touch(self._router.now)
        if task.rounds >= ROUNDS_MAX:
            self.cancel(space, task, TOO_MANY_ROUNDS)
        else:
            self._router.routing.back_to_pending(space, task, timed_out=timed_out)

    def wrap(self, space: Workspace, task: Task, reason: str | None = None) -> None:
        router = self._router
        task.status = "wrapping"
        task.reason = reason if reason is not None else task.reason
        task.touch(router.now)
        router.events.tell(space, "task.wrapup", task)
        for reservation in list(task.reservations.values()):
            if reservation.status == "accepted":
                router.reservations.wrap(space, reservation)

    def complete(self, space: Workspace, task: Task, reason: str | None) -> None:
        """Events in the order in which they were seen at Twilio (R-20)."""
        router = self._router
        self._end(space, task, "completed", reason)
        router.events.tell(space, "task.completed", task, f"Task {task.sid} completed")
        for reservation in list(task.reservations.values()):
            if reservation.open:
                router.reservations.complete(space, reservation)
        router.events.tell(space, "task.updated", task)
        router.matching.wake(space)

    def cancel(self, space: Workspace, task: Task, reason: str) -> None:
        router = self._router
        self._end(space, task, "canceled", reason)
        router.events.tell(space, "task.canceled", task, reason)
        for reservation in list(task.reservations.values()):
            if reservation.open:
                router.reservations.cancel(space, reservation)
        router.matching.wake(space)

    def _end(self, space: Workspace, task: Task, status: str, reason: str | None) -> None:
        router = self._router
        task.status = status
        task.reason = reason
        task.ended_at = router.now
        task.touch(router.now)
        space.waiting.pop(task.sid, None)
        task.parked = None
        self._stop_timers(task)
        kept = router.network.switches.task_kept_seconds
        router.network.clock.call_later(kept, lambda: self._forget(space, task))

    @staticmethod
    def _stop_timers(task: Task) -> None:
        for timer in task.timers:
            timer.cancel()
        task.timers.clear()
        if task.step.deadline is not None:
            task.step.deadline.cancel()

    # -- gone --------------------------------------------------------------------------------

    def _forget(self, space: Workspace, task: Task) -> None:
        """R-04: a finished task is deleted some minutes later."""
        if space.tasks.pop(task.sid, None) is not None:
            for sid in task.reservations:
                space.reservations.pop(sid, None)
            self._router.events.tell(space, "task.deleted", task)

    def delete(self, space: Workspace, task: Task, *, by_system: bool = False) -> None:
        router = self._router
        if space.tasks.pop(task.sid, None) is None:
            raise TwilioError(404, 20404, f"Task {task.sid} was not found")
        space.waiting.pop(task.sid, None)
        self._stop_timers(task)
        task.parked = None
        for reservation in list(task.reservations.values()):
            if reservation.open:
                router.reservations.cancel(space, reservation)
            space.reservations.pop(reservation.sid, None)
        router.events.tell(space, "task.system-deleted" if by_system else "task.deleted", task)
        router.matching.wake(space)
