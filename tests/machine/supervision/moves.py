"""What may happen next in a world, and where an exploration begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.machine.supervision.rooms import AGENT, BOB, CALLER, Leg, Room
from tests.machine.supervision.worlds import (
    AT,
    Move,
    Rig,
    World,
    asked_for,
    beginning,
    hear,
    jobs_of,
    left,
)
from workflows.machine.events import DeadlinePassed, LegAnswered, RoomEnded, TransferReported
from workflows.machine.supervision.model import State

# --- what may happen ------------------------------------------------------------------------------


def moves(world: World, rig: Rig) -> Iterator[Move]:
    """Everything that may happen next."""
    yield from _requests(world, rig)
    yield from _people(world, rig)
    yield from _transfer(world, rig)
    yield from _removal(world, rig)
    yield from _facts(world)
    yield from jobs_of(world, rig)
    if len(world.jobs) < 2 and world.value.deadline_at is not None:
        passed = DeadlinePassed(at=world.value.deadline_at)
        yield Move("deadline", hear(world, passed))


def by_itself(world: World, rig: Rig) -> Iterator[Move]:
    """What is under way and goes on when nobody does anything more."""
    if world.removal not in ("", "done"):
        yield from _removal(world, rig)
    yield from _transfer_goes_on(world, rig)
    yield from _facts(world)
    yield from jobs_of(world, rig)


def _facts(world: World) -> Iterator[Move]:
    for fact in world.facts:
        rest = tuple(each for each in world.facts if each is not fact)
        yield Move(f"told {fact.kind} {fact.call_sid}", hear(replace(world, facts=rest), fact))
    for word in world.words[:1]:
        report = TransferReported(at=AT, consult=word)
        heard = hear(replace(world, words=world.words[1:]), report)
        yield Move(f"told consult {word}", heard)


def _requests(world: World, rig: Rig) -> Iterator[Move]:
    if len(world.jobs) > 2:
        return
    for each in world.value.live:
        for verb in rig.verbs:
            after = asked_for(world, each.label, verb)
            if after is not world:
                yield Move(f"{each.name} asks to {verb}", after)


def _transfer(world: World, rig: Rig) -> Iterator[Move]:
    """A transfer keeps the caller apart from agent and target, and takes them back: it says so as
    it begins to hold them, and once the un-hold is in place."""
    room, caller = world.room, world.room.leg(CALLER)
    if not rig.is_told or room.is_over or caller is None:
        return
    if not world.is_private and room.leg(AGENT) is not None:
        said = replace(world, is_private=True, words=(*world.words, "on"))
        yield Move("transfer begins to hold the caller", said)
    yield from _transfer_goes_on(world, rig)
    if world.is_private and caller.held:
        there = room.having(replace(caller, held=False))
        said = replace(world, room=there, is_private=False, words=(*world.words, "off"))
        yield Move("transfer has un-held the caller", said, True, (there,))


def _transfer_goes_on(world: World, rig: Rig) -> Iterator[Move]:
    """The hold that was begun; and the caller is off hold again when the agent has gone."""
    caller = world.room.leg(CALLER)
    if rig.is_told and caller is not None and caller.held is not world.is_private:
        there = world.room.having(replace(caller, held=world.is_private))
        did = "held" if world.is_private else "un-held"
        yield Move(f"caller {did} by the transfer", replace(world, room=there), True, (there,))


def _people(world: World, rig: Rig) -> Iterator[Move]:
    room = world.room
    if room.is_over:
        return
    for leg in room.legs:
        if leg.label and not leg.is_here:
            there = room.having(replace(leg, is_here=True))
            fact = LegAnswered(at=AT, call_sid=leg.name, label=leg.label)
            after = replace(world, room=there, facts=(*world.facts, fact))
            yield Move(f"{leg.name} answers", after, True, (there,))
        elif leg.name != CALLER:
            after = left(world, leg.name)
            coaches = [each.name for each in room.legs if each.coach == leg.name]
            if coaches and room.then == "becomes_audible":
                after = replace(after, leak=coaches[0])
            yield Move(f"{leg.name} hangs up", after, True, (after.room,))
    if room.leg(CALLER) is not None:
        over = replace(world, room=room.ended(), facts=(*world.facts, RoomEnded(at=AT)))
        over = replace(over, facts=tuple(_with_sid(each) for each in over.facts))
        yield Move("caller hangs up", over, True, (over.room,))
    if room.leg(BOB) is None and "bob" not in world.removal:
        there = room.entered(Leg(BOB))
        fact = LegAnswered(at=AT, call_sid=BOB, label="t1")
        after = replace(world, room=there, facts=(*world.facts, fact))
        yield Move("bob answers", after, True, (there,))
    for name in (CALLER, AGENT, BOB)[rig.is_told :]:
        leg = room.leg(name)
        if leg is not None:
            other = room.having(replace(leg, held=not leg.held))
            did = "un-held" if leg.held else "held"
            yield Move(f"{name} {did}", replace(world, room=other), True, (other,))


def _with_sid(fact: Any) -> Any:
    return fact if hasattr(fact, "call_sid") else _NamedEnd(at=fact.at)


@dataclass(frozen=True)
class _NamedEnd(RoomEnded):
    """The end of the room, with the field that every other fact has."""

    call_sid: str = ""


def _removal(world: World, rig: Rig) -> Iterator[Move]:
    """A transfer of ours removes the agent, request by request, once bob is there."""
    room = world.room
    if room.is_over or room.leg(AGENT) is None:
        return
    if not world.removal and room.leg(BOB) is not None and BOB in room.audience(CALLER):
        yield Move("transfer looks", replace(world, removal=_next(room, rig)))
    elif world.removal.startswith("mute "):
        coach = world.removal.removeprefix("mute ")
        _, ways = room.post(coach, {"muted": True})
        after = replace(world, room=ways[-1] if ways else room, removal="delete")
        yield Move(f"transfer mutes {coach}", after, rooms=ways)
    elif world.removal == "delete":
        gone = left(replace(world, removal="done"), AGENT)
        yield Move("transfer removes the agent", gone, rooms=(gone.room,))


def _next(room: Room, rig: Rig) -> str:
    coach = next((leg.name for leg in room.legs if leg.coach == AGENT and not leg.muted), "")
    return f"mute {coach}" if coach and rig.mutes_coaches else "delete"


# --- where it begins ---


def listening(rig: Rig) -> World:
    """The same, some seconds later: every supervisor is in the room and proven to be muted."""
    world = beginning(rig)
    calm = replace(rig, faults=0)
    while any(each.state is not State.LISTENING for each in world.value.supervisors):
        ours = next(by_itself(replace(world, faults=0), calm), None)
        if ours is not None:
            world = ours.to
            continue
        ringing = next(leg for leg in world.room.legs if not leg.is_here)
        world = next(
            move.to for move in moves(world, calm) if move.what == f"{ringing.name} answers"
        )
    return replace(world, faults=rig.faults)


def asked_and_settled(rig: Rig, verb: str) -> World:
    """The same, after the first supervisor has asked for a mode, and has it."""
    world = listening(rig)
    world = asked_for(world, world.value.supervisors[0].label, verb)
    calm = replace(world, faults=0)
    while (ours := next(by_itself(calm, replace(rig, faults=0)), None)) is not None:
        calm = ours.to
    return replace(calm, faults=rig.faults)
