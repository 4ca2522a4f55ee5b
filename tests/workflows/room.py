"""A room in memory with the activities' names: enough of Twilio to run a workflow against.

What the real activities do is proven in `tests/activities`; here it matters what the workflow asks
for, in which order, and what it makes of the answers.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.calls import CreateCallInput, DivertInput, EndedLeg, EndLegInput, FindLegInput
from activities.conferences import AnnounceInput, EndRoomInput, FindRoomInput, ReadRoomInput
from activities.creating import AddedLeg
from activities.errors import FailureDetails
from activities.participants import HELD, AddInput, HoldInput, MuteInput, RemoveInput, ResumeInput
from activities.recordings import EVERY, RecordingsInput
from activities.room import ENDED, Room, RoomLeg, RoomRecordings
from activities.voices import WHISPER, VoiceInput, next_change

CONFERENCE = "CF" + "1" * 32
RECORDING = "RE" + "1" * 32
CALLER = "CA" + "c" * 32
AGENT = "CA" + "a" * 32


class FakeRoom:
    """One conference with a caller and an agent, who talk."""

    def __init__(self) -> None:
        self.conference_sid = CONFERENCE
        self.asked: list[str] = []
        """Activity names in the order in which they were carried out."""
        self.given: list[Any] = []
        self.legs: dict[str, RoomLeg] = {
            CALLER: RoomLeg(CALLER, label="caller", address="+15550100"),
            AGENT: RoomLeg(AGENT, address="client:alice"),
        }
        self.failures: dict[str, list[ApplicationError]] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.began: dict[str, asyncio.Event] = {}
        self.is_live = True
        self.rung: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """Set when the phone of this label rings."""
        self.entered: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """Set when the activity of this name has been asked for."""
        self._dialed = 0
        self.tape = ""
        """What records the room: nothing, `running` or `paused`."""
        self.tapes: list[str] = []
        """How the tape stood at each hold, un-hold and dial, and what changed it."""

    def fail(self, name: str, kind: str, times: int = 1, code: int = 0, cause: str = "") -> None:
        """Let the next `times` of this activity fail with this type."""
        is_final = kind != "unavailable"
        error = ApplicationError(
            "as told", FailureDetails(code=code, cause=cause), type=kind, non_retryable=is_final
        )
        self.failures.setdefault(name, []).extend([error] * times)

    def block(self, name: str) -> asyncio.Event:
        """Hold this activity up until the returned event is set."""
        self.began[name] = asyncio.Event()
        return self.gates.setdefault(name, asyncio.Event())

    async def ringing(self, label: str) -> RoomLeg:
        """The leg with this label, once it rings."""
        await asyncio.wait_for(self.rung[label].wait(), 15)
        return self.leg_of(label)

    def leg_of(self, label: str) -> RoomLeg:
        """The leg with this label."""
        return next(leg for leg in self.legs.values() if leg.label == label)

    def answer(self, leg: RoomLeg) -> None:
        """A ringing phone is picked up."""
        self._change(leg.call_sid, status="connected")

    def hold(self, call_sid: str, held: bool) -> None:
        """Somebody else changes a hold."""
        self._change(call_sid, held=held)

    def room(self) -> Room:
        """The room as an activity answers it."""
        return Room(self.conference_sid, "room", self.is_live, tuple(self.legs.values()))

    def activities(self) -> Sequence[Callable[..., Any]]:
        """All activities, under the names that the workflows use."""
        return [
            self.hold_participant,
            self.resume_participant,
            self.add_participant,
            self.remove_participant,
            self.set_voice,
            self.create_call,
            self.end_leg,
            self.find_leg,
            self.divert_call,
            self.find_room,
            self.read_room,
            self.end_room,
            self.read_recordings,
            self.pause_recordings,
            self.resume_recordings,
            self.announce,
            self.mute_participant,
        ]

    async def _enter(self, name: str, given: Any) -> None:
        self.asked.append(name)
        self.given.append(given)
        self.entered[name].set()
        if name in self.gates:
            self.began[name].set()
            await self.gates[name].wait()
        if self.failures.get(name):
            raise self.failures[name].pop(0)

    def _change(self, call_sid: str, **changes: Any) -> None:
        self.legs[call_sid] = replace(self.legs[call_sid], **changes)

    @activity.defn
    async def hold_participant(self, given: HoldInput) -> Room:
        await self._enter("hold_participant", given)
        recordings = self._set_tape("paused") if given.pause_recordings else None
        if given.exit_flags_off and given.agent_call_sid not in ("", *self.legs):
            details = FailureDetails(room=self.room())
            raise ApplicationError("as told", details, type="unmet", non_retryable=True)
        was_held = self.legs[given.call_sid or CALLER].held
        self._change(given.call_sid or CALLER, held=True)
        return replace(self.room(), recordings=recordings, was_held=was_held)

    @activity.defn
    async def resume_participant(self, given: ResumeInput) -> Room:
        await self._enter("resume_participant", given)
        self._change(given.call_sid, held=False)
        return self.room()

    def _set_tape(self, status: str) -> RoomRecordings:
        changed = (RECORDING,) if self.tape and self.tape != status else ()
        if self.tape:
            self.tape = status
        self.tapes.append(self.tape)
        return replace(self._tapes(), changed=changed)

    def _tapes(self) -> RoomRecordings:
        running = (RECORDING,) if self.tape == "running" else ()
        return RoomRecordings(running, (RECORDING,) if self.tape == "paused" else ())

    @activity.defn
    async def read_recordings(self, given: RecordingsInput) -> RoomRecordings:
        await self._enter("read_recordings", given)
        return self._tapes()

    @activity.defn
    async def pause_recordings(self, given: RecordingsInput) -> RoomRecordings:
        await self._enter("pause_recordings", given)
        return self._set_tape("paused")

    @activity.defn
    async def resume_recordings(self, given: RecordingsInput) -> RoomRecordings:
        await self._enter("resume_recordings", given)
        if RECORDING in given.sids or EVERY in given.sids:
            return self._set_tape("running")
        return self._tapes()

    @activity.defn
    async def add_participant(self, given: AddInput) -> AddedLeg:
        await self._enter("add_participant", given)
        return self._dial(given.label, given.to)

    @activity.defn
    async def create_call(self, given: CreateCallInput) -> AddedLeg:
        await self._enter("create_call", given)
        return self._dial(given.label, given.to)

    def _dial(self, label: str, to: str) -> AddedLeg:
        self._dialed += 1
        call_sid = f"CA{self._dialed:032x}"
        self.legs[call_sid] = RoomLeg(call_sid, label=label, address=to, status="ringing")
        self.rung[label].set()
        return AddedLeg(call_sid=call_sid, is_adopted=False)

    @activity.defn
    async def remove_participant(self, given: RemoveInput) -> Room:
        await self._enter("remove_participant", given)
        caller = self.legs.get(given.caller_call_sid)
        is_there = given.call_sid in self.legs
        if is_there and caller is not None and caller.held is not (given.require == HELD):
            details = FailureDetails(room=self.room())
            raise ApplicationError("as told", details, type="unmet", non_retryable=True)
        self.legs.pop(given.call_sid, None)
        return self.room()

    @activity.defn
    async def set_voice(self, given: VoiceInput) -> Room:
        await self._enter("set_voice", given)
        if given.call_sid not in self.legs:
            raise ApplicationError("as told", FailureDetails(room=self.room()), type="gone")
        listener = self.legs.get(given.coach_call_sid)
        if given.voice == WHISPER and (listener is None or listener.held):
            details = FailureDetails(room=self.room())
            raise ApplicationError("nobody", details, type="unmet", non_retryable=True)
        leg = self.legs[given.call_sid]
        while change := next_change(leg, given.voice, given.coach_call_sid):
            names = {"call_sid_to_coach": "coach_call_sid", "hold": "held"}
            leg = replace(leg, **{names.get(key, key): to for key, to in change.items()})
        self.legs[given.call_sid] = leg
        return self.room()

    @activity.defn
    async def end_leg(self, given: EndLegInput) -> EndedLeg:
        await self._enter("end_leg", given)
        self.legs.pop(given.call_sid, None)
        return EndedLeg()

    @activity.defn
    async def find_leg(self, given: FindLegInput) -> Room:
        await self._enter("find_leg", given)
        leg = self.legs.get(given.call_sid) or RoomLeg(given.call_sid, status=ENDED)
        return Room(self.conference_sid, "room", self.is_live, (leg,))

    @activity.defn
    async def divert_call(self, given: DivertInput) -> None:
        await self._enter("divert_call", given)
        self.legs.pop(given.call_sid, None)

    @activity.defn
    async def find_room(self, given: FindRoomInput) -> Room:
        await self._enter("find_room", given)
        return self.room()

    @activity.defn
    async def read_room(self, given: ReadRoomInput) -> Room:
        await self._enter("read_room", given)
        return self.room()

    @activity.defn
    async def mute_participant(self, given: MuteInput) -> None:
        await self._enter("mute_participant", given)
        self._change(given.call_sid, muted=given.muted)

    @activity.defn
    async def announce(self, given: AnnounceInput) -> None:
        await self._enter("announce", given)

    @activity.defn
    async def end_room(self, given: EndRoomInput) -> None:
        await self._enter("end_room", given)
        self.legs.clear()
        self.is_live = False
