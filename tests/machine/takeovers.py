"""A take-over and a transfer of one call that begin in the same moment, in every order.

The tables of the supervision and of the transfer are stepped over the same lines, their commands
side by side, and what they tell each other is carried as Temporal does it: at once where the other
lives, refused where it does not. Breadth first to a stated depth, so that the first broken claim
comes with a shortest story; from every state on the way the two are left to themselves, and then
the caller must be with whoever took the call over, or with a target they had met before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.machine.switchboard import (
    AGENT,
    CALLER,
    Job,
    Line,
    Lines,
    answer,
    begin,
    facts,
    hang_up,
    may_run,
    reading_of,
    take_effect,
    tell,
    with_line,
)
from tests.machine.worlds import AT, belief
from workflows.machine.classify import news_in
from workflows.machine.cold import COLD
from workflows.machine.events import (
    AgentReplaced,
    CommandFailed,
    CommandSucceeded,
    DeadlinePassed,
    Event,
    LegRang,
    OwnerSought,
    TransferReported,
)
from workflows.machine.invariants import check
from workflows.machine.journal import ladder
from workflows.machine.model import (
    Kind,
    Leg,
    Party,
    Policy,
    Presence,
    Reason,
    ReleaseAgent,
    State,
    Target,
    Transfer,
)
from workflows.machine.step import is_over, start, step
from workflows.machine.supervision.commands import ForSupervisor
from workflows.machine.supervision.invariants import check as check_supervision
from workflows.machine.supervision.model import Mode, Supervision, Supervisor
from workflows.machine.supervision.model import State as Place
from workflows.machine.supervision.requests import ModeRequested
from workflows.machine.supervision.step import step as step_supervision
from workflows.machine.table import Table
from workflows.machine.warm import WARM

SUE = 2
"""Where the supervisor's line stands: she talks with both when it begins."""
SUE_LABEL = "0123456789abcdef-v1"
STEPS_TO_END_MAX = 60
WORDS = frozenset({"TellTaken", "TellTransferTaken", "TellHolder", "TellKept", "TellSupervision"})
OURS = frozenset({*WORDS, "AskOwners", "ReleaseAgent", "ReadSupervised"})


@dataclass(frozen=True)
class Play:
    """What is explored: how the agent transfers, and whether an answer of Twilio's may be lost."""

    table: Table
    release: ReleaseAgent = ReleaseAgent.ON_ANSWER
    faults: int = 0
    played: tuple[str, ...] = ()
    """Moves by name before the exploration begins, to begin it in the middle of the race."""
    deeper: int = 3


TOO_LATE = ("sue takes over", "sue's AskOwners is carried", "the agent transfers")
"""Nobody had the caller when it was asked; a moment later a transfer begins."""
RELEASING = (
    *TOO_LATE[:2],
    "sue's AskOwners is told",
    "sue's TellTaken is carried",
    "sue's TellTaken is told",
    "the agent transfers",
)
"""The transfer begins when all have been told but it, and the agent is about to be removed."""
RELEASED = (
    *RELEASING[:5],
    "caller and sue talk",
    "the agent is removed",
    "sue's ReleaseAgent is told",
    "sue's TellHolder is carried",
    "sue's TellHolder is told",
    "the agent transfers",
)
"""The transfer begins when the supervision is over, and nobody has heard yet that the agent is
gone."""

PLAYS = {
    "warm, from the beginning": Play(WARM),
    "warm, too late": Play(WARM, played=TOO_LATE),
    "warm, agent being released": Play(WARM, played=RELEASING, faults=1),
    "warm, agent gone": Play(WARM, played=RELEASED),
    "cold, too late": Play(COLD, played=TOO_LATE),
    "cold, agent being released": Play(COLD, played=RELEASING, faults=1),
    "cold, agent gone": Play(COLD, played=RELEASED),
    "cold, agent let go on dial": Play(COLD, ReleaseAgent.ON_DIAL, played=RELEASING),
}


@dataclass(frozen=True)
class Both:
    """What the two believe, and what is true. A transfer that has not begun is None."""

    supervision: Supervision
    transfer: Transfer | None
    lines: Lines
    jobs: tuple[Job, ...] = ()
    """The supervision's commands: `label` is the agent whom they mean."""
    faults: int = 0
    told: frozenset[str] = frozenset()
    """Reports that the transfer has heard."""

    @property
    def sue(self) -> Supervisor:
        return self.supervision.supervisors[0]

    @property
    def identity(self) -> int:
        transfer = self.transfer
        known = None
        if transfer is not None:
            words = (transfer.heir.call_sid, transfer.is_supervised, transfer.told_supervision)
            known = (belief(transfer), words)
        lines = tuple((job.command, job.label, job.result) for job in self.lines.jobs)
        jobs = tuple((job.command, job.label, job.result) for job in self.jobs)
        mine = (self.sue.state, self.sue.released, self.supervision.agent)
        told = self.told, self.faults
        return hash((known, self.lines.lines, self.lines.room, lines, jobs, mine, told))


