"""What is explored, and what may happen next in it.

All that people, network and machine may do at a moment, as moves with names. Which of them are
taken is up to `explore.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.machine.switchboard import (
    AGENT,
    CALLER,
    Job,
    Line,
    Lines,
    accept,
    answer,
    begin,
    decline,
    end_room,
    facts,
    hang_up,
    may_run,
    offer,
    refuse,
    take_effect,
    take_half_effect,
    tell,
    trouble,
    with_line,
)
from tests.machine.tape import HOLDS, KEPT, NO_TAPE, RECORDED, Tape
from workflows.machine.classify import news_in
from workflows.machine.cold import COLD
from workflows.machine.events import (
    REQUESTS,
    DeadlinePassed,
    Event,
    LegRang,
    RecordingPauseRequested,
    RecordingResumeRequested,
    TaskEnded,
)
from workflows.machine.hold import HOLD
from workflows.machine.inbound import INBOUND
from workflows.machine.model import (
    Accept,
    HoldLimit,
    Kind,
    Leg,
    Party,
    Policy,
    Presence,
    ReleaseAgent,
    Target,
    Transfer,
)
from workflows.machine.step import allowed, is_over, refusal_of, start, step
from workflows.machine.table import Table
from workflows.machine.warm import WARM

AT = 100.0
"""All that is explored happens at one moment: no decision but the budget's depends on time."""


@dataclass(frozen=True)
class World:
    """One thing to explore: a table, a policy, and who can be rung."""

    name: str
    table: Table
    targets: int = 1
    release: ReleaseAgent = ReleaseAgent.ON_ANSWER
    screen: str = ""
    """Empty, `press` or `machine`, or `task`: the targets are queues, a worker who picks up comes
    into the room a moment later, and whoever hangs up before is followed by another worker."""
    recall: bool = True
    reserve: bool = False
    """The last target is a queue that is tried after the agent."""
    room_ends: bool = False
    knows_agent: bool = True
    rings_told: bool = False
    """Whether ringing is reported; where no row asks for it, it only doubles the states."""
    shallower: int = 0
    """How many moves less deep than the others, for worlds in which much may happen at once."""
    tape: Tape = NO_TAPE
    """What records the room at the beginning. If anything does, people pause and resume it."""
    notice: bool = False
    """Whether a caller on hold is told every so often that somebody will be back."""
    at_limit: HoldLimit = HoldLimit.RESUME
    beside: tuple[str, ...] = ()
    """The other workflows of the call that live: transfer, call."""
    played: tuple[str, ...] = ()
    """Moves by name that are played before the exploration begins, to begin it deep inside."""

    def begin(self) -> Node:
        """Where the exploration begins."""
        node = self.first()
        for name in self.played:
            node = dict(moves(self, Bounds(), node)[0])[name]
        return node

    def first(self) -> Node:
        targets = tuple(
            Target(
                address=f"{'queue:q' if self.screen == 'task' else 'client:t'}{number}",
                accept=Accept.PRESS_1 if self.screen == "press" else Accept.NONE,
                detect_machine=self.screen == "machine",
                ring_seconds=14.0,  # a look at the queue, every 15 s, would only double the states
                is_reserve=self.reserve and number == self.targets,
            )
            for number in range(1, self.targets + 1)
        )
        is_call = self.table.kind is Kind.INBOUND
        agent = Leg(address="agent", call_sid="CAagent" if self.knows_agent else "")
        transfer = Transfer(
            kind=self.table.kind,
            part="p",
            conference_sid="CFroom",
            caller=Leg(call_sid="CAcaller", presence=Presence.PRESENT),
            agent=Leg() if is_call else replace(agent, presence=Presence.PRESENT, exit_flag=True),
            targets=targets,
            policy=Policy(
                release_agent=self.release,
                recall=self.recall,
                pause_recordings=self.tape.pauses,
                hold_notice_seconds=600.0 if self.notice else 0.0,
                at_hold_max=self.at_limit,
            ),
            started_at=AT,
            since=AT,
            state=self.table.initial,
            task_sid="WTagent" if self.screen == "task" else "",
        )
        agent_line = Line("agent", exit_flag=True)
        if is_call:
            agent_line = Line("agent", status="gone")
        lines = Lines(
            lines=(Line("caller"), agent_line),
            tape=self.tape,
            alive=frozenset(self.beside),
        )
        begun = start(self.table, transfer)
        return Node(begun.transfer, begin(lines, begun.commands, begun.transfer))


