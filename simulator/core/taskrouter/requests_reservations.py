"""Reservations over REST, by way of their task or of their worker (I-09).

https://www.twilio.com/docs/taskrouter/api/reservations
"""

from simulator.core.errors import invalid
from simulator.core.taskrouter.instructions import from_form
from simulator.core.taskrouter.model import Reservation, Workspace
from simulator.core.taskrouter.pages import page
from simulator.core.taskrouter.requests_base import Group
from simulator.core.taskrouter.resources import Body, Resources
from simulator.core.text import Form


class ReservationRequests(Group):
    """`key` is the task's or the worker's SID, whichever way the reservation is asked for."""

    def _find(self, sid: str, key: str, reservation_sid: str) -> tuple[Workspace, Reservation]:
        space = self._space(sid)
        collection = "Tasks" if key.startswith("WT") else "Workers"
        found = space.reservations.get(reservation_sid)
        if found is None or key not in (found.task.sid, found.worker.sid):
            path = f"{collection}/{key}/Reservations"
            found = self._get(space, {}, path, reservation_sid)
        return space, found

    def _render(self, shown: Resources, key: str, reservation: Reservation) -> Body:
        body = shown.reservation(reservation)
        if key.startswith("WK"):
            body["url"] = f"{shown.url}/Workers/{key}/Reservations/{reservation.sid}"
        return body

    def fetch(self, sid: str, key: str, reservation_sid: str) -> Body:
        space, reservation = self._find(sid, key, reservation_sid)
        self._tag(reservation)
        return self._render(self._shown(space), key, reservation)

    def read(self, sid: str, key: str, form: Form) -> Body:
        space = self._space(sid)
        if key.startswith("WK"):
            self._get(space, space.workers, "Workers", key)
            found = [r for r in space.reservations.values() if r.worker.sid == key]
        else:
            found = list(self._get(space, space.tasks, "Tasks", key).reservations.values())
        status, worker = form.text("ReservationStatus"), form.text("WorkerSid")
        found = [
            r
            for r in found
            if status in (None, "", r.status) and worker in (None, "", r.worker.sid)
        ]
        shown = self._shown(space)
        collection = "Workers" if key.startswith("WK") else "Tasks"
        return page(
            found,
            form,
            key="reservations",
            url=f"{shown.url}/{collection}/{key}/Reservations",
            render=lambda r: self._render(shown, key, r),
            sid_of=lambda r: r.sid,
        )

    def update(self, sid: str, key: str, reservation_sid: str, form: Form) -> Body:
        space, reservation = self._find(sid, key, reservation_sid)
        self._check_match(reservation)
        instruction, status = form.text("Instruction"), form.text("ReservationStatus")
        if instruction:
            order = from_form(instruction.strip().lower(), form.values)
            if instruction.lower() == "reject":
                order["activity_sid"] = form.text("WorkerActivitySid") or ""
            self._router.instructions.carry_out(space, reservation, order)
        elif status:
            self._move(space, reservation, status, form)
        self._tag(reservation)
        return self._render(self._shown(space), key, reservation)

    def _move(self, space: Workspace, reservation: Reservation, status: str, form: Form) -> None:
        router, task = self._router, reservation.task
        if status == "accepted":
            router.reservations.accept(space, reservation)
        elif status == "rejected":
            sid = form.text("WorkerActivitySid")
            if sid and sid not in space.activities:
                raise invalid(20001, f"Activity {sid} was not found in the Workspace")
            router.reservations.reject(space, reservation, space.activities.get(sid or ""))
        elif status == "wrapping":
            router.reservations.check(reservation, status, "accepted")
            router.tasks.wrap(space, task)
        elif status == "completed":
            router.reservations.check(reservation, status, "accepted", "wrapping")
            router.tasks.complete(space, task, task.reason)
        elif status != reservation.status:
            raise invalid(20001, f"ReservationStatus cannot be set to {status}")
