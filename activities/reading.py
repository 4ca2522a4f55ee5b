"""Looks at a room that several activities share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twilio.rest import Client

from activities.errors import GONE, TwilioError, ask
from activities.room import Room, RoomLeg, address_of, leg_of_call, leg_of_participant

PARTICIPANTS_MAX = 250
"""A conference's hard ceiling, so one page always shows the whole room.
https://www.twilio.com/docs/voice/twiml/conference#attributes-maxparticipants"""

_OVER = "completed"


async def read_legs(client: Client, conference_sid: str) -> Room:
    """The room with everybody who is listed in it, in one request.

    The list of an ended conference is empty or not found, so a room without legs counts as over:
    a live conference has at least one.
    """
    try:
        listed = await ask(
            client.conferences(conference_sid).participants.list_async(
                limit=PARTICIPANTS_MAX, page_size=PARTICIPANTS_MAX
            )
        )
    except TwilioError as error:
        if error.kind != GONE:
            raise
        listed = []
    legs = tuple(leg_of_participant(each) for each in listed)
    return Room(conference_sid=conference_sid, is_live=bool(legs), legs=legs)


async def read_conference(client: Client, conference_sid: str) -> Room:
    """The room's name and whether it is live, without its legs."""
    try:
        conference = await ask(client.conferences(conference_sid).fetch_async())
    except TwilioError as error:
        if error.kind != GONE:
            raise
        return Room(conference_sid=conference_sid, is_live=False)
    return room_of_conference(conference)


async def read_whole(client: Client, conference_sid: str) -> Room:
    """Name, liveness and legs, read at the same time."""
    conference, listed = await asyncio.gather(
        read_conference(client, conference_sid), read_legs(client, conference_sid)
    )
    return replace(conference, legs=listed.legs if conference.is_live else ())


def room_of_conference(conference: Any) -> Room:
    """A room out of the SDK's `ConferenceInstance`, without its legs."""
    return Room(
        conference_sid=conference.sid or "",
        room_name=conference.friendly_name or "",
        is_live=str(conference.status) != _OVER,
    )


async def find_participant(client: Client, conference_sid: str, key: str) -> RoomLeg | None:
    """The leg with this call SID or label, if the room shows it.

    A key that is neither (a slash would change the path) is never in the room.
    """
    if not key or "/" in key:
        return None
    try:
        found = await ask(client.conferences(conference_sid).participants(key).fetch_async())
    except TwilioError as error:
        if error.kind != GONE:
            raise
        return None
    return leg_of_participant(found)


async def read_call(client: Client, call_sid: str, label: str = "") -> RoomLeg | None:
    """A leg from its Call resource, or None if Twilio does not know the call."""
    try:
        call = await ask(client.calls(call_sid).fetch_async())
    except TwilioError as error:
        if error.kind != GONE:
            raise
        return None
    return leg_of_call(call, label)


async def with_addresses(client: Client, room: Room, call_sids: Sequence[str]) -> Room:
    """This room with the addresses of these legs filled in, one request each, at the same time."""

    async def address(call_sid: str) -> str:
        try:
            return address_of(await ask(client.calls(call_sid).fetch_async()))
        except TwilioError as error:
            if error.kind != GONE:
                raise
            return ""

    found = await asyncio.gather(*(address(each) for each in call_sids))
    known = dict(zip(call_sids, found, strict=True))
    return replace(
        room,
        legs=tuple(
            replace(leg, address=known.get(leg.call_sid) or leg.address) for leg in room.legs
        ),
    )