@dataclass(frozen=True)
class Bounds:
    """What is left out."""

    depth: int = 10
    faults: int = 1
    jobs: int = 4
    sample: int = 8
    """Of how many states one is asked whether an end follows by itself."""


@dataclass(frozen=True, slots=True)
class Node:
    """What the machine believes, and what is true."""

    transfer: Transfer
    lines: Lines


# --- moves ---------------------------------------------------------------------------------------

Move = tuple[str, Node]


def moves(world: World, bounds: Bounds, node: Node) -> tuple[list[Move], bool]:
    """All that may happen next, and whether a report could still tell the machine anything."""
    found = list(_people(world, node))
    found += _network(bounds, node)
    if is_over(node.transfer):
        return found, True
    told = list(_reports(world, node))
    found += told
    if len(node.lines.jobs) < bounds.jobs:
        found += _requests(world, node)
        found.append(("the deadline passes", deadline(world, node)))
    return found, not told


def _people(world: World, node: Node) -> Iterator[Move]:
    lines, transfer = node.lines, node.transfer

    def now(after: Lines) -> Node:
        return Node(transfer, after)

    if lines.caller.status in ("in", "out"):
        yield "the caller hangs up", now(hang_up(lines, CALLER))
    if lines.agent.status == "in":
        yield "the agent hangs up", now(hang_up(lines, AGENT))
    for index, line in enumerate(lines.lines):
        if index <= AGENT:
            continue
        is_recall = line.name.startswith("r")
        if line.status == "ringing":
            by_key = world.screen in ("press", "task") and not is_recall
            yield f"{line.name} answers", now(answer(lines, index, is_screened=by_key))
            yield f"{line.name} is busy", now(hang_up(lines, index, "busy"))
        elif line.status != "gone":
            yield f"{line.name} hangs up", now(hang_up(lines, index))
            is_open = world.screen and not is_recall and not line.was & {"accepted", "refused"}
            if is_open and line.status == "asked":
                yield f"{line.name} presses 1", now(accept(lines, index))
            elif is_open:
                yield f"{line.name} is a person", now(_judged_a_person(lines, index))
            if world.screen == "task" and not is_recall and not line.was & {"booked", "declined"}:
                yield f"{line.name} declines on the desktop", now(decline(lines, index))
            if is_open and world.screen != "task":
                yield f"{line.name} turns out a machine", now(refuse(lines, index))
    if world.screen == "task" and _is_looked_for(node):
        yield "the next worker rings", now(offer(lines, "t9", lines.lines[-1].label))
        ended = TaskEnded(at=AT, label=lines.lines[-1].label, cause="no_answer")
        yield "the task ends", hear(world.table, node, ended)
    if world.room_ends and lines.room:
        yield "the room ends by itself", now(end_room(lines))


def _is_looked_for(node: Node) -> bool:
    """Whether a worker has let the task go, and no other one has been offered it."""
    last = node.lines.lines[-1]
    is_over = "declined" in last.was or (last.status == "gone" and "joined" not in last.was)
    return is_over and last.name.startswith("t") and last.name != "t9"


def _judged_a_person(lines: Lines, index: int) -> Lines:
    return with_line(lines, index, was=lines.lines[index].was | {"accepted"})


