"""Who hears a supervisor: muted, aimed at one, heard by all, or on hold.

One request changes one thing, but for the one that parts, and each is read back before the next.
That makes the order of the requests a function of what Twilio says (`next_change`), so that it does
not matter where an earlier attempt stopped, or who else changed the leg meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from temporalio import activity
from twilio.rest import Client

from activities.errors import gone, unavailable, unmet
from activities.reading import read_legs
from activities.room import CONNECTED, Room, RoomLeg
from activities.settings import TwilioSettings
from activities.updating import update_participant

SILENT = "silent"
"""In the room, hears everybody, heard by nobody."""
WHISPER = "whisper"
"""Heard by one, the coached participant."""
BARGE = "barge"
"""Heard by everybody."""
APART = "apart"
"""On hold: hears nothing, heard by nobody."""

AT_ONCE: dict[str, dict[str, Any]] = {
    SILENT: {"muted": True},
    APART: {"muted": True, "hold": True},
}
"""What is asked for without a look: silence is safe whatever else is true, and each look takes
time. So is a hold with it, whichever of the two takes effect first."""
CHANGES_MAX = 6
"""From any state of a leg to any other it takes four."""


@dataclass(frozen=True)
class VoiceInput:
    """Whose voice, and who is to hear it. `coach_call_sid` goes with `whisper`."""

    conference_sid: str
    call_sid: str
    voice: str
    coach_call_sid: str = ""


def next_change(leg: RoomLeg, voice: str, coach_call_sid: str = "") -> dict[str, Any] | None:
    """The single next change on the way from `leg`, as it was read, to `voice`; None: it is there.

    Silence first, so that nobody hears what was meant for others; the voice last, and a whisper's
    names its listener once more: Twilio refuses it, as a whole, if that one has left (16028) or is
    on hold (16027).
    """
    is_aimed = leg.coaching and leg.coach_call_sid == coach_call_sid
    is_aim_right = is_aimed if voice == WHISPER else not leg.coaching
    if voice in (WHISPER, BARGE) and not leg.muted and not leg.held and is_aim_right:
        return None
    if not leg.muted:
        return {"muted": True}
    if voice == APART:
        return None if leg.held else {"hold": True}
    if voice == WHISPER and not is_aimed:
        return {"coaching": True, "call_sid_to_coach": coach_call_sid}
    if voice != WHISPER and leg.coaching:
        return {"coaching": False}
    if leg.held:
        return {"hold": False}
    if voice == WHISPER:
        return {"muted": False, "coaching": True, "call_sid_to_coach": coach_call_sid}
    return {"muted": False} if voice == BARGE else None


class Voices:
    """Activities on a supervisor's Participant resource."""

    def __init__(self, client: Client, settings: TwilioSettings) -> None:
        self._client = client
        self._settings = settings

    @activity.defn(name="set_voice")
    async def set_voice(self, given: VoiceInput) -> Room:
        """Give a leg its voice, or take it, and answer the room as it was read at the end.

        May be repeated at any point. Fails as `unmet` when nobody can hear the whisper, as
        `refused` when Twilio says so, as `gone` when the leg has left; the leg is then muted, if
        it is there.
        """
        if given.voice in AT_ONCE:
            await self._change(given, AT_ONCE[given.voice])
        for _ in range(CHANGES_MAX):
            room = await read_legs(self._client, given.conference_sid)
            leg = room.find(given.call_sid)
            if leg is None:
                raise gone("the supervisor's leg is not in the room", room)
            if given.voice == WHISPER:
                _demand_listener(room, given)
            change = next_change(leg, given.voice, given.coach_call_sid)
            if change is None:
                return room
            await self._change(given, change)
        raise unavailable("the changes take no effect")

    async def _change(self, given: VoiceInput, change: dict[str, Any]) -> None:
        wishes = dict(change)
        if change.get("hold") and self._settings.handover_hold_url:
            wishes |= {"hold_url": self._settings.handover_hold_url, "hold_method": "GET"}
        await update_participant(self._client, given.conference_sid, given.call_sid, **wishes)


def _demand_listener(room: Room, given: VoiceInput) -> None:
    listener = room.find(given.coach_call_sid)
    if listener is None or listener.status != CONNECTED:
        raise unmet("nobody is there to be whispered to", room)
    if listener.held:
        raise unmet("whoever is to be whispered to is on hold", room)
