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
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.machine.claims import BrokenClaimError, at_rest, at_step, informed
from tests.machine.switchboard import (
    facts,
    may_run,
    take_effect,
    trouble,
)
from tests.machine.worlds import (
    AT,
    WORLDS,
    Bounds,
    Move,
    Node,
    World,
    deadline,
    identity,
    job_of,
    moves,
    told,
)
from workflows.machine import classify, model, recordings
from workflows.machine import step as stepping
from workflows.machine.events import REQUESTS
from workflows.machine.invariants import check
from workflows.machine.journal import ladder
from workflows.machine.model import (
    Kind,
)
from workflows.machine.step import is_over, step

LATER = AT + 30.0
"""When nobody acts any more, readings are late enough to prove who has gone."""

_TRIES = {"fine": 8, "down": 3, "deaf": 0}
"""Moods of the network when people do nothing more -> outcomes in one state before its deadline
passes: every command succeeds; every command fails; no command's outcome is ever told in time.
Time stands still here, so a command that keeps finding what it may not change yet (a leg too young
for its absence from a list to prove anything) goes on until the deadline."""

STEPS_TO_END_MAX = 60
"""How many outcomes and deadlines may follow one another before an end, from anywhere."""


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
        for depth in range(self.bounds.depth - self.world.shallower + 1):
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
        # A transfer beside this workflow has an end of its own, and then it lives no more.
        lines = node.lines._replace(alive=node.lines.alive - {"transfer"})
        node = Node(node.transfer, lines)
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
            return deadline(self.world, node), 0
        job = next((job for job in node.lines.jobs if may_run(node.lines, job)), None)
        if job is None:
            if is_end:
                raise BrokenClaimError("an end waits for a command that is not under way")
            return deadline(self.world, node), 0
        lines = node.lines
        if not job.result:
            is_fine = mood == "fine"
            lines = take_effect(lines, job) if is_fine else trouble(lines, job, "unavailable")
        after = told(node.transfer, lines, job_of(lines, job.key), LATER)
        is_same = after.transfer.state is node.transfer.state
        return after, tries + 1 if is_same and not is_end else 0

    def _story(self, number: int, last: Node | None, error: Exception) -> AssertionError:
        """Play the way to state `number` again, with the journal, for a person to read."""
        way = []
        while self.parents[number] >= 0:
            way.append(self.taken[number])
            number = self.parents[number]
        node, story = self.world.begin(), [f"  {name}" for name in self.world.played]
        for move in reversed(way):
            name, node = moves(self.world, self.bounds, node)[0][move]
            story.append(f"  {name}")
        journal = ladder(node.transfer.journal, AT)
        lines = "\n".join(f"  {line}" for line in node.lines.lines)
        jobs = ", ".join(
            f"{job.command}{'=' + job.result if job.result else ''}" for job in node.lines.jobs
        )
        return AssertionError(
            f"{self.world.name}: {error}\n"
            + "\n".join(story)
            + f"\n{journal}\nlines:\n{lines}\nunder way: {jobs or 'nothing'}"
            + f"\ntroubles: {node.lines.troubles}, reason: {node.transfer.reason}"
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
    for module in (classify, model, recordings, stepping):
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