def _network(bounds: Bounds, node: Node) -> Iterator[Move]:
    lines, transfer = node.lines, node.transfer
    for job in lines.jobs:
        if job.result:
            yield f"{job.command} is told: {job.result}", told(transfer, lines, job)
            continue
        if not may_run(lines, job):
            continue
        done = take_effect(lines, job)
        yield f"{job.command} takes effect", Node(transfer, done)
        if job.command in WORDS:
            continue  # between workflows nothing is lost, and nothing is unknown
        if len(lines.troubles) < bounds.faults:
            failed = trouble(lines, job, "unavailable")
            yield f"{job.command} fails", told(transfer, failed, job_of(failed, job.key))
            if job_of(done, job.key).result == "ok":
                lost = trouble(done, job_of(done, job.key), "unavailable")
                yield f"{job.command} takes effect unknown", Node(transfer, lost)
            if job.command in HOLDS and lines.tape.pauses:
                half = trouble(take_half_effect(lines, job), job, "unavailable")
                yield f"{job.command} takes half effect", Node(transfer, half)
            if job.command in ("DialTarget", "RecallAgent"):
                no = trouble(lines, job, "refused")
                yield f"{job.command} is refused", told(transfer, no, job_of(no, job.key))


WORDS = frozenset({"TellHold", "AskTransfer", "AskCall", "AskOwners", "ReportHold"})
"""Commands that are words to other workflows, and never reach the lines."""


def job_of(lines: Lines, key: str) -> Job:
    return next(job for job in lines.jobs if job.key == key)


def told(transfer: Transfer, lines: Lines, job: Job, at: float = AT) -> Node:
    """The outcome is heard, after the news that came with it, as the shell does it."""
    lines, outcome = tell(lines, job, at)
    node = Node(transfer, lines)
    table = _TABLES[transfer.kind]
    if outcome.reading is not None and not is_over(transfer):
        thorough = _PROOF.get(job.command)
        news = news_in(
            transfer,
            outcome.reading,
            at,
            is_thorough=thorough is not None,
            parties=thorough or tuple(Party),
        )
        for event in news:
            node = hear(table, node, event)
    return hear(table, node, outcome)


_PROOF = {
    "FindTarget": (Party.TARGET,),
    "ReadRoom": tuple(Party),
}
"""Whose absence from its reading a command proves, as `workflows/dispatch.py` has it."""

_TABLES = {table.kind: table for table in (WARM, COLD, INBOUND, HOLD)}


def hear(table: Table, node: Node, event: Event) -> Node:
    """The machine hears `event`; what it begins is under way from now on."""
    stepped = step(table, node.transfer, event)
    return Node(stepped.transfer, begin(node.lines, stepped.commands, stepped.transfer))


def _reports(world: World, node: Node) -> Iterator[Move]:
    before = None
    for name, fact in facts(node.lines, AT):
        if isinstance(fact, LegRang) and not world.rings_told:
            continue
        after = hear(world.table, node, fact)
        if after.transfer is node.transfer:
            continue
        before = before or (belief(node.transfer), len(node.lines.jobs))
        if (belief(after.transfer), len(after.lines.jobs)) != before:
            yield f"reported: {name}", after


def _requests(world: World, node: Node) -> Iterator[Move]:
    for verb in allowed(world.table, node.transfer):
        yield f"the agent asks: {verb}", hear(world.table, node, REQUESTS[verb](at=AT))
    if world.tape.status:
        yield from _words(world, node)


def _words(world: World, node: Node) -> Iterator[Move]:
    """A person has the recording paused, or wants it back. The wish for it counts at once, the
    pause when it is in effect."""
    pause, resume = RecordingPauseRequested(at=AT), RecordingResumeRequested(at=AT)
    if not refusal_of(world.table, node.transfer, pause):
        tape = node.lines.tape
        unwanted = node.lines._replace(tape=tape._replace(is_wanted=False))
        after = hear(world.table, Node(node.transfer, unwanted), pause)
        yield "the agent pauses the recording", after
        wanted = node.lines._replace(tape=tape._replace(is_kept=False, is_wanted=True))
        after = hear(world.table, Node(node.transfer, wanted), resume)
        yield "the agent resumes the recording", after


