"""Participants over REST: added, listed, changed, removed. Rules P-03 to P-24."""

from typing import TYPE_CHECKING

from simulator.core import asks, resources
from simulator.core.errors import TwilioError, invalid, not_found
from simulator.core.events import DEFAULT_CLASSES, tell
from simulator.core.labels import is_good_label
from simulator.core.model import Call, Callback, Conference, Document, Participant
from simulator.core.pages import page
from simulator.core.recordings import wish_of_form
from simulator.core.text import Form

if TYPE_CHECKING:
    from simulator.core.network import Network

Body = resources.Body
BEEPS = ("true", "false", "onEnter", "onExit")


class Participants:
    def __init__(self, network: "Network") -> None:
        self._network = network

    # -- create ------------------------------------------------------------------------------

    def create(self, ref: str, form: Form) -> Body:
        """Answers at once with status queued; the leg is dialled afterwards (P-06)."""
        network = self._network
        room = self._room_for(ref)
        from_, to = asks.addresses(form)
        network.check_caller_id(from_)
        self._check(room, form)
        amd, document = self._amd(form), Document()
        timeout, progress = asks.ring_seconds(form, 5), asks.progress(form)
        limit = asks.seconds(form, "TimeLimit", 20001, 1, 86400)
        callback, wish = _conference_callback(form), wish_of_form(form)
        if room is None:
            room = network.rooms.open(ref, callback, form.text("Region"))
            network.recorder.wish(room, wish)
        call = network.calls.make(
            from_=form.given("CallerId", from_),
            to=to,
            direction="outbound-api",
            phone=to,
            document=document,
            timeout=timeout,
            time_limit=None if limit is None else float(limit),
            progress=progress,
            amd=amd,
            amd_asynchronous=network.switches.amd_joins == "at_answer",
            amd_callback=_amd_callback(form),
        )
        call.number_sid = network.number_sid(from_)
        participant = self._make(form, call, room)
        network.rooms.add(participant)
        network.calls.place(call, paced=True)
        participant.queue_time = str(call.queue_ms)
        network.write("participant", "added", participant=participant)
        return {**resources.participant(network, participant), "status": "queued"}

    def _room_for(self, ref: str) -> Conference | None:
        if not ref.startswith("CF") or len(ref) != 34:
            return self._network.live_conference(ref)
        room = self._network.conferences_by_sid.get(ref)
        if room is None or room.ended:
            raise TwilioError(
                self._network.switches.dead_conference_status,
                16022,
                f"Conference {ref} does not exist or is completed",
            )
        return room

    def _check(self, room: Conference | None, form: Form) -> None:
        label = form.text("Label")
        if label is not None and not is_good_label(label):
            raise self._refused(
                16024,
                "Invalid participant label, must not exceed 128 characters, must not be a "
                "CallSid, must not contain '/'",
            )
        if room is not None and label is not None and self._network.rooms.by_label(room, label):
            raise self._refused(16026, "Participant label is in use by another participant")
        if form.given("Beep", "true") not in BEEPS:
            raise invalid(20001, "Beep must be true, false, onEnter or onExit")
        limit = asks.seconds(form, "MaxParticipants", 20001, 2, 250) or 250
        if room is not None and self._network.rooms.is_full(room, limit):
            raise invalid(16020, "Conference is full")
        self._coach_asked(room, form)

    def _coach_asked(self, room: Conference | None, form: Form) -> str | None:
        """The Call SID to be coached, or None. Left-out Coaching with a SID counts as true."""
        sid = form.text("CallSidToCoach")
        if not form.true("Coaching", default=bool(sid)):
            return None
        if not sid:
            raise invalid(20001, "CallSidToCoach is required when Coaching is true")
        coachee = room.participants.get(sid) if room is not None else None
        if coachee is None or not coachee.joined:
            raise self._refused(
                16028, "Participant to be whispered is not present in the conference"
            )
        if coachee.hold:
            raise self._refused(16027, "Participant to be whispered is on hold")
        return sid

    def _refused(self, code: int, message: str) -> TwilioError:
        return TwilioError(self._network.switches.participant_error_status, code, message)

    @staticmethod
    def _amd(form: Form) -> str | None:
        if any(name.startswith("AsyncAmd") for name in form.values):
            raise invalid(21263, "Invalid Answering Machine Detection Parameters")
        return asks.amd_mode(form)

    def _make(self, form: Form, call: Call, room: Conference) -> Participant:
        network = self._network
        now, end = network.clock.now, form.true("EndConferenceOnExit")
        coach = self._coach_asked(room, form)
        participant = Participant(
            call,
            room,
            "api",
            now,
            now,
            label=form.text("Label"),
            muted=form.true("Muted"),
            coaching=coach is not None,
            call_sid_to_coach=coach,
            start_on_enter=form.true("StartConferenceOnEnter", True),
            end_on_exit=end,
            end_on_exit_in_force=end,
            early_media=form.true("EarlyMedia", True),
            beep=form.given("Beep", "true"),
            wait_url=form.text("WaitUrl"),
            wait_method=asks.method(form, "WaitMethod"),
        )
        call.on_answer = lambda _: network.rooms.join(participant)
        call.on_ringing = lambda _: self._ringing(participant)
        participant.on_out = lambda out, how: network.calls.finish(
            call, "completed" if out.joined else "canceled", by="conference"
        )
        return participant

    def _ringing(self, participant: Participant) -> None:
        if participant.early_media and self._network.switches.join_event_at == "ringing":
            self._network.rooms.tell_join(participant)
        self._network.rooms.refresh(participant.conference)

    # -- read --------------------------------------------------------------------------------

    def _listed(self, participant: Participant) -> bool:
        return participant.joined or self._network.switches.ringing_participants_listed

    def read(self, ref: str, form: Form) -> Body:
        room = self._network.conference(ref)
        people = [p for p in room.participants.values() if self._listed(p)]
        for name, attribute in (("Muted", "muted"), ("Hold", "hold"), ("Coaching", "coaching")):
            if name in form:
                wanted = form.true(name)
                people = [p for p in people if getattr(p, attribute) is wanted]
        network = self._network
        return page(
            people,
            form,
            key="participants",
            uri=f"{network.root}/Conferences/{ref}/Participants.json",
            render=lambda p: resources.participant(network, p),
            sid_of=lambda p: p.call.sid,
        )

    def _find(self, ref: str, key: str) -> Participant | None:
        room = self._network.conference(ref)
        found = room.participants.get(key) or self._network.rooms.by_label(room, key)
        return found if found is not None and self._listed(found) else None

    def _not_found(self, ref: str, key: str) -> TwilioError:
        return not_found(f"{self._network.root}/Conferences/{ref}/Participants/{key}.json")

    def fetch(self, ref: str, key: str) -> Body:
        found = self._find(ref, key)
        if found is None:
            raise self._not_found(ref, key)
        return resources.participant(self._network, found)

    def _connected(self, ref: str, key: str) -> Participant:
        found = self._find(ref, key)
        if found is not None:
            return found
        if key in self._network.conference(ref).gone:
            status = self._network.switches.not_connected_status
            raise TwilioError(status, 20404, f"Participant is not connected {key}")
        raise self._not_found(ref, key)

    # -- update ------------------------------------------------------------------------------

    def update(self, ref: str, key: str, form: Form) -> Body:
        """All checks come first, so that a refused request has changed nothing."""
        participant = self._connected(ref, key)
        room = participant.conference
        coach_given = "Coaching" in form or "CallSidToCoach" in form
        coach = self._coach_asked(room, form) if coach_given else None
        for name in ("HoldUrl", "AnnounceUrl", "WaitUrl"):
            asks.url(form, name)
        was_held = participant.hold
        if "Hold" in form:
            self._hold(participant, form)
        if "Muted" in form and form.true("Muted") is not participant.muted:
            self._network.rooms.mute(participant, form.true("Muted"))
        changed = self._modify(participant, form, stays_held=was_held and participant.hold)
        if coach_given and (participant.coaching, participant.call_sid_to_coach) != (
            coach is not None,
            coach,
        ):
            participant.coaching, participant.call_sid_to_coach = coach is not None, coach
            changed.append("Coaching")
        if changed:
            self._network.rooms.modified(participant, " ".join(changed))
        self._network.rooms.refresh(room)
        if form.text("AnnounceUrl"):
            self._announce(participant, form)
        asked = {"end_conference_on_exit": form.true("EndConferenceOnExit")}
        body = resources.participant(self._network, participant)
        return {**body, **asked} if "EndConferenceOnExit" in form else body

    def _hold(self, participant: Participant, form: Form) -> None:
        if "HoldUrl" in form:
            participant.hold_url = form.text("HoldUrl") or None
            participant.hold_method = asks.method(form, "HoldMethod", "GET")
        if form.true("Hold") is not participant.hold or (participant.hold and "HoldUrl" in form):
            self._network.rooms.hold(participant, form.true("Hold"))

    def _modify(self, participant: Participant, form: Form, *, stays_held: bool) -> list[str]:
        """Changes of BeepOnExit, EndConferenceOnExit and WaitUrl: what participant-modify tells."""
        changed = []
        if "EndConferenceOnExit" in form and self._exit_flag(participant, form, stays_held):
            changed.append("EndConferenceOnExit")
        if "BeepOnExit" in form:
            participant.beep = "true" if form.true("BeepOnExit") else "onEnter"
            changed.append("BeepOnExit")
        if "WaitUrl" in form:
            participant.wait_url = form.text("WaitUrl")
            participant.wait_method = asks.method(form, "WaitMethod")
            self._network.rooms.wait_anew(participant)
            changed.append("WaitUrl")
        return changed

    def _exit_flag(self, participant: Participant, form: Form, stays_held: bool) -> bool:
        """P-16: on a participant who is and stays on hold the change is echoed and lost."""
        asked, switches = form.true("EndConferenceOnExit"), self._network.switches
        if stays_held and not switches.held_exit_flag_takes_effect:
            if asked is not participant.end_on_exit_in_force:
                self._network.ignored.append("EndConferenceOnExit")
            if switches.held_exit_flag_reads_back == "asked":
                participant.end_on_exit = asked
            return False
        before = (participant.end_on_exit, participant.end_on_exit_in_force)
        participant.end_on_exit = participant.end_on_exit_in_force = asked
        return before != (asked, asked)

    def _announce(self, participant: Participant, form: Form) -> None:
        url = form.given("AnnounceUrl", "")
        network, room = self._network, participant.conference

        def over(_: str) -> None:
            participant.announcement = None
            tell(network, room, "announcement-end", participant, {"AnnounceUrl": url})
            network.note_audio(participant.call)

        if participant.announcement is not None:
            participant.announcement.stop()
        participant.announcement = network.rooms.script(participant, "announce", over)
        participant.announcement.load(Document(url, asks.method(form, "AnnounceMethod")))

    # -- delete ------------------------------------------------------------------------------

    def delete(self, ref: str, key: str) -> None:
        """Kick. A leg that is still being dialled is cancelled, or refused (U-04)."""
        participant = self._connected(ref, key)
        network = self._network
        if participant.joined:
            network.rooms.leave(
                participant, network.switches.removed_reason, kicked=True, out="kicked"
            )
        elif network.switches.delete_ringing_participant == "cancel":
            status = "completed" if participant.call.answered else "canceled"
            network.calls.finish(participant.call, status, by="api")
        else:
            status_code = network.switches.not_connected_status
            raise TwilioError(status_code, 20404, f"Participant is not connected {key}")


def _conference_callback(form: Form) -> Callback | None:
    url = asks.url(form, "ConferenceStatusCallback")
    if not url:
        return None
    method = asks.method(form, "ConferenceStatusCallbackMethod")
    return Callback(url, method, form.words("ConferenceStatusCallbackEvent") or DEFAULT_CLASSES)


def _amd_callback(form: Form) -> Callback | None:
    url = asks.url(form, "AmdStatusCallback")
    return Callback(url, asks.method(form, "AmdStatusCallbackMethod")) if url else None
