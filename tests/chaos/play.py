"""Plays one cell: a story, a fault at its step, and what the network says afterwards."""

from __future__ import annotations

import asyncio
import time
import traceback
from dataclasses import dataclass, field
from itertools import count
from random import Random

from tests.chaos.cells import Step
from tests.chaos.checker import Bounds, dishonest
from tests.chaos.faults import Fault
from tests.chaos.links import Moment, Trap
from tests.chaos.people import AGENT, BadDay
from tests.chaos.rig import Rig
from tests.e2e.scene import Pair
from tests.e2e.stories import worker_of

CATCH_SECONDS = 15.0
_callers = count(1)


@dataclass(frozen=True)
class Cell:
    """A step, a fault, and the moment of the step; `moment` is empty where the story waits."""

    step: Step
    fault: Fault
    moment: Moment | None

    @property
    def name(self) -> str:
        """How it is asked for: FM-W4-F01-applied."""
        return "-".join(filter(None, ("FM", self.step.id, self.fault.id, self.moment)))


@dataclass
class Played:
    """What came of a cell."""

    cell: str
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


async def play(rig: Rig, cell: Cell, chance: Random, bounds: Bounds) -> Played:
    """One cell on a rig that is whole, and is whole again afterwards."""
    played = Played(cell.name)
    number = next(_callers)
    day = BadDay(rig, f"+1555018{number:04d}", f"client:target-{number}")
    began = time.monotonic()
    try:
        await day.phones.behave(AGENT, "answer")
        await day.phones.behave(day.people["target"], "ring")
        await day.open()
        if cell.step.has_flag:
            await day.exit_flag_on("agent")
        await _strike_while_playing(rig, cell, day, chance)
        played.problems += await _ended_well(cell, day)
    except Exception as error:
        told = str(error) or "".join(traceback.format_exception(error))
        played.problems.append(f"{type(error).__name__}: {told}")
    try:
        await rig.heal()
        played.problems += await day.curtain(bounds)
        played.problems += await day.findings(bounds)
        if played.problems:
            await clear(day)
    except Exception as error:
        played.problems.append(f"afterwards {type(error).__name__}: {error}")
    played.seconds = time.monotonic() - began
    return played


async def _strike_while_playing(rig: Rig, cell: Cell, day: BadDay, chance: Random) -> None:
    strikes: list[asyncio.Task[None]] = []

    async def cue(name: str) -> None:
        if name == cell.step.id:
            victim = await worker_of(day) if day.transfer_id else rig.workers[0]
            strikes.append(asyncio.create_task(cell.fault.strike(rig, victim, chance)))
            await asyncio.sleep(0)

    async def strike_when_caught(trap: Trap) -> None:
        victim = await trap.caught
        struck = asyncio.create_task(cell.fault.strike(rig, victim, chance))
        # It begins before what was caught goes on into whatever it finds.
        await asyncio.sleep(0)
        trap.let_go()
        await struck

    if cell.step.match is None:
        await cell.step.story.play(day, cue)
    else:
        trap = Trap(cell.step.match, cell.moment or "asked", after=cell.step.after)
        with rig.trapped(trap):
            strikes.append(asyncio.create_task(strike_when_caught(trap)))
            await cell.step.story.play(day, cue)
            await asyncio.wait_for(trap.caught, CATCH_SECONDS)
    await asyncio.gather(*strikes)


async def clear(day: BadDay) -> None:
    """After a cell that failed: whoever has a call hangs up: the next starts clean."""
    for address in await day.phones.live_legs():
        await day.phones.hang_up(address)


async def _ended_well(cell: Cell, day: BadDay) -> list[str]:
    """Held against the ending that the story must have."""
    story, problems = cell.step.story, []
    view = await day.desk.read(day.transfer_id)
    if (view["state"], view["reason"]) != story.ends:
        problems.append(f"it ended as {view['state']} ({view['reason']})")
    who = {address: part for part, address in day.people.items()}
    pairs = await day.phones.pairs(day.conference_sid)
    together = {frozenset(who.get(each, each) for each in pair) for pair in pairs}
    if together != story.together:
        problems.append(f"at the end talk {[_shown(pair) for pair in together]}")
    evidence = (await day.day()).entries
    people = day.people["caller"], day.people["target"]
    return problems + dishonest(view, evidence, *people)


def _shown(pair: frozenset[str]) -> Pair:
    one, other = sorted(pair)
    return one, other
