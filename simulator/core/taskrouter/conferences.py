"""The `conference` instruction: worker and caller in a room named after the task (I-05 to I-08).

https://www.twilio.com/docs/taskrouter/contact-center-blueprint/call-control-concepts
"""

from typing import TYPE_CHECKING

from simulator.core.account_requests import parameter
from simulator.core.errors import invalid
from simulator.core.model import Call, Conference, Participant
from simulator.core.taskrouter.instructions import Order
from simulator.core.taskrouter.model import Reservation, Workspace
from simulator.core.text import Form

if TYPE_CHECKING:
    from simulator.core.taskrouter.router import TaskRouter

# Fields of the instruction that are those of POST Participants (I-03, I-04).
PASSED_ON = (
    "status_callback", "status_callback_method", "status_callback_event", "timeout", "record",
    "muted", "beep", "start_conference_on_enter", "end_conference_on_exit", "wait_url",
    "wait_method", "early_media", "max_participants", "conference_status_callback",
    "conference_status_callback_method", "conference_status_callback_event", "conference_record",
    "conference_trim", "recording_channels", "recording_status_callback",
    "recording_status_callback_method", "conference_recording_status_callback",
    "conference_recording_status_callback_method", "region", "sip_auth_username",
    "sip_auth_password", "jitter_buffer_size",
)  # fmt: skip
RING_SECONDS_MAX = 999
# What POST Participants takes; longer rings end there too.
PARTICIPANT_SECONDS = (5, 600)
LISTS = ("status_callback_event", "conference_status_callback_event")


class Conferences:
    def __init__(self, router: "TaskRouter") -> None:
        self._router = router
        self._held: dict[str, tuple[Workspace, Reservation]] = {}

    def begin(
        self,
        space: Workspace,
        reservation: Reservation,
        order: Order,
        to: str,
        from_: str,
        caller: Call | None,
        outbound: str,
    ) -> None:
        """Dial the worker into the room; the rest happens at the answer."""
        network, task = self._router.network, reservation.task
        seconds = order.text("timeout")
        if seconds and not (seconds.isdigit() and int(seconds) <= RING_SECONDS_MAX):
            raise invalid(14233, f"Dial->Conference: Invalid Timeout {seconds}")
        body = network.create_participant(task.sid, _form(order, to, from_))
        call = network.call(body["call_sid"])
        reservation.conference_sid = body["conference_sid"]
        self._router.legs.follow(space, reservation, call, 40145)
        join = call.on_answer

        def answered(leg: Call) -> None:
            if join is not None:
                join(leg)
            self._meet(space, reservation, order, from_, caller, outbound)

        call.on_answer = answered

    def _meet(
        self,
        space: Workspace,
        reservation: Reservation,
        order: Order,
        from_: str,
        caller: Call | None,
        outbound: str,
    ) -> None:
        """The worker is in the room. Only with the customer in it too is the task accepted."""
        router, worker_call = self._router, reservation.worker_call
        if reservation.status != "pending" or worker_call is None:
            return
        room = router.network.conferences_by_sid[reservation.conference_sid or ""]
        if outbound:
            body = router.network.create_participant(
                room.sid,
                {
                    "From": from_,
                    "To": outbound,
                    "EndConferenceOnExit": order.true("end_conference_on_customer_exit"),
                },
            )
            customer_sid = str(body["call_sid"])
        elif caller is not None and caller.live and not room.ended:
            self._take_in(caller, room, order)
            customer_sid = caller.sid
        else:
            router.alert(40144, "The caller hung up before the conference could be made")
            router.network.calls.finish(worker_call, "completed", by="network")
            return
        self._held[room.sid] = (space, reservation)
        router.reservations.accept(space, reservation)
        router.tasks.merge(
            space,
            reservation.task,
            conference={
                "room_name": reservation.task.sid,
                "sid": room.sid,
                "participants": {"worker": worker_call.sid, "customer": customer_sid},
            },
        )

    def _take_in(self, caller: Call, room: Conference, order: Order) -> None:
        """Out of its queue, or wherever it is, and into the room."""
        network = self._router.network
        now = network.clock.now
        with self._router.legs.taking(caller):
            reason = "participant_updated_via_api"
            network.calls.release(caller, reason, queue_result="redirected")
        ends = order.true("end_conference_on_customer_exit")
        beep = order.text("beep_on_customer_entrance").lower() != "false"
        participant = Participant(
            caller,
            room,
            "api",
            now,
            now,
            end_on_exit=ends,
            end_on_exit_in_force=ends,
            beep="true" if beep else "onExit",
        )
        participant.on_out = lambda person, _: network.calls.finish(
            person.call, "completed", by="conference"
        )
        network.rooms.join(participant)

    def supervise(self, reservation: Reservation, to: str, from_: str, mode: str) -> None:
        """Join the room unheard, heard by the worker alone, or heard by all (X-06)."""
        worker_call = reservation.worker_call
        params: dict[str, str] = {"From": from_, "To": to, "Muted": str(mode == "monitor").lower()}
        if mode == "whisper" and worker_call is not None:
            params |= {"Coaching": "true", "CallSidToCoach": worker_call.sid}
        self._router.network.create_participant(reservation.conference_sid or "", params)

    def ended(self, room: Conference) -> None:
        """I-08: with the conference the task is over, if nobody has said so before."""
        held = self._held.pop(room.sid, None)
        if held is not None:
            self._router.legs.finished(*held)


def _form(order: Order, to: str, from_: str) -> Form:
    values: dict[str, list[str]] = {"To": [to], "From": [from_]}
    for name in PASSED_ON:
        if name not in order.values:
            continue
        found = order.words(name) if name in LISTS else [order.text(name)]
        values[parameter(name)] = found
    if order.text("timeout"):
        lowest, highest = PARTICIPANT_SECONDS
        values["Timeout"] = [str(max(lowest, min(highest, int(order.text("timeout")))))]
    return Form(values)
