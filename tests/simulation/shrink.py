"""Makes a failing story smaller: whatever can be left out while it still fails is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.play import Outcome, Story, play

PLAYS_MAX = 120
"""How many attempts are made; each costs some 50 ms."""


def shrunk(outcome: Outcome, again: Callable[[Story], Outcome] = play) -> Outcome:
    """The smallest story found that breaks the same invariant first."""
    name = outcome.violations[0].name
    best, plays = outcome, 0
    found = True
    while found:
        found = False
        for smaller in _smaller(best.story):
            plays += 1
            if plays > PLAYS_MAX:
                return best
            tried = again(smaller)
            if any(violation.name == name for violation in tried.violations):
                best, found = tried, True
                break
    return best


def _smaller(story: Story) -> Iterator[Story]:
    """Each story with one thing less."""
    for number in range(len(story.faults)):
        yield replace(story, faults=_without(story.faults, number))
    for number in range(len(story.acts)):
        yield replace(story, acts=_without(story.acts, number))
    for number in range(len(story.switches)):
        yield replace(story, switches=_without(story.switches, number))
    for number, act in enumerate(story.acts):
        if act.times > 1:
            once = (*story.acts[:number], replace(act, times=1), *story.acts[number + 1 :])
            yield replace(story, acts=once)


def _without(items: tuple, number: int) -> tuple:  # type: ignore[type-arg]
    return items[:number] + items[number + 1 :]
