"""The cells: at which step of which story a fault strikes, and how the story has to end.

A step is a request on its way to Twilio, caught by a trap, or a moment of the story, named by a
cue. Steps carry the names of the fault matrix: C cold, W warm, with WX for giving back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.chaos.links import Match, Moment
from tests.chaos.people import BadDay

RING_SECONDS = 12.0
"""Longer than any fault lasts, and short: an answer that nobody was told of is found out ten
seconds after it."""
HOLD = (("Hold", "true"),)
UNHOLD = (("Hold", "false"),)
FLAG_OFF = (("EndConferenceOnExit", "false"),)
ENDED = (("Status", "completed"),)
ONE = r"/Participants/CA[0-9a-f]+\.json"
ALL = r"/Participants\.json"
A_CALL = r"/Calls/CA[0-9a-f]+\.json"

Cue = Callable[[str], Awaitable[None]]
"""A story tells by it where it is; the fault of the cell strikes there."""
Play = Callable[[BadDay, Cue], Awaitable[None]]


@dataclass(frozen=True)
class Story:
    """What people do, and how it has to end whatever is done to the processes meanwhile."""

    play: Play
    ends: tuple[str, str]
    together: frozenset[frozenset[str]]
    """Who talks with whom at the end, by their part."""


@dataclass(frozen=True)
class Step:
    """Where a fault strikes. Without `match`, at the cue of the step's name."""

    id: str
    story: Story
    title: str
    match: Match | None = None
    after: Match | None = None
    moments: tuple[Moment, ...] = field(default=("asked", "applied", "answered"))
    has_flag: bool = False
    """The agent's exit flag is on beforehand."""


async def warm(day: BadDay, cue: Cue) -> None:
    """The agent consults the target and completes."""
    await cue("W0")
    await day.transfer("warm", "target", ring_seconds=RING_SECONDS)
    await day.rings("target")
    await cue("W5")
    await day.answers("target")
    await day.until("consulting")
    await day.phones.hears(day.people["agent"], day.people["target"])
    await cue("W6")
    await day.press("complete")
    await day.over()


async def given_back(day: BadDay, _: Cue) -> None:
    """The agent thinks better of it while the phone rings."""
    await day.transfer("warm", "target", ring_seconds=RING_SECONDS)
    await day.rings("target")
    await day.press("cancel")
    await day.over()


async def cold(day: BadDay, cue: Cue) -> None:
    """The agent goes when somebody answers."""
    await cue("C0")
    await day.transfer("cold", "target", ring_seconds=RING_SECONDS)
    await day.rings("target")
    await cue("C6")
    await day.answers("target")
    await day.over()


async def recalled(day: BadDay, _: Cue) -> None:
    """The agent leaves at once, the target declines, and the agent is rung back."""
    policy = {"release_agent": "on_dial", "recall_ring_seconds": RING_SECONDS}
    await day.transfer("cold", "target", ring_seconds=RING_SECONDS, **policy)
    await day.rings("target")
    await day.until("awaiting")
    await day.phones.idle(day.people["agent"])
    await day.hangs_up("target")
    await day.over()


def _pairs(*pairs: str) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(pair.split("+")) for pair in pairs)


WARM = Story(warm, ("completed", "completed"), _pairs("caller+target"))
COLD = Story(cold, ("completed", "completed"), _pairs("caller+target"))
BACK = Story(given_back, ("cancelled", "cancelled_by_agent"), _pairs("caller+agent"))
RECALL = Story(recalled, ("failed", "target_rejected"), _pairs("caller+agent"))

CREATE = Match("POST", ALL)
REMOVE = Match("DELETE", ONE)

STEPS: tuple[Step, ...] = (
    Step("C0", COLD, "accept"),
    Step("C1", COLD, "look who is there", Match("GET", ALL)),
    Step("C2", COLD, "exit flags off", Match("POST", ONE, FLAG_OFF), has_flag=True),
    Step("C3", COLD, "hold the caller", Match("POST", ONE, HOLD)),
    Step("C4", COLD, "dial the target", CREATE),
    Step("C5", COLD, "remove the agent", REMOVE),
    Step("C6", COLD, "wait for an answer"),
    Step("C7", COLD, "caller off hold", Match("POST", ONE, UNHOLD)),
    Step("C8", COLD, "settle", Match("GET", ALL), after=REMOVE, moments=("answered",)),
    Step("CR", RECALL, "ring the agent back", CREATE, after=CREATE),
    Step("W0", WARM, "accept"),
    Step("W1", WARM, "look who is there", Match("GET", ALL)),
    Step("W2", WARM, "exit flags off", Match("POST", ONE, FLAG_OFF), has_flag=True),
    Step("W3", WARM, "hold the caller", Match("POST", ONE, HOLD)),
    Step("W4", WARM, "dial the target", CREATE),
    Step("W5", WARM, "wait for an answer"),
    Step("W6", WARM, "consult"),
    Step("W8", WARM, "caller off hold", Match("POST", ONE, UNHOLD)),
    Step("W9", WARM, "see that they talk", Match("GET", ALL), after=Match("POST", ONE, UNHOLD)),
    Step("W10", WARM, "remove the agent", REMOVE),
    Step("W11", WARM, "settle", Match("GET", ALL), after=REMOVE, moments=("answered",)),
    Step("WX", BACK, "end the target's leg", Match("POST", A_CALL, ENDED)),
    Step("WXr", BACK, "caller off hold", Match("POST", ONE, UNHOLD)),
)
