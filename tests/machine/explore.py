"""Exhaustive exploration of a table together with the lines, with every claim checked at each step.

    python -m tests.machine.explore --depth 14            # every table, deeper than the tests
    python -m tests.machine.explore warm --depth 16 --faults 2

What is explored: from the start, in every order, what people do (answer, refuse, hang up), what the
network does (the room ends by itself), when a command takes effect and when its outcome is told,
which commands fail (with and without effect), every report that is or was true (late, doubled, out
of order, or never), every allowed request, and the deadline at any moment.

What bounds it: the depth; `faults`, the number of failed commands on one path; `jobs`, the number
of commands under way beyond which no further request and no deadline comes. States that differ only
in times, keys and journal count as one.
"""

from __future__ import annotations

import argparse
import sys
import time
from array import array
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from tests.machine.claims import BrokenClaimError, at_rest, at_step, informed
from tests.machine.switchboard import (
    AGENT,
    CALLER,
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
    refuse,
    take_effect,
    tell,
    trouble,
)
from workflows.machine import classify, model
from workflows.machine import step as stepping
from workflows.machine.classify import news_in
from workflows.machine.cold import COLD
from workflows.machine.events import REQUESTS, DeadlinePassed, Event, LegRang
from workflows.machine.inbound import INBOUND
from workflows.machine.invariants import check
from workflows.machine.journal import ladder
from workflows.machine.model import (
    Accept,
    Kind,
    Leg,
    Party,
    Policy,
    Presence,
    ReleaseAgent,
    Target,
    Transfer,
)
from workflows.machine.step import allowed, is_over, start, step
from workflows.machine.table import Table
from workflows.machine.warm import WARM

AT = 100.0
"""All that is explored happens at one moment: no decision but the budget's depends on time."""

LATER = AT + 30.0
"""When nobody acts any more, readings are late enough to prove who has gone."""

_TRIES = {"fine": 99, "down": 3, "deaf": 0}
"""Moods of the network when people do nothing more -> outcomes in one state before its deadline
passes: every command succeeds; every command fails; no command's outcome is ever told in time."""

STEPS_TO_END_MAX = 60
"""How many outcomes and deadlines may follow one another before an end, from anywhere."""


@dataclass(frozen=True)
class World:
    """One thing to explore: a table, a policy, and who can be rung."""

    name: str
    table: Table
    targets: int = 1
    release: ReleaseAgent = ReleaseAgent.ON_ANSWER
    screen: str = ""
    """Empty, `press` or `machine`."""
    recall: bool = True
    room_ends: bool = False
    knows_agent: bool = True
    rings_told: bool = False
    """Whether ringing is reported; where no row asks for it, it only doubles the states."""
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
                address=f"client:t{number}",
                accept=Accept.PRESS_1 if self.screen == "press" else Accept.NONE,
                detect_machine=self.screen == "machine",
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
            policy=Policy(release_agent=self.release, recall=self.recall),
            started_at=AT,
            since=AT,
            state=self.table.initial,
        )
        agent_line = Line("agent", exit_flag=True)
        if is_call:
            agent_line = Line("agent", status="gone")
        lines = Lines(lines=(Line("caller"), agent_line))
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


@dataclass
class Figures:
    """What came of one exploration."""

    world: str
    depth: int = 0
    states: int = 0
    moves: int = 0
    seconds: float = 0.0
    is_whole: bool = False
    """Whether nothing new was left to be found: the depth was no bound."""
    ends: tuple[str, ...] = ()
    visited: tuple[str, ...] = ()

    def __str__(self) -> str:
        whole = "whole" if self.is_whole else f"depth {self.depth}"
        return (
            f"{self.world:<28} {self.states:>9,} states {self.moves:>10,} moves  {whole:<9}"
            f" {self.seconds:5.1f} s"
        )


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
        found.append(("the deadline passes", _deadline(world, node)))
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
            by_key = world.screen == "press" and not is_recall
            yield f"{line.name} answers", now(answer(lines, index, is_screened=by_key))
            yield f"{line.name} is busy", now(hang_up(lines, index, "busy"))
        elif line.status != "gone":
            yield f"{line.name} hangs up", now(hang_up(lines, index))
            is_open = world.screen and not is_recall and not line.was & {"accepted", "refused"}
            if is_open and line.status == "asked":
                yield f"{line.name} presses 1", now(accept(lines, index))
            elif is_open:
                was = line.was
                yield f"{line.name} is a person", now(_judged(lines, index, was | {"accepted"}))
            if is_open:
                yield f"{line.name} turns out a machine", now(refuse(lines, index))
    if world.room_ends and lines.room:
        yield "the room ends by itself", now(end_room(lines))


