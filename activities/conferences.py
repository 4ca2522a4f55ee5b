"""Whole rooms: find one by its name, look into it, speak into it, end it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from temporalio import activity
from twilio.rest import Client

from activities.ending import complete_call
from activities.errors import GONE, REFUSED, TwilioError, ask, not_yet
from activities.owners import caller_known_to
from activities.reading import (
    find_participant,
    read_call,
    read_conference,
    read_legs,
    read_whole,
    room_of_conference,
    with_addresses,
)
from activities.room import Room, RoomLeg
from activities.settings import TwilioSettings
from activities.task_reading import read_tagged, workspace_of
from activities.task_state import state_of_task

ROOMS_LISTED_MAX = 20
"""Newest rooms of one name. At most one of them is live, and it is the newest."""


@dataclass(frozen=True)
class FindRoomInput:
    """The friendly name that TwiML gave the room."""

    room_name: str


@dataclass(frozen=True)
class ReadRoomInput:
    """Which room, and which legs are asked about even if the room does not show them."""

    conference_sid: str
    call_sids: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    with_addresses: bool = False
    """Whether each leg's call is read too, for the address of its phone."""
    owner_id: str = ""
    """The workflow that is asked who the caller is, by its memo field `owner_view`; empty: none."""
    owner_view: str = ""
    task_sid: str = ""
    """With TaskRouter: the task that is asked who the caller is; empty: none."""


@dataclass(frozen=True)
class EndRoomInput:
    """Which room, and the legs that we brought to it."""

    conference_sid: str
    call_sids: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnnounceInput:
    """What is spoken, and to whom.

    `path` is a path of ours that answers TwiML: what is said stands in that answer, never here.
    Without `call_sid` everybody in the room hears it.
    """

    conference_sid: str
    path: str
    call_sid: str = ""


class Conferences:
    """Activities on the Conference resource."""

    def __init__(self, client: Client, settings: TwilioSettings) -> None:
        self._client = client
        self._settings = settings

    @activity.defn(name="find_room")
    async def find_room(self, given: FindRoomInput) -> Room:
        """The live room of this name. None yet is worth another look: a room comes into being
        only when its first call has fetched its TwiML.

        Not filtered by status: a room with one person is `init` on some accounts and
        `in-progress` on others (github.com/twilio/twilio-node/issues/604).
        """
        listed = await ask(
            self._client.conferences.list_async(
                friendly_name=given.room_name, limit=ROOMS_LISTED_MAX, page_size=ROOMS_LISTED_MAX
            )
        )
        for room in map(room_of_conference, listed):
            if room.is_live:
                return room
        raise not_yet("no live room of this name yet")

    @activity.defn(name="read_room")
    async def read_room(self, given: ReadRoomInput) -> Room:
        """The room and everybody in it, and what became of the legs asked about.

        A leg that still rings may be missing from the list, so an expected leg that is not shown
        is asked for by itself before anybody counts it as gone.
        """
        room = await read_whole(self._client, given.conference_sid)
        calls = [sid for sid in given.call_sids if sid and room.find(sid) is None]
        labels = [label for label in given.labels if label and room.find(label=label) is None]
        found = await asyncio.gather(
            *(read_call(self._client, sid) for sid in calls),
            *(
                find_participant(self._client, given.conference_sid, label)
                for label in (labels if room.is_live else ())
            ),
        )
        legs = list(room.legs)
        for leg in found:
            if leg is not None and all(leg.call_sid != each.call_sid for each in legs):
                legs.append(leg)
        room = replace(room, legs=tuple(legs))
        if given.owner_id:
            caller = await caller_known_to(activity.client(), given.owner_id, given.owner_view)
            room = replace(room, caller_call_sid=caller)
        if given.task_sid:
            task = await read_tagged(
                workspace_of(self._client, self._settings).tasks(given.task_sid)
            )
            caller = state_of_task(task[0]).caller_call_sid if task else ""
            room = replace(room, caller_call_sid=caller)
        if not given.with_addresses:
            return room
        return await with_addresses(self._client, room, [leg.call_sid for leg in room.legs])

    @activity.defn(name="announce")
    async def announce(self, given: AnnounceInput) -> None:
        """Have Twilio fetch the words and speak them. Raises `gone` when the leg has left.

        `AnnounceUrl` of a participant plays to that one alone, also on hold; of the conference, to
        all: https://www.twilio.com/docs/voice/api/conference-participant-resource
        """
        room = self._client.conferences(given.conference_sid)
        words = self._settings.public_url(given.path)
        if given.call_sid:
            leg = room.participants(given.call_sid)
            await ask(leg.update_async(announce_url=words, announce_method="POST"))
        else:
            await ask(room.update_async(announce_url=words, announce_method="POST"))

    @activity.defn(name="end_room")
    async def end_room(self, given: EndRoomInput) -> None:
        """End the conference and every leg of ours. Ended already is done."""
        await asyncio.gather(
            self._end_conference(given.conference_sid),
            *(complete_call(self._client, sid) for sid in given.call_sids if sid),
        )

    async def _end_conference(self, conference_sid: str) -> None:
        try:
            await ask(self._client.conferences(conference_sid).update_async(status="completed"))
        except TwilioError as error:
            if error.kind not in (GONE, REFUSED):
                raise
            await self._end_legs(conference_sid)

    async def _end_legs(self, conference_sid: str) -> None:
        """A conference that is over, or in which phones only ring so far, refuses to be ended
        (github.com/twilio/twilio-node/issues/663); what rings is ended leg by leg."""
        if not (await read_conference(self._client, conference_sid)).is_live:
            return
        legs: tuple[RoomLeg, ...] = (await read_legs(self._client, conference_sid)).legs
        await asyncio.gather(*(complete_call(self._client, leg.call_sid) for leg in legs))
