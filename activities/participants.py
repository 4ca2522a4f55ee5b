"""Who is in the room and what they hear: add, hold, resume, remove one participant."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from temporalio import activity
from twilio.base import values
from twilio.rest import Client

from activities import recordings
from activities.claiming import Memory, People, caller_beside, identify, is_here
from activities.creating import AddedLeg, create_once
from activities.errors import (
    GONE,
    RECORDED,
    REFUSED,
    UNAVAILABLE,
    FailureDetails,
    TwilioError,
    ask,
    because,
    gone,
    known,
    retold,
    unavailable,
    unmet,
)
from activities.reading import find_participant, read_legs, read_whole
from activities.room import ENDED, Room, RoomLeg, RoomRecordings
from activities.settings import TwilioSettings
from activities.task_ending import end_one_task
from activities.task_reading import workspace_of
from activities.updating import update_participant

TALKING = "talking"
HELD = "held"

RING_SECONDS_MIN = 5
RING_SECONDS_MAX = 600
"""Bounds of `Timeout`. https://www.twilio.com/docs/voice/api/conference-participant-resource"""


@dataclass(frozen=True)
class HoldInput:
    """Who is to be put on hold.

    With `exit_flags_off` this is the first step of taking a call over: `call_sid` may be empty
    (the caller is then whoever is not the agent) and the agent must be in the room too.
    With `pause_recordings` nobody is held before nothing of the room is recorded any more.
    """

    conference_sid: str
    call_sid: str = ""
    exit_flags_off: bool = False
    agent_address: str = ""
    agent_call_sid: str = ""
    pause_recordings: bool = False


@dataclass(frozen=True)
class ResumeInput:
    """Who is to be taken off hold, and whose exit flags are then switched on again.

    `call_sid` may be empty where an agent is named: the caller is then whoever is not the agent, as
    with a hold whose answer nobody has heard.
    """

    conference_sid: str
    call_sid: str
    exit_flags_on: tuple[str, ...] = ()
    agent_address: str = ""
    agent_call_sid: str = ""


@dataclass(frozen=True)
class MuteInput:
    """Who is to be heard, or not."""

    conference_sid: str
    call_sid: str
    muted: bool


@dataclass(frozen=True)
class AddInput:
    """Whose phone is to be rung, straight into the room."""

    conference_sid: str
    label: str
    to: str
    ring_seconds: float
    callback_path: str
    callback_events: tuple[str, ...] = ("answered", "completed")
    detect_machine: bool = False
    amd_path: str = ""
    early_media: bool = True
    muted: bool = False
    coach_call_sid: str = ""


@dataclass(frozen=True)
class RemoveInput:
    """Who is to leave the room, and what must be true of those who stay.

    `require` is `talking` (caller and other connected, neither on hold) or `held` (the caller
    connected and on hold). `task_sid`: the leaver's task in TaskRouter, which ends with the leg;
    `task_wrap_up` gives its worker time afterwards.
    """

    conference_sid: str
    call_sid: str
    caller_call_sid: str
    require: str = TALKING
    other_call_sid: str = ""
    task_sid: str = ""
    task_reason: str = ""
    task_wrap_up: bool = False