def deadline(world: World, node: Node) -> Node:
    transfer = node.transfer
    # A hold counts its notices from one moment to the next; for all else time stands still.
    at = transfer.deadline_at if transfer.due and transfer.deadline_at else AT
    event = DeadlinePassed(at=at, step=transfer.deadline_step)
    return hear(world.table, node, event)


# --- what makes two states one -------------------------------------------------------------------


def belief(transfer: Transfer) -> tuple[Any, ...]:
    """What of a transfer its future depends on."""
    last = transfer.attempts[-1] if transfer.attempts else None
    return (
        transfer.state,
        *(_leg(transfer.leg(party)) for party in Party),
        len(transfer.attempts),
        (last.cause, last.answered_at is None, last.ended_at is None) if last else None,
        transfer.recalls,
        transfer.reason,
        replace(transfer.recordings, read_at=0.0),
        transfer.due,
        transfer.takes_hold_over,
        transfer.owes_word > 0,
    )


def _leg(leg: Leg) -> tuple[Any, ...]:
    return (
        leg.presence,
        leg.held,
        leg.is_hold_doubtful,
        leg.is_hold_contested,
        leg.is_doubtful,
        bool(leg.call_sid),
        leg.label,
    )


def identity(node: Node) -> int:
    """One number for a state; two states of one number are taken for the same."""
    lines = node.lines
    keys = {job.key: number for number, job in enumerate(lines.jobs)}
    jobs = tuple(
        (
            job.command,
            job.label,
            job.result,
            tuple(keys[key] for key in job.waits_for if key in keys),
            _told_by(job),
        )
        for job in lines.jobs
    )
    whole = (
        belief(node.transfer),
        lines.lines,
        lines.room,
        jobs,
        lines.talked,
        lines.troubles,
        lines.tape,
    )
    return hash(whole)


def _told_by(job: Job) -> Any:
    if job.reading is None:
        return job.recordings
    legs = job.reading.legs
    told = tuple((leg.call_sid, leg.status, leg.held) for leg in legs)
    return job.reading.is_live, told, job.recordings


# --- what is explored ----------------------------------------------------------------------------


def _done(*commands: str) -> tuple[str, ...]:
    """The moves by which each command succeeds."""
    return tuple(
        move
        for command in commands
        for move in (f"{command} takes effect", f"{command} is told: ok")
    )


RECOVER = HoldLimit.RECOVER
ON_DIAL, ON_RINGING = ReleaseAgent.ON_DIAL, ReleaseAgent.ON_RINGING

_RINGING = _done("SecureCaller", "DialTarget")
_CONSULT = (*_RINGING, "t1 answers", "reported: t1 answered")


def _unheard(command: str) -> tuple[str, ...]:
    """The moves by which a word to another workflow finds nobody."""
    return f"{command} takes effect", f"{command} is told: gone"


_HELD = (*_done("SecureCaller"), *_unheard("ReportHold"))
_LATE = "the deadline passes"
_GIVEN_UP = (_LATE, *_done("RemindAgent"), _LATE, *_unheard("AskTransfer"))
_HEARD_TO_LEAVE = ("the agent hangs up", "reported: agent ended")
_AGENT_AWAY = (*_HEARD_TO_LEAVE, *_unheard("AskTransfer"), *_done("ReadRoom"))
_THREE = (*_CONSULT, "the agent asks: join", *_done("ResumeCaller"))
_SWAPPED = (*_CONSULT, "the agent asks: swap", *_done("HoldTarget", "ResumeCaller"))
_LEFT_RINGING = (*_RINGING, "the agent asks: complete", *_done("LetAgentGo"))
_ALONE = (*_LEFT_RINGING, "t1 is busy", "reported: t1 ended")
_SETTLING = (*_THREE, "the agent asks: complete", *_done("RemoveAgent"))

