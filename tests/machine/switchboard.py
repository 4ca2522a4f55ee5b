"""What happens on the lines: a telephone network small enough to be explored, as a value.

It knows phones, one room, hold, exit flags, and the commands that are under way at it. It shares no
rule with the machine: what is true here is what people would hear. A command takes effect at some
moment after it was begun, and its outcome is told at some later moment; both are chosen by whoever
drives the lines. Facts are not queued: whatever was once true of a leg may be reported at any later
time, any number of times, in any order, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.machine.lines import (
    AGENT,
    CALLER,
    LOOSE_ENDS,
    ROOM,
    Job,
    Line,
    Lines,
)
from tests.machine.tape import ABOUT_TAPE, HOLDS, RECORDING
from workflows.machine.beliefs import may_talk_with_agent
from workflows.machine.commands import Command, DivertCaller
from workflows.machine.events import (
    ABSENT,
    CommandFailed,
    CommandSucceeded,
    Event,
    Failure,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegRang,
    LegReading,
    LegScreened,
    Outcome,
    RoomEnded,
    RoomReading,
    WorkerDeclined,
)
from workflows.machine.model import EVERY_RECORDING, Transfer


def with_line(world: Lines, index: int, **changes: object) -> Lines:
    """`world` with another line at `index`; notes who now talks with the caller."""
    lines = list(world.lines)
    lines[index] = lines[index]._replace(**changes)  # type: ignore[arg-type]
    return _noting_talk(world._replace(lines=tuple(lines)))


def _noting_talk(world: Lines) -> Lines:
    if not world.caller.is_heard:
        return world
    met = {line.label for line in world.dialled() if line.is_heard}
    return world._replace(talked=world.talked | met) if met - world.talked else world


# --- what people and the network do --------------------------------------------------------------


def hang_up(world: Lines, index: int, cause: str = "") -> Lines:
    """The phone at `index` ends its call, whatever it was doing."""
    line = world.lines[index]
    was_in, ends_room = line.status == "in", line.exit_flag
    world = with_line(
        world, index, status="gone", held=False, was=line.was | {"ended"}, cause=cause
    )
    if was_in and (ends_room or not any(each.status == "in" for each in world.lines)):
        world = end_room(world)
    return world


def end_room(world: Lines) -> Lines:
    """The room closes: what was dialled into it ends, the caller's own call goes on outside."""
    lines = []
    for index, line in enumerate(world.lines):
        if line.status == "in" and index == CALLER:
            line = line._replace(status="out", held=False)
        elif line.status == "in":
            line = line._replace(status="gone", held=False, was=line.was | {"ended"})
        lines.append(line)
    return world._replace(lines=tuple(lines), room=False)


def answer(world: Lines, index: int, is_screened: bool = False) -> Lines:
    """A ringing phone is picked up; unless it is screened, its leg enters the room."""
    line = world.lines[index]
    line = line._replace(was=line.was | {"rang", "answered"})
    if is_screened:
        return with_line(world, index, status="asked", was=line.was)
    return _enter(world, index, line)


def _enter(world: Lines, index: int, line: Line) -> Lines:
    if not world.room:
        # Who joins by TwiML joins by the room's name, and makes a room of that name.
        is_by_name = line.status == "asked"
        was = line.was if is_by_name else line.was | {"ended"}
        return with_line(world, index, status="out" if is_by_name else "gone", was=was)
    return with_line(world, index, status="in", was=line.was | {"joined"})


def offer(world: Lines, name: str, label: str) -> Lines:
    """TaskRouter rings the next worker for the same task."""
    line = Line(name=name, label=label, status="ringing", was=frozenset({"rang"}))
    return world._replace(lines=(*world.lines, line))


def accept(world: Lines, index: int) -> Lines:
    """A screened leg turns out to be a willing person, and enters the room."""
    line = world.lines[index]
    return _enter(world, index, line._replace(was=line.was | {"accepted"}))


def refuse(world: Lines, index: int) -> Lines:
    """A screened leg turns out to be a machine. Nobody hangs it up but us."""
    return with_line(world, index, was=world.lines[index].was | {"refused"})


def decline(world: Lines, index: int) -> Lines:
    """A worker whose phone was picked up declines the offer on the desktop; the leg stays."""
    return with_line(world, index, was=world.lines[index].was | {"declined"})