class Participants:
    """Activities on the Participant resource."""

    def __init__(self, client: Client, settings: TwilioSettings) -> None:
        self._client = client
        self._settings = settings

    @activity.defn(name="hold_participant")
    async def hold_participant(self, given: HoldInput) -> Room:
        """Put one leg on hold, read it back, and answer the room.

        With `exit_flags_off`, first switch every `endConferenceOnExit` off and read that back too.
        The answered room shows the flags as they were before, for whoever restores them, and
        whether the leg had been on hold already.
        """
        if not given.exit_flags_off:
            paused = await self._without_recordings(given)
            await self._update(given.conference_sid, given.call_sid, **self._hold())
            room = await read_legs(self._client, given.conference_sid)
            return replace(_proven_held(room, given.call_sid), recordings=paused)
        memory = Memory(_people_of(given))
        try:
            return await self._claim(given, memory)
        except TwilioError as error:
            before = memory.room()
            if error.kind != UNAVAILABLE or before is None:
                raise
            activity.heartbeat(FailureDetails(room=before))
            raise retold(error, "the call was being taken over", before) from error

    async def _claim(self, given: HoldInput, memory: Memory) -> Room:
        room = await read_whole(self._client, given.conference_sid)
        if room.is_live and memory.caller and not is_here(room.find(memory.caller)):
            raise gone("the caller has left the room", room)
        room, caller = await identify(self._client, room, memory.people)
        flagged = await memory.keep(room, caller)
        paused = await self._without_recordings(given)
        room = await self._clear_exit_flags(room, caller)
        try:
            await self._update(given.conference_sid, caller, **self._hold())
        except TwilioError as error:
            if error.kind != GONE:
                raise
            # Who is left shows whether the caller has gone, or the whole room.
            left = await read_legs(self._client, given.conference_sid)
            raise gone("the caller has left the room", left) from None
        after = await read_legs(self._client, given.conference_sid)
        told = {leg.call_sid: leg.address for leg in (*room.legs, *memory.legs) if leg.address}
        after = replace(
            after,
            room_name=room.room_name,
            was_held=memory.was_held,
            legs=tuple(replace(leg, address=told.get(leg.call_sid, "")) for leg in after.legs),
            recordings=paused,
        )
        agent = memory.agent
        if agent is not None and after.find(agent.call_sid) is None:
            # Gone since: told all the same, or nobody would ever know whose leg to look for.
            agent = replace(agent, status=ENDED, is_in_room=False)
            after = replace(after, legs=(*after.legs, agent))
        return _proven_held(after, caller).with_exit_flags(flagged)

    @activity.defn(name="resume_participant")
    async def resume_participant(self, given: ResumeInput) -> Room:
        """Take one leg off hold, read it back, then restore exit flags of those still there."""
        call_sid = given.call_sid
        if not call_sid and (given.agent_call_sid or given.agent_address):
            call_sid = await caller_beside(self._client, _people_of(given))
        await self._update(given.conference_sid, call_sid, hold=False)
        room = await read_legs(self._client, given.conference_sid)
        if not given.call_sid:
            room = replace(room, caller_call_sid=call_sid)
        leg = room.find(call_sid)
        if leg is None:
            raise gone("the leg has left the room", room)
        if leg.held:
            raise unavailable("the leg is still on hold")
        # A held leg is left out: the flag would be echoed but have no effect (see
        # `_clear_exit_flags`), and nobody is to be taken off hold for the sake of a flag.
        flags = [
            each.call_sid
            for each in room.legs
            if each.call_sid in given.exit_flags_on and not each.held and not each.exit_flag
        ]
        await asyncio.gather(
            *(self._set_exit_flag_if_there(given.conference_sid, each, on=True) for each in flags)
        )
        on = {each.call_sid for each in room.legs if each.exit_flag} | set(flags)
        return room.with_exit_flags(on)

    @activity.defn(name="mute_participant")
    async def mute_participant(self, given: MuteInput) -> None:
        """Mute or un-mute one leg, and read it back.

        The SDK sends a bool as `true` or `false`, the only values that Twilio reads: any other
        counts as false (https://www.twilio.com/docs/voice/api/conference-participant-resource).
        """
        await self._update(given.conference_sid, given.call_sid, muted=given.muted)
        leg = await find_participant(self._client, given.conference_sid, given.call_sid)
        if leg is None:
            raise gone("the leg has left the room")
        if leg.muted is not given.muted:
            raise unavailable("the leg is not muted yet" if given.muted else "it is still muted")

    @activity.defn(name="add_participant")
    async def add_participant(self, given: AddInput) -> AddedLeg:
        """Ring a phone into the room, at most once however often this is attempted."""

        async def create() -> str:
            made = await ask(
                self._client.conferences(given.conference_sid).participants.create_async(
                    from_=self._settings.twilio_number, to=given.to, **self._wishes(given)
                )
            )
            return str(made.call_sid)

        async def find() -> str:
            leg = await find_participant(self._client, given.conference_sid, given.label)
            return leg.call_sid if leg else ""

        return await create_once(self._client, create, find)

    @activity.defn(name="remove_participant")
    async def remove_participant(self, given: RemoveInput) -> Room:
        """Remove one leg after a look that nobody is left alone by it. Gone already is done.

        Then end its task, so that TaskRouter knows at once that its worker is off the phone. An
        attempt after the removal finds the leg gone and goes on with the task.
        """
        room = await self._remove(given)
        if not given.task_sid:
            return room
        try:
            workspace = workspace_of(self._client, self._settings)
            reason = given.task_reason or "left"
            await end_one_task(workspace, given.task_sid, reason, given.task_wrap_up)
        except TwilioError as error:
            raise retold(error, "the leg has left, its task goes on", room) from None
        return room

    async def _remove(self, given: RemoveInput) -> Room:
        room = await read_legs(self._client, given.conference_sid)
        leg = room.find(given.call_sid)
        if leg is None:
            _demand_known(room, given)
            return room
        _demand(room, given)
        if leg.exit_flag:
            # Removing a leg whose endConferenceOnExit is on ends the room for everybody:
            # https://www.twilio.com/docs/voice/twiml/conference#attributes-endconferenceonexit
            room = await self._clear_exit_flags(room, "")
        await self._mute_coaches(room, given.call_sid)
        try:
            participants = self._client.conferences(given.conference_sid).participants
            await ask(participants(given.call_sid).delete_async())
        except TwilioError as error:
            if error.kind not in (GONE, REFUSED):
                raise
            # Which code stands for "not connected" is not documented: look instead.
            after = await read_legs(self._client, given.conference_sid)
            if after.find(given.call_sid) is not None:
                raise
            return after
        after = await read_legs(self._client, given.conference_sid)
        if is_here(after.find(given.call_sid)):
            # An answer of success is not proof: an agent who is believed gone would listen on.
            raise unavailable("the leg is still in the room")
        return after.without(given.call_sid)

    async def _mute_coaches(self, room: Room, call_sid: str) -> None:
        """Silence whoever speaks to this leg alone, before it goes.

        What becomes of a coach whose coached participant leaves is not documented; at worst
        everybody hears the coach, in the middle of a sentence that was for one person.
        """
        await asyncio.gather(
            *(
                self._update_if_there(room.conference_sid, coach.call_sid, muted=True)
                for coach in room.coaches_of(call_sid)
                if not coach.muted
            )
        )

    async def _without_recordings(self, given: HoldInput) -> RoomRecordings | None:
        """Pause the recordings first: while the caller is on hold others talk in private. A pause
        that cannot be had leaves everybody as they are."""
        if not given.pause_recordings:
            return None
        try:
            return await recordings.pause(self._client, given.conference_sid)
        except TwilioError as error:
            raise because(error, RECORDED) from None

    async def _clear_exit_flags(self, room: Room, to_be_held: str) -> Room:
        """Switch every exit flag off and read it back.

        Changing endConferenceOnExit of a held participant answers 200 and has no effect unless
        Hold=false goes in the same request (reported in Twilio's own plug-ins, for instance
        github.com/twilio-professional-services/flex-dialpad-addon-plugin/issues/60). So a held leg
        is taken off hold with it, and put back afterwards unless it is held next anyway. The leg
        that is held next gets it in any case: it may have been put on hold since it was read.
        """
        flagged = [leg for leg in room.legs if leg.exit_flag]
        if not flagged:
            return room
        await asyncio.gather(
            *(
                self._clear_exit_flag(room.conference_sid, leg, leg.call_sid == to_be_held)
                for leg in flagged
            )
        )
        after = await read_legs(self._client, room.conference_sid)
        if any(leg.exit_flag for leg in after.legs):
            raise unavailable("an exit flag is still on")
        await asyncio.gather(
            *(
                self._update_if_there(room.conference_sid, leg.call_sid, **self._hold())
                for leg in flagged
                if leg.held and leg.call_sid != to_be_held
            )
        )
        return room

    async def _clear_exit_flag(self, conference_sid: str, leg: RoomLeg, unhold: bool) -> None:
        changes: dict[str, Any] = {"end_conference_on_exit": False}
        if leg.held or unhold:
            changes["hold"] = False
        await self._update_if_there(conference_sid, leg.call_sid, **changes)

    async def _set_exit_flag_if_there(self, conference_sid: str, call_sid: str, on: bool) -> None:
        await self._update_if_there(conference_sid, call_sid, end_conference_on_exit=on)

    async def _update(self, conference_sid: str, call_sid: str, **changes: Any) -> None:
        await update_participant(self._client, conference_sid, known(call_sid), **changes)

    async def _update_if_there(self, conference_sid: str, call_sid: str, **changes: Any) -> None:
        try:
            await self._update(conference_sid, call_sid, **changes)
        except TwilioError as error:
            if error.kind != GONE:
                raise

    def _hold(self) -> dict[str, Any]:
        """Without a URL Twilio plays its own music: hold audio never comes from us."""
        if not self._settings.handover_hold_url:
            return {"hold": True}
        return {"hold": True, "hold_url": self._settings.handover_hold_url, "hold_method": "GET"}

    def _wishes(self, given: AddInput) -> dict[str, Any]:
        wishes: dict[str, Any] = {
            "label": given.label,
            "timeout": ring_timeout(given.ring_seconds),
            "end_conference_on_exit": False,
            "beep": "false",
            "early_media": given.early_media,
            "muted": given.muted,
            "status_callback": self._settings.public_url(given.callback_path),
            "status_callback_event": list(given.callback_events),
            "status_callback_method": "POST",
        }
        if given.detect_machine:
            wishes["machine_detection"] = "Enable"
            wishes["amd_status_callback"] = (
                self._settings.public_url(given.amd_path) if given.amd_path else values.unset
            )
        if given.coach_call_sid:
            wishes["coaching"] = True
            wishes["call_sid_to_coach"] = given.coach_call_sid
        return wishes


