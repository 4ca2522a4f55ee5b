"""TaskRouter's part of the control face: what a worker sees and does, and how time was spent."""

from typing import Any

from fastapi import FastAPI, HTTPException

from simulator.core.network import Network
from simulator.core.taskrouter.model import Reservation, Worker, Workspace
from simulator.core.text import Form, iso8601
from simulator.http.bodies import ActivityBody, RejectBody
from simulator.http.runtime import Runtime

PREFIX = "/simulator/v1"
Body = dict[str, Any]


def add_taskrouter(app: FastAPI, runtime: Runtime) -> None:
    @app.get(f"{PREFIX}/workers")
    async def workers(workspace: str | None = None) -> Body:
        """Every worker with the reservations that are open."""
        with runtime.act() as network:
            spaces = network.taskrouter.workspaces.values()
            return {
                "workers": [
                    worker_view(network, space, worker)
                    for space in spaces
                    if workspace in (None, space.sid)
                    for worker in space.workers.values()
                ]
            }

    @app.get(PREFIX + "/workers/{sid}")
    async def worker(sid: str) -> Body:
        with runtime.act() as network:
            return worker_view(network, *_worker(network, sid))

    @app.post(PREFIX + "/workers/{sid}/activity")
    async def activity(sid: str, body: ActivityBody) -> Body:
        """By the activity's SID or name, as the worker's own desktop would ask for it."""
        with runtime.act() as network:
            space, found = _worker(network, sid)
            for known in space.activities.values():
                if body.activity in (known.sid, known.name):
                    params = {
                        "ActivitySid": known.sid,
                        "RejectPendingReservations": body.reject_pending_reservations,
                    }
                    rest = network.taskrouter.rest
                    rest.if_match = None
                    rest.workers.update(space.sid, found.sid, Form.of(params))
                    return worker_view(network, space, found)
            raise HTTPException(404, f"there is no activity {body.activity}")

    @app.post(PREFIX + "/reservations/{sid}/accept")
    async def accept(sid: str) -> Body:
        with runtime.act() as network:
            space, found = _reservation(network, sid)
            network.taskrouter.reservations.accept(space, found)
            return reservation_view(found)

    @app.post(PREFIX + "/reservations/{sid}/reject")
    async def reject(sid: str, body: RejectBody | None = None) -> Body:
        with runtime.act() as network:
            space, found = _reservation(network, sid)
            asked = body.activity if body is not None else None
            named = [a for a in space.activities.values() if asked in (a.sid, a.name)]
            if asked and not named:
                raise HTTPException(404, f"there is no activity {asked}")
            router = network.taskrouter
            router.reservations.reject(space, found, named[0] if named else None)
            return reservation_view(found)

    @app.get(f"{PREFIX}/utilisation")
    async def utilisation(since: float | None = None) -> Body:
        """Per worker: seconds in each state, and the intervals of every reservation."""
        with runtime.act() as network:
            return network.taskrouter.utilisation.shown(since)


def _worker(network: Network, sid: str) -> tuple[Workspace, Worker]:
    for space in network.taskrouter.workspaces.values():
        for worker in space.workers.values():
            if sid in (worker.sid, worker.name):
                return space, worker
    raise LookupError(f"there is no worker {sid}")


def _reservation(network: Network, sid: str) -> tuple[Workspace, Reservation]:
    space, found = network.taskrouter.reservation_anywhere(sid)
    if space is None or found is None:
        raise LookupError(f"there is no reservation {sid}")
    return space, found


def worker_view(network: Network, space: Workspace, worker: Worker) -> Body:
    open_ = list(worker.open.values())
    return {
        "worker_sid": worker.sid,
        "workspace_sid": space.sid,
        "worker": worker.name,
        "contact_uri": worker.attributes.get("contact_uri"),
        "attributes": worker.attributes,
        "activity": worker.activity.name,
        "activity_sid": worker.activity.sid,
        "available": worker.activity.available,
        "since": iso8601(worker.activity_since),
        "activities": [a.name for a in space.activities.values()],
        "offered": [reservation_view(r) for r in open_ if r.status == "pending"],
        "accepted": [reservation_view(r) for r in open_ if r.status != "pending"],
        "channels": [
            {
                "channel": own.channel.unique_name,
                "capacity": own.capacity,
                "available": own.available,
                "tasks": worker.load(own.channel),
            }
            for own in worker.channels.values()
        ],
    }


def reservation_view(reservation: Reservation) -> Body:
    task, call = reservation.task, reservation.worker_call
    return {
        "reservation_sid": reservation.sid,
        "status": reservation.status,
        "since": iso8601(reservation.updated_at),
        "task_sid": task.sid,
        "task_status": task.status,
        "task_queue": reservation.queue.name if reservation.queue is not None else None,
        "task_attributes": task.attributes,
        "worker": reservation.worker.name,
        "worker_call_sid": call.sid if call is not None else None,
        "conference_sid": reservation.conference_sid,
    }
