"""Supervision and room together: what may happen next, down to the single requests to Twilio.

A command is carried out request by request, as its activity does, and between two requests
everything else may happen: people hang up, a transfer removes the agent, somebody asks for another
mode. What the activity asks for next is decided by the product's own `next_change`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from activities import voices
from activities.room import RoomLeg
from tests.machine.supervision.rooms import AGENT, CALLER, Leg, Room
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    LegEnded,
    LegReading,
    RoomReading,
)
from workflows.machine.supervision.commands import ForSupervisor
from workflows.machine.supervision.model import (
    Consult,
    Mode,
    State,
    Supervision,
    SupervisorPolicy,
)
from workflows.machine.supervision.requests import JoinRequested, ModeRequested
from workflows.machine.supervision.step import start, step

AT, LATER = 1000.0, 1030.0
VOICES = {
    "Silence": voices.SILENT,
    "Whisper": voices.WHISPER,
    "Barge": voices.BARGE,
    "SetApart": voices.APART,
}
NEVER_FAIL = ("TellTaken", "TellTransferTaken", "TellKept", "TellTransfer", "EndSupervisor")
"""Words that Temporal took, and what is tried until it is done."""
VERBS = ("monitor", "whisper", "barge", "take_over", "leave")


@dataclass(frozen=True)
class Rig:
    """What is explored: the product's parts, each of which a seeded bug may replace."""

    next_change: Callable[..., dict[str, Any] | None] = voices.next_change
    mutes_coaches: bool = True
    """Whether a removal mutes those who coach the leaver first."""
    joins_muted: bool = True
    then: str = "becomes_audible"
    consult: Consult = Consult.HEARS
    supervisors: int = 1
    verbs: tuple[str, ...] = VERBS
    faults: int = 1
    is_told: bool = False
    """Whether the caller is held by a transfer that says so, and not by just anybody."""


@dataclass(frozen=True)
class Job:
    """A command under way: which request is next, and what was read for it."""

    command: ForSupervisor
    agent: str
    """The agent when the command was given."""
    coached: str = ""
    change: tuple[tuple[str, Any], ...] | None = None
    """The change to be asked for next; None: a look is next."""
    is_begun: bool = False


@dataclass(frozen=True)
class World:
    """One moment."""

    value: Supervision
    room: Room
    jobs: tuple[Job, ...] = ()
    facts: tuple[Any, ...] = ()
    """Callbacks on their way; each may come late, or never."""
    permitted: tuple[tuple[str, frozenset[str]], ...] = ()
    """Per supervisor: who may hear by what people have asked for, since the last proof of less."""
    removal: str = ""
    """A transfer's removal of the agent: empty, `look`, `mute`, `delete`."""
    faults: int = 0
    told: bool = False
    """Whether the owner of the call knows of the take-over."""
    leak: str = ""
    """A supervisor whose coached agent has hung up by themselves, and who is not muted since."""
    words: tuple[str, ...] = ()
    """What a transfer has said and the supervision has not heard yet. None is ever lost."""
    is_private: bool = False
    """Whether the transfer keeps the caller apart, or is about to."""


@dataclass(frozen=True)
class Move:
    """What happened, each room on the way, and where it led."""

    what: str
    to: World
    by_people: bool = False
    """Whether the room was changed by a person's hand, not by a request of ours."""
    rooms: tuple[Room, ...] = field(default=())


# --- the beginning --------------------------------------------------------------------------------


def beginning(rig: Rig) -> World:
    """A call of caller and agent, and a supervisor who listens."""
    legs = (Leg(CALLER), Leg(AGENT))
    world = World(
        Supervision("CF", "part", AT, caller_call_sid=CALLER, agent=AGENT),
        Room(legs, rig.then),
        faults=rig.faults,
    )
    for number in range(rig.supervisors):
        asked = JoinRequested(
            f"{number:016x}",
            f"client:s{number}",
            Mode.MONITOR,
            "by",
            policy=SupervisorPolicy(consult=rig.consult),
            at=AT,
        )
        stepped = (start if number == 0 else step)(world.value, asked)
        world = _begun(replace(world, value=stepped.value), stepped.commands)
    return world


def sid(label: str) -> str:
    """The call SID of a supervisor's leg."""
    return label.rsplit("-", 1)[-1]


def _begun(world: World, commands: tuple[ForSupervisor, ...]) -> World:
    jobs = []
    for command in commands:
        mine = world.value.find(command.label)
        coached = mine.coached if mine is not None else ""
        released = mine.released if mine is not None else ""
        jobs.append(Job(command, released or world.value.agent, coached))
    return replace(world, jobs=(*world.jobs, *jobs))


