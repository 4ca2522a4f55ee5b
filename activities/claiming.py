"""Taking over a call whose people nobody has named: who is the caller, and what is to be restored.

What an attempt has found out is remembered in its heartbeat, and goes with the failure of a later
one: a change that took effect unheard must be undone by whoever learns that it failed.
"""

from __future__ import annotations

from dataclasses import dataclass

from temporalio import activity
from twilio.rest import Client

from activities.errors import UNMET, TwilioError, gone, unmet
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
    """The call SID of a caller who was never named. That they have gone is believed only where the
    agent is alone; otherwise `unmet` says that nobody can tell."""
    room = await read_whole(client, people.conference_sid)
    try:
        return (await identify(client, room, people))[1]
    except TwilioError as error:
        seen = error.report.room
        if error.kind != UNMET or seen is None:
            raise
        agent = seen.find(people.agent_call_sid) or at_address(seen, people.agent_address)
        others = [leg for leg in seen.legs if is_here(leg) and not leg.is_supervisor]
        if agent is None or others != [agent]:
            raise
        raise gone("the caller has left the room", seen) from None


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
        self._caller = self._agent = ""
        self._flags: frozenset[str] = frozenset()
        for detail in activity.info().heartbeat_details:
            if isinstance(detail, dict):
                self._caller = detail.get("caller") or self._caller
                self._agent = detail.get("agent") or self._agent
                self._flags |= frozenset(detail.get("exit_flags") or ())

    def keep(self, room: Room, caller_call_sid: str) -> frozenset[str]:
        """The call SIDs whose exit flag was on before the first attempt changed anything.

        Remembered only if there is a flag to remember: a heartbeat is billed.
        """
        people = self._people
        agent = room.find(people.agent_call_sid) or at_address(room, people.agent_address)
        self._caller, self._agent = caller_call_sid, agent.call_sid if agent else ""
        flags = self._flags | {leg.call_sid for leg in room.legs if leg.exit_flag}
        if flags - self._flags:
            self._flags = flags
            found = {"exit_flags": sorted(flags), "caller": self._caller, "agent": self._agent}
            activity.heartbeat(found)
        return flags

    def room(self) -> Room | None:
        """The two, as they were before; None where no attempt has come so far. The caller is shown
        on hold: that a change has not taken effect is not known."""
        if not self._caller or not self._agent:
            return None
        caller = RoomLeg(self._caller, held=True, exit_flag=self._caller in self._flags)
        agent = RoomLeg(
            self._agent,
            address=self._people.agent_address,
            exit_flag=self._agent in self._flags,
        )
        return Room(self._people.conference_sid, legs=(caller, agent))