def opened(play: Play) -> Both:
    """Caller, agent and supervisor talk; nothing has begun."""
    sue = Supervisor(
        SUE_LABEL, "client:sue", Mode.BARGE, Place.BARGING, AT, AT,
        call_sid="CAsue", heard_by_all=True, heard_by_agent=True, deadline_at=AT + 10.0,
    )  # fmt: skip
    supervision = Supervision(
        "CFroom", "s", AT, caller_call_sid="CAcaller", agent="CAagent", supervisors=(sue,), count=1
    )
    people = (Line("caller"), Line("agent"), Line("sue", SUE_LABEL))
    return Both(supervision, None, Lines(people), faults=play.faults)


def lives(both: Both) -> bool:
    """Whether the transfer's workflow is there to hear something."""
    transfer = both.transfer
    return transfer is not None and not (is_over(transfer) and not transfer.pending)


# --- steps ---------------------------------------------------------------------------------------


def begun(both: Both, play: Play) -> Both:
    """The agent asks for a transfer."""
    transfer = Transfer(
        kind=play.table.kind,
        part="p",
        conference_sid="CFroom",
        caller=Leg(call_sid="CAcaller", presence=Presence.PRESENT),
        agent=Leg("client:agent", "CAagent", presence=Presence.PRESENT),
        targets=(Target("client:t1"),),
        policy=Policy(release_agent=play.release),
        started_at=AT,
        since=AT,
        state=play.table.initial,
    )
    first = start(play.table, transfer)
    lines = begin(both.lines, first.commands, first.transfer)
    return replace(both, transfer=first.transfer, lines=lines)


def transfer_hears(both: Both, event: Event) -> Both:
    transfer = both.transfer
    if transfer is None:
        return both
    stepped = step(TABLES[transfer.kind], transfer, event)
    lines = begin(both.lines, stepped.commands, stepped.transfer)
    return replace(both, transfer=stepped.transfer, lines=lines)


TABLES = {Kind.WARM: WARM, Kind.COLD: COLD}


def supervision_hears(both: Both, event: object) -> Both:
    stepped = step_supervision(both.supervision, event)
    jobs = (*both.jobs, *(_job_of(each, stepped.value) for each in stepped.commands))
    return replace(both, supervision=stepped.value, jobs=jobs)


def _job_of(command: ForSupervisor, value: Supervision) -> Job:
    released = value.supervisors[0].released or value.agent
    return Job(command.name, command.key, command.lane, (), released)


# --- moves ---------------------------------------------------------------------------------------


def moves(both: Both, play: Play) -> Iterator[tuple[str, Both]]:
    """All that may happen next."""
    if both.transfer is None:
        yield "the agent transfers", begun(both, play)
    if both.sue.state is Place.BARGING and not both.sue.reason:
        asked = ModeRequested(SUE_LABEL, "take_over", "by", at=AT)
        yield "sue takes over", supervision_hears(both, asked)
    yield from _people(both)
    yield from _reports(both)
    for job in both.lines.jobs:
        yield from _of_transfer(both, job)
    yield from _of_supervision(both)


def _people(both: Both) -> Iterator[tuple[str, Both]]:
    lines = both.lines
    for index, line in enumerate(lines.lines):
        # By the time a recalled phone has rung, words and requests begun before are done.
        is_too_soon = line.name.startswith("r") and bool(both.jobs or lines.jobs)
        if index > SUE and line.status == "ringing" and not is_too_soon:
            yield f"{line.name} answers", replace(both, lines=answer(lines, index))
            yield f"{line.name} is busy", replace(both, lines=hang_up(lines, index, "busy"))
    if lines.agent.status == "in":
        yield "the agent hangs up", replace(both, lines=hang_up(lines, AGENT))


def _reports(both: Both) -> Iterator[tuple[str, Both]]:
    """Callbacks reach the transfer, each at any moment after what it tells of."""
    if both.transfer is None:
        return
    for name, fact in facts(both.lines, AT):
        if name in both.told or isinstance(fact, LegRang):
            continue
        heard = transfer_hears(both, fact)
        yield f"told: {name}", replace(heard, told=both.told | {name})