# --- what may be reported ------------------------------------------------------------------------


def facts(world: Lines, at: float) -> Iterator[tuple[str, Event]]:
    """Every report that would be true now or was once, with a name for it."""
    for line in world.lines:
        names = {"at": at, "call_sid": line.sid, "label": line.label}
        if "rang" in line.was:
            yield f"{line.name} rang", LegRang(**names)  # type: ignore[arg-type]
        if "answered" in line.was:
            yield f"{line.name} answered", LegAnswered(**names)  # type: ignore[arg-type]
        if "refused" in line.was:
            yield f"{line.name} is a machine", LegScreened(**names)  # type: ignore[arg-type]
        if "accepted" in line.was:
            told = LegScreened(willing=True, **names)  # type: ignore[arg-type]
            yield f"{line.name} accepted", told
        if "joined" in line.was:
            yield f"{line.name} joined", LegJoined(conference_sid=ROOM, **names)  # type: ignore[arg-type]
        if "declined" in line.was:
            yield f"{line.name} declined", WorkerDeclined(**names)  # type: ignore[arg-type]
        if "ended" in line.was:
            yield f"{line.name} ended", LegEnded(cause=line.cause, **names)  # type: ignore[arg-type]
    if not world.room:
        yield "room ended", RoomEnded(at=at, conference_sid=ROOM)


def reading_of(world: Lines, is_thorough: bool = False) -> RoomReading:
    """The room as it would be told to somebody who asks now.

    Legs that ring or are gone are told only to who asks for them one by one.
    """
    told = {"in": "connected"}
    if is_thorough:
        told |= {"ringing": "ringing", "asked": "connected", "gone": "ended"}
    legs = tuple(
        LegReading(
            call_sid=line.sid,
            label="" if line.status == "asked" else line.label,
            address=line.name,
            status=told[line.status],
            held=line.held,
            exit_flag=line.exit_flag,
            cause=line.cause,
        )
        for line in world.lines
        if line.status in told
    )
    return RoomReading(conference_sid=ROOM, room_name="room", is_live=world.room, legs=legs)


# --- commands ------------------------------------------------------------------------------------


def _owing(world: Lines, after: Transfer) -> Lines:
    """A resume begins with what is owed when its turn comes."""
    if not world.tape.status:
        return world
    owed = ",".join(after.recordings.owed)
    jobs = (
        job._replace(label=owed) if job.command == "ResumeRecordings" else job for job in world.jobs
    )
    return world._replace(jobs=tuple(jobs))


def begin(world: Lines, commands: tuple[Command, ...], after: Transfer) -> Lines:
    """Take `commands` in; what they are about is settled now, not when they run."""
    jobs = list(world.jobs)
    for command in commands:
        party = type(command).leg
        earlier = tuple(job.key for job in jobs if party is not None and job.party == party)
        label = ""
        if party is not None:
            label = after.leg(party).label
        if isinstance(command, DivertCaller) and may_talk_with_agent(after):
            label = after.agent.call_sid
        jobs.append(
            Job(
                command=command.name,
                key=command.key,
                party=party.value if party is not None else "",
                waits_for=tuple(dict.fromkeys((*earlier, *command.after))),
                label=getattr(command, "label", "") or getattr(command, "call_sid", "") or label,
            )
        )
    return _owing(world._replace(jobs=tuple(jobs)), after)


def may_run(world: Lines, job: Job) -> bool:
    """Whether nothing that `job` waits for is still under way."""
    return not any(other.key in job.waits_for for other in world.jobs)


def take_effect(world: Lines, job: Job) -> Lines:
    """`job` reaches the network, which does what it can of it; the outcome is told later."""
    changed, result, reading = _EFFECTS[job.command](world, job)
    told = changed.tape.reading
    if world.tape.status != changed.tape.status:
        told = replace(told, changed=(RECORDING,))
    is_about = job.command in ABOUT_TAPE or (job.command in HOLDS and world.tape.pauses)
    return _with_job(
        changed,
        job._replace(result=result, reading=reading, recordings=told if is_about else None),
    )


def take_half_effect(world: Lines, job: Job) -> Lines:
    """A hold pauses the recording and comes no further."""
    return _with_job(_paused(world), job._replace(result="unavailable"))


