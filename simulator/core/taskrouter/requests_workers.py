"""Workers and their channels over REST.

https://www.twilio.com/docs/taskrouter/api/worker
"""

from simulator.core.errors import invalid, not_found
from simulator.core.taskrouter.configuration import expression
from simulator.core.taskrouter.events import channel_fields
from simulator.core.taskrouter.model import Activity, Worker, WorkerChannel, Workspace
from simulator.core.taskrouter.pages import page
from simulator.core.taskrouter.requests_base import Group, friendly_name, json_object, whole, yes
from simulator.core.taskrouter.resources import Body
from simulator.core.text import Form

ATTRIBUTES_LENGTH_MAX = 4096
CAPACITY_MAX = 2**31 - 1


class WorkerRequests(Group):
    def create(self, sid: str, form: Form) -> Body:
        router, space, now = self._router, self._space(sid), self._router.now
        name = friendly_name(form)
        self._check_name(space, name, None)
        text, attributes = self._attributes(form)
        activity = self._activity(space, form) or space.default_activity
        if activity is None:
            raise invalid(20001, "The Workspace has no default Activity")
        worker = Worker(
            router.network.sid("WK"), now, now, name, activity, now, text, attributes, now
        )
        for channel in space.channels.values():
            own = WorkerChannel(router.network.sid("WC"), now, now, channel)
            worker.channels[channel.sid] = own
        space.workers[worker.sid] = worker
        router.utilisation.activity(worker)
        router.events.tell(space, "worker.created", worker, f"Worker {name} created")
        router.matching.wake(space)
        self._tag(worker)
        return self._shown(space).worker(worker)

    @staticmethod
    def _check_name(space: Workspace, name: str, own: Worker | None) -> None:
        """Unique without regard to case (R-19)."""
        others = [w for w in space.workers.values() if w is not own]
        if any(w.name.lower() == name.lower() for w in others):
            raise invalid(20001, f"A Worker with FriendlyName {name} already exists")

    @staticmethod
    def _attributes(form: Form) -> tuple[str, dict[str, object]]:
        text, found = json_object(form, "Attributes")
        if len(text) > ATTRIBUTES_LENGTH_MAX:
            raise invalid(20001, f"Attributes must not exceed {ATTRIBUTES_LENGTH_MAX} characters")
        return text, found

    @staticmethod
    def _activity(space: Workspace, form: Form) -> Activity | None:
        sid = form.text("ActivitySid")
        if not sid:
            return None
        if sid not in space.activities:
            raise invalid(20001, f"Activity {sid} was not found in the Workspace")
        return space.activities[sid]

    def fetch(self, sid: str, worker_sid: str) -> Body:
        space = self._space(sid)
        worker = self._get(space, space.workers, "Workers", worker_sid)
        self._tag(worker)
        return self._shown(space).worker(worker)

    def read(self, sid: str, form: Form) -> Body:
        space = self._space(sid)
        found = [w for w in space.workers.values() if self._fits(space, w, form)]
        if (form.text("Ordering") or "").lower().endswith(":desc"):
            found.reverse()
        shown = self._shown(space)
        return page(
            found,
            form,
            key="workers",
            url=f"{shown.url}/Workers",
            render=shown.worker,
            sid_of=lambda w: w.sid,
        )

    def _fits(self, space: Workspace, worker: Worker, form: Form) -> bool:
        for name, value in (
            ("ActivityName", worker.activity.name),
            ("ActivitySid", worker.activity.sid),
            ("FriendlyName", worker.name),
        ):
            if form.text(name) not in (None, "", value):
                return False
        if form.text("Available") and yes(form.text("Available")) is not worker.activity.available:
            return False
        text = form.text("TargetWorkersExpression")
        if text and not self._router.workers.matches(worker, expression(text, "expression")):
            return False
        for name in ("TaskQueueSid", "TaskQueueName"):
            asked = form.text(name)
            queues = [q for q in space.queues.values() if asked in (q.sid, q.name)]
            if asked and not any(self._router.workers.in_queue(worker, q) for q in queues):
                return False
        return True

    def update(self, sid: str, worker_sid: str, form: Form) -> Body:
        router, space = self._router, self._space(sid)
        worker = self._get(space, space.workers, "Workers", worker_sid)
        self._check_match(worker)
        name, activity = form.given("FriendlyName", worker.name), self._activity(space, form)
        self._check_name(space, name, worker)
        rejects = form.true("RejectPendingReservations")
        if rejects and (activity or worker.activity).available:
            raise invalid(20001, "RejectPendingReservations needs an unavailable Activity")
        if "Attributes" in form:
            text, attributes = self._attributes(form)
            worker.attributes_text, worker.attributes = text, dict(attributes)
            worker.touch(router.now)
            router.events.tell(space, "worker.attributes.update", worker)
        if name != worker.name:
            worker.name = name
            worker.touch(router.now)
        if activity is not None:
            router.workers.set_activity(space, worker, activity)
        if rejects:
            for reservation in [r for r in worker.open.values() if r.status == "pending"]:
                router.reservations.reject(space, reservation)
        router.matching.wake(space)
        self._tag(worker)
        return self._shown(space).worker(worker)

    def delete(self, sid: str, worker_sid: str) -> None:
        space = self._space(sid)
        worker = self._get(space, space.workers, "Workers", worker_sid)
        self._check_match(worker)
        if worker.activity.available or worker.open:
            raise invalid(20001, f"Worker {worker.name} is available or has Reservations")
        del space.workers[worker_sid]
        self._router.events.tell(space, "worker.deleted", worker)