def _of_transfer(both: Both, job: Job) -> Iterator[tuple[str, Both]]:
    if job.result:
        yield f"transfer's {job.command} is told", transfer_told(both, job)
    elif not may_run(both.lines, job):
        return
    elif job.command == "TellSupervision":
        is_there = bool(both.jobs or both.supervision.live)
        done = _with_result(both.lines, job, "ok" if is_there else "gone")
        both = replace(both, lines=done)
        report = TransferReported(at=AT, consult="off")
        heard = supervision_hears(both, report) if is_there else both
        yield "transfer's word arrives", heard
    else:
        done = _effect(both.lines, job)
        yield f"transfer's {job.command} takes effect", replace(both, lines=done)


def _effect(lines: Lines, job: Job) -> Lines:
    """As on the other lines; but a supervisor is nobody with the caller for a removal's look."""
    if job.command == "RemoveAgent":
        index = lines.by_label(job.label) if job.label else AGENT
        target = next((line for line in lines.lines if line.name == "t1"), Line("", status="gone"))
        if lines.lines[index].status == "gone":
            return _with_result(lines, job, "ok")
        if not (lines.caller.is_heard and target.is_heard):
            return _with_result(lines, job, "unmet")
        return _with_result(hang_up(lines, index), job, "ok")
    if job.command == "GiveCallerBack":
        # No exit flag is on here, so none is to be restored.
        return _with_result(with_line(lines, CALLER, held=False), job, "ok")
    return take_effect(lines, job)


def _with_result(lines: Lines, job: Job, result: str) -> Lines:
    done = job._replace(result=result, reading=reading_of(lines))
    return lines._replace(jobs=tuple(done if each is job else each for each in lines.jobs))


def transfer_told(both: Both, job: Job, at: float = AT) -> Both:
    """The outcome of a command, after the news that came with it."""
    lines, outcome = tell(both.lines, job, at)
    both = replace(both, lines=lines)
    if outcome.reading is not None and both.transfer is not None and not is_over(both.transfer):
        parties = {"FindTarget": (Party.TARGET,)}.get(job.command)
        known = parties or tuple(Party)
        for event in news_in(both.transfer, outcome.reading, at, parties is not None, known):
            both = transfer_hears(both, event)
    return transfer_hears(both, outcome)


def _of_supervision(both: Both) -> Iterator[tuple[str, Both]]:
    lanes: set[str] = set()
    for job in both.jobs:
        if job.party and job.party in lanes:
            continue
        lanes.add(job.party)
        if job.result:
            yield f"sue's {job.command} is told", _supervision_told(both, job)
        elif job.command == "ReleaseAgent":
            yield from _release(both, job)
        else:
            yield f"sue's {job.command} is carried", _carried(both, job)


def _carried(both: Both, job: Job) -> Both:
    """A word of the supervision's arrives, or is refused."""
    event: Event | None = {
        "AskOwners": OwnerSought(at=AT),
        "TellTaken": _replaced(),
        "TellTransferTaken": _replaced(),
        "TellHolder": _replaced(former=job.label),
        "TellKept": AgentReplaced(at=AT, call_sid=job.label),
    }.get(job.command)
    is_heard = event is not None and lives(both)
    if event is not None and is_heard:
        both = transfer_hears(both, event)
    return _settled(both, job, "ok" if is_heard or event is None else "gone")


def _replaced(former: str = "") -> AgentReplaced:
    return AgentReplaced(
        at=AT, call_sid="CAsue", label=SUE_LABEL, address="client:sue", former=former
    )


def _release(both: Both, job: Job) -> Iterator[tuple[str, Both]]:
    """A look that caller and supervisor talk, and then the removal; anything may come between."""
    lines = both.lines
    if lines.agent.status != "in":
        yield "the agent is gone already", _settled(both, job, "ok")
    elif "looked" not in job.waits_for:
        if lines.caller.is_heard and lines.lines[SUE].is_heard:
            looked = replace(both, jobs=_having(both, job, job._replace(waits_for=("looked",))))
            yield "caller and sue talk", looked
        else:
            yield "the agent is kept", _settled(both, job, "unmet")
    else:
        gone = replace(both, lines=hang_up(lines, AGENT))
        yield "the agent is removed", _settled(gone, job, "ok")
        if both.faults:
            lost = replace(gone, faults=both.faults - 1)
            yield "the agent is removed, and no answer", _settled(lost, job, "unavailable")


def _settled(both: Both, job: Job, result: str) -> Both:
    done = job._replace(result=result, reading=reading_of(both.lines))
    return replace(both, jobs=_having(both, job, done))


