"""The state of the network: what there is, how it is found, and how changes are written down.

`Network` builds on it; the parts of the core reach each other and the ledger through it.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simulator.core import hearing
from simulator.core.clock import Clock
from simulator.core.errors import TwilioError, not_found
from simulator.core.ids import SidFactory
from simulator.core.ledger import Ledger
from simulator.core.model import (
    Alert,
    Application,
    Call,
    Callback,
    Conference,
    Document,
    Number,
    Participant,
    Queue,
    QueueMember,
    Recording,
)
from simulator.core.outbox import Fetch, Kind, Reply, ignore_reply
from simulator.core.text import is_phone_number, phone_of
from simulator.switches import Switches

if TYPE_CHECKING:
    from simulator.core.phones import Phones

API_VERSION = "2010-04-01"
DEFAULT_ACCOUNT_SID = "AC" + "0" * 32
# The alerts of a long run must not fill memory; nobody reads more than the newest.
ALERTS_MAX = 10_000


class NetworkState:
    phones: "Phones"

    def __init__(
        self,
        *,
        account_sid: str = DEFAULT_ACCOUNT_SID,
        clock: Clock | None = None,
        seed: int | str = 0,
        switches: Switches | None = None,
        ledger_limit: int | None = None,
    ) -> None:
        self.account_sid = account_sid
        self.api_version = API_VERSION
        self.root = f"/{API_VERSION}/Accounts/{account_sid}"
        self.clock = clock or Clock()
        self.switches = switches or Switches()
        self.sid = SidFactory(seed)
        self.opened_at = self.clock.now
        self.ledger = Ledger(ledger_limit)
        self.outbox: list[Fetch] = []
        self.alerts: deque[Alert] = deque(maxlen=ALERTS_MAX)
        # Parameters of the request in hand that were accepted and had no effect.
        self.ignored: list[str] = []
        self.calls_by_sid: dict[str, Call] = {}
        self.live_calls: dict[str, Call] = {}
        self.conferences_by_sid: dict[str, Conference] = {}
        self.live_rooms: dict[str, Conference] = {}
        self.numbers: dict[str, Number] = {}
        self.applications: dict[str, Application] = {}
        self.queues_by_sid: dict[str, Queue] = {}
        self.recordings: dict[str, Recording] = {}
        # Whoever routes tasks hooks in here: a call was parked with a workflow, or left its queue.
        self.on_parked: Callable[[QueueMember], None] | None = None
        self.on_unparked: Callable[[QueueMember, str], None] | None = None
        self.on_room_ended: Callable[[Conference], None] | None = None

    # -- looking things up -------------------------------------------------------------------

    def call(self, sid: str) -> Call:
        found = self.calls_by_sid.get(sid)
        if found is None:
            raise not_found(f"{self.root}/Calls/{sid}.json")
        return found

    def conference(self, sid: str) -> Conference:
        found = self.conferences_by_sid.get(sid)
        if found is None:
            raise not_found(f"{self.root}/Conferences/{sid}.json")
        return found

    def live_conference(self, name: str) -> Conference | None:
        return self.live_rooms.get(name)

    def number_of(self, phone_number: str) -> Number | None:
        return next((n for n in self.numbers.values() if n.phone_number == phone_number), None)

    def number_sid(self, phone_number: str) -> str | None:
        number = self.number_of(phone_number)
        return number.sid if number is not None else None

    def check_caller_id(self, from_: str) -> None:
        if not self.switches.caller_id_must_be_owned or not is_phone_number(from_):
            return
        if self.number_of(from_) is None:
            raise TwilioError(
                400,
                21210,
                f"The source phone number provided, {from_}, is not yet verified for your account.",
            )

    def voice_document(self, settings: Mapping[str, Any]) -> Document:
        application = self.applications.get(settings.get("voice_application_sid") or "")
        source = application.settings if application is not None else settings
        return Document(
            url=source.get("voice_url") or "",
            method=source.get("voice_method") or "POST",
            fallback_url=source.get("voice_fallback_url") or "",
            fallback_method=source.get("voice_fallback_method") or "POST",
        )

    @staticmethod
    def phone_key(address: str) -> str:
        return phone_of(address)

    @staticmethod
    def talk_seconds(call: Call) -> int:
        if call.started_at is None or call.ended_at is None:
            return 0
        return int(call.ended_at - call.started_at)

    @staticmethod
    def completed_callback(url: str, method: str) -> Callback:
        return Callback(url, method, ("completed",))

    # -- keeping the tables ------------------------------------------------------------------

    def add_call(self, call: Call) -> None:
        self.calls_by_sid[call.sid] = call
        self.live_calls[call.sid] = call
        self.phones.connect(call)

    def forget_live(self, call: Call) -> None:
        self.live_calls.pop(call.sid, None)
        self.phones.disconnect(call)

    def add_conference(self, conference: Conference) -> None:
        self.conferences_by_sid[conference.sid] = conference
        self.live_rooms[conference.name] = conference

    def forget_conference(self, conference: Conference) -> None:
        if self.live_rooms.get(conference.name) is conference:
            del self.live_rooms[conference.name]

    def add_recording(self, call: Call, seconds: int) -> Recording:
        recording = Recording(self.sid("RE"), call.sid, self.clock.now, seconds)
        self.recordings[recording.sid] = recording
        self.write("recording", recording.sid, call=call, seconds=seconds)
        return recording

    def recording_url(self, recording: Recording) -> str:
        return f"https://api.twilio.com{self.root}/Recordings/{recording.sid}"

    # -- what goes out -----------------------------------------------------------------------

    def send(
        self,
        kind: Kind,
        event: str,
        url: str,
        method: str,
        params: dict[str, str],
        *,
        call_sid: str | None = None,
        conference_sid: str | None = None,
        reply: Callable[[Reply], None] | None = None,
    ) -> None:
        """Put one request into the outbox. A bad answer to a callback is an alert (E-11)."""
        fetch = Fetch(
            kind,
            event,
            url,
            method.upper(),
            params,
            self.sid("II")[2:],
            self.clock.now,
            reply or ignore_reply,
            call_sid,
            conference_sid,
        )
        if kind == "callback" and reply is None:
            fetch.reply = lambda answer: self._callback_answered(fetch, answer)
        self.outbox.append(fetch)

    def _callback_answered(self, fetch: Fetch, answer: Reply) -> None:
        if answer.ok or 300 <= answer.status < 400:
            return
        if not answer.connected:
            code, text = 11205, answer.error
        else:
            code = 16011 if fetch.conference_sid else 15003
            text = f"HTTP {answer.status}"
        self.alert(
            code,
            f"Callback {fetch.event} was answered with {text}",
            url=fetch.url,
            call_sid=fetch.call_sid,
            conference_sid=fetch.conference_sid,
        )

    # -- what is written down ----------------------------------------------------------------

    def alert(
        self,
        code: int,
        message: str,
        *,
        url: str = "",
        call_sid: str | None = None,
        conference_sid: str | None = None,
    ) -> None:
        """One line for the debugger."""
        now = self.clock.now
        self.alerts.append(Alert(self.sid("NO"), now, code, message, url, call_sid, conference_sid))
        self.ledger.write(
            now, "alert", message, call_sid=call_sid, conference_sid=conference_sid, code=code
        )

    def write(
        self,
        kind: str,
        what: str,
        *,
        call: Call | None = None,
        conference: Conference | None = None,
        participant: Participant | None = None,
        **detail: Any,
    ) -> None:
        """One line for the ledger; whose line it is, is filled in."""
        if participant is not None:
            call, conference = participant.call, participant.conference
            detail["label"] = participant.label
        if call is not None:
            detail["address"] = call.phone
            if conference is None and call.participant is not None:
                conference = call.participant.conference
        self.ledger.write(
            self.clock.now,
            kind,
            what,
            call_sid=call.sid if call is not None else None,
            conference_sid=conference.sid if conference is not None else None,
            **detail,
        )

    def write_hearing(
        self, what: str, speaker: str, listener: str, conference: Conference | None
    ) -> None:
        """`begins` or `ends`: the listener hears the speaker."""
        self.ledger.write(
            self.clock.now,
            "hearing",
            what,
            conference_sid=conference.sid if conference is not None else None,
            speaker=speaker,
            listener=listener,
            speaker_address=self.calls_by_sid[speaker].phone,
            listener_address=self.calls_by_sid[listener].phone,
        )

    def note_audio(self, *calls: Call) -> None:
        """Write down what these legs hear, where it has changed."""
        for call in calls:
            heard = hearing.heard_by(call, self.switches)
            if heard != call.hears:
                call.hears = heard
                self.write("audio", heard, call=call)
