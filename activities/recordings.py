"""The recordings of a room: read, pause, resume, each read back. None is begun or stopped here.

What is paused leaves no trace in the recording (`PauseBehavior=skip`): neither the sound nor
minutes of silence. https://www.twilio.com/docs/voice/api/recording#update-a-recording-resource
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from temporalio import activity
from twilio.base import values
from twilio.rest import Client

from activities.errors import GONE, REFUSED, TwilioError, ask, unavailable
from activities.room import RoomRecordings
from activities.settings import TwilioSettings

EVERY = "*"
"""In `RecordingsInput.sids`: whatever is there."""
RECORDINGS_MAX = 50
"""Newest recordings of one room. Only one of them can be live; the others are over."""

_RUNNING = "in-progress"
_PAUSED = "paused"


@dataclass(frozen=True)
class RecordingsInput:
    """Which room, and for a resume which of its recordings."""

    conference_sid: str
    sids: tuple[str, ...] = ()


class Recordings:
    """Activities on the Recording resource of a conference."""

    def __init__(self, client: Client, settings: TwilioSettings) -> None:
        self._client = client
        self._settings = settings

    @activity.defn(name="read_recordings")
    async def read_recordings(self, given: RecordingsInput) -> RoomRecordings:
        """What of the room is recorded now. A room that is over records nothing."""
        return await read(self._client, given.conference_sid)

    @activity.defn(name="pause_recordings")
    async def pause_recordings(self, given: RecordingsInput) -> RoomRecordings:
        """Pause every recording of the room that runs, and read it back."""
        return await pause(self._client, given.conference_sid)

    @activity.defn(name="resume_recordings")
    async def resume_recordings(self, given: RecordingsInput) -> RoomRecordings:
        """Resume those of the given recordings that are paused, and read it back."""
        return await resume(self._client, given.conference_sid, given.sids)


async def read(client: Client, conference_sid: str) -> RoomRecordings:
    """The live recordings of a room, in one request."""
    try:
        listed = await ask(
            client.conferences(conference_sid).recordings.list_async(
                limit=RECORDINGS_MAX, page_size=RECORDINGS_MAX
            )
        )
    except TwilioError as error:
        if error.kind != GONE:
            raise
        listed = []
    return RoomRecordings(
        running=tuple(each.sid for each in listed if str(each.status) == _RUNNING),
        paused=tuple(each.sid for each in listed if str(each.status) == _PAUSED),
    )


async def pause(client: Client, conference_sid: str) -> RoomRecordings:
    """Pause what runs; `changed` tells which recordings ran until then."""
    before = await read(client, conference_sid)
    if not before.running:
        return before
    await _set_all(client, conference_sid, before.running, _PAUSED)
    after = await read(client, conference_sid)
    if after.running:
        raise unavailable("a recording still runs")
    return replace(after, changed=before.running)


async def resume(client: Client, conference_sid: str, sids: tuple[str, ...]) -> RoomRecordings:
    """Resume what is paused of `sids`, which is all that is paused where it says `EVERY`."""
    if EVERY in sids:
        sids = (await read(client, conference_sid)).paused
    await _set_all(client, conference_sid, sids, _RUNNING)
    after = await read(client, conference_sid)
    if any(sid in sids for sid in after.paused):
        raise unavailable("a recording is still paused")
    return replace(after, changed=tuple(sid for sid in after.running if sid in sids))


async def _set_all(client: Client, conference_sid: str, sids: tuple[str, ...], status: str) -> None:
    await asyncio.gather(*(_set(client, conference_sid, sid, status) for sid in sids))


async def _set(client: Client, conference_sid: str, sid: str, status: str) -> None:
    """Change one recording. One that has ended since refuses; the read that follows tells so."""
    behavior = "skip" if status == _PAUSED else values.unset
    recording = client.conferences(conference_sid).recordings(sid)
    try:
        await ask(recording.update_async(status=status, pause_behavior=behavior))
    except TwilioError as error:
        if error.kind not in (GONE, REFUSED):
            raise
