"""`make races`: every two people who act in one moment.

    python -m tests.simulation.races                        all of them: some minutes
    python -m tests.simulation.races --flow V --sample 500  some of one flow
    python -m tests.simulation.races --race V-1204          one, with its ladder

A race is a quiet story in which two people do something at the same moment of it, or some
hundredths of a second apart: the agent's buttons, a phone that is put down, an operator, a
supervisor. Nothing else goes wrong. What must hold is what must hold in every history. Exit codes:
0 all races that were run are good.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from itertools import product

from simulator.core.phones import Behavior
from tests.simulation.faults import Act, After, Entered
from tests.simulation.play import Story
from tests.simulation.scenarios import answers, plain
from tests.simulation.simulate import with_fixed_hashes
from tests.simulation.suite import Suite

MODULE = "tests.simulation.races"
APART_SECONDS = (0.0, 0.04, 0.09, 0.15, 0.22, 0.3, 0.42)
"""How long the second waits after the first: a request to Twilio takes a tenth of a second."""
BEFORE_SECONDS = 1.0
"""How long nothing happens before the first."""
AGENT = ("complete", "cancel", "swap", "join", "drop-target", "hold", "resume", "start", "hang_up")
DEEDS: tuple[tuple[str, ...], ...] = (
    *(("agent", verb) for verb in AGENT),
    ("target", "hang_up"),
    ("caller", "hang_up"),
    ("operator", "operator_cancel"),
    ("operator", "terminate"),
    ("supervisor", "supervise", "whisper"),
    ("supervisor", "supervise", "barge"),
    ("supervisor", "take_over"),
    ("supervisor", "leave"),
)
"""Who does what."""
CONSULT = ("dialing", "consulting", "revisiting", "conferring")


def _warm(scenario: str = "warm") -> Story:
    """The target picks up soon; the agent looks back at the caller, or lets all three talk."""
    story = plain(scenario)
    kept = tuple(each for each in story.phones if each[0] != "target")
    phones = (*kept, ("target", (Behavior("answer", 0.3),)), ("supervisor", (answers(0.4),)))
    return replace(story, kind="warm", acts=(), phones=phones)


def _flows() -> dict[str, tuple[str, tuple[str, ...], Story]]:
    listens = Act(After(0.2), "supervisor", "supervise", "whisper")
    hold = Act(After(0.1), "agent", "hold")
    leaves = (*dict(_warm().policy).items(), ("release_agent", "on_dial"))
    return {
        "W": ("warm transfer", CONSULT, _warm()),
        "V": ("warm, supervised", CONSULT, replace(_warm(), acts=(listens,), talk_seconds=3.0)),
        "Q": ("warm to a worker", CONSULT, _warm("worker")),
        "C": ("cold, agent leaves on dial", ("dialing", "awaiting"),
              replace(_warm(), kind="cold", policy=leaves)),
        "H": ("hold", ("held",), replace(_warm(), acts=(hold,), talk_seconds=6.0)),
    }  # fmt: skip


FLOWS = _flows()
"""Letter -> what it is, the states in which people act, and its quiet story."""
ON_THE_WAY = {"revisiting": "swap", "conferring": "join"}
"""State -> what the agent does in the consult to come there."""
RINGS_SECONDS = {"dialing": 3.0, "awaiting": 3.0}
"""State -> when the target picks up, so that it lasts until both have acted."""


@dataclass(frozen=True)
class Race:
    """One race, by its number in its flow."""

    flow: str
    number: int
    state: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    apart: float

    def __str__(self) -> str:
        return f"{self.flow}-{self.number}"

    @property
    def story(self) -> Story:
        story = FLOWS[self.flow][2]
        acts = [
            Act(Entered(self.state, plus=BEFORE_SECONDS), *self.first),  # type: ignore[arg-type]
            Act(Entered(self.state, plus=BEFORE_SECONDS + self.apart), *self.second),  # type: ignore[arg-type]
        ]
        if verb := ON_THE_WAY.get(self.state):
            acts.insert(0, Act(Entered("consulting", plus=0.7), "agent", verb))  # type: ignore[arg-type]
        phones = story.phones
        if seconds := RINGS_SECONDS.get(self.state):
            rings = ("target", (Behavior("answer", seconds),))
            phones = tuple(rings if each[0] == "target" else each for each in phones)
        return replace(story, acts=(*story.acts, *acts), phones=phones)


def races(flow: str) -> list[Race]:
    """All of them."""
    every = product(FLOWS[flow][1], DEEDS, DEEDS, APART_SECONDS)
    return [Race(flow, number, *each) for number, each in enumerate(every)]


SUITE = Suite(
    "race",
    "Two people in one moment.",
    {letter: what for letter, (what, _, _) in FLOWS.items()},
    races,
)

if __name__ == "__main__":
    with_fixed_hashes(MODULE)
    sys.exit(SUITE.main())