def trouble(world: Lines, job: Job, result: str) -> Lines:
    """`job` comes to nothing, or its outcome does, and that is told later."""
    done = _with_job(world, job._replace(result=result))
    return done._replace(troubles=tuple(sorted((*world.troubles, job.command))))


def tell(world: Lines, job: Job, at: float) -> tuple[Lines, Outcome]:
    """The outcome of `job`, which is not under way any more."""
    world = world._replace(jobs=tuple(each for each in world.jobs if each.key != job.key))
    if job.result == "ok":
        index = world.by_label(job.label) if job.command in ("DialTarget", "RecallAgent") else -1
        sid = world.lines[index].sid if index >= 0 else ""
        return world, CommandSucceeded(
            at=at,
            command=job.command,
            key=job.key,
            call_sid=sid,
            reading=job.reading,
            recordings=job.recordings,
        )
    failure = {
        "unmet": Failure.UNMET,
        "gone": Failure.GONE,
        "refused": Failure.REFUSED,
        "unavailable": Failure.UNAVAILABLE,
        "absent": Failure.UNMET,
        "declined": Failure.UNMET,
    }[job.result]
    causes = {"refused": "blocked", "absent": ABSENT, "declined": "rejected"}
    cause = causes.get(job.result, "")
    return world, CommandFailed(
        at=at, command=job.command, key=job.key, failure=failure, cause=cause, reading=job.reading
    )


def _with_job(world: Lines, job: Job) -> Lines:
    return world._replace(jobs=tuple(job if each.key == job.key else each for each in world.jobs))


Effect = tuple[Lines, str, RoomReading | None]


def _and_look(world: Lines) -> Effect:
    """Done, and read back."""
    return world, "ok", reading_of(world)


def _caller_missing(world: Lines) -> Effect:
    """The caller's leg is not in the room: has the room ended, or has the caller gone?"""
    return world, "gone", reading_of(world)


def _paused(world: Lines) -> Lines:
    """Nothing records the room any more."""
    is_running = world.tape.status == "running"
    return world._replace(tape=world.tape._replace(status="paused")) if is_running else world


def _private(world: Lines) -> Lines:
    """What a hold does first, where the policy says so and an agent is there to talk."""
    agents = (line for line in world.lines[AGENT:] if line.name[0] in "ar")
    is_wanted = world.tape.pauses and any(line.is_live for line in agents)
    return _paused(world) if is_wanted else world


def _secure(world: Lines, job: Job) -> Effect:
    if not world.room:
        return world, "gone", reading_of(world)
    if world.caller.status != "in" or world.agent.status != "in":
        return world, "unmet", reading_of(world)
    world = _private(world)
    before = replace(reading_of(world), was_held=world.caller.held)
    if world.caller.held and world.agent.exit_flag:
        world = with_line(world, CALLER, held=False)
    world = with_line(world, AGENT, exit_flag=False)
    return with_line(world, CALLER, held=True), "ok", before


def _hold_caller(world: Lines, job: Job) -> Effect:
    if world.caller.status != "in":
        return _caller_missing(world)
    return _and_look(with_line(_private(world), CALLER, held=True))


def _resume_caller(world: Lines, job: Job) -> Effect:
    if world.caller.status != "in":
        return _caller_missing(world)
    return _and_look(with_line(world, CALLER, held=False))


def _give_back(world: Lines, job: Job) -> Effect:
    if world.caller.status != "in":
        return _caller_missing(world)
    world = with_line(world, CALLER, held=False)
    if world.agent.status == "in":
        world = with_line(world, AGENT, exit_flag=True)
    return _and_look(world)


def _divert(world: Lines, job: Job) -> Effect:
    if world.caller.status == "gone":
        return world, "gone", None
    agent = next((each for each in world.lines if job.label and each.sid == job.label), None)
    if agent is not None and agent.is_heard and world.caller.is_heard:
        return world, "unmet", None
    world = with_line(world, CALLER, status="diverted", held=False)
    if world.room and not any(each.status == "in" for each in world.lines):
        world = end_room(world)
    return world, "ok", None


def _dial(world: Lines, job: Job) -> Effect:
    if not world.room:
        return world, "gone", None
    name = job.label.rsplit("-", 1)[-1].rstrip("s")
    line = Line(name=name, label=job.label, status="ringing", was=frozenset({"rang"}))
    return world._replace(lines=(*world.lines, line)), "ok", None


