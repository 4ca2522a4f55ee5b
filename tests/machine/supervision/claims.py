"""What must hold: after each move, in each room on the way, and when everything has come to rest.

By the room's own rules and by what people asked for. The engine's own word is checked against the
room, never believed.
"""

from __future__ import annotations

from tests.machine.supervision.rooms import AGENT, BOB, CALLER, Room
from tests.machine.supervision.worlds import Move, World, sid
from workflows.machine.supervision.invariants import check
from workflows.machine.supervision.model import Consult, Mode, State, Supervisor


class BrokenClaimError(Exception):
    """A claim does not hold."""


def _claim(holds: bool, text: str) -> None:
    if not holds:
        raise BrokenClaimError(text)


def at_step(before: World, move: Move) -> int:
    """Check a move; answers how many rooms were looked at."""
    check(move.to.value)
    rooms = move.rooms or (move.to.room,)
    last = before.room
    for room in rooms:
        for each in move.to.value.supervisors:
            if not _is_agent(move.to, each):
                _privacy(before, move, last, room, each)
        last = room
    if not move.by_people:
        _touched(before, move)
    return len(rooms)


def _is_agent(world: World, each: Supervisor) -> bool:
    return sid(each.label) in world.value.taken


def _privacy(before: World, move: Move, last: Room, room: Room, each: Supervisor) -> None:
    """S7: nobody hears a supervisor who was not meant to, in any gap."""
    name = sid(each.label)
    hearing = room.audience(name)
    is_excused = move.to.leak == name or before.leak == name
    permitted = dict(move.to.permitted).get(each.label, frozenset())
    permitted |= dict(before.permitted).get(each.label, frozenset())
    if not is_excused:
        _claim(
            CALLER not in hearing or "caller" in permitted,
            f"S7: the caller hears {name}, who was to be heard by {sorted(permitted)}",
        )
        _claim(not hearing or bool(permitted), f"S7: {name} is heard, who only monitors")
        was_whisper = bool(last.audience(name)) and CALLER not in last.audience(name)
        if not move.by_people and last.leg(CALLER) is not None and not _held(last):
            _claim(
                not (was_whisper and CALLER in hearing),
                f"S7: what {name} whispers is heard by the caller in the middle of a sentence",
            )
        only_whispers = permitted == {"agent"}
        _claim(
            not only_whispers or len(hearing) <= 1,
            f"S7: a whisper of {name} is heard by {sorted(hearing)}",
        )
    _reported(move.to, room, each, is_excused)


def _held(room: Room) -> bool:
    caller = room.leg(CALLER)
    return caller is None or caller.held


def _reported(world: World, room: Room, each: Supervisor, is_excused: bool) -> None:
    """Who hears is never less reported than true; unknown is reported as audible."""
    mine = world.value.find(each.label)
    if mine is None or room is not world.room or is_excused:
        return
    hearing = room.audience(sid(each.label))
    _claim(
        CALLER not in hearing or mine.heard_by_all,
        f"the caller hears {mine.name}, who is reported as heard by the agent at most",
    )
    _claim(
        not hearing or mine.heard_by_agent or mine.heard_by_all,
        f"{mine.name} is heard by {sorted(hearing)} and reported as silent ({mine.state})",
    )


def _touched(before: World, move: Move) -> None:
    """S6, S9, S28: requests of a supervision change its own legs, and nobody else's."""
    after = move.to.room
    if after.is_over or before.room.is_over:
        return
    for name in (CALLER, AGENT, BOB):
        old, new = before.room.leg(name), after.leg(name)
        if old is not None and new is not None:
            _claim(old == new, f"S28: {name} was changed by {move.what}")
    if move.what == "caller and supervisor talk":
        _claim(_talks(before), "a look before the removal that does not look")
    if before.room.leg(AGENT) is not None and after.leg(AGENT) is None:
        # Between that look and the removal anybody may hang up: no request can rule it out.
        is_ours = move.what == "supervisor's removal of the agent"
        _claim(before.told or not is_ours, "the owner was not told before the agent was removed")


def _talks(world: World) -> bool:
    """Whether caller and some supervisor hear each other."""
    names = [sid(each.label) for each in world.value.supervisors]
    room = world.room
    return any(CALLER in room.audience(n) and n in room.audience(CALLER) for n in names)


def at_rest(world: World) -> None:
    """When nothing is under way and the room has been read, what is wanted is so."""
    for each in world.value.live:
        name = sid(each.label)
        leg = world.room.leg(name)
        if leg is None or not leg.is_here:
            continue
        hearing = world.room.audience(name)
        settled = {State.LISTENING, State.WHISPERING, State.BARGING, State.APART}
        _claim(each.state in settled, f"{each.name} does not come to rest: {each.state}")
        if each.state in (State.LISTENING, State.APART):
            _claim(not hearing, f"{each.name} is heard at rest, though {each.state}")
        if each.mode is Mode.WHISPER:
            _follows(world, each, hearing)
        if each.mode is Mode.BARGE and each.state is State.BARGING:
            _claim(CALLER in hearing or _held(world.room), f"{each.name} is not heard by all")
        if each.policy.consult is Consult.STAYS and _is_consult(world.room):
            _claim(each.state is State.APART and leg.held, f"{each.name} hears the consult")


def apart_without_a_look(world: World) -> None:
    """Where a transfer tells of its consult, nobody has to look at the room to know of it."""
    for each in world.value.live:
        leg = world.room.leg(sid(each.label))
        if leg is not None and leg.is_here and _is_consult(world.room):
            _claim(each.state is State.APART and leg.held, f"S6: {each.name} hears the consult")
        if each.state is State.APART and not world.is_private:
            _claim(_is_consult(world.room), f"{each.name} is apart, and nobody consults")


def _is_consult(room: Room) -> bool:
    free = [n for n in (AGENT, BOB) if (leg := room.leg(n)) is not None and not leg.held]
    caller = room.leg(CALLER)
    return caller is not None and caller.held and len(free) > 1


def _follows(world: World, each: Supervisor, hearing: frozenset[str]) -> None:
    """The whisper reaches the only agent there is, if there is only one."""
    is_private = world.is_private or _is_consult(world.room)
    if each.policy.consult is Consult.STAYS and is_private:
        return
    free = {
        leg.name
        for leg in world.room.legs
        if leg.name != CALLER and not leg.held and (not leg.label or leg.name in world.value.taken)
    }
    if len(free) == 1 and world.room.leg(CALLER) is not None:
        _claim(hearing == free, f"{each.name} does not follow to {free}, but is heard by {hearing}")
