"""The guardian's lists of live calls, rooms and people, on a shorter way than by HTTP and the SDK.

Two requests of three in a history are these lists, and next to nothing is in them. Here each takes
the same time on the way, reads what the simulator's own list reads, passes the same throttle and
fails as the real one when Twilio cannot be reached; left out is what is below. That nothing else
differs is tested: a history is the same to the last request with either (`test_lists.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any

import aiohttp
from twilio.base import deserialize

from activities.errors import ask
from activities.guardian.look import CALL_STATUSES, ROOM_STATUSES, CallSeen, Look, call_seen
from activities.room import Room, RoomLeg, leg_of_participant
from activities.throttle import HeldBack, Throttle, count_request, priority_here
from simulator.core.resources import conference_status
from simulator.core.text import rfc2822
from tests.simulation.stage import Stage
from tests.simulation.wire import Rest

_moment = lru_cache(4096)(deserialize.rfc2822_datetime)
deserialize.rfc2822_datetime = _moment  # the SDK reads the same few dates again and again


class Lists:
    """What `activities.guardian.look` asks for, read from a stage."""

    def __init__(self, stage: Stage) -> None:
        self._rest = stage.rest
        self._throttle = stage.twilio.http_client.throttle

    async def look_around(self) -> Look:
        """As `look_around` there: lists of calls one after the other, and beside them, at the same
        time, those of rooms."""
        return await ask(_Looking(self._rest, self._throttle).answer)

    async def read_room(self, conference_sid: str) -> Room:
        """As `activities.reading.read_legs`."""
        legs = await ask(self._listed(lambda network: _legs(network, conference_sid)))
        return Room(conference_sid=conference_sid, is_live=bool(legs), legs=legs)

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


class _Looking:
    """One look under way: requests that follow one another without a task for each."""

    def __init__(self, rest: Rest, throttle: Throttle) -> None:
        self._rest = rest
        self._throttle = throttle
        self._priority = priority_here()
        self._calls: dict[str, CallSeen] = {}
        self._rooms: dict[str, dict[str, float]] = {}
        self._under_way = 1 + len(ROOM_STATUSES)
        self.answer: asyncio.Future[Look] = asyncio.get_running_loop().create_future()
        self._open = 0
        """Requests that have been sent."""
        self.answer.add_done_callback(self._over)
        for status in ROOM_STATUSES:
            self._ask(partial(_live_rooms, status), partial(self._rooms_listed, status))
        self._list_calls(list(CALL_STATUSES))

    def _list_calls(self, statuses: list[str]) -> None:
        self._ask(partial(_live_calls, statuses[0]), partial(self._calls_listed, statuses[1:]))

    def _calls_listed(self, left: list[str], listed: dict[str, CallSeen]) -> None:
        self._calls |= listed
        if left:
            self._list_calls(left)
        else:
            self._listed()

    def _rooms_listed(self, status: str, listed: dict[str, float]) -> None:
        self._rooms[status] = listed
        self._listed()

    def _listed(self) -> None:
        self._under_way -= 1
        if not self._under_way and not self.answer.done():
            rooms = {sid: at for each in ROOM_STATUSES for sid, at in self._rooms[each].items()}
            self.answer.set_result(Look(self._calls, rooms))

    def _ask(self, read: Callable[[Any], Any], then: Callable[[Any], None]) -> None:
        """One request, as `activities.client` makes it."""
        try:
            is_free = self._throttle.enter_now(self._priority)
        except HeldBack as error:
            self._fail(error)
            return
        if is_free:
            self._send(read, then)
        else:
            asyncio.get_running_loop().create_task(self._ask_later(read, then))

    async def _ask_later(self, read: Callable[[Any], Any], then: Callable[[Any], None]) -> None:
        try:
            await self._throttle.enter(self._priority)
        except HeldBack as error:
            self._fail(error)
        else:
            self._send(read, then)

    def _send(self, read: Callable[[Any], Any], then: Callable[[Any], None]) -> None:
        count_request()
        self._open += 1
        self._rest.look(read, partial(self._answered, then), self.answer)

    def _answered(self, then: Callable[[Any], None], shown: Any) -> None:
        if self.answer.cancelled():
            return
        self._open -= 1
        if shown is None:
            self._throttle.failed()
        else:
            self._throttle.answered()
        self._throttle.leave()
        if shown is None:
            self._fail(aiohttp.ConnectionTimeoutError())
        else:
            then(shown)

    def _over(self, answer: asyncio.Future[Look]) -> None:
        """Who looked may have died with requests under way."""
        if answer.cancelled():
            for _ in range(self._open):
                self._throttle.leave()

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


def _live_calls(status: str, network: Any) -> dict[str, CallSeen]:
    return {
        call.sid: call_seen(call)
        for call in reversed(network.live_calls.values())
        if call.status == status
    }


def _live_rooms(status: str, network: Any) -> dict[str, float]:
    return {
        room.sid: _moment(rfc2822(room.created_at)).timestamp()
        for room in reversed(network.live_rooms.values())
        if conference_status(network, room) == status
    }


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
