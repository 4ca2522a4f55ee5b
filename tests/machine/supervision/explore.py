"""Every order of supervisors' requests, agents' comings and goings, holds, and single requests.

    python -m tests.machine.supervision.explore --depth 9

What is claimed is checked after every move and in every room on the way of a request whose fields
may take effect in any order. States that differ only in times, keys and journal count as one.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field, replace
from typing import Any

from tests.machine.supervision.claims import (
    BrokenClaimError,
    apart_without_a_look,
    at_rest,
    at_step,
)
from tests.machine.supervision.moves import asked_and_settled, by_itself, listening, moves
from tests.machine.supervision.worlds import Move, Rig, World, hear
from workflows.machine.events import DeadlinePassed
from workflows.machine.supervision.model import Consult, State

SETTLE_EVERY = 10
"""Coming to rest is tried from every tenth state; it takes as long as twenty moves."""
SETTLE_MAX = 60
"""Requests and facts until nothing is under way, from anywhere."""


@dataclass
class Figures:
    """What came of one exploration."""

    depth: int
    states: int = 0
    moves: int = 0
    rooms: int = 0
    seconds: float = 0.0
    visited: set[State] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.states} states, {self.moves} moves, {self.rooms} rooms checked, "
            f"depth {self.depth}, {self.seconds:.1f} s"
        )


def identity(world: World) -> Any:
    """What tells two moments apart, without times, keys and journal."""
    value = world.value
    people = tuple(
        (
            each.label,
            each.state,
            each.mode,
            each.coached,
            each.call_sid,
            each.heard_by_all,
            each.heard_by_agent,
            each.takes_over,
            each.is_asked,
            each.refusals,
        )
        for each in value.supervisors
    )
    jobs = tuple(
        (
            job.command.name,
            job.command.label,
            job.agent,
            job.coached,
            job.change,
            job.is_begun,
            tuple(
                int(job.command.key.split("/")[1]) >= each.heard_step for each in value.supervisors
            ),
            int(job.command.key.split("/")[1]) >= value.told_step,
        )
        for job in world.jobs
    )
    facts = frozenset((fact.kind, fact.call_sid) for fact in world.facts)
    known = (value.agent, value.is_consulting, value.is_told, value.has_ended, value.taken)
    known = (*known, value.is_unread)
    rest = (world.permitted, world.removal, world.faults, world.told, world.leak)
    rest = (*rest, world.words, world.is_private)
    return people, jobs, facts, known, world.room, rest


def explore(rig: Rig, depth: int, first: World | None = None) -> Figures:
    """Breadth first, so that a broken claim is told by a shortest path. Raises the claim's error
    with that path."""
    figures, began = Figures(depth), time.monotonic()
    first = first or listening(rig)
    seen = {identity(first)}
    layer: list[tuple[World, tuple[str, ...]]] = [(first, ())]
    for _ in range(depth):
        following = []
        for world, path in layer:
            for move in moves(world, rig):
                figures.moves += 1
                walked = (*path, move.what)
                figures.rooms += _checked(world, move, walked)
                mark = identity(move.to)
                if mark in seen:
                    continue
                seen.add(mark)
                figures.visited |= {each.state for each in move.to.value.supervisors}
                if len(seen) % SETTLE_EVERY == 0:
                    _settled(move.to, rig, walked)
                following.append((move.to, walked))
        layer = following
    figures.states, figures.seconds = len(seen), time.monotonic() - began
    return figures


def _checked(world: World, move: Move, path: tuple[str, ...]) -> int:
    try:
        return at_step(world, move)
    except BrokenClaimError as error:
        raise BrokenClaimError(f"{error}\n  after " + "\n        ".join(path)) from None


def _settled(world: World, rig: Rig, path: tuple[str, ...]) -> None:
    """Nobody does anything more: facts come, requests succeed, the room is read once more."""
    calm = replace(world, faults=0)
    if rig.is_told:
        calm = _quiet(calm, rig, path)
        _claimed(calm, path, has_looked=False)
    for _ in range(2):
        calm = _quiet(calm, rig, path)
        if calm.value.deadline_at is not None:
            calm = hear(calm, DeadlinePassed(at=_poll_at(calm)))
    _claimed(_quiet(calm, rig, path), path, has_looked=True)


def _claimed(calm: World, path: tuple[str, ...], has_looked: bool) -> None:
    try:
        at_rest(calm) if has_looked else apart_without_a_look(calm)
    except BrokenClaimError as error:
        raise BrokenClaimError(f"{error}\n  at rest after " + "\n        ".join(path)) from None


def _poll_at(world: World) -> float:
    """Late enough for everybody's next look, too early for a phone to have rung enough."""
    due = [each.deadline_at for each in world.value.live if each.deadline_at is not None]
    ringing = [each for each in world.value.live if each.state is State.DIALING]
    return max(due) if due and not ringing else min(due)


def _quiet(world: World, rig: Rig, path: tuple[str, ...]) -> World:
    rig = replace(rig, faults=0)
    for _ in range(SETTLE_MAX):
        ours = next(by_itself(world, rig), None)
        if ours is None:
            return world
        _checked(world, ours, path)
        world = ours.to
    raise BrokenClaimError("nothing comes to rest\n  after " + "\n        ".join(path))


STARTS = ("monitor", "whisper", "barge")
"""What the first supervisor does when an exploration begins."""
RIGS: dict[str, Rig] = {
    "one supervisor, worst coach": Rig(),
    "one supervisor, coach stays": Rig(then="stays_coaching"),
    "one supervisor, coach is muted": Rig(then="becomes_muted"),
    "one supervisor, apart in a consult": Rig(consult=Consult.STAYS),
    "one supervisor, told of the consult": Rig(
        consult=Consult.STAYS, is_told=True, verbs=("whisper", "barge", "leave")
    ),
    "two supervisors": Rig(supervisors=2, faults=0, verbs=("monitor", "whisper", "take_over")),
}


def main(argv: list[str]) -> int:
    """Explore every world as deep as was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=6)
    depth = parser.parse_args(argv).depth
    for name, rig in RIGS.items():
        for verb in STARTS:
            figures = explore(rig, depth, asked_and_settled(rig, verb))
            sys.stdout.write(f"{name}, {verb}: {figures}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