def _judged(lines: Lines, index: int, was: frozenset[str]) -> Lines:
    line = lines.lines[index]._replace(was=was)
    return lines._replace(lines=(*lines.lines[:index], line, *lines.lines[index + 1 :]))


def _network(bounds: Bounds, node: Node) -> Iterator[Move]:
    lines, transfer = node.lines, node.transfer
    for job in lines.jobs:
        if job.result:
            yield f"{job.command} is told: {job.result}", _told(transfer, lines, job)
            continue
        if not may_run(lines, job):
            continue
        done = take_effect(lines, job)
        yield f"{job.command} takes effect", Node(transfer, done)
        if len(lines.troubles) < bounds.faults:
            failed = trouble(lines, job, "unavailable")
            yield f"{job.command} fails", _told(transfer, failed, _job(failed, job.key))
            if _job(done, job.key).result == "ok":
                lost = trouble(done, _job(done, job.key), "unavailable")
                yield f"{job.command} takes effect unknown", Node(transfer, lost)
            if job.command in ("DialTarget", "RecallAgent"):
                no = trouble(lines, job, "refused")
                yield f"{job.command} is refused", _told(transfer, no, _job(no, job.key))


def _job(lines: Lines, key: str) -> Job:
    return next(job for job in lines.jobs if job.key == key)


def _told(transfer: Transfer, lines: Lines, job: Job, at: float = AT) -> Node:
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

_TABLES = {table.kind: table for table in (WARM, COLD, INBOUND)}


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


def _deadline(world: World, node: Node) -> Node:
    event = DeadlinePassed(at=AT, step=node.transfer.deadline_step)
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
    )


def _leg(leg: Leg) -> tuple[Any, ...]:
    return (
        leg.presence,
        leg.held,
        leg.is_hold_doubtful,
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
    )
    return hash(whole)


def _told_by(job: Job) -> Any:
    if job.reading is None:
        return None
    legs = job.reading.legs
    return job.reading.is_live, tuple((leg.call_sid, leg.status, leg.held) for leg in legs)


# --- the search ----------------------------------------------------------------------------------


