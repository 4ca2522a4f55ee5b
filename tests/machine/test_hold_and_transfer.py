"""A hold and a transfer of one call, in every order: two tables, one room.

Both machines are stepped over the same lines, with their commands side by side, and what they tell
each other is carried as Temporal does it: at once where the other lives, refused where it does not.
Breadth first to a stated depth, so that the first broken claim comes with a shortest story; from
every state on the way the two are left to themselves, and must come to an end where nobody waits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.machine.switchboard import (
    AGENT,
    CALLER,
    Job,
    Line,
    Lines,
    answer,
    begin,
    hang_up,
    may_run,
    take_effect,
    tell,
    trouble,
)
from tests.machine.worlds import AT, belief
from workflows.machine.classify import news_in
from workflows.machine.commands import Command
from workflows.machine.events import (
    REQUESTS,
    DeadlinePassed,
    Event,
    HoldReported,
    LegAnswered,
    LegEnded,
)
from workflows.machine.hold import HOLD
from workflows.machine.holding import flagged_sids, transfer_started
from workflows.machine.invariants import check
from workflows.machine.journal import ladder
from workflows.machine.model import Kind, Leg, Party, Policy, Presence, State, Target, Transfer
from workflows.machine.step import allowed, is_over, start, step
from workflows.machine.table import Table
from workflows.machine.warm import WARM

DEPTH = int(os.environ.get("HANDOVER_EXPLORE_DEPTH", "5")) + 1
LATER = AT + 30.0
STEPS_TO_END_MAX = 80
TABLES: dict[str, Table] = {"h": HOLD, "t": WARM}
WORDS = frozenset({"TellHold", "AskTransfer", "ReportHold"})


@dataclass(frozen=True)
class Both:
    """What the two believe, and what is true. A machine that has not begun is None."""

    hold: Transfer | None
    transfer: Transfer | None
    lines: Lines

    def of(self, part: str) -> Transfer | None:
        return self.hold if part == "h" else self.transfer

    def having(self, part: str, value: Transfer, lines: Lines) -> Both:
        if part == "h":
            return Both(value, self.transfer, lines)
        return Both(self.hold, value, lines)

    @property
    def identity(self) -> int:
        beliefs = tuple(belief(each) if each else None for each in (self.hold, self.transfer))
        jobs = tuple(
            (job.command, job.label, job.result, job.key[0], len(job.waits_for))
            for job in self.lines.jobs
        )
        return hash((beliefs, self.lines.lines, self.lines.room, jobs, self.lines.troubles))


def opened() -> Both:
    """Caller and agent talk; nothing has begun."""
    return Both(None, None, Lines((Line("caller"), Line("agent", exit_flag=True))))


def begun(both: Both, part: str) -> Both:
    """The agent presses hold, or asks for a transfer."""
    kind = Kind.HOLD if part == "h" else Kind.WARM
    value = Transfer(
        kind=kind,
        part=part,
        conference_sid="CFroom",
        caller=Leg(call_sid="CAcaller", presence=Presence.PRESENT),
        agent=Leg(address="agent", call_sid="CAagent", presence=Presence.PRESENT),
        targets=(Target("client:t1"),) if part == "t" else (),
        policy=Policy(),
        started_at=AT,
        since=AT,
        state=TABLES[part].initial,
    )
    first = start(TABLES[part], value)
    return both.having(part, first.transfer, taken(both.lines, first.commands, first.transfer))


def taken(lines: Lines, commands: tuple[Command, ...], after: Transfer) -> Lines:
    """Begin the commands. Lanes are each workflow's own: one does not wait for the other's."""
    mine = after.part
    own = lines._replace(jobs=tuple(job for job in lines.jobs if job.key[0] == mine))
    added = begin(own, commands, after).jobs[len(own.jobs) :]
    return lines._replace(jobs=(*lines.jobs, *added))


def hears(both: Both, part: str, event: Event) -> Both:
    value = both.of(part)
    if value is None:
        return both
    stepped = step(TABLES[part], value, event)
    lines = taken(both.lines, stepped.commands, stepped.transfer)
    return both.having(part, stepped.transfer, lines)


def lives(both: Both, part: str) -> bool:
    value = both.of(part)
    return value is not None and not (is_over(value) and not value.pending)


def carried(both: Both, job: Job) -> Both:
    """A word arrives, or is refused: Temporal does the one or the other at once."""
    mine, other = job.key[0], "t" if job.key[0] == "h" else "h"
    sender = both.of(mine)
    is_heard = lives(both, other)
    if is_heard and sender is not None:
        both = hears(both, other, _word(job, sender))
    result = "ok" if is_heard else "gone"
    jobs = tuple(
        each._replace(result=result) if each.key == job.key else each for each in both.lines.jobs
    )
    both = replace(both, lines=both.lines._replace(jobs=jobs))
    return told(both, next(each for each in both.lines.jobs if each.key == job.key))


def _word(job: Job, sender: Transfer) -> Event:
    if job.command == "TellHold":
        return replace(transfer_started(sender), at=AT)
    if job.command == "AskTransfer":
        return HoldReported(at=AT)
    is_held = sender.caller.held is not sender.caller.is_hold_doubtful
    return HoldReported(at=AT, hold="on" if is_held else "off", flagged=flagged_sids(sender))


def told(both: Both, job: Job, at: float = AT) -> Both:
    """The outcome of a command, after the news that came with it."""
    part = job.key[0]
    lines, outcome = tell(both.lines, job, at)
    both = replace(both, lines=lines)
    value = both.of(part)
    if outcome.reading is not None and value is not None and not is_over(value):
        parties = {"FindTarget": (Party.TARGET,), "ReadRoom": tuple(Party)}.get(job.command)
        for event in news_in(
            value, outcome.reading, at, parties is not None, parties or tuple(Party)
        ):
            both = hears(both, part, event)
    return hears(both, part, outcome)


# --- moves ---------------------------------------------------------------------------------------


def moves(both: Both) -> Iterator[tuple[str, Both]]:
    """All that may happen next."""
    lines = both.lines
    if both.hold is None:
        yield "the agent asks: hold", begun(both, "h")
    if both.transfer is None:
        yield "the agent asks: transfer", begun(both, "t")
    if lines.agent.status == "in":
        gone = replace(both, lines=hang_up(lines, AGENT))
        yield "the agent hangs up", everybody(gone, LegEnded(at=AT, call_sid="CAagent"))
    if lines.caller.status == "in":
        gone = replace(both, lines=hang_up(lines, CALLER))
        yield "the caller hangs up", everybody(gone, LegEnded(at=AT, call_sid="CAcaller"))
    for index, line in enumerate(lines.lines):
        if index > AGENT and line.status == "ringing":
            came = replace(both, lines=answer(lines, index))
            fact = LegAnswered(at=AT, call_sid=line.sid, label=line.label)
            yield f"{line.name} answers", everybody(came, fact)
            busy = replace(both, lines=hang_up(lines, index, "busy"))
            ended = LegEnded(at=AT, call_sid=line.sid, label=line.label, cause="busy")
            yield f"{line.name} is busy", everybody(busy, ended)
    for job in lines.jobs:
        yield from _of_job(both, job)
    for part in ("h", "t"):
        value = both.of(part)
        if value is not None and not is_over(value):
            for verb in allowed(TABLES[part], value):
                yield f"the agent asks: {verb}", hears(both, part, REQUESTS[verb](at=AT))


def everybody(both: Both, fact: Event) -> Both:
    """News of the room reaches the owner of the call and its companion."""
    return hears(hears(both, "t", fact), "h", fact)


def _of_job(both: Both, job: Job) -> Iterator[tuple[str, Both]]:
    mine = both.lines._replace(
        jobs=tuple(each for each in both.lines.jobs if each.key[0] == job.key[0])
    )
    if job.result:
        yield f"{job.key[0]} {job.command} is told", told(both, job)
    elif not may_run(mine, job):
        return
    elif job.command in WORDS:
        yield f"{job.key[0]} {job.command} is carried", carried(both, job)
    else:
        done = take_effect(both.lines, job)
        yield f"{job.key[0]} {job.command} takes effect", replace(both, lines=done)
        if not both.lines.troubles:
            lost = next(each for each in done.jobs if each.key == job.key)
            unknown = trouble(done, lost, "unavailable")
            yield (
                f"{job.key[0]} {job.command} takes effect unknown",
                replace(both, lines=unknown),
            )


# --- claims --------------------------------------------------------------------------------------


def claim(both: Both) -> None:
    """What must be true at every moment."""
    for value in (both.hold, both.transfer):
        if value is not None and not is_over(value):
            check(value)
    transfer, caller = both.transfer, both.lines.caller
    if transfer is not None and transfer.takes_hold_over and not is_over(transfer):
        assert transfer.state is State.HOLDING, "S11: the hold does not know whose the caller is"
    if transfer is None or transfer.state is not State.CONSULTING or not caller.is_heard:
        return
    # The caller hears the consult: something must be under way that ends it.
    mending = {"HoldCaller", "GiveCallerBack", "ReportHold", "ResumeCaller"}
    assert any(job.command in mending for job in both.lines.jobs), "S6: nobody mends the consult"


def at_end(both: Both) -> None:
    """Both are over, and nothing is under way."""
    caller, agent = both.lines.caller, both.lines.lines[AGENT]
    transfer, hold = both.transfer, both.hold
    assert not caller.held, "S1: the caller waits for ever"
    others = [line for line in both.lines.lines[AGENT:] if line.status == "in"]
    if caller.status == "in":
        assert any(line.is_heard for line in others), "S1: the caller is alone"
    if transfer is not None and transfer.state in (State.CANCELLED, State.FAILED):
        is_same = agent.status == "in" and caller.status == "in"
        if is_same and not both.lines.troubles and hold is not None:
            assert agent.exit_flag, "S8: the exit flag is not what it was"


def left_alone(both: Both) -> Both:
    """Outcomes and deadlines only, until both have ended."""
    for _ in range(STEPS_TO_END_MAX):
        live = [each for each in ("h", "t") if lives(both, each)]
        if not live:
            return both
        ready = [after for job in both.lines.jobs for _, after in _of_job(both, job)][:1]
        if ready:
            both = ready[0]
            continue
        part = live[-1]
        value = both.of(part)
        assert value is not None
        event = DeadlinePassed(at=value.deadline_at or LATER, step=value.deadline_step)
        both = hears(both, part, event)
    raise AssertionError(f"L1: no end after {STEPS_TO_END_MAX} outcomes and deadlines")


def story_of(both: Both, way: tuple[str, ...], error: AssertionError) -> str:
    parts = [str(error), *(f"  {each}" for each in way)]
    for name, value in (("hold", both.hold), ("transfer", both.transfer)):
        parts += [name, ladder(value.journal, AT) if value else "  not begun"]
    parts += [f"  {line}" for line in both.lines.lines]
    parts += [", ".join(f"{job.key}={job.result}" for job in both.lines.jobs)]
    return "\n".join(parts)


@pytest.mark.timeout(600)
def test_hold_and_transfer_in_every_order(record_property: pytest.RecordProperty) -> None:
    root = opened()
    level: list[tuple[tuple[str, ...], Both]] = [((), root)]
    seen, met, count = {root.identity}, set[str](), 0
    for _ in range(DEPTH):
        found = []
        for way, both in level:
            for name, after in moves(both):
                count += 1
                if after.identity in seen:
                    continue
                seen.add(after.identity)
                last = after
                try:
                    claim(after)
                    last = left_alone(after)
                    at_end(last)
                except AssertionError as error:
                    pytest.fail(story_of(last, (*way, name), error))
                if after.hold is not None:
                    met.add(after.hold.state)
                if last.hold is not None:
                    met.add(last.hold.state)
                found.append(((*way, name), after))
        level = found
    record_property("states", len(seen))
    record_property("moves", count)
    assert {State.HELD, State.ASKING, State.YIELDING, State.RESUMING, State.TAKEN_OVER} <= met
    assert len(seen) > 1000, "so few states that nothing can have been explored"
