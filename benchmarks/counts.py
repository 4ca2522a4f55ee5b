"""What each story costs exactly: requests to Twilio, history events, billable actions.

The stories are those of the demo, played on inbound calls that the engine set up itself, and two
more. Counted is the transfer alone, from the click to its end; the set-up of the call is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.actions import actions_of
from benchmarks.processes import Bench
from tests.e2e.scene import Ending, Scene
from tests.e2e.stories import CALLER_WITH_TARGET, STORIES, Play, Story
from tests.e2e.troupe import Troupe
from workflows.messages import transfer_workflow_id

REQUESTS_MAX = 40
"""No story asks Twilio more often."""


@dataclass(frozen=True)
class Aim:
    """A story by the name it is told with, and how many actions it may cost."""

    title: str
    story: str
    actions_max: int | None = None


AIMS = (
    Aim("warm with consult", "consult", 10),
    Aim("warm, swapped there and back", "warm"),
    Aim("cold, agent leaves on_answer", "cold", 9),
    Aim("cold, agent leaves on_dial", "on-dial"),
    Aim("target busy, next target answers", "busy-then-next"),
    Aim("no answer, caller back with the agent", "nobody-answers"),
    Aim("caller hangs up while it rings", "caller-hangs-up"),
)


@dataclass(frozen=True)
class Cost:
    """What a story cost, and what is wrong with that."""

    title: str
    requests: int
    events: int
    actions: int
    made_of: dict[str, int]
    """The actions by kind."""
    actions_max: int | None
    problems: tuple[str, ...]


async def measure(bench: Bench, progress: Callable[[], None]) -> list[Cost]:
    """Every story once, one after the other."""
    troupe = Troupe(bench.stack)
    await troupe.open()
    stories = {each.name: each for each in (*STORIES, *MORE)}
    told = []
    for aim in AIMS:
        played = await troupe.perform(stories[aim.story])
        problems = list(played.problems)
        if aim.actions_max is not None and played.actions > aim.actions_max:
            problems.append(f"{played.actions} actions, at most {aim.actions_max} are the aim")
        if played.requests > REQUESTS_MAX:
            problems.append(f"{played.requests} requests, at most {REQUESTS_MAX} are the aim")
        told.append(
            Cost(
                aim.title,
                played.requests,
                played.events,
                played.actions,
                await _made_of(bench, str(played.view["conference_sid"])) if played.view else {},
                aim.actions_max,
                tuple(problems),
            )
        )
        progress()
    return told


async def _made_of(bench: Bench, conference_sid: str) -> dict[str, int]:
    client = await bench.stack.temporal()
    handle = client.get_workflow_handle(transfer_workflow_id(conference_sid))
    return dict(actions_of((await handle.fetch_history()).events))


async def _consult(scene: Scene) -> Ending:
    """A warm transfer as it mostly goes: ask, and hand over."""
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    await scene.phones.hears(scene.people["target"], scene.people["agent"])
    await scene.press("complete")
    await scene.over()
    return Ending("completed", "completed", CALLER_WITH_TARGET, ("caller", "target"))


async def _on_dial(scene: Scene) -> Ending:
    """The classic blind transfer: the agent goes as soon as the target's phone is dialled."""
    await scene.transfer("cold", "target", release_agent="on_dial")
    await scene.until("awaiting")
    await scene.answers("target")
    await scene.over()
    return Ending("completed", "completed", CALLER_WITH_TARGET, ("caller", "target"))


def _story(name: str, play: Play, target: str) -> Story:
    return Story(name, (play.__doc__ or "").rstrip("."), play, target)


MORE = (
    _story("consult", _consult, "client:bob"),
    _story("on-dial", _on_dial, "+15550100106"),
)
