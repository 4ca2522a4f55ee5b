"""The life of a conference: enter, start, hold, leave, end; and who hears whom along the way.

Every change of a flag goes through here, so that the ledger and the events miss none.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulator.core import hearing
from simulator.core.events import tell
from simulator.core.model import Callback, Conference, Document, Participant
from simulator.core.script import Script
from simulator.core.verbs import HANDLERS

if TYPE_CHECKING:
    from simulator.core.network import Network


class Rooms:
    def __init__(self, network: "Network") -> None:
        self._network = network

    # -- coming in ---------------------------------------------------------------------------

    def open(self, name: str, callback: Callback | None, region: str | None) -> Conference:
        """A new room. Only its creator's callback ever counts (P-10)."""
        network = self._network
        now = network.clock.now
        conference = Conference(network.sid("CF"), name, now, now, callback, region or "us1")
        conference.sequence = network.switches.first_conference_sequence
        network.add_conference(conference)
        network.write("conference", "created", conference=conference, name=name)
        return conference

    @staticmethod
    def is_full(conference: Conference, limit: int) -> bool:
        return len(conference.participants) >= limit

    @staticmethod
    def by_label(conference: Conference, label: str) -> Participant | None:
        return next((p for p in conference.participants.values() if p.label == label), None)

    def add(self, participant: Participant) -> None:
        """Give a leg its place in the room, joined or still being dialled."""
        participant.call.participant = participant
        participant.conference.participants[participant.call.sid] = participant

    def join(self, participant: Participant) -> None:
        conference, call = participant.conference, participant.call
        if conference.ended:
            self._network.calls.finish(call, "completed", by="conference")
            return
        self.add(participant)
        participant.joined = True
        self._touch(participant)
        self._network.write("join", participant.label or "", participant=participant)
        self.tell_join(participant)
        if conference.started and participant.beep in ("true", "onEnter"):
            self._network.write("beep", "enter", participant=participant)
        if not conference.started:
            self._start_or_wait(participant)
        elif participant.hold:
            self._play_hold(participant)
        self.refresh(conference)

    def tell_join(self, participant: Participant) -> None:
        """participant-join, once: at the answer, or already with the ringing (U-06)."""
        if not participant.join_told:
            participant.join_told = True
            tell(self._network, participant.conference, "participant-join", participant)

    def _start_or_wait(self, newcomer: Participant) -> None:
        """C-05: two or more are in, and one of them starts the room."""
        conference = newcomer.conference
        people = [p for p in conference.participants.values() if p.joined]
        if len(people) < 2 or not any(p.start_on_enter for p in people):
            self._play_wait(newcomer)
            return
        conference.started = True
        conference.updated_at = self._network.clock.now
        self._network.write("conference", "started", conference=conference)
        tell(self._network, conference, "conference-start")
        self._network.recorder.started(conference)
        for person in people:
            if not person.hold:
                self._silence(person)

    # -- audio for one leg -------------------------------------------------------------------

    def wait_anew(self, participant: Participant) -> None:
        """Another WaitUrl was given: whoever waits hears it at once."""
        if participant.joined and not participant.hold and not participant.conference.started:
            self._silence(participant)
            self._play_wait(participant)

    def _play_wait(self, participant: Participant) -> None:
        if participant.hold:
            self._play_hold(participant)
        elif participant.wait_url:
            self._play(participant, "wait", participant.wait_url, participant.wait_method)

    def _play_hold(self, participant: Participant) -> None:
        if participant.hold_url:
            self._play(participant, "hold", participant.hold_url, participant.hold_method)

    def _play(self, participant: Participant, kind: str, url: str, method: str) -> None:
        self._silence(participant)

        def failed(_: str) -> None:
            if kind == "wait" and self._network.switches.wait_url_failure == "drop":
                self.leave(participant, "participant_add_failed", out="left")

        participant.audio = self.script(participant, kind, failed)
        participant.audio.load(Document(url=url, method=method))

    def script(self, participant: Participant, kind: str, on_end: Callable[[str], None]) -> Script:
        conference = participant.conference
        return Script(
            self._network,
            participant.call,
            kind,
            on_end=on_end,
            extra=lambda: {"ConferenceSid": conference.sid, "FriendlyName": conference.name},
            handlers=HANDLERS,
        )

    @staticmethod
    def _silence(participant: Participant) -> None:
        if participant.audio is not None:
            participant.audio.stop()
            participant.audio = None

    # -- flags -------------------------------------------------------------------------------

    def hold(self, participant: Participant, on: bool) -> None:
        self._silence(participant)
        participant.hold = on
        self._flagged(participant, "hold" if on else "unhold")
        if not participant.joined:
            return
        if on:
            self._play_hold(participant)
        elif not participant.conference.started:
            self._play_wait(participant)

    def mute(self, participant: Participant, on: bool) -> None:
        participant.muted = on
        self._flagged(participant, "mute" if on else "unmute")

    def modified(self, participant: Participant, what: str) -> None:
        self._flagged(participant, "modify", changed=what)

    def _flagged(self, participant: Participant, what: str, **detail: Any) -> None:
        self._touch(participant)
        self._network.write("flag", what, participant=participant, **detail)
        if participant.joined:
            tell(self._network, participant.conference, f"participant-{what}", participant)

    def _touch(self, participant: Participant) -> None:
        now = self._network.clock.now
        participant.updated_at = participant.conference.updated_at = now

    def refresh(self, conference: Conference) -> None:
        """Work out who hears whom anew, and write down what changed since the last time."""
        network = self._network
        pairs = hearing.hearing(conference)
        if pairs != conference.pairs:
            for what, changed in (
                ("ends", conference.pairs - pairs),
                ("begins", pairs - conference.pairs),
            ):
                for speaker, listener in sorted(changed):
                    network.write_hearing(what, speaker, listener, conference)
            conference.pairs = pairs
        network.note_audio(*[p.call for p in conference.participants.values()])

    # -- going out ---------------------------------------------------------------------------

    def leave(
        self, participant: Participant, reason: str, *, kicked: bool = False, out: str = ""
    ) -> None:
        """Out of the room. `out` names what the leg does next; empty when the leg itself ends."""
        conference = participant.conference
        if participant.left:
            return
        self._depart(participant, reason)
        if conference.ended:
            return
        how = "kicked" if kicked else "left"
        if participant.joined and participant.end_on_exit_in_force:
            ending = f"participant-with-end-conference-on-exit-{how}"
            self.end(conference, ending, participant, "moderator_ended_conference")
        elif not self._is_inhabited(conference):
            self.end(conference, f"last-participant-{how}", participant, reason)
        else:
            self.refresh(conference)
        if out:
            self._send_on(participant, out)

    def _is_inhabited(self, conference: Conference) -> bool:
        people = conference.participants.values()
        if self._network.switches.ringing_leg_keeps_room:
            return bool(people)
        return any(p.joined for p in people)

    def _depart(self, participant: Participant, reason: str) -> None:
        conference, call = participant.conference, participant.call
        participant.left = True
        conference.participants.pop(call.sid, None)
        conference.gone.add(call.sid)
        self._free_coaches(conference, call.sid)
        call.participant = None
        self._silence(participant)
        if participant.announcement is not None:
            participant.announcement.stop()
            participant.announcement = None
        self._touch(participant)
        self._network.write("leave", reason, participant=participant)
        audible = conference.started and participant.joined and not conference.ended
        if audible and participant.beep in ("true", "onExit"):
            self._network.write("beep", "exit", participant=participant)
        # A leg that is still being dialled ends with its place in the room.
        status = "canceled" if call.status in ("queued", "ringing") else call.status
        extra = {"ParticipantCallStatus": status, "ReasonParticipantLeft": reason}
        tell(self._network, conference, "participant-leave", participant, extra)

    def _free_coaches(self, conference: Conference, call_sid: str) -> None:
        """Whoever coached the one who left; nobody has written down what becomes of them."""
        then = self._network.switches.coach_of_one_who_left
        if then == "stays_coaching" or conference.ended:
            return
        for coach in list(conference.participants.values()):
            if not coach.coaching or coach.call_sid_to_coach != call_sid:
                continue
            coach.coaching, coach.call_sid_to_coach = False, None
            if then == "becomes_muted" and not coach.muted:
                self.mute(coach, True)
            self.modified(coach, "Coaching")

    def _send_on(self, participant: Participant, out: str) -> None:
        if participant.call.live and participant.on_out is not None:
            participant.on_out(participant, out)
        self._network.note_audio(participant.call)

    def end(
        self, conference: Conference, reason: str, by: Participant | None, reason_left: str
    ) -> None:
        if conference.ended:
            return
        network = self._network
        conference.ended = True
        conference.reason_ended = reason
        conference.call_sid_ending = by.call.sid if by is not None else None
        conference.updated_at = network.clock.now
        if conference.announcement is not None:
            conference.announcement.stop()
            conference.announcement = None
        self.refresh(conference)
        others = list(conference.participants.values())
        for participant in others:
            self._depart(participant, reason_left)
        network.write("conference", "ended", conference=conference, reason=reason)
        extra = {"ReasonConferenceEnded": reason, "Reason": reason.replace("-", " ")}
        if by is not None:
            extra["CallSidEndingConference"] = by.call.sid
            extra["ParticipantLabelEndingConference"] = by.label or ""
        tell(network, conference, "conference-end", None, extra)
        network.forget_conference(conference)
        if network.on_room_ended is not None:
            network.on_room_ended(conference)
        for participant in others:
            self._send_on(participant, "ended")