def hear(world: World, event: Any) -> World:
    """The event's step."""
    stepped = step(world.value, event)
    after = _begun(replace(world, value=stepped.value), stepped.commands)
    return replace(after, permitted=_permitted(after))


def _permitted(world: World) -> tuple[tuple[str, frozenset[str]], ...]:
    """Narrowed where the engine claims to have proof."""
    known = dict(world.permitted)
    for each in world.value.supervisors:
        proven = {
            State.LISTENING: frozenset[str](),
            State.APART: frozenset[str](),
            State.WHISPERING: frozenset({"agent"}),
            State.LEFT: frozenset[str](),
        }.get(each.state)
        if each.reason == "not_ended":
            proven = None
        mine = known.get(each.label, frozenset())
        if proven is not None:
            is_to_be = each.mode is Mode.WHISPER or each.state is State.APART
            wants = _audience_of(each.mode) if is_to_be else frozenset[str]()
            mine = proven | wants
        known[each.label] = mine
    return tuple(sorted(known.items()))


def _audience_of(mode: Mode) -> frozenset[str]:
    return {
        Mode.MONITOR: frozenset[str](),
        Mode.WHISPER: frozenset({"agent"}),
        Mode.BARGE: frozenset({"agent", "caller"}),
    }[mode]


def asked_for(world: World, label: str, verb: str) -> World:
    """A person asks; who may hear grows by what was asked for."""
    before = world.value
    stepped = step(before, ModeRequested(label, verb, "by", at=AT))
    if stepped.refusal or stepped.value == before:
        return world
    grown = dict(world.permitted)
    mode = {"whisper": Mode.WHISPER, "barge": Mode.BARGE, "take_over": Mode.BARGE}.get(verb)
    if mode is not None:
        grown[label] = grown.get(label, frozenset()) | _audience_of(mode)
    world = replace(world, permitted=tuple(sorted(grown.items())))
    after = _begun(replace(world, value=stepped.value), stepped.commands)
    return replace(after, permitted=_permitted(after))


def left(world: World, name: str) -> World:
    fact = LegEnded(at=AT, call_sid=name, label=_label(world, name))
    world = replace(world, room=world.room.left(name), facts=(*world.facts, fact))
    if name == AGENT and world.is_private:
        world = replace(world, is_private=False, words=(*world.words, "off"))
    return world


def _label(world: World, name: str) -> str:
    leg = world.room.leg(name)
    return leg.label if leg is not None else ""


# --- commands, request by request -----------------------------------------------------------------


def jobs_of(world: World, rig: Rig) -> Iterator[Move]:
    lanes: set[str] = set()
    for job in world.jobs:
        lane = job.command.lane
        if lane and lane in lanes:
            continue
        lanes.add(lane)
        yield from _advance(world, job, rig)


def _advance(world: World, job: Job, rig: Rig) -> Iterator[Move]:
    """The job's next request; and, with a fault left, its failure with and without effect."""
    moves_on = tuple(_request(world, job, rig))
    yield from moves_on
    if world.faults and job.command.name not in NEVER_FAIL:
        tired = replace(world, faults=world.faults - 1)
        yield Move(f"{job.command.name} is given up", _failed(tired, job, "unavailable"))
        for each in moves_on:
            if each.rooms:
                lost = replace(tired, room=each.to.room, facts=each.to.facts)
                after = _failed(lost, job, "unavailable")
                yield Move(f"{each.what}, and no answer", after, rooms=each.rooms)


def _request(world: World, job: Job, rig: Rig) -> Iterator[Move]:
    name = job.command.name
    if name in VOICES:
        yield _voice(world, job, rig)
    elif name == "TellTransfer" and not rig.is_told:
        yield Move("there is no transfer", _failed(world, job, "gone"))
    elif name == "TellTransfer":
        now = "on" if world.is_private else "off"
        yield Move("transfer answers", _done(replace(world, words=(*world.words, now)), job))
        if not world.is_private and not world.words:
            yield Move("there is no transfer yet", _failed(world, job, "gone"))
    elif name == "AddSupervisor":
        leg = Leg(sid(job.command.label), job.command.label, is_here=False, muted=rig.joins_muted)
        if world.room.is_over:
            yield Move("no room to join", _failed(world, job, "gone"))
            return
        added = replace(world, room=world.room.entered(leg))
        yield Move("supervisor dialled", _done(added, job), rooms=(added.room,))
    elif name == "EndSupervisor":
        gone = left(world, sid(job.command.label))
        yield Move("supervisor's leg ended", _done(gone, job), rooms=(gone.room,))
    elif name == "ReadSupervised" and not job.is_begun:
        # What is read and when it is told are two moments.
        seen = replace(job, is_begun=True, change=(("reading", reading_of(world.room)),))
        yield Move("room read", _with_job(world, job, seen))
    elif name == "ReadSupervised" and job.change is not None:
        yield Move("reading told", _done(world, job, job.change[0][1]))
    elif name == "AskOwners":
        yield Move("the caller is free", _failed(world, job, "gone"))
        yield Move("a transfer has the caller", _done(world, job))
    elif name == "ReleaseAgent":
        yield _release(world, job, rig)
    else:
        yield Move(name, _done(replace(world, told=name == "TellTaken"), job))