_QUEUES: dict[str, Any] = {"release": ON_DIAL, "screen": "task"}
_NOBODY = ("t1 is busy", "the task ends")
_RECALLED = (*_RINGING, *_done("LetAgentGo"), *_NOBODY, *_done("RecallAgent"))
_RECORDED_RINGING = _done("ReadRecordings", "SecureCaller", "DialTarget")
_RECORDED_CONSULT = (*_RECORDED_RINGING, "t1 answers", "reported: t1 answered")
_RECORDED_SWAPPED = (
    *_RECORDED_CONSULT,
    "the agent asks: swap",
    *_done("HoldTarget", "ResumeCaller", "ResumeRecordings"),
)

WORLDS: tuple[World, ...] = (
    World("warm, one target", WARM),
    World("warm, two targets", WARM, targets=2),
    World("warm, press 1", WARM, screen="press"),
    World("warm, machine detection", WARM, screen="machine"),
    World("warm, the room ends", WARM, room_ends=True),
    World("warm, agent known by name", WARM, knows_agent=False),
    World("warm, no recall", WARM, recall=False),
    World("warm, ringing", WARM, targets=2, room_ends=True, played=_RINGING),
    World("warm, consulting", WARM, room_ends=True, played=_CONSULT),
    World("warm, swapped", WARM, targets=2, played=_SWAPPED),
    World("warm, all three", WARM, room_ends=True, played=_THREE),
    World("warm, left while ringing", WARM, targets=2, played=_LEFT_RINGING),
    World("warm, alone", WARM, room_ends=True, played=_ALONE),
    World("warm, settling", WARM, targets=2, room_ends=True, played=_SETTLING),
    World("cold on_answer", COLD, targets=2),
    World("cold on_ringing", COLD, targets=2, release=ON_RINGING, rings_told=True),
    World("cold on_dial", COLD, targets=2, release=ON_DIAL),
    World("cold on_dial, press 1", COLD, release=ON_DIAL, screen="press"),
    World("cold, the room ends", COLD, room_ends=True),
    World("cold, ringing", COLD, targets=2, screen="machine", played=_RINGING),
    World("cold, answered", COLD, played=_CONSULT),
    World("warm, a queue", WARM, screen="task", played=_RINGING),
    World("cold, a queue", COLD, screen="task", room_ends=True, played=_RINGING),
    World("cold, a queue in reserve", COLD, targets=2, reserve=True, **_QUEUES, played=_RECALLED),
    World("cold on_dial, two queues", COLD, targets=2, release=ON_DIAL, screen="task"),
    World("warm, recorded", WARM, tape=RECORDED),
    World("warm, recorded, ringing", WARM, shallower=1, tape=RECORDED, played=_RECORDED_RINGING),
    World("warm, recorded, consulting", WARM, shallower=1, tape=RECORDED, played=_RECORDED_CONSULT),
    World("warm, recorded, swapped", WARM, shallower=1, tape=RECORDED, played=_RECORDED_SWAPPED),
    World("warm, paused by a person", WARM, shallower=1, tape=KEPT, played=_RECORDED_CONSULT),
    World("inbound, two agents", INBOUND, targets=2, room_ends=True),
    World("hold", HOLD, targets=0),
    World("hold, the room ends", HOLD, targets=0, room_ends=True, beside=("call",)),
    World("hold, a transfer lives", HOLD, targets=0, beside=("transfer",)),
    World("hold, to its maximum", HOLD, targets=0, notice=True, played=_HELD),
    World("hold, to the ladder", HOLD, targets=0, at_limit=RECOVER, played=(*_HELD, *_GIVEN_UP)),
    World("hold, agent away", HOLD, targets=0, room_ends=True, played=(*_HELD, *_AGENT_AWAY)),
    World("hold, no recall", HOLD, targets=0, recall=False, played=_HELD),
)
