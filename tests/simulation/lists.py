"""The guardian's lists of live calls, rooms and people, on a shorter way than by HTTP and the SDK.

Two requests of three in a history are these lists, and next to nothing is in them. Here each takes
the same time on the way, reads what the simulator's own list reads, passes the same throttle and
fails as the real one when Twilio cannot be reached; left out is what is below. That nothing else
differs is tested: a history is the same to the last request with either (`test_lists.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import aiohttp
from twilio.base import deserialize

from activities.errors import ask
from activities.guardian.look import CALL_STATUSES, ROOM_STATUSES, CallSeen, Look, call_seen
from activities.room import Room, RoomLeg, leg_of_participant
from activities.throttle import count_request, priority_here
from simulator.core.resources import conference_status
from simulator.core.text import rfc2822
from tests.simulation.stage import Stage

_moment = lru_cache(4096)(deserialize.rfc2822_datetime)
deserialize.rfc2822_datetime = _moment  # the SDK reads the same few dates again and again


class Lists:
    """What `activities.guardian.look` asks for, read from a stage."""

    def __init__(self, stage: Stage) -> None:
        self._rest = stage.rest
        self._throttle = stage.twilio.http_client.throttle

    async def look_around(self) -> Look:
        """As `look_around` there, in the same order."""
        calls, rooms = await asyncio.gather(
            self._calls(),
            asyncio.gather(*(self._rooms(status) for status in ROOM_STATUSES)),
        )
        return Look(calls, {sid: created for part in rooms for sid, created in part.items()})

    async def read_room(self, conference_sid: str) -> Room:
        """As `activities.reading.read_legs`."""
        legs = await ask(self._listed(lambda network: _legs(network, conference_sid)))
        return Room(conference_sid=conference_sid, is_live=bool(legs), legs=legs)

    async def _calls(self) -> dict[str, CallSeen]:
        seen: dict[str, CallSeen] = {}
        for status in CALL_STATUSES:
            seen |= await ask(
                self._listed(
                    lambda network, status=status: {
                        call.sid: call_seen(call)
                        for call in reversed(network.live_calls.values())
                        if call.status == status
                    }
                )
            )
        return seen

    async def _rooms(self, status: str) -> dict[str, float]:
        return await ask(
            self._listed(
                lambda network: {
                    room.sid: _moment(rfc2822(room.created_at)).timestamp()
                    for room in reversed(network.live_rooms.values())
                    if conference_status(network, room) == status
                }
            )
        )

    async def _listed(self, read: Callable[[Any], Any]) -> Any:
        """One request, as `activities.client` makes it."""
        await self._throttle.enter(priority_here())
        try:
            count_request()
            try:
                listed = await self._rest.glance(read)
            except aiohttp.ClientError:
                self._throttle.failed()
                raise
            self._throttle.answered()
            return listed
        finally:
            self._throttle.leave()


def _legs(network: Any, conference_sid: str) -> tuple[RoomLeg, ...]:
    """Who is listed in a room, in the order of the list; nobody, if there is no such room."""
    room = network.conferences_by_sid.get(conference_sid)
    people = room.participants.values() if room is not None else ()
    ringing_too = network.switches.ringing_participants_listed
    return tuple(
        leg_of_participant(
            SimpleNamespace(
                call_sid=person.call.sid,
                label=person.label,
                status=person.status,
                hold=person.hold,
                muted=person.muted,
                end_conference_on_exit=person.end_on_exit,
                coaching=person.coaching,
                call_sid_to_coach=person.call_sid_to_coach,
            )
        )
        for person in people
        if person.joined or ringing_too
    )