def _voice(world: World, job: Job, rig: Rig) -> Move:
    mine, voice = sid(job.command.label), VOICES[job.command.name]
    room = world.room
    change = dict(job.change) if job.change is not None else None
    if not job.is_begun and voice in voices.AT_ONCE:
        change = voices.AT_ONCE[voice]
    if change is None:
        return _look(world, job, rig, mine, voice)
    code, ways = room.post(mine, change)
    if code:
        failure = "gone" if room.leg(mine) is None else "refused"
        return Move(f"{mine} {change} refused", _failed(world, job, failure))
    on = replace(job, is_begun=True, change=None)
    after = _with_job(replace(world, room=ways[-1]), job, on)
    if change.get("muted") and world.leak == mine:
        after = replace(after, leak="")
    return Move(f"{mine} {change}", after, rooms=ways)


def _look(world: World, job: Job, rig: Rig, mine: str, voice: str) -> Move:
    leg = world.room.leg(mine)
    if leg is None:
        return Move(f"{mine} not found", _failed(world, job, "gone", reading_of(world.room)))
    if voice == voices.WHISPER:
        listener = world.room.leg(job.coached)
        if listener is None or not listener.is_here or listener.held:
            what = f"{mine} has no listener"
            return Move(what, _failed(world, job, "unmet", reading_of(world.room)))
    change = rig.next_change(_room_leg(leg), voice, job.coached)
    if change is None:
        return Move(f"{mine} is {voice}", _done(world, job, reading_of(world.room)))
    on = replace(job, is_begun=True, change=tuple(change.items()))
    return Move(f"{mine} read", _with_job(world, job, on))


def _release(world: World, job: Job, rig: Rig) -> Move:
    """The look, and then the removal: anything may come between the two."""
    room, mine = world.room, sid(job.command.label)
    if room.leg(job.agent) is None:
        return Move("agent gone already", _done(world, job))
    if not job.is_begun:
        if CALLER not in room.audience(mine) or mine not in room.audience(CALLER):
            return Move("agent kept", _failed(world, job, "unmet"))
        return Move(
            "caller and supervisor talk", _with_job(world, job, replace(job, is_begun=True))
        )
    others = [each.name for each in room.legs if each.coach == job.agent and not each.muted]
    if others and rig.mutes_coaches:
        _, ways = room.post(others[0], {"muted": True})
        return Move(f"mutes {others[0]}", replace(world, room=ways[-1]), rooms=ways)
    gone = left(world, job.agent)
    return Move("supervisor's removal of the agent", _done(gone, job), rooms=(gone.room,))


def _with_job(world: World, old: Job, new: Job) -> World:
    return replace(world, jobs=tuple(new if each is old else each for each in world.jobs))


def _without(world: World, job: Job) -> World:
    return replace(world, jobs=tuple(each for each in world.jobs if each is not job))


def _done(world: World, job: Job, reading: RoomReading | None = None) -> World:
    call_sid = sid(job.command.label) if job.command.name == "AddSupervisor" else ""
    event = CommandSucceeded(
        at=LATER,
        command=job.command.name,
        key=job.command.key,
        call_sid=call_sid,
        reading=reading,
    )
    return hear(_without(world, job), event)


def _failed(world: World, job: Job, failure: str, reading: RoomReading | None = None) -> World:
    event = CommandFailed(
        at=LATER, command=job.command.name, key=job.command.key, failure=failure, reading=reading
    )
    return hear(_without(world, job), event)


# --- readings -------------------------------------------------------------------------------------


def _room_leg(leg: Leg) -> RoomLeg:
    return RoomLeg(
        leg.name,
        leg.label,
        held=leg.held,
        muted=leg.muted,
        coaching=bool(leg.coach),
        coach_call_sid=leg.coach,
    )


def reading_of(room: Room) -> RoomReading:
    """The room as Twilio would tell it."""
    return RoomReading(
        conference_sid="CF",
        is_live=not room.is_over,
        legs=tuple(
            LegReading(
                call_sid=leg.name,
                label=leg.label,
                status="connected" if leg.is_here else "ringing",
                held=leg.held,
                muted=leg.muted,
                coaching=bool(leg.coach),
                coach_call_sid=leg.coach,
            )
            for leg in room.legs
        ),
    )
