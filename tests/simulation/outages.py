"""`make outages`: something is away for long, and meanwhile somebody acts.

    python -m tests.simulation.outages                        all of them: an hour or two
    python -m tests.simulation.outages --flow X --sample 500  some of one flow
    python -m tests.simulation.outages --outage X-1204        one, with its ladder

An outage is a quiet story in which Twilio, its callbacks, the worker, the api or Temporal is away
from one moment of it on, for longer than a request is tried, than a phone rings, or than anybody
waits; and nobody acts meanwhile, or somebody does, at its beginning or in its middle. It lasts as
long as it says, also when the transfer is over. What must hold is what must hold in every history.
Exit codes: 0 all outages that were played are good.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from tests.simulation import pairs
from tests.simulation.faults import Act, Entered, Fault, Moment
from tests.simulation.pairs import moments
from tests.simulation.play import Story, play
from tests.simulation.scenarios import plain
from tests.simulation.simulate import be_quiet, with_fixed_hashes
from tests.simulation.suite import Suite

MODULE = "tests.simulation.outages"
SECONDS = (9.0, 25.0, 45.0, 90.0, 160.0)
"""One request is tried for 10 to 30 s, a phone rings for 12, a consult ends after 60."""
DEAF_SECONDS = 3.0
GONE: tuple[tuple[str, ...], ...] = (
    ("twilio_down",),
    ("cut_off",),
    ("twilio_down", "cut_off"),
    ("twilio_down", "deaf"),
    ("worker_crash",),
    ("api_crash",),
    ("server_crash",),
)
"""What is away together. `deaf`: callbacks are lost only in the first seconds."""
HANGS_UP = (("caller", "hang_up"), ("agent", "hang_up"), ("target", "hang_up"))
TRANSFERS = (("agent", "cancel"), ("agent", "complete"), ("operator", "terminate"))
MIDDLE = 0.6
"""Part of the outage after which the second of the two moments comes in which people act."""


@dataclass(frozen=True)
class Flow:
    """One quiet story, and what people may do in it."""

    about: str
    story: Story
    deeds: tuple[tuple[str, ...], ...]
    is_set_up: bool = False
    """Whether the outage begins before caller and agent talk, and not after it."""


def _flows() -> dict[str, Flow]:
    told = {letter: replace(story, lasts=True) for letter, (_, story) in pairs.FLOWS.items()}
    complete = Act(Entered("consulting", plus=3.0), "agent", "complete")
    screened, other = plain("screened", lasts=True), plain("elsewhere", lasts=True)
    set_up, in_talk = HANGS_UP[:2], (*HANGS_UP, *TRANSFERS)
    returns = (*HANGS_UP[:2], ("agent", "resume"), ("agent", "start"))
    leaves = (*HANGS_UP[:2], ("supervisor", "leave"), ("supervisor", "take_over"))
    return {
        "I": Flow("call is set up", plain("warm", lasts=True), set_up, is_set_up=True),
        "T": Flow("call is set up by TaskRouter", plain("queue", lasts=True), set_up, True),
        "C": Flow("cold transfer", told["C"], in_talk),
        "W": Flow("warm transfer", told["W"], in_talk),
        "P": Flow("warm, screened", replace(screened, kind="warm", acts=(complete,)), in_talk),
        "X": Flow("warm, call of another application's",
                  replace(other, kind="warm", acts=(complete,)), in_talk),
        "Q": Flow("warm to a queue", told["Q"], in_talk),
        "H": Flow("hold", told["H"], returns),
        "S": Flow("supervision", told["S"], leaves),
    }  # fmt: skip


FLOWS = _flows()


@dataclass(frozen=True)
class Outage:
    """One outage, by its number in its flow."""

    flow: str
    number: int
    at: Moment
    gone: tuple[str, ...]
    seconds: float
    deed: tuple[str, ...]
    """Who does what meanwhile; nobody if empty."""
    after: float
    """How long after the outage's beginning, as part of it if below 1, else in seconds."""

    def __str__(self) -> str:
        return f"{self.flow}-{self.number}"

    @property
    def story(self) -> Story:
        story = FLOWS[self.flow].story
        faults = tuple(
            Fault(self.at, "cut_off", DEAF_SECONDS)
            if each == "deaf"
            else Fault(self.at, each, self.seconds)
            for each in self.gone
        )
        acts = story.acts
        if self.deed:
            later = self.after if self.after >= 1 else self.after * self.seconds
            acts = (*acts, Act(replace(self.at, plus=later), *self.deed))  # type: ignore[arg-type]
        return replace(story, faults=faults, acts=acts)


@cache
def outages(flow: str) -> list[Outage]:
    """All of them."""
    be_quiet()
    given = FLOWS[flow]
    quiet = play(replace(given.story, lasts=False), with_ladder=True)
    begins = moments(quiet, of_set_up=given.is_set_up)
    deeds = [((), 1.0), *product(given.deeds, (1.0, MIDDLE))]
    every = product(begins, GONE, SECONDS, deeds)
    return [
        Outage(flow, number, at, gone, seconds, deed, after)
        for number, (at, gone, seconds, (deed, after)) in enumerate(every)
    ]


SUITE = Suite(
    "outage",
    "Something is away for long, and somebody acts meanwhile.",
    {letter: flow.about for letter, flow in FLOWS.items()},
    outages,
)

if __name__ == "__main__":
    with_fixed_hashes(MODULE)
    sys.exit(SUITE.main())