def _hold_target(world: Lines, job: Job) -> Effect:
    index = world.by_label(job.label)
    if index < 0 or world.lines[index].status != "in":
        return world, "gone", None
    return _and_look(with_line(world, index, held=job.command == "HoldTarget"))


def _end_leg(world: Lines, job: Job) -> Effect:
    index = world.by_label(job.label)
    if index >= 0 and world.lines[index].is_live:
        world = hang_up(world, index)
    return world, "ok", None


def _find(world: Lines, job: Job) -> Effect:
    return world, "ok", reading_of(world, is_thorough=True)


def _remove_agent(world: Lines, job: Job) -> Effect:
    index = world.by_label(job.label) if job.label else AGENT
    if world.lines[index].status == "gone":
        return world, "ok", None
    if job.command == "LetAgentGo":
        is_met = world.caller.status == "in" and world.caller.held
    else:
        others = (line for line in world.dialled() if line is not world.lines[index])
        is_met = world.caller.is_heard and any(line.is_heard for line in others)
    if not is_met:
        return world, "unmet", reading_of(world)
    return _and_look(hang_up(world, index))


def _accept_task(world: Lines, job: Job) -> Effect:
    """Only for a worker who is in the room, and has not declined."""
    line = world.lines[world.by_label(job.label)]
    if "declined" in line.was:
        return world, "declined", None
    if line.status != "in":
        return world, "absent", None
    index = world.lines.index(line)
    return with_line(world, index, was=line.was | {"booked"}), "ok", None


def _nothing(world: Lines, job: Job) -> Effect:
    return world, "ok", None


def _pause_tape(world: Lines, job: Job) -> Effect:
    """A person's pause: kept until a person asks for the recording again."""
    world = _paused(world)
    is_kept = not world.tape.is_wanted
    return world._replace(tape=world.tape._replace(is_kept=is_kept)), "ok", None


def _resume_tape(world: Lines, job: Job) -> Effect:
    """Only what is named, and only what is paused."""
    named = job.label.split(",")
    if world.tape.status == "paused" and (RECORDING in named or EVERY_RECORDING in named):
        world = world._replace(tape=world.tape._replace(status="running"))
    return world, "ok", None


def _ask(*owners: str) -> Callable[[Lines, Job], Effect]:
    """A word to other workflows of the call: is one of them there to hear it?"""

    def effect(world: Lines, job: Job) -> Effect:
        return world, "ok" if world.alive & set(owners) else "gone", None

    return effect


def _end_room(world: Lines, job: Job) -> Effect:
    for index, line in enumerate(world.lines):
        if line.status in LOOSE_ENDS:
            world = hang_up(world, index)
    return world._replace(room=False), "ok", None


_EFFECTS = {
    "SecureCaller": _secure,
    "HoldCaller": _hold_caller,
    "ResumeCaller": _resume_caller,
    "GiveCallerBack": _give_back,
    "DivertCaller": _divert,
    "DialTarget": _dial,
    "HoldTarget": _hold_target,
    "ResumeTarget": _hold_target,
    "EndTarget": _end_leg,
    "FindTarget": _find,
    "RemoveAgent": _remove_agent,
    "LetAgentGo": _remove_agent,
    "RecallAgent": _dial,
    "EndRecall": _end_leg,
    "EndRoom": _end_room,
    "ReadRoom": _find,
    "EndStray": _end_leg,
    "TellHold": _ask("hold"),
    "TellSupervision": _ask("supervision"),
    "TellCall": _ask("call"),
    "AskTransfer": _ask("transfer"),
    "ReportHold": _ask("transfer"),
    "AskCall": _ask("call"),
    "AskOwners": _ask("hold", "transfer"),
    "NotifyCaller": _nothing,
    "RemindAgent": _nothing,
    # What TaskRouter is told changes nothing on the lines.
    "AcceptTask": _accept_task,
    "RejectTask": _nothing,
    "CloseTask": _nothing,
    "ReadQueue": _nothing,
    "RestoreWorker": _nothing,
    "EndTask": _nothing,
    "CloseRoomTasks": _nothing,
    "ReadRecordings": _nothing,
    "PauseRecordings": _pause_tape,
    "ResumeRecordings": _resume_tape,
}
