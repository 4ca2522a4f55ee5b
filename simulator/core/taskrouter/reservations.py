"""The life of a reservation: one worker's offer of one task (R-11 to R-14).

https://www.twilio.com/docs/taskrouter/api/reservations
"""

from typing import TYPE_CHECKING

from simulator.core.errors import invalid
from simulator.core.taskrouter.model import Activity, Reservation, Task, Worker, Workspace

if TYPE_CHECKING:
    from simulator.core.taskrouter.router import TaskRouter

DEFAULT_TIMEOUT_SECONDS = 120


class Reservations:
    def __init__(self, router: "TaskRouter") -> None:
        self._router = router

    # -- beginning ---------------------------------------------------------------------------

    def offer(self, space: Workspace, task: Task, worker: Worker) -> Reservation:
        router, now = self._router, self._router.now
        reservation = Reservation(router.network.sid("WR"), now, now, task, worker, task.queue)
        reservation.history.append((now, "pending"))
        space.reservations[reservation.sid] = reservation
        task.reservations[reservation.sid] = reservation
        worker.open[reservation.sid] = reservation
        router.utilisation.reservation(reservation)
        router.tasks.reserve(task)
        self._start_timer(space, reservation)
        router.events.tell(
            space,
            "reservation.created",
            reservation,
            f"Task {task.sid} assigned to Worker {worker.name} with Reservation {reservation.sid}",
        )
        if not space.multi_task and task.queue is not None:
            reservation.activity_before = worker.activity
            self._occupy(space, reservation, task.queue.reservation_activity)
        router.assignment.ask(space, reservation)
        return reservation

    def set_up(self, space: Workspace, reservation: Reservation) -> None:
        """The instruction is carried out, and the acceptance is left to the application."""
        reservation.setting_up = False
        reservation.abandon = None
        if reservation.timer is not None:
            reservation.timer.cancel()
        self._start_timer(space, reservation)

    def _start_timer(self, space: Workspace, reservation: Reservation) -> None:
        workflow = reservation.task.workflow
        seconds = workflow.reservation_timeout if workflow else DEFAULT_TIMEOUT_SECONDS
        clock = self._router.network.clock
        reservation.timer = clock.call_later(seconds, lambda: self._timer_rings(space, reservation))

    def _timer_rings(self, space: Workspace, reservation: Reservation) -> None:
        """While an instruction is being carried out the time-out does not count (switch)."""
        waits = self._router.network.switches.reservation_timer_in_setup == "paused"
        if reservation.status == "pending" and not (reservation.setting_up and waits):
            self.time_out(space, reservation)

    def _occupy(
        self, space: Workspace, reservation: Reservation, activity: Activity | None
    ) -> None:
        """R-17: in a single-task workspace the queue's activities show what the worker does."""
        if not space.multi_task and activity is not None:
            self._router.workers.set_activity(space, reservation.worker, activity)

    # -- changes of status -------------------------------------------------------------------

    def check(self, reservation: Reservation, wanted: str, *allowed: str) -> None:
        if reservation.status not in allowed:
            raise invalid(
                20001,
                f"Cannot update Reservation {reservation.sid} to {wanted}: its status is "
                f"{reservation.status}",
            )

    def accept(self, space: Workspace, reservation: Reservation) -> None:
        self.check(reservation, "accepted", "pending")
        router, task = self._router, reservation.task
        self._set(reservation, "accepted")
        router.tasks.assign(space, task)
        router.events.tell(space, "reservation.accepted", reservation)
        if task.queue is not None:
            self._occupy(space, reservation, task.queue.assignment_activity)
        for other in list(task.reservations.values()):
            if other.status == "pending":
                self._close(space, other, "rescinded")

    def reject(
        self, space: Workspace, reservation: Reservation, activity: Activity | None = None
    ) -> None:
        self.check(reservation, "rejected", "pending")
        self._refuse(space, reservation, "rejected", activity)

    def time_out(self, space: Workspace, reservation: Reservation) -> None:
        """The worker is sent to the workspace's time-out activity (R-12)."""
        self._refuse(space, reservation, "timeout", space.timeout_activity)

    def fail(self, space: Workspace, reservation: Reservation) -> None:
        """Nobody could be asked, or the worker's leg came to nothing (see the README)."""
        if reservation.status == "pending":
            self._refuse(space, reservation, "canceled", None)

    def _refuse(
        self, space: Workspace, reservation: Reservation, status: str, activity: Activity | None
    ) -> None:
        task, worker = reservation.task, reservation.worker
        task.refusals[worker.sid] = task.refusals.get(worker.sid, 0) + 1
        task.refused_at[worker.sid] = self._router.now
        self._close(space, reservation, status, activity)
        self._router.tasks.release(space, task, timed_out=status == "timeout")

    def cancel(self, space: Workspace, reservation: Reservation) -> None:
        """Its task is no more."""
        self._close(space, reservation, "canceled")

    def wrap(self, space: Workspace, reservation: Reservation) -> None:
        self._set(reservation, "wrapping")
        self._router.events.tell(space, "reservation.wrapup", reservation)

    def complete(self, space: Workspace, reservation: Reservation) -> None:
        activity = None if space.multi_task else reservation.post_work_activity
        self._close(space, reservation, "completed", activity)

    # -- what all of them do -----------------------------------------------------------------

    def _set(self, reservation: Reservation, status: str) -> None:
        now = self._router.now
        reservation.status = status
        reservation.history.append((now, status))
        reservation.touch(now)
        reservation.setting_up = False
        reservation.abandon, abandon = None, reservation.abandon
        if status not in ("accepted", "wrapping", "completed") and abandon is not None:
            abandon()
        if reservation.timer is not None:
            reservation.timer.cancel()

    def _close(
        self,
        space: Workspace,
        reservation: Reservation,
        status: str,
        activity: Activity | None = None,
    ) -> None:
        """Out of the worker's hands: capacity is free again, and the worker's wait begins."""
        router, worker = self._router, reservation.worker
        worker.open.pop(reservation.sid, None)
        worker.idle_since = router.now
        self._set(reservation, status)
        router.events.tell(space, f"reservation.{status}", reservation)
        router.workers.restore(space, reservation, activity)
        router.matching.wake(space)