def ring_timeout(seconds: float) -> int:
    """`Timeout` in whole seconds, within Twilio's bounds. Twilio itself adds about five."""
    return max(RING_SECONDS_MIN, min(RING_SECONDS_MAX, round(seconds)))


def _people_of(given: HoldInput | ResumeInput) -> People:
    return People(given.conference_sid, given.call_sid, given.agent_call_sid, given.agent_address)


def _proven_held(room: Room, call_sid: str) -> Room:
    leg = room.find(call_sid)
    if leg is None:
        raise gone("the leg has left the room", room)
    if not leg.held:
        raise unavailable("the leg is not on hold yet")
    return room


def _demand_known(room: Room, given: RemoveInput) -> None:
    """Whoever is to leave is gone already. Where nobody could say who that is, this is so only if
    nobody is there who might be it: a task must not end while its worker talks."""
    spared = (given.caller_call_sid, given.other_call_sid)
    others = (leg for leg in room.legs if is_here(leg) and not leg.is_supervisor)
    if not given.call_sid and any(leg.call_sid not in spared for leg in others):
        raise unmet("it is not known who is to leave", room)


def _demand(room: Room, given: RemoveInput) -> None:
    caller = room.find(given.caller_call_sid)
    if caller is None or not is_here(caller):
        raise unmet("the caller is not in the room", room)
    if given.require == HELD:
        if not caller.held:
            raise unmet("the caller is not on hold", room)
        return
    other = room.find(given.other_call_sid)
    is_heard = other is not None and not other.coaching
    if other is not None and other.is_supervisor:
        is_heard = is_heard and not other.muted
    if other is None or not is_heard or not is_here(other) or other.held or caller.held:
        raise unmet("the caller is not talking to the other", room)
