"""Plays a story and answers what was seen, and which invariants broke."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, field
from typing import Any

from tests.matrix.scene import Scene
from tests.matrix.story import Seen, Story
from tests.simulation.checker import Checker
from tests.simulation.clock import NothingLeftError, VirtualLoop, virtual_time
from tests.simulation.play import _leave
from tests.simulation.stage import Stage


@dataclass
class Played:
    """What came of a story."""

    story: Story
    seen: Seen = field(default_factory=Seen)
    broken: list[str] = field(default_factory=list)
    """Invariants that did not hold, each with where."""

    @property
    def state(self) -> str:
        return str(self.seen.view.get("state", ""))

    @property
    def reason(self) -> str:
        return str(self.seen.view.get("reason", ""))

    @property
    def course(self) -> list[str]:
        """The states in their order, each told once."""
        states = self.seen.states
        return [each for i, each in enumerate(states) if i == 0 or states[i - 1] != each]

    def story_so_far(self) -> str:
        """The story and its ladder, for whoever has to find out what went wrong."""
        lines = (*self.story.lines(), "", *self.seen.ladder, "", *self.broken)
        return "\n".join(lines)


def play(story: Story) -> Played:
    """One story, from the caller's dial to an empty network."""
    played = Played(story)
    loop = VirtualLoop()
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        with virtual_time(loop, story.seed):
            loop.run_until_complete(_play(story, played))
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(1.0))
            _leave(loop)
    finally:
        if was_collecting:
            gc.enable()
    return played


async def _play(story: Story, played: Played) -> None:
    stage = Stage(story.mode, story.seed, dict(story.switches))
    checker: Any = Checker(stage, story.for_checker())
    scene = Scene(stage, story, checker)
    played.seen = scene.seen
    try:
        await scene.perform()
    except NothingLeftError:
        checker.broken("L2", "somebody waits for what never comes")
    checker.finish()
    loop: Any = asyncio.get_running_loop()
    for error in (*stage.server.faults, *loop.failures):
        name = "S26" if type(error).__name__ == "NonDeterministicError" else "engine"
        checker.broken(name, f"{type(error).__name__}: {error}")
    for text in stage.edge.failures:
        checker.broken("edge", text)
    played.broken = [f"{each.name}: {each.text}" for each in checker.violations]
    for runs in stage.server.runs.values():
        for run in runs:
            stage.server.evict(run)
