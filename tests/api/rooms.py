"""Rooms in memory for the one workflow that the API's tests run for real: the supervision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from temporalio import activity

from activities.calls import EndedLeg, EndLegInput
from activities.conferences import ReadRoomInput
from activities.creating import AddedLeg
from activities.participants import AddInput, RemoveInput
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

    def activities(self) -> Sequence[Any]:
        """All of them."""
        return [
            self.add_participant,
            self.set_voice,
            self.remove_participant,
            self.end_leg,
            self.read_room,
        ]


ROOMS = Rooms()
