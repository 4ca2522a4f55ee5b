"""What stories under supervision cost, and how soon a change of mode is heard, or not any more.

Timed from the click to the moment in which the simulated network's ledger says that somebody began,
or ceased, to hear the supervisor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.actions import actions_of
from benchmarks.counts import Cost
from benchmarks.processes import Bench
from benchmarks.spread import percentile
from tests.e2e.scene import Scene
from tests.e2e.supervision_stories import SUPERVISION_STORIES as STORIES
from tests.e2e.supervision_stories import Ears
from tests.e2e.troupe import Troupe
from workflows.messages import supervision_workflow_id

STORIES_PLAYED = len(STORIES)
CHANGES: tuple[tuple[str, str, str], ...] = (
    ("whisper", "agent", "begins"),
    ("barge", "caller", "begins"),
    ("monitor", "caller", "ends"),
)
"""The mode asked for, whose hearing tells its effect, and which way."""


@dataclass(frozen=True)
class Effect:
    """How long it took until a change of mode was heard, in milliseconds."""

    mode: str
    effect: str
    n: int
    p50: float
    p95: float
    answered: float
    """Median until the API said so: after it had been read back."""


async def measure(
    bench: Bench, rounds: int, progress: Callable[[], None]
) -> tuple[list[Cost], list[Effect]]:
    """Every story once, and then so many rounds through the modes on one call."""
    troupe = Troupe(bench.stack)
    await troupe.open()
    costs = []
    for story in STORIES:
        played = await troupe.perform(story)
        title = f"supervision: {story.name.replace('-', ' ')}"
        costs.append(
            Cost(
                title,
                played.requests,
                played.events,
                played.actions,
                await _made_of(bench, played.conference_sid),
                None,
                tuple(played.problems),
            )
        )
        progress()
    agent = await troupe.free_agent()
    scene = Scene(bench.stack, "+15550108001", agent, supervisor="client:sue")
    await scene.open()
    ears = Ears(scene)
    await ears.join("monitor")
    taken: dict[str, list[tuple[float, float]]] = {mode: [] for mode, _, _ in CHANGES}
    for _ in range(rounds):
        for mode, listener, way in CHANGES:
            taken[mode].append(await _change(ears, mode, listener, way))
        progress()
    await ears.leave()
    await scene.everybody_goes()
    return costs, [
        Effect(
            mode,
            f"{listener} {'hears' if way == 'begins' else 'hears no more'}",
            rounds,
            percentile([effect for effect, _ in taken[mode]], 50),
            percentile([effect for effect, _ in taken[mode]], 95),
            percentile([answer for _, answer in taken[mode]], 50),
        )
        for mode, listener, way in CHANGES
    ]


async def _change(ears: Ears, mode: str, listener: str, way: str) -> tuple[float, float]:
    """One change: milliseconds until its effect, and until its answer."""
    people, phones = ears.scene.people, ears.scene.phones
    clicked = time.time()
    await ears.mode(mode)
    answered = time.time()
    told = await phones.ledger(ears.scene.conference_sid, kind="hearing")
    effects = [
        each["at"]
        for each in told
        if each["at"] >= clicked
        and each["what"] == way
        and each["speaker_address"] == people["supervisor"]
        and each["listener_address"] == people[listener]
    ]
    return (effects[0] - clicked) * 1000, (answered - clicked) * 1000


async def _made_of(bench: Bench, conference_sid: str) -> dict[str, int]:
    client = await bench.stack.temporal()
    handle = client.get_workflow_handle(supervision_workflow_id(conference_sid))
    return dict(actions_of((await handle.fetch_history()).events))