class Search:
    """Breadth first, so that the first broken claim comes with a shortest story."""

    def __init__(self, world: World, bounds: Bounds) -> None:
        self.world, self.bounds = world, bounds
        self.parents, self.taken = array("q"), array("h")
        self.seen: dict[int, None] = {}
        self.ending: dict[str, set[tuple[int, int]]] = {mood: set() for mood in _TRIES}
        self.figures = Figures(world.name)
        self._ends: set[str] = set()
        self._visited: set[str] = set()

    def run(self) -> Figures:
        """Explore to the depth, or until nothing new is found."""
        began = time.perf_counter()
        root = self.world.begin()
        self.seen[identity(root)] = None
        self._note(-1, -1)
        level = [(0, root)]
        for depth in range(self.bounds.depth + 1):
            if not level:
                self.figures.is_whole = True
                break
            self.figures.depth = depth
            level = self._expand(level)
        self.figures.states = len(self.seen)
        self.figures.ends = tuple(sorted(self._ends))
        self.figures.visited = tuple(sorted(self._visited))
        self.figures.seconds = time.perf_counter() - began
        return self.figures

    def _note(self, parent: int, move: int) -> int:
        self.parents.append(parent)
        self.taken.append(move)
        return len(self.parents) - 1

    def _expand(self, level: list[tuple[int, Node]]) -> list[tuple[int, Node]]:
        found: list[tuple[int, Node]] = []
        for number, node in level:
            self._visited.add(node.transfer.state)
            try:
                nexts = self._look_at(number, node)
            except Exception as error:
                raise self._story(number, None, error) from error
            for move, (_, after) in enumerate(nexts):
                self.figures.moves += 1
                key = identity(after)
                if key in self.seen:
                    continue
                self.seen[key] = None
                fresh = self._note(number, move)
                try:
                    if not is_over(after.transfer):
                        check(after.transfer)
                    at_step(node.transfer, after.transfer, after.lines)
                except Exception as error:
                    raise self._story(fresh, after, error) from error
                found.append((fresh, after))
        return found

    def _look_at(self, number: int, node: Node) -> list[Move]:
        nexts, is_informed = moves(self.world, self.bounds, node)
        if is_over(node.transfer):
            self._ends.add(f"{node.transfer.state}: {node.transfer.reason}")
            self._stays_over(node)
            if not node.lines.jobs:
                at_rest(node.transfer, node.lines)
                return []
        elif is_informed and not node.lines.jobs:
            informed(node.transfer, node.lines)
        if self.world.table.kind is not Kind.INBOUND and number % self.bounds.sample == 0:
            for mood in _TRIES:
                self._ends_by_itself(node, mood)
        return nexts

    def _stays_over(self, node: Node) -> None:
        """S13: nothing re-opens an end."""
        events = [fact for _, fact in facts(node.lines, AT)]
        events += [request(at=AT) for request in REQUESTS.values()]
        for event in events:
            stepped = step(self.world.table, node.transfer, event)
            same = (stepped.transfer.state, stepped.transfer.reason)
            if same != (node.transfer.state, node.transfer.reason) or stepped.commands:
                raise BrokenClaimError(f"S13: {event.kind} re-opened an end")

    def _ends_by_itself(self, node: Node, mood: str) -> None:
        """L1: outcomes and deadlines alone lead to an end, whatever the network's mood."""
        known, path, tries = self.ending[mood], [], 0
        while not (is_over(node.transfer) and not node.transfer.pending):
            key = (identity(node), tries)
            if key in known:
                break
            if len(path) > STEPS_TO_END_MAX:
                story = ladder(node.transfer.journal[-12:], AT)
                raise BrokenClaimError(
                    f"L1: no end after {len(path)} outcomes ({mood}) and deadlines\n{story}"
                )
            path.append(key)
            node, tries = self._alone(node, mood, tries)
        known.update(path)

    def _alone(self, node: Node, mood: str, tries: int) -> tuple[Node, int]:
        """One step without people: the oldest outcome, or the deadline when its time has come."""
        is_end = is_over(node.transfer)
        if tries >= _TRIES[mood] and not is_end:
            return _deadline(self.world, node), 0
        job = next((job for job in node.lines.jobs if may_run(node.lines, job)), None)
        if job is None:
            if is_end:
                raise BrokenClaimError("an end waits for a command that is not under way")
            return _deadline(self.world, node), 0
        lines = node.lines
        if not job.result:
            is_fine = mood == "fine"
            lines = take_effect(lines, job) if is_fine else trouble(lines, job, "unavailable")
        after = _told(node.transfer, lines, _job(lines, job.key), LATER)
        is_same = after.transfer.state is node.transfer.state
        return after, tries + 1 if is_same and not is_end and mood != "fine" else 0

    def _story(self, number: int, last: Node | None, error: Exception) -> AssertionError:
        """Play the way to state `number` again, with the journal, for a person to read."""
        way = []
        while self.parents[number] >= 0:
            way.append(self.taken[number])
            number = self.parents[number]
        node, told = self.world.begin(), [f"  {name}" for name in self.world.played]
        for move in reversed(way):
            name, node = moves(self.world, self.bounds, node)[0][move]
            told.append(f"  {name}")
        journal = ladder(node.transfer.journal, AT)
        lines = "\n".join(f"  {line}" for line in node.lines.lines)
        jobs = ", ".join(
            f"{job.command}{'=' + job.result if job.result else ''}" for job in node.lines.jobs
        )
        return AssertionError(
            f"{self.world.name}: {error}\n"
            + "\n".join(told)
            + f"\n{journal}\nlines:\n{lines}\nunder way: {jobs or 'nothing'}"
            + f"\ntroubles: {node.lines.troubles}, reason: {node.transfer.reason}"
        )


