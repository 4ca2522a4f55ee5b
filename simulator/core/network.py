"""One account's telephone network: the whole state, and every operation on it.

The REST operations are plain methods here, named as Twilio's SDK would: `create_participant`,
`update_call`, … They answer the resource as a dictionary or raise TwilioError. What must be asked
of the application stands in `outbox` afterwards. Nothing happens by itself: turn `clock`.
"""

from collections.abc import Mapping
from typing import Any

from simulator.core import resources
from simulator.core.account_requests import Applications, Numbers, QueueRequests
from simulator.core.call_requests import CallRequests
from simulator.core.calls import Calls
from simulator.core.clock import Clock
from simulator.core.conference_requests import ConferenceRequests
from simulator.core.model import Call, Conference
from simulator.core.participants import Participants
from simulator.core.phones import Phones
from simulator.core.queues import Queues
from simulator.core.recordings import RoomRecordings
from simulator.core.rooms import Rooms
from simulator.core.state import DEFAULT_ACCOUNT_SID, NetworkState
from simulator.core.taskrouter.router import TaskRouter
from simulator.core.text import Form
from simulator.switches import Switches

ParamsIn = Mapping[str, Any] | Form | None
Body = dict[str, Any]


class Network(NetworkState):
    def __init__(
        self,
        *,
        account_sid: str = DEFAULT_ACCOUNT_SID,
        clock: Clock | None = None,
        seed: int | str = 0,
        switches: Switches | None = None,
        ledger_limit: int | None = None,
    ) -> None:
        super().__init__(
            account_sid=account_sid,
            clock=clock,
            seed=seed,
            switches=switches,
            ledger_limit=ledger_limit,
        )
        self.phones = Phones(self)
        self.calls = Calls(self)
        self.rooms = Rooms(self)
        self.queues = Queues(self)
        self._calls = CallRequests(self)
        self._conferences = ConferenceRequests(self)
        self._participants = Participants(self)
        self._numbers = Numbers(self)
        self._applications = Applications(self)
        self._queues = QueueRequests(self)
        self.recorder = RoomRecordings(self)
        self.taskrouter = TaskRouter(self)
        self.on_parked = self.taskrouter.call_parked
        self.on_unparked = self.taskrouter.call_unparked
        self.on_room_ended = self._room_ended

    def _room_ended(self, room: Conference) -> None:
        self.recorder.ended(room)
        self.taskrouter.room_ended(room)

    # -- REST: calls -------------------------------------------------------------------------

    def create_call(self, params: ParamsIn) -> Body:
        return self._calls.create(Form.of(params))

    def fetch_call(self, sid: str) -> Body:
        return self._calls.fetch(sid)

    def list_calls(self, params: ParamsIn = None) -> Body:
        return self._calls.read(Form.of(params))

    def update_call(self, sid: str, params: ParamsIn) -> Body:
        return self._calls.update(sid, Form.of(params))

    def delete_call(self, sid: str) -> None:
        self._calls.delete(sid)

    def list_call_recordings(self, sid: str, params: ParamsIn = None) -> Body:
        return self._calls.read_recordings(sid, Form.of(params))

    def fetch_call_recording(self, sid: str, recording_sid: str) -> Body:
        return self._calls.fetch_recording(sid, recording_sid)

    # -- REST: conferences and participants --------------------------------------------------

    def fetch_conference(self, sid: str) -> Body:
        return self._conferences.fetch(sid)

    def list_conferences(self, params: ParamsIn = None) -> Body:
        return self._conferences.read(Form.of(params))

    def update_conference(self, sid: str, params: ParamsIn) -> Body:
        return self._conferences.update(sid, Form.of(params))

    def list_conference_recordings(self, sid: str, params: ParamsIn = None) -> Body:
        return self.recorder.read(sid, Form.of(params))

    def create_conference_recording(self, sid: str, params: ParamsIn = None) -> Body:
        return self.recorder.create(sid, Form.of(params))

    def fetch_conference_recording(self, sid: str, recording_sid: str) -> Body:
        return self.recorder.fetch(sid, recording_sid)

    def update_conference_recording(self, sid: str, recording_sid: str, params: ParamsIn) -> Body:
        return self.recorder.update(sid, recording_sid, Form.of(params))

    def delete_conference_recording(self, sid: str, recording_sid: str) -> None:
        self.recorder.delete(sid, recording_sid)

    def create_participant(self, conference_ref: str, params: ParamsIn) -> Body:
        return self._participants.create(conference_ref, Form.of(params))

    def list_participants(self, conference_sid: str, params: ParamsIn = None) -> Body:
        return self._participants.read(conference_sid, Form.of(params))

    def fetch_participant(self, conference_sid: str, key: str) -> Body:
        return self._participants.fetch(conference_sid, key)

    def update_participant(self, conference_sid: str, key: str, params: ParamsIn) -> Body:
        return self._participants.update(conference_sid, key, Form.of(params))

    def delete_participant(self, conference_sid: str, key: str) -> None:
        self._participants.delete(conference_sid, key)

    # -- REST: the account's own things ------------------------------------------------------

    def fetch_account(self) -> Body:
        return resources.account(self)

    def create_number(self, params: ParamsIn) -> Body:
        return self._numbers.create(Form.of(params))

    def fetch_number(self, sid: str) -> Body:
        return self._numbers.fetch(sid)

    def list_numbers(self, params: ParamsIn = None) -> Body:
        return self._numbers.read(Form.of(params))

    def update_number(self, sid: str, params: ParamsIn) -> Body:
        return self._numbers.update(sid, Form.of(params))

    def delete_number(self, sid: str) -> None:
        self._numbers.delete(sid)

    def create_application(self, params: ParamsIn) -> Body:
        return self._applications.create(Form.of(params))

    def fetch_application(self, sid: str) -> Body:
        return self._applications.fetch(sid)

    def list_applications(self, params: ParamsIn = None) -> Body:
        return self._applications.read(Form.of(params))

    def update_application(self, sid: str, params: ParamsIn) -> Body:
        return self._applications.update(sid, Form.of(params))

    def delete_application(self, sid: str) -> None:
        self._applications.delete(sid)

    def create_queue(self, params: ParamsIn) -> Body:
        return self._queues.create(Form.of(params))

    def fetch_queue(self, sid: str) -> Body:
        return self._queues.fetch(sid)

    def list_queues(self, params: ParamsIn = None) -> Body:
        return self._queues.read(Form.of(params))

    def update_queue(self, sid: str, params: ParamsIn) -> Body:
        return self._queues.update(sid, Form.of(params))

    def delete_queue(self, sid: str) -> None:
        self._queues.delete(sid)

    def list_queue_members(self, sid: str, params: ParamsIn = None) -> Body:
        return self._queues.read_members(sid, Form.of(params))

    def fetch_queue_member(self, sid: str, call_sid: str) -> Body:
        return self._queues.fetch_member(sid, call_sid)

    def update_queue_member(self, sid: str, call_sid: str, params: ParamsIn) -> Body:
        return self._queues.update_member(sid, call_sid, Form.of(params))

    # -- people outside ----------------------------------------------------------------------

    def dial_in(self, from_: str, to: str, *, forwarded_from: str | None = None) -> Call:
        """A person dials a number of the account (or a client dials an application's address)."""
        number = self.number_of(to)
        application = self.applications.get(to.removeprefix("app:"))
        if number is None and application is None:
            raise LookupError(f"{to} is not a number or application of this account")
        settings = number.settings if number else application.settings if application else {}
        call = self.calls.make(
            from_=from_,
            to=to,
            direction="inbound",
            phone=from_,
            status="ringing",
            document=self.voice_document(settings),
            forwarded_from=forwarded_from,
        )
        call.number_sid = number.sid if number else None
        if settings.get("status_callback"):
            method = settings.get("status_callback_method", "POST")
            call.progress = self.completed_callback(settings["status_callback"], method)
        self.note_audio(call)
        token = {"CallToken": f'{{"call":"{call.sid}"}}'}
        self.clock.call_soon(lambda: self._answer_inbound(call, token))
        return call

    def _answer_inbound(self, call: Call, params: dict[str, str]) -> None:
        if call.live:
            self.calls.run(call, call.document, params)

    def reach(self, call: Call) -> None:
        """The far end of a leg: a phone, or a number of this very account (P-12)."""
        if not call.live:
            return
        own = self.number_of(call.to) or self.applications.get(call.to.removeprefix("app:"))
        if own is None:
            self.phones.reach(call)
            return
        self.calls.ring(call)
        far = self.dial_in(call.from_, call.to)
        self.phones.disconnect(far)
        far.phone = ""
        far.peer, call.peer = call, far
