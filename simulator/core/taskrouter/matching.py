"""Who is offered which task: the order of tasks, the order of workers, and what stands in the way.

https://www.twilio.com/docs/taskrouter/how-it-works
"""

from typing import TYPE_CHECKING, Any

from simulator.core.taskrouter.configuration import Target
from simulator.core.taskrouter.expressions import Path, look_up
from simulator.core.taskrouter.model import Task, Worker, Workspace
from simulator.core.taskrouter.workers import own

if TYPE_CHECKING:
    from simulator.core.taskrouter.router import TaskRouter

# Each turn moves at least one task to another target; a configuration is never this long.
TURNS_MAX = 1000
WORKER, QUEUE = "WK", "WQ"


class Matching:
    def __init__(self, router: "TaskRouter") -> None:
        self._router = router

    def wake(self, space: Workspace) -> None:
        """Something has changed: look at every waiting task, once, when this moment is done."""
        if not space.dirty:
            space.dirty = True
            self._router.network.clock.call_soon(lambda: self._run(space))

    def _run(self, space: Workspace) -> None:
        space.dirty = False
        for _ in range(TURNS_MAX):
            for task in self._in_order(space):
                self._offer(space, task)
            entering = [task for task in space.waiting.values() if task.step.entering]
            moved = [task for task in entering if self._router.routing.settle(space, task)]
            if not moved:
                return

    def _in_order(self, space: Workspace) -> list[Task]:
        """By priority, then by age; queues may want their newest first (LIFO)."""

        def key(task: Task) -> tuple[Any, ...]:
            order = task.queue.order if task.queue is not None else "FIFO"
            age = task.start if order == "FIFO" else -task.start
            return (-task.priority, order != space.queue_order, age, task.created_at)

        return sorted((t for t in space.waiting.values() if t.status == "pending"), key=key)

    def _offer(self, space: Workspace, task: Task) -> None:
        if task.status != "pending":
            return
        limit = task.queue.max_reserved if task.queue is not None else 1
        for worker in self.candidates(space, task)[:limit]:
            self._router.reservations.offer(space, task, worker)

    def candidates(self, space: Workspace, task: Task) -> list[Worker]:
        """Who may be offered this task now, the best first."""
        free = [
            worker
            for worker in self.eligible(space, task)
            if self._router.workers.is_free(space, worker, task)
            and worker.sid not in {r.worker.sid for r in task.reservations.values() if r.open}
            and not self._rests(space, task, worker)
        ]
        free.sort(key=lambda worker: (worker.idle_since, worker.created_at))
        target = self._router.routing.target(task)
        for path, falling in reversed(target.order_by if target is not None else ()):
            free = _ordered(free, path, falling)
        free.sort(key=lambda worker: task.refusals.get(worker.sid, 0))
        return free

    def _rests(self, space: Workspace, task: Task, worker: Worker) -> bool:
        """Whoever has just let this task go is not asked again in the same moment."""
        refused = task.refused_at.get(worker.sid)
        if refused is None:
            return False
        router = self._router
        left = refused + router.network.switches.reoffer_seconds - router.now
        if left <= 0:
            return False
        router.network.clock.call_later(left, lambda: self.wake(space))
        return True

    def eligible(self, space: Workspace, task: Task) -> list[Worker]:
        """Who could be offered this task, free or not."""
        if task.routing_target and task.routing_target.startswith(WORKER):
            worker = space.workers.get(task.routing_target)
            return [worker] if worker is not None else []
        if task.queue is None:
            return []
        found = self._router.workers.of_queue(space, task.queue)
        target = self._router.routing.target(task)
        return found if target is None else [w for w in found if self._fits(target, task, w)]

    def _fits(self, target: Target, task: Task, worker: Worker) -> bool:
        wanted = self._router.routing.known_worker(target, task)
        if wanted is not None and wanted not in (worker.sid, worker.name):
            return False
        return target.expression is None or target.expression.holds(
            lambda path: pair(task, worker, path)
        )

    def counts(self, space: Workspace, task: Task, path: Path) -> Any:
        """`workers.available`, `workers.unavailable` and `workers.WA…` of a skip_if (R-23)."""
        if path[0] == "task":
            return look_up(task.attributes, path[1:])
        if path[0] != "workers" or len(path) != 2:
            return look_up(task.attributes, path)
        workers = self.eligible(space, task)
        if path[1] in ("available", "unavailable"):
            wanted = path[1] == "available"
            return sum(worker.activity.available is wanted for worker in workers)
        return sum(worker.activity.sid == path[1] for worker in workers)


def pair(task: Task, worker: Worker, path: Path) -> Any:
    """A key of a target expression: `task.…` or `worker.…`; anything else is NULL."""
    if path[0] == "task":
        return look_up(task.attributes, path[1:])
    return own(worker, path[1:]) if path[0] == "worker" else None


def _ordered(workers: list[Worker], attribute: str, falling: bool) -> list[Worker]:
    """Those who lack the attribute come last, whichever way the order runs (R-24)."""
    path: Path = tuple(
        int(part) if part.isdigit() else part
        for part in attribute.replace("[", ".").replace("]", "").split(".")
    )

    def value(worker: Worker) -> Any:
        return own(worker, path)

    def key(worker: Worker) -> tuple[bool, Any]:
        found = value(worker)
        is_number = isinstance(found, int | float)
        return (is_number, found if is_number else str(found))

    having = [worker for worker in workers if value(worker) is not None]
    lacking = [worker for worker in workers if value(worker) is None]
    return sorted(having, key=key, reverse=falling) + lacking