# --- what is explored ----------------------------------------------------------------------------


def _done(*commands: str) -> tuple[str, ...]:
    """The moves by which each command succeeds."""
    return tuple(
        move
        for command in commands
        for move in (f"{command} takes effect", f"{command} is told: ok")
    )


_RINGING = _done("SecureCaller", "DialTarget")
_CONSULT = (*_RINGING, "t1 answers", "reported: t1 answered")
_THREE = (*_CONSULT, "the agent asks: join", *_done("ResumeCaller"))
_SWAPPED = (*_CONSULT, "the agent asks: swap", *_done("HoldTarget", "ResumeCaller"))
_LEFT_RINGING = (*_RINGING, "the agent asks: complete", *_done("LetAgentGo"))
_ALONE = (*_LEFT_RINGING, "t1 is busy", "reported: t1 ended")
_SETTLING = (*_THREE, "the agent asks: complete", *_done("RemoveAgent"))

ON_DIAL, ON_RINGING = ReleaseAgent.ON_DIAL, ReleaseAgent.ON_RINGING

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
    World("warm, alone", WARM, played=_ALONE),
    World("warm, settling", WARM, targets=2, room_ends=True, played=_SETTLING),
    World("cold on_answer", COLD, targets=2),
    World("cold on_ringing", COLD, targets=2, release=ON_RINGING, rings_told=True),
    World("cold on_dial", COLD, targets=2, release=ON_DIAL),
    World("cold on_dial, press 1", COLD, release=ON_DIAL, screen="press"),
    World("cold, the room ends", COLD, room_ends=True),
    World("cold, ringing", COLD, targets=2, screen="machine", played=_RINGING),
    World("cold, answered", COLD, played=_CONSULT),
    World("inbound, two agents", INBOUND, targets=2, room_ends=True),
)


def _quickly(value: Any, **changes: Any) -> Any:
    """What `dataclasses.replace` does to the machine's values, in a tenth of the time: none of
    their classes does anything in its constructor."""
    new = object.__new__(type(value))
    new.__dict__.update(value.__dict__)
    new.__dict__.update(changes)
    return new


def explore(name: str, bounds: Bounds) -> Figures:
    """Explore the world called `name`. For a process of its own: it exchanges `replace`."""
    for module in (classify, model, stepping):
        vars(module)["replace"] = _quickly
    world = next(each for each in WORLDS if each.name == name)
    return Search(world, bounds).run()


def main(argv: list[str]) -> int:
    """The command: explore what is named, print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.machine.explore")
    parser.add_argument("names", nargs="*", help="beginnings of worlds; all if none is given")
    parser.add_argument("--depth", type=int, default=12)
    parser.add_argument("--faults", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--sample", type=int, default=1)
    given = parser.parse_args(argv)
    bounds = Bounds(given.depth, given.faults, given.jobs, given.sample)
    names = [
        world.name
        for world in WORLDS
        if not given.names or world.name.startswith(tuple(given.names))
    ]
    broken = 0
    total = Figures("all of it", depth=given.depth)
    with ProcessPoolExecutor(given.processes) as pool:
        for done in [pool.submit(explore, name, bounds) for name in names]:
            try:
                figures = done.result()
            except AssertionError as error:
                broken += 1
                print(error, end="\n\n")  # noqa: T201
                continue
            print(figures, flush=True)  # noqa: T201
            total.states += figures.states
            total.moves += figures.moves
            total.seconds += figures.seconds
    print(total)  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
