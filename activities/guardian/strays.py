"""Legs of ours that nobody wants any more, on a call that goes on: ours or another application's.

Whoever dialled a leg ends it. Where that cannot be had, because Twilio was away for longer than
anybody waits or because the workflow was ended by force, the leg stays and hears everything. Its
label tells which workflow dialled it; the last word of that one, or of a later one that knew the
leg, tells whether it was to stay.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from twilio.rest import Client

from activities.guardian.remedy import CALLER, call_part
from activities.owners import Owner, Owners, Person
from activities.reading import read_whole
from activities.room import CONNECTED, ENDED, Room, RoomLeg

_DIALLED = re.compile(r"([0-9a-f]{16})-[tr]\d{1,4}s?")
"""The label of a leg that a transfer, a hold or the call itself dialled; not a supervisor's."""
_STAYS = "present"
_UNKNOWN = "none"
_CUT_OFF = "cut off"


def suspects(room: Room, running: Iterable[Owner], kinds: Collection[str]) -> tuple[RoomLeg, ...]:
    """The legs that a workflow dialled which does not run any more, and that none of `kinds` which
    runs counts among its people. A call's own word does not count: between transfers it takes for
    its agent whoever it finds. But of whom the call itself dialled, those whom nobody counts."""
    here = [each for each in running if each.conference_sid == room.conference_sid]
    parts = {each.part for each in here}
    named = {
        person.key
        for owner in here
        for person in owner.people
        if owner.kind in kinds and person.is_on_the_line
    }
    counted = {person.key for each in here for person in each.people if person.is_on_the_line}
    return tuple(
        leg
        for leg in room.legs
        if leg.status != ENDED
        and (part := part_of(leg.label))
        and part not in parts
        and (bool(here) or part != call_part(room.conference_sid))
        and not (counted if _is_calls(leg, here) else named) & {leg.call_sid, leg.label}
    )


def part_of(label: str) -> str:
    """Whose label it is; empty for one that no transfer, hold or call gave."""
    found = _DIALLED.fullmatch(label)
    return found[1] if found else ""


def last_word(leg: RoomLeg, past: Collection[Owner], running: Iterable[Owner] = ()) -> str:
    """Where the last workflow that knew the leg left it: a presence, or `none` if the one that
    dialled it knew nothing of it, or `cut off` if it was ended by force before it had let its agent
    go, and another has begun since, to which the leg is nobody. Empty if the one that dialled it
    is not among `past`. Of those `running`, the ones of the same call count.

    Whom the call itself has rung stays if anybody knew the leg: its agent. One that no transfer
    knew took effect long after its dial was given up."""
    if _is_calls(leg, running):
        knew = [owner for owner in past if owner.leg("agent").call_sid]
        is_known = any(_is(each, leg) for owner in past for each in owner.people)
        return (_STAYS if is_known else _UNKNOWN) if knew else ""
    for owner in sorted(past, key=lambda each: each.closed_at, reverse=True):
        known = next((each for each in owner.people if _is(each, leg)), None)
        if known is not None:
            is_unfinished = owner.is_cut_off and owner.leg("agent").presence == _STAYS
            is_dropped = is_unfinished and _is_followed(owner, [*past, *running])
            return _CUT_OFF if is_dropped else known.presence
        if owner.part == part_of(leg.label):
            return _UNKNOWN
    return ""


def strays(
    room: Room, running: Iterable[Owner], past: Iterable[Owner], kinds: Collection[str]
) -> tuple[RoomLeg, ...]:
    """The legs in `room` that are to be ended. One that rings goes at once; one that talks, only
    if the caller is there and has somebody else: nobody is left alone for the sake of order."""
    running, past = list(running), list(past)
    suspected = suspects(room, running, kinds)
    found = [leg for leg in suspected if is_unwanted(last_word(leg, past, running))]
    ringing = tuple(leg for leg in found if leg.status != CONNECTED)
    callers = {each.leg(CALLER).call_sid for each in running or past} - {""}
    agents = {each.leg(party).call_sid for each in running for party in ("agent", "target")}
    there = [leg for leg in room.legs if leg.status == CONNECTED and leg not in found]
    caller = next((x for x in there if x.call_sid in callers or x.label == CALLER), None)
    company = [
        leg
        for leg in there
        if leg is not caller and (not leg.is_supervisor or leg.call_sid in agents)
    ]
    if caller is None or not company:
        return ringing
    return tuple(found)


def is_unwanted(word: str) -> bool:
    """Whether a leg was not to stay, by this last word about it."""
    return word not in ("", _STAYS)


def _is_calls(leg: RoomLeg, running: Iterable[Owner]) -> bool:
    """Whether the call itself dialled the leg, as long as it is looked after."""
    return part_of(leg.label) in {call_part(each.conference_sid) for each in running}


def _is_followed(owner: Owner, others: Iterable[Owner]) -> bool:
    return any(
        each.workflow_id == owner.workflow_id
        and (each.is_running or each.closed_at > owner.closed_at)
        for each in others
    )


def _is(person: Person, leg: RoomLeg) -> bool:
    if person.call_sid:
        return person.call_sid == leg.call_sid
    return bool(person.label) and person.label == leg.label


@dataclass(frozen=True)
class Confirmed:
    """The legs in `room` that are to be ended. `is_sure`: no other leg in it may be one, of whose
    workflow the lists do not show the end yet."""

    room: Room
    legs: tuple[RoomLeg, ...]
    is_sure: bool


class Strays:
    """Finds such legs. Remembers which were to stay, so that each is asked about once; only a
    cache."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stay: dict[str, str] = {}
        """Call SID -> the room."""

    async def rooms(
        self,
        rooms: Iterable[Room],
        running: Collection[Owner],
        owners: Owners,
        kinds: Collection[str],
        live: Mapping[str, object],
    ) -> list[str]:
        """Those of `rooms`, as they were read, in which there seems to be one. `live` are the calls
        that are not over."""
        minded = {each.conference_sid for each in running if each.kind in kinds}
        self._stay = {
            sid: room for sid, room in self._stay.items() if sid in live and room not in minded
        }
        found = []
        for room in rooms:
            legs = [x for x in suspects(room, running, kinds) if x.call_sid not in self._stay]
            if not legs:
                continue
            past = await owners.past(room.conference_sid, kinds)
            words = {leg.call_sid: last_word(leg, past, running) for leg in legs}
            stay = [sid for sid, word in words.items() if word == _STAYS]
            if room.conference_sid not in minded:
                self._stay |= dict.fromkeys(stay, room.conference_sid)
            if any(is_unwanted(word) for word in words.values()):
                found.append(room.conference_sid)
        return found

    async def confirmed(
        self, conference_sid: str, owners: Owners, kinds: Collection[str], call: str
    ) -> Confirmed:
        """These legs, with all of it read afresh. `call` is the kind of owner that knows who the
        caller is where none of `kinds` runs."""
        ids = [f"{kind}/{conference_sid}" for kind in (*kinds, call)]
        room, past, read = await asyncio.gather(
            read_whole(self._client, conference_sid),
            owners.past(conference_sid, kinds),
            asyncio.gather(*(owners.read(each) for each in ids)),
        )
        running = [each for each in read if each is not None and each.is_running]
        suspected = suspects(room, running, kinds)
        is_sure = all(last_word(leg, past) for leg in suspected)
        return Confirmed(room, strays(room, running, past, kinds), is_sure)
