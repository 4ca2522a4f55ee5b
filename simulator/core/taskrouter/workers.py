"""Workers: their activities over time, and whether one may be offered a task now."""

from typing import TYPE_CHECKING, Any

from simulator.core.taskrouter.expressions import Expression, Path, look_up
from simulator.core.taskrouter.model import (
    Activity,
    Reservation,
    Task,
    TaskQueue,
    Worker,
    WorkerChannel,
    Workspace,
)

if TYPE_CHECKING:
    from simulator.core.taskrouter.router import TaskRouter


class Workers:
    def __init__(self, router: "TaskRouter") -> None:
        self._router = router

    def set_activity(self, space: Workspace, worker: Worker, activity: Activity) -> None:
        """Change what the worker does. The same activity again is no change."""
        if worker.activity is activity:
            return
        router, now = self._router, self._router.now
        before, seconds = worker.activity, now - worker.activity_since
        if activity.available and not before.available:
            worker.idle_since = now
        worker.activity, worker.activity_since = activity, now
        worker.touch(now)
        router.utilisation.activity(worker)
        router.events.tell(
            space,
            "worker.activity.update",
            worker,
            f"Worker {worker.name} updated to {activity.name} Activity",
            WorkerTimeInPreviousActivity=str(int(seconds)),
            WorkerTimeInPreviousActivityMs=str(int(seconds * 1000)),
            WorkerPreviousActivitySid=before.sid,
            WorkerPreviousActivityName=before.name,
        )
        router.matching.wake(space)

    def channel(self, space: Workspace, worker: Worker, task: Task) -> WorkerChannel | None:
        return worker.channels.get(task.channel.sid)

    def is_free(self, space: Workspace, worker: Worker, task: Task) -> bool:
        """Available and with capacity left; a pending reservation already takes some (R-13)."""
        if task.ignore_capacity:
            everybody = self._router.network.switches.ignore_capacity_reaches == "everybody"
            return everybody or worker.activity.available
        if not worker.activity.available:
            return False
        if not space.multi_task:
            return not worker.open
        channel = self.channel(space, worker, task)
        if channel is None or not channel.available:
            return False
        return worker.load(task.channel) < channel.capacity

    def in_queue(self, worker: Worker, queue: TaskQueue) -> bool:
        """A queue without an expression has no workers (its tasks wait until they are moved)."""
        expression = self._router.target_workers(queue)
        return expression is not None and expression.holds(lambda path: own(worker, path))

    def would_be_in_queue(self, attributes: dict[str, Any], queue: TaskQueue) -> bool:
        expression = self._router.target_workers(queue)
        return expression is not None and expression.holds(lambda path: look_up(attributes, path))

    def of_queue(self, space: Workspace, queue: TaskQueue) -> list[Worker]:
        return [worker for worker in space.workers.values() if self.in_queue(worker, queue)]

    def matches(self, worker: Worker, expression: Expression) -> bool:
        return expression.holds(lambda path: own(worker, path))

    def restore(
        self, space: Workspace, reservation: Reservation, activity: Activity | None
    ) -> None:
        """After a reservation: the activity asked for, else (single-task) the one before it."""
        worker = reservation.worker
        if activity is not None:
            self.set_activity(space, worker, activity)
        elif reservation.activity_before is not None and reservation.queue is not None:
            queue = reservation.queue
            if worker.activity in (queue.reservation_activity, queue.assignment_activity):
                self.set_activity(space, worker, reservation.activity_before)


def own(worker: Worker, path: Path) -> Any:
    """A key of a worker: its attributes, then the few fields that count as such."""
    found = look_up(worker.attributes, path)
    if found is not None or len(path) != 1:
        return found
    return fields(worker).get(str(path[0]))


def fields(worker: Worker) -> dict[str, Any]:
    return {
        "sid": worker.sid,
        "friendly_name": worker.name,
        "activity_sid": worker.activity.sid,
        "activity_name": worker.activity.name,
    }
