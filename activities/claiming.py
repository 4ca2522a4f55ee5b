"""Taking over a call whose people nobody has named: who is the caller, and what is to be restored.

What an attempt has found out is written down in its heartbeat, before anything is changed, and goes
with the failure of a later one, be it a time-out: a change that took effect unheard must be undone
by whoever learns that it failed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from temporalio import activity
from temporalio.service import RPCError
from twilio.rest import Client

from activities.errors import UNMET, FailureDetails, TwilioError, gone, unavailable, unmet
from activities.pulse import write_down
from activities.reading import read_whole, with_addresses
from activities.room import CONNECTED, Room, RoomLeg


@dataclass(frozen=True)
class People:
    """Whom a request names. An empty `caller_call_sid`: whoever is not the agent."""

    conference_sid: str
    caller_call_sid: str = ""
    agent_call_sid: str = ""
    agent_address: str = ""


async def identify(client: Client, room: Room, people: People) -> tuple[Room, str]:
    """The room with the addresses that had to be read, and the caller's call SID.

    Raises `gone` for a room that is over, `unmet` where one of the two is not in it.
    """
    if not room.is_live:
        raise gone("the conference is over", room)
    agent, caller = room.find(people.agent_call_sid), room.find(people.caller_call_sid)
    is_caller_unknown = caller is None and not people.caller_call_sid
    if (agent is None and people.agent_address) or is_caller_unknown:
        sids = [leg.call_sid for leg in room.legs if leg.call_sid]
        room = await with_addresses(client, room, sids)
        agent = agent or at_address(room, people.agent_address)
        caller = room.find(people.caller_call_sid) or _other_than(room, agent, people)
    is_agent_expected = bool(people.agent_call_sid or people.agent_address)
    if is_agent_expected and not is_here(agent):
        raise unmet("the agent is not in the room", room)
    if caller is None or not is_here(caller):
        raise unmet("the caller is not in the room", room)
    return room, caller.call_sid


async def caller_beside(client: Client, people: People) -> str:
    """The call SID of a caller who was never named: whoever is not the agent, or was left alone by
    them. That they have gone is believed only where the agent is alone; otherwise `unmet` says that
    nobody can tell."""
    room = await read_whole(client, people.conference_sid)
    try:
        return (await identify(client, room, people))[1]
    except TwilioError as error:
        seen = error.report.room
        if error.kind != UNMET or seen is None:
            raise
        agent = seen.find(people.agent_call_sid) or at_address(seen, people.agent_address)
        others = [leg for leg in seen.legs if is_here(leg) and not leg.is_supervisor]
        if len(others) != 1:
            raise
        if others == [agent]:
            raise gone("the caller has left the room", seen) from None
        return others[0].call_sid


def is_here(leg: RoomLeg | None) -> bool:
    """Whether the leg is one that talks."""
    return leg is not None and leg.status == CONNECTED


def at_address(room: Room, address: str) -> RoomLeg | None:
    """The leg at this address, one that talks before one that does not."""
    matching = [leg for leg in room.legs if address and leg.address == address]
    here = [leg for leg in matching if is_here(leg)]
    return next(iter(here or matching), None)


def _other_than(room: Room, agent: RoomLeg | None, people: People) -> RoomLeg | None:
    """The caller, when nobody told who that is: the one connected leg that is not the agent.

    With several, the one without a label: legs that an application adds have labels, a person who
    called in does not. Still several: nobody is guessed to be the caller.
    """
    if people.caller_call_sid or agent is None:
        return None
    others = [
        leg
        for leg in room.legs
        if is_here(leg) and leg.call_sid != agent.call_sid and not leg.is_supervisor
    ]
    if len(others) > 1:
        others = [leg for leg in others if not leg.label]
    return others[0] if len(others) == 1 else None


class Memory:
    """What the attempts of one activity have found out, before any of them changed it."""

    def __init__(self, people: People) -> None:
        """With what the attempts before this one remembered."""
        self._people = people
        self._room = Room(people.conference_sid)
        for detail in activity.info().heartbeat_details:
            if isinstance(detail, dict) and detail.get("room"):
                converter = activity.payload_converter()
                told = converter.from_payload(converter.to_payload(detail), FailureDetails)
                self._room = told.room or self._room

    async def keep(self, room: Room, caller_call_sid: str) -> frozenset[str]:
        """The call SIDs whose exit flag was on before the first attempt changed anything.

        Where there is one, this comes back only when Temporal has it. If it did not, and then
        could not be had until all attempts are over, a flag would be switched off that nobody
        knows of. Raises `unavailable` if Temporal cannot be had. Where there is none, nothing is
        remembered: a heartbeat is billed.
        """
        before = _flagged(self._room)
        flags = before | _flagged(room)
        caller = room.find(caller_call_sid)
        if not self._room.legs and caller is not None:
            self._room = replace(self._room, was_held=caller.held, legs=self._two(room, caller))
        legs = self._room.legs
        known = {leg.call_sid for leg in legs}
        legs = (*legs, *(RoomLeg(call_sid) for call_sid in sorted(flags - known)))
        self._room = replace(self._room, legs=legs).with_exit_flags(flags)
        if flags - before:
            try:
                await write_down(FailureDetails(room=self._room))
            except RPCError as error:
                why = f"what is to be restored could not be written down: {error.status.name}"
                raise unavailable(why) from None
        return flags

    def _two(self, room: Room, caller: RoomLeg) -> tuple[RoomLeg, ...]:
        """Caller and agent. The caller is shown on hold: that a change has not taken effect is not
        known."""
        found = RoomLeg(caller.call_sid, address=caller.address, held=True)
        address = self._people.agent_address
        agent = room.find(self._people.agent_call_sid) or at_address(room, address)
        return (found,) if agent is None else (found, RoomLeg(agent.call_sid, address=address))

    @property
    def people(self) -> People:
        """Whom to look for: once the two were seen, the caller alone. What was begun is brought to
        its end, also where the agent has hung up since."""
        known = self.room()
        return self._people if known is None else People(known.conference_sid, self.caller)

    @property
    def legs(self) -> tuple[RoomLeg, ...]:
        """Caller, agent if one is looked for, and whose exit flag was on besides."""
        return self._room.legs

    @property
    def caller(self) -> str:
        """The caller's call SID; empty until an attempt has found it."""
        return self.legs[0].call_sid if self.legs else ""

    @property
    def agent(self) -> RoomLeg | None:
        """The agent, as they were before anything was changed; None if none is looked for."""
        is_expected = bool(self._people.agent_call_sid or self._people.agent_address)
        return self.legs[1] if is_expected and self.legs else None

    @property
    def was_held(self) -> bool:
        """Whether the caller had been on hold before the first attempt."""
        return self._room.was_held

    def room(self) -> Room | None:
        """The two, as they were before; None where no attempt has come so far."""
        return self._room if self.agent is not None else None


def _flagged(room: Room) -> frozenset[str]:
    return frozenset(leg.call_sid for leg in room.legs if leg.exit_flag)