def _having(both: Both, old: Job, new: Job) -> tuple[Job, ...]:
    return tuple(new if each is old else each for each in both.jobs)


def _supervision_told(both: Both, job: Job) -> Both:
    both = replace(both, jobs=tuple(each for each in both.jobs if each is not job))
    if job.result == "ok":
        reads = job.command in ("ReleaseAgent", "ReadSupervised")
        reading = job.reading if reads else None
        done = CommandSucceeded(at=AT, command=job.command, key=job.key, reading=reading)
        return supervision_hears(both, done)
    failed = CommandFailed(at=AT, command=job.command, key=job.key, failure=job.result)
    return supervision_hears(both, failed)


# --- claims --------------------------------------------------------------------------------------


def claim(both: Both) -> None:
    """What must be true at every moment."""
    check_supervision(both.supervision)
    if both.transfer is not None and not is_over(both.transfer):
        check(both.transfer)
    sue = both.lines.lines[SUE]
    assert sue.status == "in", "nobody but the supervisor ends the supervisor's leg"
    assert not sue.exit_flag, "S9: the supervisor's exit flag is on"


def at_end(both: Both) -> None:
    """Both are over, and nothing is under way."""
    caller, others = both.lines.caller, both.lines.lines[SUE + 1 :]
    assert not caller.held, "S1: the caller waits for ever"
    has_taken = both.sue.state is Place.TOOK_OVER
    if has_taken:
        assert caller.status == "in", f"the caller is {caller.status}, and sue has taken the call"
    met = [line for line in others if line.is_heard and line.label in both.lines.talked]
    left = [line for line in others if line.status in ("ringing", "in") and line not in met]
    assert not left, f"S2: {left[0].name} is left over"
    transfer = both.transfer
    if transfer is not None and transfer.reason is Reason.TAKEN_OVER:
        assert transfer.state is State.FAILED, f"taken over, and {transfer.state}"
        assert has_taken or both.lines.agent.status != "in", "nobody has taken the call"
        assert transfer.agent.call_sid == "CAsue", "the caller was given to somebody else"
    if has_taken and transfer is not None and transfer.state is State.COMPLETED:
        assert met, "completed, and caller and target never talked"


def left_alone(both: Both) -> Both:
    """Words, outcomes, reports and deadlines only, until both have ended."""
    for _ in range(STEPS_TO_END_MAX):
        ready = [*_reports(both), *_of_supervision(both)]
        ready += [after for job in both.lines.jobs for after in _of_transfer(both, job)]
        if ready:
            both = ready[0][1]
            continue
        transfer = both.transfer
        if transfer is None or not lives(both):
            return both
        ringing = [at for at, each in enumerate(both.lines.lines) if each.status == "ringing"]
        if ringing:
            both = replace(both, lines=hang_up(both.lines, ringing[0], "no-answer"))
            continue
        due = DeadlinePassed(at=transfer.deadline_at or AT, step=transfer.deadline_step)
        both = transfer_hears(both, due)
    raise AssertionError(f"L1: no end after {STEPS_TO_END_MAX} outcomes and deadlines")


def story_of(both: Both, way: tuple[str, ...], error: Exception) -> str:
    parts = [str(error), *(f"  {each}" for each in way)]
    if both.transfer is not None:
        parts += [ladder(both.transfer.journal, AT), f"  {both.transfer.state}"]
    parts += [f"  {entry.heard} > {entry.state_to}" for entry in both.supervision.journal]
    parts += [f"  {line}" for line in both.lines.lines]
    parts += [", ".join(f"{job.command}={job.result}" for job in (*both.jobs, *both.lines.jobs))]
    return "\n".join(parts)


class FoundError(Exception):
    """A broken claim, with the way there."""


def explore(play: Play, depth: int) -> tuple[int, set[tuple[str, str]]]:
    """How many states there are, and how the take-over and the transfer ended. Raises
    `FoundError`."""
    root = opened(play)
    for name in play.played:
        root = dict(moves(root, play))[name]
    level: list[tuple[tuple[str, ...], Both]] = [((), root)]
    seen, ends = {root.identity}, set[tuple[str, str]]()
    for _ in range(depth):
        found = []
        for way, both in level:
            for name, after in moves(both, play):
                if after.identity in seen:
                    continue
                seen.add(after.identity)
                last = after
                try:
                    claim(after)
                    last = left_alone(after)
                    at_end(last)
                except Exception as error:
                    raise FoundError(story_of(last, (*way, name), error)) from error
                if last.transfer is not None:
                    ends.add((last.sue.state.value, str(last.transfer.reason)))
                found.append(((*way, name), after))
        level = found
    return len(seen), ends