class WorkerChannels(Group):
    def _find(self, sid: str, worker_sid: str, key: str) -> tuple[Workspace, Worker, WorkerChannel]:
        """By the channel's own SID, the task channel's SID, or its unique name."""
        space = self._space(sid)
        worker = self._get(space, space.workers, "Workers", worker_sid)
        for own in worker.channels.values():
            if key in (own.sid, own.channel.sid, own.channel.unique_name):
                return space, worker, own
        raise not_found(f"/v1/Workspaces/{sid}/Workers/{worker_sid}/Channels/{key}")

    def fetch(self, sid: str, worker_sid: str, key: str) -> Body:
        space, worker, own = self._find(sid, worker_sid, key)
        return self._shown(space).worker_channel(worker, own)

    def read(self, sid: str, worker_sid: str, form: Form) -> Body:
        space = self._space(sid)
        worker = self._get(space, space.workers, "Workers", worker_sid)
        shown = self._shown(space)
        return page(
            list(worker.channels.values()),
            form,
            key="channels",
            url=f"{shown.url}/Workers/{worker_sid}/Channels",
            render=lambda own: shown.worker_channel(worker, own),
            sid_of=lambda own: own.sid,
        )

    def update(self, sid: str, worker_sid: str, key: str, form: Form) -> Body:
        router = self._router
        space, worker, own = self._find(sid, worker_sid, key)
        capacity = whole(form, "Capacity", 0, CAPACITY_MAX)
        if capacity is not None and capacity != own.capacity:
            before, own.capacity = own.capacity, capacity
            self._tell(space, worker, own, "worker.capacity.update", before)
        if "Available" in form and form.true("Available") is not own.available:
            own.available = form.true("Available")
            self._tell(space, worker, own, "worker.channel.availability.update", own.capacity)
        own.touch(router.now)
        router.matching.wake(space)
        return self._shown(space).worker_channel(worker, own)

    def _tell(
        self, space: Workspace, worker: Worker, own: WorkerChannel, kind: str, before: int
    ) -> None:
        extra = channel_fields(worker, own)
        self._router.events.tell(
            space, kind, worker, "", WorkerChannelPreviousCapacity=str(before), **extra
        )
