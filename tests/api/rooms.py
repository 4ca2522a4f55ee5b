"""Rooms in memory for the workflows that the API's tests run for real, one per conference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from temporalio import activity

from activities.calls import EndedLeg, EndLegInput
from activities.conferences import AnnounceInput, ReadRoomInput
from activities.creating import AddedLeg
from activities.participants import AddInput, HoldInput, MuteInput, RemoveInput, ResumeInput
from activities.room import Room
from activities.voices import VoiceInput
from tests.workflows.room import FakeRoom


class Rooms:
    """One `FakeRoom` per conference, made when it is first asked about."""

    def __init__(self) -> None:
        self.rooms: defaultdict[str, FakeRoom] = defaultdict(FakeRoom)

    def of(self, given: Any) -> FakeRoom:
        """The room that is asked about."""
        room = self.rooms[given.conference_sid]
        room.conference_sid = given.conference_sid
        return room

    @activity.defn
    async def add_participant(self, given: AddInput) -> AddedLeg:
        return await self.of(given).add_participant(given)

    @activity.defn
    async def set_voice(self, given: VoiceInput) -> Room:
        return await self.of(given).set_voice(given)

    @activity.defn
    async def remove_participant(self, given: RemoveInput) -> Room:
        return await self.of(given).remove_participant(given)

    @activity.defn
    async def end_leg(self, given: EndLegInput) -> EndedLeg:
        return await self.of(given).end_leg(given)

    @activity.defn
    async def read_room(self, given: ReadRoomInput) -> Room:
        return await self.of(given).read_room(given)

    @activity.defn
    async def hold_participant(self, given: HoldInput) -> Room:
        return await self.of(given).hold_participant(given)

    @activity.defn
    async def resume_participant(self, given: ResumeInput) -> Room:
        return await self.of(given).resume_participant(given)

    @activity.defn
    async def mute_participant(self, given: MuteInput) -> None:
        await self.of(given).mute_participant(given)

    @activity.defn
    async def announce(self, given: AnnounceInput) -> None:
        await self.of(given).announce(given)

    def activities(self) -> Sequence[Any]:
        """All of them."""
        return [
            self.add_participant,
            self.set_voice,
            self.remove_participant,
            self.end_leg,
            self.read_room,
            self.hold_participant,
            self.resume_participant,
            self.mute_participant,
            self.announce,
        ]


ROOMS = Rooms()
