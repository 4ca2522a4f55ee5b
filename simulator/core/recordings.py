"""Recordings of conferences: begun with the room or over REST, paused, resumed, stopped (C-18).

https://www.twilio.com/docs/voice/api/recording
https://www.twilio.com/docs/voice/twiml/conference
No sound is kept: a recording knows from when to when it ran, and how long it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.core import asks
from simulator.core.errors import invalid, not_found
from simulator.core.model import Callback, Conference
from simulator.core.pages import page
from simulator.core.text import Form, rfc2822, words

if TYPE_CHECKING:
    from simulator.core.network import Network

Body = dict[str, Any]
LIVE = ("in-progress", "paused")
# What a request may ask of a live recording, and the word that names the newest one.
STATUSES = ("in-progress", "paused", "stopped")
CURRENT = "Twilio.CURRENT"
RECORDS = ("true", "record-from-start")


@dataclass(slots=True, eq=False)
class RoomRecording:
    """`seconds` counts up to `since`; while it runs (or pauses in silence) time is added."""

    sid: str
    room: Conference
    call_sid: str | None
    created_at: float
    updated_at: float
    since: float | None
    callback: Callback | None
    source: str
    channels: int = 1
    status: str = "in-progress"
    seconds: float = 0.0
    history: list[tuple[float, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wish:
    """Asked for with the room's first participant: recording begins when the room does."""

    callback: Callback | None
    channels: int


def wish_of_twiml(noun: Mapping[str, str]) -> Wish | None:
    """The attributes of `<Conference>`."""
    if noun.get("record", "") not in RECORDS:
        return None
    url = noun.get("recordingStatusCallback", "")
    events = words(noun.get("recordingStatusCallbackEvent")) or ("completed",)
    method = noun.get("recordingStatusCallbackMethod", "POST")
    return Wish(Callback(url, method, events) if url else None, 1)


def wish_of_form(form: Form) -> Wish | None:
    """The parameters of POST Participants."""
    if form.given("ConferenceRecord", "") not in RECORDS:
        return None
    return Wish(_callback(form, "ConferenceRecordingStatusCallback"), _channels(form))


def _callback(form: Form, name: str) -> Callback | None:
    url = asks.url(form, name)
    if not url:
        return None
    events = form.words(f"{name}Event") or ("completed",)
    return Callback(url, asks.method(form, f"{name}Method"), events)


def _channels(form: Form) -> int:
    return 2 if form.text("RecordingChannels") == "dual" else 1


