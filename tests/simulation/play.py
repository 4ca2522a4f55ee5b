"""Plays one story: `play(story) -> Outcome`, or `play(scenario, faults=[…], acts=[…], seed=…)`.

A story is a value. The same story gives the same history to the last byte, so whatever it shows
can be looked at again, and taken apart until only what matters is left.

Two phases: while the story lasts, anything may go wrong, and nothing forbidden may happen. Then
faults stop, and everything must end, clean, within bounded virtual time.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.core.phones import Behavior
from tests.simulation.checker import Checker, Violation
from tests.simulation.clock import NothingLeftError, VirtualLoop, virtual_time
from tests.simulation.director import Director
from tests.simulation.faults import Act, Fault
from tests.simulation.stage import Mode, Stage

Mutant = Callable[[], Any]
"""Makes a context manager within which the engine has a bug."""


@dataclass(frozen=True)
class Story:
    """Everything that a history depends on."""

    scenario: str
    kind: str
    targets: tuple[tuple[str, dict[str, Any]], ...]
    """Who may take the call, in order, each with what the start says of them."""
    mode: Mode = "direct"
    phones: tuple[tuple[str, tuple[Behavior, ...]], ...] = ()
    policy: tuple[tuple[str, Any], ...] = ()
    acts: tuple[Act, ...] = ()
    faults: tuple[Fault, ...] = ()
    switches: tuple[tuple[str, Any], ...] = ()
    seed: int = 0
    has_transfer: bool = True
    talk_seconds: float = 0.0
    """How long the call goes on before the transfer, or, where there is none, altogether: time for
    holds and supervisors."""
    is_eager: bool = False
    """Whether the agent transfers in the very moment of picking up."""
    recording: str = "none"
    """`HANDOVER_RECORDING`: what of the call is recorded."""
    has_guardian: bool = True
    """Whether the guardian is at work."""
    lists_by_sdk: bool = False
    """Whether the guardian's lists, too, go through Twilio's SDK (`lists.py`)."""
    weather: str = ""
    """What befalls every callback from the start of the transfer on: a word of `wire.WEATHER`."""
    lasts: bool = False
    """Whether a fault lasts as long as it says. Else all are over when the transfer has ended, and
    after `director.TROUBLE_SECONDS`."""
    elsewhere: tuple[str, ...] | None = None
    """The call was set up by another application; these people end its room by leaving."""

    def lines(self) -> list[str]:
        """The story in words."""
        targets = ", ".join(f"{who} {options}" if options else who for who, options in self.targets)
        found = [f"{self.scenario}: {self.kind} to {targets} ({self.mode}), seed {self.seed}"]
        found += [f"  {name} = {value}" for name, value in (*self.policy, *self.switches)]
        for who, behaviors in self.phones:
            words = "; ".join(_behaves(each) for each in behaviors)
            found.append(f"  {who}'s phone: {words}")
        found += [f"  {act}" for act in self.acts]
        found += [f"  FAULT {fault}" for fault in self.faults]
        found += ["  what goes wrong lasts as long as it says"] * self.lasts
        return found


@dataclass
class Outcome:
    """What came of a story."""

    story: Story
    violations: list[Violation] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    """Each transfer's last view, as JSON."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """The REST requests that reached Twilio, in order: operation, and what was asked for."""
    asked: dict[str, list[str]] = field(default_factory=dict)
    """What each leg was asked to do during the transfer, by the address of its phone."""
    talked: set[str] = field(default_factory=set)
    """Who ever talked with whom, by the addresses of their phones."""
    goals: dict[str, int] = field(default_factory=dict)
    ladder: list[str] = field(default_factory=list)
    looks: int = 0
    """How often the guardian looked."""
    steps: int = 0
    turns: int = 0
    replays: int = 0
    virtual_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not self.violations

    @property
    def state(self) -> str:
        """How the last transfer ended."""
        return str(self.views[-1]["state"]) if self.views else "no transfer"

    @property
    def reason(self) -> str:
        return str(self.views[-1]["reason"]) if self.views else ""


def play(
    scenario: Story | str,
    faults: Sequence[Fault] | None = None,
    acts: Sequence[Act] | None = None,
    seed: int | None = None,
    with_ladder: bool = False,
) -> Outcome:
    """One history. `faults` and `acts` stand in for those of the story, if they are given."""
    if isinstance(scenario, str):
        from tests.simulation.scenarios import plain

        scenario = plain(scenario)
    story = replace(
        scenario,
        faults=scenario.faults if faults is None else tuple(faults),
        acts=scenario.acts if acts is None else tuple(acts),
        seed=scenario.seed if seed is None else seed,
    )
    outcome = Outcome(story)
    began = time.perf_counter()
    loop = VirtualLoop()
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        with virtual_time(loop, story.seed):
            loop.run_until_complete(_play(story, outcome, with_ladder))
            _leave(loop)
    finally:
        if was_collecting:
            gc.enable()
    outcome.seconds = time.perf_counter() - began
    return outcome


async def _play(story: Story, outcome: Outcome, with_ladder: bool) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    stage = Stage(story.mode, story.seed, dict(story.switches), story.recording)
    checker = Checker(stage, story)
    director = Director(stage, story, checker, with_ladder)
    try:
        await director.perform()
    except NothingLeftError:
        checker.broken("L2", "somebody waits for what never comes")
    checker.finish()
    for error in (*stage.server.faults, *loop.failures):  # type: ignore[attr-defined]
        name = "S26" if type(error).__name__ == "NonDeterministicError" else "engine"
        checker.broken(name, f"{type(error).__name__}: {error}")
    for text in stage.edge.failures:
        checker.broken("edge", text)
    outcome.violations = checker.violations
    outcome.views = checker.last_views()
    outcome.requests = checker.requests()
    outcome.asked = checker.asked_of_legs()
    outcome.talked = checker.truth.who_talked()
    outcome.goals = director.goals.seen
    outcome.ladder = director.ladder
    outcome.looks = director.looks
    outcome.steps = checker.steps
    outcome.turns = sum(len(r.history.turns) for runs in stage.server.runs.values() for r in runs)
    outcome.replays = stage.server.replays
    outcome.virtual_seconds = loop.time() - began
    for runs in stage.server.runs.values():
        for run in runs:
            stage.server.evict(run)


def _leave(loop: VirtualLoop) -> None:
    """End what still runs, so that nothing of this history reaches into the next one."""
    for task in loop.unfinished():
        task.cancel()
    with suppress(NothingLeftError, asyncio.CancelledError):
        loop.run_until_complete(asyncio.sleep(0))
    loop.forget()
    loop.close()


def _behaves(each: Behavior) -> str:
    default = Behavior()
    changed = {
        name: value
        for name, value in each.as_dict().items()
        if name != "kind" and value != getattr(default, name)
    }
    return each.kind + (f" {changed}" if changed else "")
