"""The telephone side of a reservation: the worker's leg, dialled and followed to its end.

Also what happens to a parked call: T-09 to T-12.
https://www.twilio.com/docs/taskrouter/twiml-queue-calls
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.core.documents import Verb
from simulator.core.model import Bridge, Call, Callback, Document, QueueMember
from simulator.core.taskrouter.model import Reservation, Task, Workspace

if TYPE_CHECKING:
    from simulator.core.script import Script
    from simulator.core.taskrouter.router import TaskRouter

Met = Callable[[Bridge | None], None]
RING_SECONDS_EXTRA = 5.0
# Fields of a webhook that do not become attributes of the task (T-09).
NOT_ATTRIBUTES = frozenset({"ParentCallSid", "ForwardedFrom", "CallerName", "AnsweredBy"})


class Legs:
    def __init__(self, router: "TaskRouter") -> None:
        self._router = router
        # Calls TaskRouter itself takes out of their queue: no reason to cancel their tasks.
        self._taking: set[str] = set()

    # -- the worker's leg --------------------------------------------------------------------

    def dial(
        self,
        space: Workspace,
        reservation: Reservation,
        *,
        to: str,
        from_: str,
        timeout: float,
        answered: Callable[[Call], None],
        fault: int,
        status_url: str = "",
        status_events: tuple[str, ...] = (),
    ) -> Call:
        network = self._router.network
        call = network.calls.make(
            from_=from_,
            to=to,
            direction="outbound-api",
            phone=to,
            timeout=timeout + RING_SECONDS_EXTRA,
        )
        if status_url:
            joint = "&" if "?" in status_url else "?"
            url = f"{status_url}{joint}taskCallSid={self._task_call(reservation)}"
            call.progress = Callback(url, "GET", status_events or ("completed",))
        call.on_answer = answered
        self.follow(space, reservation, call, fault)
        network.calls.place(call, paced=True)
        self._router.tasks.merge(space, reservation.task, worker_call_sid=call.sid)
        return call

    def follow(self, space: Workspace, reservation: Reservation, call: Call, fault: int) -> None:
        """This leg belongs to this reservation from now on, whichever of them ends first."""
        network = self._router.network
        reservation.setting_up = True
        reservation.worker_call = call
        reservation.abandon = lambda: network.calls.finish(
            call, "completed" if call.answered else "canceled", by="network"
        )
        call.on_end.append(lambda leg, _: self.fell_through(space, reservation, leg, fault))

    @staticmethod
    def _task_call(reservation: Reservation) -> str:
        return str(reservation.task.attributes.get("call_sid") or "")

    def fell_through(
        self, space: Workspace, reservation: Reservation, leg: Call, fault: int
    ) -> None:
        """The worker's leg ended before it was of use: that undoes the reservation (switch)."""
        if reservation.worker_call is not leg or not reservation.setting_up:
            return
        router = self._router
        reservation.setting_up = False
        reservation.abandon = None
        router.alert(fault, f"The leg of Worker {reservation.worker.name} ended: {leg.status}")
        outcome = router.network.switches.worker_leg_failed
        if outcome == "rejected":
            router.reservations.reject(space, reservation)
        elif outcome == "timeout":
            router.reservations.time_out(space, reservation)
        else:
            router.reservations.fail(space, reservation)

    def call_worker(
        self,
        space: Workspace,
        reservation: Reservation,
        *,
        to: str,
        from_: str,
        url: str,
        timeout: float,
        status_url: str,
        accepts: bool,
    ) -> None:
        """The `call` instruction: dial, run the document at the answer, accept if asked to."""
        router = self._router

        def accept() -> None:
            if accepts and reservation.status == "pending":
                router.reservations.accept(space, reservation)

        def answered(call: Call) -> None:
            if router.network.switches.call_accepts_at == "answer":
                accept()
            if reservation.status == "pending":
                router.reservations.set_up(space, reservation)
            router.network.calls.run(call, Document(url=url))

        self.dial(
            space,
            reservation,
            to=to,
            from_=from_,
            timeout=timeout,
            answered=answered,
            fault=40113,
            status_url=status_url,
        )
        if router.network.switches.call_accepts_at == "instruction":
            accept()

    def dequeue(
        self,
        space: Workspace,
        reservation: Reservation,
        caller: Call,
        *,
        to: str,
        from_: str,
        timeout: float,
        status_url: str,
        status_events: tuple[str, ...],
    ) -> None:
        """The `dequeue` instruction: dial the worker, and bridge to the parked call."""

        def answered(worker_call: Call) -> None:
            member = caller.member
            if member is None or reservation.status != "pending":
                self._router.network.calls.finish(worker_call, "completed", by="network")
                return
            self._router.reservations.accept(space, reservation)
            self.bridge(space, reservation, member, worker_call, Verb("Queue"))

        self.dial(
            space,
            reservation,
            to=to,
            from_=from_,
            timeout=timeout,
            answered=answered,
            fault=40133,
            status_url=status_url,
            status_events=status_events,
        )

    def bridge(
        self,
        space: Workspace,
        reservation: Reservation,
        member: QueueMember,
        agent: Call,
        noun: Verb,
        met: Met | None = None,
    ) -> None:
        """Join the two; when they part, the task is over (I-12)."""
        network, caller = self._router.network, member.call

        def parted(bridge: Bridge | None) -> None:
            if met is not None:
                met(bridge)
            elif agent.live:
                network.calls.finish(agent, "completed", by="network")

        def over(_: Call, __: str) -> None:
            self.finished(space, reservation)

        with self.taking(caller):
            network.queues.bridge_member(member, agent, noun, parted)
        caller.on_end.append(over)
        agent.on_end.append(over)

    def finished(self, space: Workspace, reservation: Reservation) -> None:
        """The conversation is over: complete the task, or let it wrap up (I-08)."""
        router, task = self._router, reservation.task
        if reservation.status != "accepted" or task.status != "assigned":
            return
        if space.multi_task:
            router.tasks.wrap(space, task)
        else:
            router.tasks.complete(space, task, "completed")

    def redirect(self, call: Call, url: str) -> None:
        with self.taking(call):
            self._router.network.calls.redirect(call, Document(url=url))

    def taking(self, call: Call) -> "_Taking":
        """While this lasts, the call leaves its queue by TaskRouter's own hand."""
        return _Taking(self._taking, call.sid)

    # -- parked calls ------------------------------------------------------------------------

    def parked(self, member: QueueMember) -> None:
        """`<Enqueue workflowSid>`: a task for the call, with the call's fields as attributes."""
        router, given = self._router, member.task or {}
        space, workflow = router.workflow_anywhere(member.workflow_sid or "")
        if space is None or workflow is None:
            router.alert(14220, "Enqueue: Provided Workflow was not a valid sid")
            return
        call = member.call
        task = router.rest.tasks.make(
            space,
            attributes={
                **call_attributes(router.network.calls.params(call)),
                **given["attributes"],
            },
            workflow=workflow,
            channel="voice",
            priority=_whole(given.get("priority")),
            timeout=_whole(given.get("timeout")),
        )
        task.parked = call
        router.tasks.begin(space, task, None)

    def unparked(self, member: QueueMember, result: str) -> None:
        """T-12: whoever hangs up or leaves the queue takes the task along."""
        call = member.call
        if call.sid in self._taking or member.workflow_sid is None:
            return
        space, task = self._task_of(call)
        if space is None or task is None:
            return
        if task.status in ("pending", "reserved"):
            self._router.tasks.cancel(space, task, result)
        elif task.open:
            self._router.alert(14223, "Enqueue: Unable to cleanup task")

    def _task_of(self, call: Call) -> tuple[Workspace | None, Task | None]:
        for space in self._router.workspaces.values():
            for task in space.tasks.values():
                if task.parked is call:
                    return space, task
        return None, None

    def dial_queue(self, script: "Script", noun: Verb, done: Met) -> bool:
        """`<Dial><Queue reservationSid>` (T-11). False when it cannot be; an alert says why."""
        space, reservation = self._router.reservation_anywhere(noun.get("reservationSid"))
        if space is None or reservation is None:
            script.alert(14215, "Dial->Queue: Invalid ReservationSid. Unable to dequeue")
            return False
        activity = space.activities.get(noun.get("postWorkActivitySid"))
        if noun.has("postWorkActivitySid") and activity is None:
            script.alert(14218, "Dial->Queue: Could not update worker to provided activity")
        parked = reservation.task.parked
        member = parked.member if parked is not None else None
        if reservation.status != "pending" or member is None:
            script.alert(14217, "Dial->Queue: Could not find or accept provided reservationSid")
            return False
        reservation.abandon = None
        reservation.worker_call = script.call
        reservation.post_work_activity = activity
        self._router.reservations.accept(space, reservation)
        self.bridge(space, reservation, member, script.call, noun, done)
        return True


class _Taking:
    """Names a call for the length of a `with` block."""

    def __init__(self, names: set[str], sid: str) -> None:
        self._names = names
        self._sid = sid

    def __enter__(self) -> None:
        self._names.add(self._sid)

    def __exit__(self, *_: object) -> None:
        self._names.discard(self._sid)


def call_attributes(params: dict[str, str]) -> dict[str, str]:
    """`FromCountry` as `from_country`, and so on."""
    return {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in name).strip("_"): value
        for name, value in params.items()
        if name not in NOT_ATTRIBUTES
    }


def _whole(text: object) -> int | None:
    return int(str(text)) if str(text or "").isdigit() else None
