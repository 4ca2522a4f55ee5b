"""The second, closer look: what is suspected is read by itself, and beliefs are read afresh.

Lists are made while the world goes on, and may be a moment old. What is read here is as fresh as
can be had, and only what differs still is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from twilio.rest import Client

from activities.errors import GONE, TwilioError, ask
from activities.guardian.compare import (
    HOLD_DIFFERS,
    LEG_AWAITED,
    LEG_ENDED,
    LEG_LEFT,
    LEG_MOVED_ON,
    OWNER_CUT_OFF,
    OWNER_OVERDUE,
    OWNER_STUCK,
    ROOM_ENDED,
    ROOM_UNOWNED,
    Suspicion,
    differences,
    overdue,
)
from activities.guardian.left_tasks import OpenTasks, left_over
from activities.guardian.look import CallSeen, Look, call_seen
from activities.guardian.remedy import is_of_task, is_ours
from activities.guardian.rescue import FAILURES_MIN
from activities.owners import Owner, Owners, Person
from activities.reading import find_participant, read_call, read_conference, read_whole
from activities.room import CONNECTED, ENDED
from activities.task_state import TaskState

_ENDS = frozenset({LEG_ENDED, LEG_MOVED_ON})
_GONE = frozenset({*_ENDS, LEG_LEFT})
PARALLEL_MAX = 20
ROOMS_MAX = 10
"""Unknown rooms read per look: an account shared with other applications may have many."""

T = TypeVar("T")


class Closer:
    """Looks again at what is suspected."""

    def __init__(
        self,
        client: Client,
        owners: Owners,
        silent_while: Mapping[str, str],
        knows_holds: Container[str],
    ) -> None:
        self._client = client
        self._owners = owners
        self._silent_while = silent_while
        self._knows_holds = knows_holds
        self._gate = asyncio.Semaphore(PARALLEL_MAX)

    async def look(self, suspected: Sequence[Suspicion], now: float) -> list[Suspicion]:
        """What of it holds."""
        about_owners = (OWNER_CUT_OFF, OWNER_STUCK, OWNER_OVERDUE)
        of_owners = [each for each in suspected if each.kind in about_owners]
        of_legs = [each for each in suspected if each.kind not in about_owners]
        ids = {each.owner.workflow_id for each in suspected}
        ids |= {
            f"{better}/{each.owner.conference_sid}"
            for each in of_legs
            if (better := self._silent_while.get(each.owner.kind))
        }
        read = await asyncio.gather(*(self._one(self._owners.read(each)) for each in sorted(ids)))
        fresh = {each.workflow_id: each for each in read if each is not None}
        look = await self._narrow(of_legs)
        first = {each.subject: each for each in of_legs}
        of_legs = [
            each
            for each in differences(fresh.values(), look, self._silent_while, self._knows_holds)
            if each.subject in first and lasts(first[each.subject], each)
        ]
        return of_legs + [each for each in of_owners if _holds(each, fresh, now)]

    async def look_into(self, rooms: Sequence[str]) -> tuple[list[Suspicion], set[str], set[str]]:
        """Whether rooms in which nobody is known are ours to look after; those that are not; and
        those whose owners have all ended as they should."""
        found: list[Suspicion] = []
        strange: set[str] = set()
        left: set[str] = set()
        for sid in rooms[:ROOMS_MAX]:
            kinds = sorted({*self._silent_while, *self._silent_while.values()})
            known = await asyncio.gather(*(self._owners.read(f"{kind}/{sid}") for kind in kinds))
            owners = [owner for owner in known if owner is not None]
            dead = [owner for owner in owners if owner.is_cut_off]
            if any(owner.is_running for owner in owners):
                continue
            if dead:
                found += [Suspicion(OWNER_CUT_OFF, owner) for owner in dead]
            elif owners:
                left.add(sid)
            elif await self._has_ours(sid):
                found.append(Suspicion(ROOM_UNOWNED, Owner("", sid, conference_sid=sid)))
            else:
                strange.add(sid)
        return found, strange, left

    async def look_at_tasks(
        self, suspected: Iterable[TaskState], tasks: OpenTasks, transfer: str
    ) -> list[TaskState]:
        """Which of these tasks nobody works on, with task, room, leg and transfer read afresh."""
        found: list[TaskState] = []
        for each in suspected:
            task, room, owner = await asyncio.gather(
                tasks.read(each.task_sid),
                read_conference(self._client, each.conference_sid),
                self._owners.read(f"{transfer}/{each.conference_sid}"),
            )
            leg = await read_call(self._client, each.worker_call_sid) if room.is_live else None
            is_up = leg is not None and leg.status != ENDED
            look = Look(
                {each.worker_call_sid: CallSeen(CONNECTED)} if is_up else {},
                {each.conference_sid: 0.0} if room.is_live else {},
            )
            running = [owner] if owner is not None and owner.is_running else []
            found += left_over([task], look, running, transfer)
        return found

    async def _has_ours(self, conference_sid: str) -> bool:
        room = await read_whole(self._client, conference_sid)
        return is_of_task(room.room_name) or any(is_ours(leg.label) for leg in room.legs)

    async def _narrow(self, suspected: Iterable[Suspicion]) -> Look:
        """What Twilio shows of the suspected legs and rooms, each asked for by itself."""

        async def leg(conference_sid: str, person: Person) -> tuple[str, CallSeen | None]:
            return person.key, await self._read_leg(conference_sid, person)

        async def room(sid: str) -> tuple[str, bool]:
            return sid, (await read_conference(self._client, sid)).is_live

        suspected = list(suspected)
        ended = {each.owner.conference_sid for each in suspected if each.kind == ROOM_ENDED}
        others = {each.owner.conference_sid for each in suspected} - ended
        legs = [leg(each.owner.conference_sid, each.person) for each in suspected if each.person]
        read, rooms = await asyncio.gather(
            asyncio.gather(*(self._one(each) for each in legs)),
            asyncio.gather(*(self._one(room(each)) for each in sorted(ended))),
        )
        seen = {key: each for key, each in read if each is not None}
        live = {sid for sid, is_live in rooms if is_live} | others
        return Look(seen, dict.fromkeys(live, 0.0))

    async def _read_leg(self, conference_sid: str, person: Person) -> CallSeen | None:
        """One leg: its call, and whether the room shows it. None: Twilio shows neither."""
        in_room = await find_participant(self._client, conference_sid, person.key)
        call_sid = person.call_sid or (in_room.call_sid if in_room else "")
        if not call_sid:
            return None
        try:
            seen = call_seen(await ask(self._client.calls(call_sid).fetch_async()))
        except TwilioError as error:
            if error.kind != GONE:
                raise
            return CallSeen(ENDED)
        is_there = in_room is not None and in_room.status != ENDED
        return replace(seen, is_in_room=is_there, held=bool(in_room and in_room.held))

    async def _one(self, reading: Coroutine[Any, Any, T]) -> T:
        async with self._gate:
            return await reading


def lasts(first: Suspicion, again: Suspicion) -> bool:
    """Whether a difference is the one that was seen before. One that has only just come about may
    be told this very moment: it is for the next look."""
    if again.kind == LEG_AWAITED:
        return False
    if again.kind == HOLD_DIFFERS and first.kind == HOLD_DIFFERS:
        return _held(first) is _held(again)
    if again.kind in _ENDS and again.seen is not None and again.seen.is_in_room:
        return False  # it was in the room a moment before
    # Of a leg whose SID is not known a list can show no end.
    is_shown = first.kind != LEG_AWAITED or (first.person is not None and first.person.call_sid)
    before = _ENDS if again.kind == LEG_ENDED else _GONE
    return again.kind not in _GONE or first.kind in before or not is_shown


def _held(suspicion: Suspicion) -> bool:
    return suspicion.seen is not None and suspicion.seen.held


def _holds(suspicion: Suspicion, fresh: Mapping[str, Owner], now: float) -> bool:
    """Whether what was suspected of an owner is so, as it is described now."""
    if suspicion.kind == OWNER_CUT_OFF and suspicion.owner.is_supervision:
        return True  # a run that is over stays over, and another one does not take its place
    owner = fresh.get(suspicion.owner.workflow_id)
    if owner is None or owner.run_id != suspicion.owner.run_id:
        return False
    if suspicion.kind == OWNER_CUT_OFF:
        return owner.is_cut_off
    if suspicion.kind == OWNER_STUCK:
        return owner.is_running and owner.failures >= FAILURES_MIN
    return owner.is_running and bool(overdue([owner], now))
