"""Plays a story: people act, the machine decides, the lines do as they are told.

A story is one person's deed after another. Between two deeds everything that is under way comes to
its end, unless the story says otherwise: `story.silence()` keeps reports back, `story.stall()`
keeps commands from taking effect, `story.fails()` lets one fail. Every step is checked against the
machine's invariants and against the lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.machine.claims import at_rest, at_step
from tests.machine.switchboard import (
    AGENT,
    CALLER,
    LOOSE_ENDS,
    Job,
    Line,
    Lines,
    accept,
    answer,
    begin,
    end_room,
    facts,
    hang_up,
    may_run,
    offer,
    refuse,
    take_effect,
    tell,
    trouble,
)
from workflows.machine.classify import news_in
from workflows.machine.cold import COLD
from workflows.machine.events import REQUESTS, DeadlinePassed, Event, HoldFound
from workflows.machine.hold import HOLD
from workflows.machine.inbound import INBOUND, ROUTED
from workflows.machine.invariants import check
from workflows.machine.journal import ladder
from workflows.machine.model import (
    Accept,
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
from workflows.machine.step import allowed, is_over, start, step
from workflows.machine.warm import WARM

TABLES = {
    Kind.WARM: WARM,
    Kind.COLD: COLD,
    Kind.INBOUND: INBOUND,
    Kind.ROUTED: ROUTED,
    Kind.HOLD: HOLD,
}


def a_transfer(kind: Kind = Kind.WARM, targets: int = 1, **changes: Any) -> Transfer:
    """A transfer that has not begun: caller and agent talk, the agent's exit flag is on."""
    accept_by = changes.pop("accept", Accept.NONE)
    who = changes.pop("who", "client:t")
    machine = changes.pop("detect_machine", False)
    is_call = kind is Kind.INBOUND
    agent = Leg(address="client:agent", call_sid="CAagent", presence=Presence.PRESENT)
    transfer = Transfer(
        kind=kind,
        part="p",
        conference_sid="CFroom",
        caller=Leg(call_sid="CAcaller", presence=Presence.PRESENT),
        agent=Leg() if is_call else replace(agent, exit_flag=True),
        targets=tuple(
            Target(f"{who}{number}", accept=accept_by, detect_machine=machine)
            for number in range(1, targets + 1)
        ),
        policy=changes.pop("policy", Policy()),
        started_at=1000.0,
        since=1000.0,
        state=TABLES[kind].initial,
    )
    return replace(transfer, **changes)


