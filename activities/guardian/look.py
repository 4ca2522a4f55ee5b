"""One look at Twilio: every live call and every live room of the account, in a handful of requests.

What it costs does not depend on how many transfers run, only on how many pages of calls there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from twilio.rest import Client

from activities.errors import ask, unavailable
from activities.room import ENDED, Room, read_call_status

CALL_STATUSES = ("queued", "ringing", "in-progress")
"""The live ones, in the order of a call's life and asked for one after the other: a call moves
forward only, so one that changes during the look is seen in a later list and missed in none.
https://www.twilio.com/docs/voice/api/call-resource#call-status-values"""
ROOM_STATUSES = ("init", "in-progress")
"""https://www.twilio.com/docs/voice/api/conference-resource"""
LISTED_MAX = 20_000
"""More than this is not looked at: half a list would make living people look gone."""


@dataclass(frozen=True)
class CallSeen:
    """One call as a look shows it. `status` and `cause` as in `RoomLeg`; `answered_by` is human,
    machine, or empty as long as Twilio does not say."""

    status: str
    cause: str = ""
    answered_by: str = ""
    call_sid: str = ""
    is_in_room: bool | None = None
    """None: not asked, because lists of calls do not tell."""
    held: bool = False
    """Told only of legs in the room."""


@dataclass(frozen=True)
class Look:
    """What Twilio shows: calls by their SID, and live rooms."""

    calls: Mapping[str, CallSeen] = field(default_factory=dict)
    rooms: Mapping[str, float] = field(default_factory=dict)
    """Live rooms by their SID, with the moment in which each came into being."""


def with_room(look: Look, room: Room, call_sids: Iterable[str]) -> Look:
    """This look, with what the room itself says of these legs."""
    calls = dict(look.calls)
    for sid in call_sids:
        leg = room.find(sid)
        if sid in calls:
            is_there = leg is not None and leg.status != ENDED
            calls[sid] = replace(calls[sid], is_in_room=is_there, held=bool(leg and leg.held))
    return replace(look, calls=calls)


async def look_around(client: Client, page_size: int) -> Look:
    """Every live call and room. Raises when any part of it cannot be had: a look is whole, or it
    is none."""
    calls, rooms = await asyncio.gather(
        _calls(client, page_size),
        asyncio.gather(*(_rooms(client, status, page_size) for status in ROOM_STATUSES)),
    )
    return Look(calls, {sid: created for part in rooms for sid, created in part.items()})


async def _calls(client: Client, page_size: int) -> dict[str, CallSeen]:
    seen: dict[str, CallSeen] = {}
    for status in CALL_STATUSES:
        listed = await ask(
            client.calls.list_async(status=status, page_size=page_size, limit=LISTED_MAX)
        )
        seen |= {str(call.sid): call_seen(call) for call in _whole(listed)}
    return seen


async def _rooms(client: Client, status: str, page_size: int) -> dict[str, float]:
    listed = await ask(
        client.conferences.list_async(status=status, page_size=page_size, limit=LISTED_MAX)
    )
    return {
        str(room.sid): room.date_created.timestamp() if room.date_created else 0.0
        for room in _whole(listed)
    }


def call_seen(call: Any) -> CallSeen:
    """A `CallSeen` out of the SDK's `CallInstance`."""
    status, cause = read_call_status(call.status)
    return CallSeen(status, cause, _answered_by(call.answered_by), str(call.sid))


def _answered_by(told: Any) -> str:
    """Who picked up, of what answering-machine detection may say; a doubt counts as a person, whom
    nobody may hang up on. https://www.twilio.com/docs/voice/answering-machine-detection"""
    if not told:
        return ""
    return "machine" if str(told).startswith(("machine", "fax")) else "human"


def _whole(listed: list[Any]) -> list[Any]:
    if len(listed) >= LISTED_MAX:
        raise unavailable(f"more than {LISTED_MAX} live calls or rooms: a look would be incomplete")
    return listed