class RoomRecordings:
    def __init__(self, network: "Network") -> None:
        self._network = network
        self._wishes: dict[str, Wish] = {}
        self._made: dict[str, RoomRecording] = {}

    # -- with the life of the room -----------------------------------------------------------

    def wish(self, room: Conference, wish: Wish | None) -> None:
        if wish is not None:
            self._wishes[room.sid] = wish

    def started(self, room: Conference) -> None:
        wish = self._wishes.pop(room.sid, None)
        if wish is not None:
            self._begin(room, wish.callback, "Conference", wish.channels)

    def ended(self, room: Conference) -> None:
        self._wishes.pop(room.sid, None)
        for recording in self._of(room):
            if recording.status in LIVE:
                self._stop(recording)

    def _of(self, room: Conference) -> list[RoomRecording]:
        return [r for r in self._made.values() if r.room is room]

    def _begin(
        self, room: Conference, callback: Callback | None, source: str, channels: int
    ) -> RoomRecording:
        now = self._network.clock.now
        first = next(iter(room.participants), None)
        sid = self._network.sid("RE")
        recording = RoomRecording(sid, room, first, now, now, now, callback, source, channels)
        self._made[sid] = recording
        self._tell(recording)
        return recording

    # -- changes -----------------------------------------------------------------------------

    def _set(self, recording: RoomRecording, status: str, *, counts: bool) -> None:
        """`counts`: whether time adds to the length from now on."""
        now = self._network.clock.now
        if recording.since is not None:
            recording.seconds += now - recording.since
        recording.since = now if counts else None
        recording.status, recording.updated_at = status, now
        self._tell(recording)

    def _stop(self, recording: RoomRecording) -> None:
        """Stopped, and soon afterwards ready to be fetched."""
        self._set(recording, "stopped", counts=False)
        self._network.clock.call_soon(lambda: self._set(recording, "completed", counts=False))

    def _tell(self, recording: RoomRecording) -> None:
        network, status = self._network, recording.status
        recording.history.append((network.clock.now, status))
        network.write("recording", status, conference=recording.room, recording_sid=recording.sid)
        callback = recording.callback
        if callback is None or status not in callback.events:
            return
        params = {
            "AccountSid": network.account_sid,
            "ConferenceSid": recording.room.sid,
            "RecordingSid": recording.sid,
            "RecordingUrl": f"https://api.twilio.com{network.root}/Recordings/{recording.sid}",
            "RecordingStatus": status,
            "RecordingChannels": str(recording.channels),
            "RecordingStartTime": rfc2822(recording.created_at),
            "RecordingSource": recording.source,
        }
        if status == "completed":
            params["RecordingDuration"] = str(int(recording.seconds))
        network.send(
            "callback",
            f"recording-{status}",
            callback.url,
            callback.method,
            params,
            conference_sid=recording.room.sid,
        )

    # -- REST --------------------------------------------------------------------------------

    def create(self, room_sid: str, form: Form) -> Body:
        """Begin now. Not in Twilio's OpenAPI document, though its bodies name this source."""
        room = self._network.conference(room_sid)
        if room.ended or any(r.status in LIVE for r in self._of(room)):
            raise invalid(21220, "The conference is over, or is being recorded already")
        callback = _callback(form, "RecordingStatusCallback")
        source = "StartConferenceRecordingAPI"
        return self._shown(self._begin(room, callback, source, _channels(form)))

    def _find(self, room_sid: str, sid: str) -> RoomRecording:
        made = self._of(self._network.conference(room_sid))
        if sid == CURRENT:
            found = next((r for r in reversed(made) if r.status in LIVE), None)
        else:
            found = next((r for r in made if r.sid == sid), None)
        if found is None:
            path = f"{self._network.root}/Conferences/{room_sid}/Recordings/{sid}.json"
            raise not_found(path)
        return found

    def fetch(self, room_sid: str, sid: str) -> Body:
        return self._shown(self._find(room_sid, sid))

    def read(self, room_sid: str, form: Form) -> Body:
        room = self._network.conference(room_sid)
        return page(
            list(reversed(self._of(room))),
            form,
            key="recordings",
            uri=f"{self._network.root}/Conferences/{room.sid}/Recordings.json",
            render=self._shown,
            sid_of=lambda r: r.sid,
        )

    def update(self, room_sid: str, sid: str, form: Form) -> Body:
        """A pause adds silence to the recording unless it is to be skipped."""
        recording, status = self._find(room_sid, sid), form.given("Status", "")
        pause = form.given("PauseBehavior", "silence")
        if status not in STATUSES:
            raise invalid(20001, f"Status must be one of {', '.join(STATUSES)}")
        if pause not in ("silence", "skip"):
            raise invalid(20001, "PauseBehavior must be silence or skip")
        if recording.status not in LIVE:
            raise invalid(21220, "The recording is not in-progress")
        if status == "stopped":
            self._stop(recording)
        elif status != recording.status:
            counts = status == "in-progress" or pause == "silence"
            self._set(recording, status, counts=counts)
        return self._shown(recording)

    def delete(self, room_sid: str, sid: str) -> None:
        recording = self._find(room_sid, sid)
        if recording.status != "completed":
            raise invalid(20009, "Cannot delete this resource before it is complete")
        del self._made[recording.sid]

    def _shown(self, recording: RoomRecording) -> Body:
        network, room = self._network, recording.room
        done = recording.status == "completed"
        return {
            "account_sid": network.account_sid,
            "api_version": network.api_version,
            "call_sid": recording.call_sid,
            "conference_sid": room.sid,
            "date_created": rfc2822(recording.created_at),
            "date_updated": rfc2822(recording.updated_at),
            "start_time": rfc2822(recording.created_at),
            "duration": str(int(recording.seconds)) if done else None,
            "sid": recording.sid,
            "price": None,
            "price_unit": "USD",
            "status": recording.status,
            "channels": recording.channels,
            "source": recording.source,
            "error_code": None,
            "encryption_details": None,
            "uri": f"{network.root}/Conferences/{room.sid}/Recordings/{recording.sid}.json",
        }