class Story:
    """One transfer and the lines it plays on."""

    def __init__(self, transfer: Transfer) -> None:
        self.table = TABLES[transfer.kind]
        self.at = transfer.started_at
        agent = Line("agent", exit_flag=True)
        if transfer.kind is Kind.INBOUND:
            agent = Line("agent", status="gone")
        begun = start(self.table, transfer)
        self.transfer = begun.transfer
        self.lines = begin(Lines((Line("caller"), agent)), begun.commands, begun.transfer)
        self.is_silent = False
        self.stalled: tuple[str, ...] = ()
        self._failing: dict[str, str] = {}
        self.heard: set[str] = set()

    # --- deeds ---

    def answers(self, name: str = "t1", is_screened: bool = False) -> Story:
        return self._do(lambda: answer(self.lines, self._line(name), is_screened))

    def accepts(self, name: str = "t1") -> Story:
        return self._do(lambda: accept(self.lines, self._line(name)))

    def is_offered_to(self, name: str) -> Story:
        """TaskRouter offers the task to the next worker."""
        return self._do(lambda: offer(self.lines, name, self.transfer.target.label))

    def is_a_machine(self, name: str = "t1") -> Story:
        return self._do(lambda: refuse(self.lines, self._line(name)))

    def hangs_up(self, name: str, cause: str = "") -> Story:
        return self._do(lambda: hang_up(self.lines, self._line(name), cause))

    def room_ends(self) -> Story:
        return self._do(lambda: end_room(self.lines))

    def asks(self, verb: str, by: str = "agent") -> Story:
        """The agent presses a button that makes sense now."""
        assert verb in allowed(self.table, self.transfer), self.told(f"{verb} is not allowed")
        self.hear(REQUESTS[verb](at=self.at, by=by))
        return self.settle()

    def refuses(self, verb: str) -> str:
        """The agent presses a button that makes no sense now: why?"""
        stepped = step(self.table, self.transfer, REQUESTS[verb](at=self.at))
        assert stepped.refusal, self.told(f"{verb} is not refused")
        assert stepped.transfer == self.transfer, "a refused request changed something"
        return stepped.refusal

    def waits(self, seconds: float) -> Story:
        """Time passes, with the deadlines that fall into it."""
        until = self.at + seconds
        while (due := self.transfer.deadline_at) is not None and due <= until:
            self.at = max(self.at, due)
            self.hear(DeadlinePassed(at=self.at, step=self.transfer.deadline_step))
            self.settle()
        self.at = until
        return self

    def silence(self) -> Story:
        """From now on nothing is reported by itself."""
        self.is_silent = True
        return self

    def speaks(self) -> Story:
        """What was kept back is reported now."""
        self.is_silent = False
        return self.settle()

    def stall(self, command: str = "") -> Story:
        """From now on commands of this name, or all, neither take effect nor end."""
        self.stalled = (command,)
        return self

    def flows(self) -> Story:
        self.stalled = ()
        return self.settle()

    def fails(self, command: str, how: str = "unavailable") -> Story:
        """The next command of this name fails: refused, unavailable, or lost (with effect)."""
        self._failing[command] = how
        return self

    def _do(self, deed: Callable[[], Lines]) -> Story:
        self.at += 1.0
        self.lines = deed()
        return self.settle()

    def _line(self, name: str) -> int:
        names = [line.name for line in self.lines.lines]
        assert name in names, self.told(f"there is no {name}")
        return {"caller": CALLER, "agent": AGENT}.get(name, names.index(name))

    # --- what follows ---

    def settle(self) -> Story:
        """Reports and commands come to their end, one after the other, until nothing is left."""
        while self._report() or self._carry_out():
            pass
        return self

    def hear(self, event: Event) -> None:
        """One event into the machine, with every check."""
        before = self.transfer
        stepped = step(self.table, before, event)
        self.transfer = stepped.transfer
        self.lines = begin(self.lines, stepped.commands, stepped.transfer)
        try:
            check(self.transfer)
            at_step(before, self.transfer, self.lines)
        except Exception as error:
            raise AssertionError(self.told(str(error))) from error

    def _report(self) -> bool:
        if self.is_silent or is_over(self.transfer):
            return False
        news = [(name, fact) for name, fact in facts(self.lines, self.at) if name not in self.heard]
        for name, fact in news:
            self.heard.add(name)
            self.hear(fact)
        return bool(news)

    def _carry_out(self) -> bool:
        ready = (job for job in self.lines.jobs if may_run(self.lines, job))
        job = next((job for job in ready if not {"", job.command} & set(self.stalled)), None)
        if job is None:
            return False
        self.at += 0.1
        how = self._failing.pop(job.command, "")
        if how == "lost":
            done = take_effect(self.lines, job)
            self.lines = trouble(done, self._job(done, job), "unavailable")
        elif how:
            self.lines = trouble(self.lines, job, how)
        else:
            self.lines = take_effect(self.lines, job)
        self.lines, outcome = tell(self.lines, self._job(self.lines, job), self.at)
        if outcome.reading is not None and not is_over(self.transfer):
            is_asked = job.command in ("FindTarget", "ReadRoom")
            parties = (Party.TARGET,) if job.command == "FindTarget" else tuple(Party)
            for event in news_in(self.transfer, outcome.reading, self.at, is_asked, parties):
                self.hear(event)
        self.hear(outcome)
        return True

    @staticmethod
    def _job(lines: Lines, job: Job) -> Job:
        return next(each for each in lines.jobs if each.key == job.key)

    # --- what must be true ---

    def told(self, what: str) -> str:
        """`what`, with the story so far."""
        story = ladder(self.transfer.journal, self.transfer.started_at)
        lines = "\n".join(f"  {line}" for line in self.lines.lines)
        return f"{what}\n{story}\nlines:\n{lines}"

    def ended(self, state: State, reason: Reason, by: str = "") -> Story:
        """The transfer is over, in this way."""
        found = (self.transfer.state, self.transfer.reason)
        assert found == (state, reason), self.told(f"ended as {found}")
        assert not by or self.transfer.decided_by == by, self.told(self.transfer.decided_by)
        return self

    def is_in(self, state: State) -> Story:
        assert self.transfer.state is state, self.told(f"{self.transfer.state} is not {state}")
        return self

    def line(self, name: str) -> Line:
        """The line of `name`; the recall's for an agent who was rung again."""
        return self.lines.lines[self._line(name)]


def assert_talking(story: Story, *names: str) -> None:
    """All of `names` hear one another, and nobody else is heard."""
    heard = {line.name for line in story.lines.lines if line.is_heard}
    assert heard == set(names), story.told(f"{sorted(heard)} talk, not {sorted(names)}")


def assert_waiting(story: Story, name: str = "caller") -> None:
    """`name` is on hold."""
    line = story.line(name)
    assert line.status == "in", story.told(f"{name} is not in the room")
    assert line.held, story.told(f"{name} is not on hold")


def assert_no_one_left_over(story: Story) -> None:
    """After the end nothing is under way, nobody waits, and no leg of ours lives for nobody."""
    assert is_over(story.transfer), story.told("the transfer is not over")
    assert not story.lines.jobs, story.told("something is under way")
    assert not story.transfer.pending, story.told("the machine still waits for an outcome")
    try:
        at_rest(story.transfer, story.lines)
    except AssertionError as error:
        raise AssertionError(story.told(str(error))) from error
    alone = [line for line in story.lines.lines if line.status in LOOSE_ENDS]
    assert len(alone) != 1, story.told(f"{alone[0].name} is alone" if alone else "")


def just_begun(kind: Kind = Kind.WARM, **changes: Any) -> Story:
    """A story in which no command has run yet."""
    return Story(a_transfer(kind, **changes)).stall()


def warm(**changes: Any) -> Story:
    return Story(a_transfer(Kind.WARM, **changes)).settle()


def cold(release: ReleaseAgent = ReleaseAgent.ON_ANSWER, **changes: Any) -> Story:
    policy = changes.pop("policy", Policy(release_agent=release))
    return Story(a_transfer(Kind.COLD, policy=policy, **changes)).settle()


def inbound(**changes: Any) -> Story:
    return Story(a_transfer(Kind.INBOUND, **changes)).settle()


def somebody_else_changes(story: Story, name: str, held: bool) -> Story:
    """Somebody else changes a hold, and a look finds it."""
    line = story.line(name)
    lines = tuple(
        each._replace(held=held) if each.name == name else each for each in story.lines.lines
    )
    story.lines = story.lines._replace(lines=lines)
    story.hear(HoldFound(at=story.at, call_sid=line.sid, held=held))
    return story.settle()
