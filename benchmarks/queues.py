"""With TaskRouter: what the stories of queues cost, and how fast an assignment is answered.

TaskRouter waits for the answer to an assignment for five seconds. Counted and timed on a stack of
its own, because the mode is chosen at start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.actions import actions_of
from benchmarks.counts import Cost
from benchmarks.spread import percentile
from tests.e2e.queue_scene import QueueScene
from tests.e2e.queue_stories import QUEUE_STORIES, QUEUES, QueueTroupe
from tests.e2e.stack import Stack
from tests.e2e.telephones import Telephones
from workflows.messages import transfer_workflow_id

ANSWER_SECONDS_MAX = 5.0
"""After this TaskRouter asks the fallback, and then gives the offer up."""

STORIES = tuple(story for story in QUEUE_STORIES if story.has_transfer)


@dataclass(frozen=True)
class Assignments:
    """How long the answers to assignment callbacks took, in milliseconds."""

    n: int
    p50: float
    p99: float
    slowest: float

    @property
    def problems(self) -> tuple[str, ...]:
        """A callback that TaskRouter would not have waited for."""
        limit = ANSWER_SECONDS_MAX * 1000
        return () if self.slowest < limit else (f"{self.slowest:.0f} ms, at most {limit:.0f}",)


async def measure(calls: int, progress: Callable[[], None]) -> tuple[list[Cost], Assignments]:
    """Every story with a transfer once, then so many calls through a queue."""
    async with Stack(QUEUES) as stack:
        costs = []
        troupe = QueueTroupe(stack)
        for story in STORIES:
            assert story.cost is not None
            played = await troupe.perform(story)
            problems = list(played.problems)
            if played.actions > story.cost.actions:
                aim = story.cost.actions
                problems.append(f"{played.actions} actions, at most {aim} are the aim")
            if played.requests > story.cost.requests:
                aim = story.cost.requests
                problems.append(f"{played.requests} requests, at most {aim} are the aim")
            made_of = await _made_of(stack, str(played.view.get("conference_sid", "")))
            costs.append(
                Cost(
                    f"queues: {story.name.replace('-', ' ')}",
                    played.requests,
                    played.events,
                    played.actions,
                    made_of,
                    story.cost.actions,
                    tuple(problems),
                )
            )
            progress()
        for number in range(calls):
            scene = QueueScene(stack, f"+1555010{7000 + number % 1000}")
            await scene.open()
            await scene.everybody_goes()
            progress()
        return costs, await _assignments(stack)


async def _made_of(stack: Stack, conference_sid: str) -> dict[str, int]:
    if not conference_sid:
        return {}
    client = await stack.temporal()
    handle = client.get_workflow_handle(transfer_workflow_id(conference_sid))
    return dict(actions_of((await handle.fetch_history()).events))


async def _assignments(stack: Stack) -> Assignments:
    """From the callback to its answer, as the simulator saw it."""
    sent = (await Telephones(stack).ask("GET", "/callbacks", event="assignment"))["callbacks"]
    took = [each["seconds"] * 1000 for each in sent]
    return Assignments(len(took), percentile(took, 50.0), percentile(took, 99.0), max(took))
