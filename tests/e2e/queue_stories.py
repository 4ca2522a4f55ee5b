"""The stories of TaskRouter mode: calls that come through a queue and go to workers and queues.

Played one after the other, because they share the workers and the books of how their time was
spent, which are checked when all have gone home.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.e2e.books import Page, pages, problems
from tests.e2e.centre import Centre
from tests.e2e.provisioning import WORKERS
from tests.e2e.queue_scene import QueueScene, name_of
from tests.e2e.scene import Ending, Told
from tests.e2e.stack import Options, Stack
from tests.e2e.stories import CALLER_WITH_AGENT, CALLER_WITH_TARGET, SHORT_RING_SECONDS
from tests.e2e.supervision_stories import Ears
from tests.e2e.telephones import NeverSeenError, Telephones, until

QUEUES = Options(
    mode="taskrouter",
    workers=2,
    agents=WORKERS,
    settings={
        # An offer counts its time also while the worker's phone rings: what Twilio does is not
        # published, and only so can a worker let it pass without the phone having the last word.
        "SIMULATOR_SWITCHES": '{"calls_per_second": 0, "reservation_timer_in_setup": "runs"}',
        # What a story costs is counted to the request. The guardian's cost is not the transfer's.
        "HANDOVER_GUARDIAN": "false",
    },
)
"""The stack that these stories are played on."""

BILLING = ("bob", "carol", "dave")
"""Who is in the queue Billing."""


@dataclass(frozen=True)
class Cost:
    """What a story costs, exactly; more is a fault."""

    requests: int
    """To Twilio."""
    actions: int
    """Billable ones of Temporal's."""


@dataclass(frozen=True)
class QueueStory:
    """One sentence, and what people do. The people are found by TaskRouter."""

    name: str
    title: str
    play: Callable[[QueueScene], Awaitable[Ending]]
    cost: Cost | None = None
    """What the transfer may cost; None for a story without one."""

    def __str__(self) -> str:
        return self.name

    @property
    def has_transfer(self) -> bool:
        return self.cost is not None


async def arrives(scene: QueueScene) -> Ending:
    """The caller is found an agent, they talk, and the agent hangs up."""
    await scene.hangs_up("agent")
    await scene.phones.idle(*scene.people.values())
    return Ending("ended", "call_ended")


async def warm_to_worker(scene: QueueScene) -> Ending:
    """The agent names the task of the call, and the worker who is to take it over."""
    scene.names_the_task = True
    await scene.transfer_to("warm", "worker:dave")
    await scene.answers_as("target", "dave")
    await scene.until("consulting")
    await scene.phones.hears(scene.people["target"], scene.people["agent"])
    await scene.press("complete")
    await scene.over()
    scene.goes_first = "target"
    return Ending(
        "completed", "completed", together=CALLER_WITH_TARGET, up=("caller", "target"),
        talked=(("agent", "target"), ("caller", "target")),
    )  # fmt: skip


async def cold_to_queue(scene: QueueScene) -> Ending:
    """One worker declines the call on the phone, another on the desktop; the third takes it."""
    await scene.transfer_to("cold", "queue:Billing")
    first, _ = await scene.centre.offered(*BILLING)
    scene.people["first worker"] = f"client:{first}"
    await scene.rings("first worker")
    await scene.hangs_up("first worker")
    second, offer = await scene.centre.offered(*(each for each in BILLING if each != first))
    scene.people["second worker"] = f"client:{second}"
    await scene.rings("second worker")
    await scene.centre.reject(offer["reservation_sid"])
    (third,) = (each for each in BILLING if each not in (first, second))
    scene.asides.append(f"{first} declined on the phone, {second} on the desktop; {third} took it")
    await scene.answers_as("target", third)
    await scene.over()
    return Ending(
        "completed", "completed", together=CALLER_WITH_TARGET, up=("caller", "target"),
        talked=CALLER_WITH_TARGET,
    )  # fmt: skip


async def asked_first(scene: QueueScene) -> Ending:
    """A worker picks up, hears that a call is offered, and does not want it; the next one does."""
    await scene.transfer_to("cold", "queue:Billing", accept="press_1")
    first, _ = await scene.centre.offered(*BILLING)
    await scene.answers_as("first worker", first)
    await scene.until("screening")
    await scene.presses("first worker", "2")
    second, _ = await scene.centre.offered(*(each for each in BILLING if each != first))
    await scene.answers_as("target", second)
    await scene.until("screening")
    await scene.presses("target", "1")
    scene.asides.append(f"{first} pressed 2, {second} pressed 1")
    await scene.over()
    return Ending(
        "completed", "completed", together=CALLER_WITH_TARGET, up=("caller", "target"),
        talked=CALLER_WITH_TARGET,
    )  # fmt: skip


async def transferred_twice(scene: QueueScene) -> Ending:
    """Whoever has taken a call hands it on; each of the three has had a task for their own time."""
    await scene.transfer_to("cold", "worker:dave")
    await scene.answers_as("target", "dave")
    await scene.over()
    await scene.target_is_now_agent()
    await scene.transfer_to("cold", "worker:carol")
    await scene.answers_as("target", "carol")
    await scene.over()
    return Ending(
        "completed", "completed", together=CALLER_WITH_TARGET, up=("caller", "target"),
        talked=CALLER_WITH_TARGET,
    )  # fmt: skip


async def nobody_in_queue(scene: QueueScene) -> Ending:
    """The queue's workers let the call ring; the first of them is sent offline, and put back."""
    for name in BILLING:
        await scene.phones.behave(f"client:{name}", "no_answer")
    await scene.transfer_to("warm", "queue:Billing", ring_seconds=SHORT_RING_SECONDS)
    await scene.is_told_its_place()
    await scene.over()
    for name in BILLING:
        await scene.phones.behave(f"client:{name}", "ring")
    return Ending(
        "failed", "target_no_answer", together=CALLER_WITH_AGENT, up=("caller", "agent"),
        talked=CALLER_WITH_AGENT,
    )  # fmt: skip


async def taken_over_by_worker(scene: QueueScene) -> Ending:
    """A supervisor who is a worker, too, takes the call over, and is busy from then on."""
    agent = name_of(scene.people["agent"])
    scene.people["supervisor"] = "client:dave"
    ears = Ears(scene)
    await ears.join("monitor")
    assert not (await scene.centre.worker("dave"))["accepted"], "who only listens is free"
    await ears.mode("take_over")
    await scene.has_no_task(agent)
    task_sid = await scene.has_task("dave")
    assert task_sid != scene.task_sid, "a task of their own"
    await scene.phones.hears(scene.people["caller"], scene.people["supervisor"])
    scene.asides.append(f"dave has a task, {agent} has none any more")
    await scene.hangs_up("supervisor")
    await scene.has_no_task("dave")
    await scene.phones.idle(*scene.people.values())
    return Ending("ended", "call_ended")


async def taken_over_and_transferred(scene: QueueScene) -> Ending:
    """The worker who took the call over hands it on; the task goes with the leg."""
    scene.people["supervisor"] = "client:dave"
    ears = Ears(scene)
    await ears.join("barge")
    await ears.mode("take_over")
    await scene.has_task("dave")
    scene.people["target"] = scene.people.pop("supervisor")
    await scene.target_is_now_agent()
    await scene.transfer_to("cold", "worker:carol")
    await scene.answers_as("target", "carol")
    await scene.over()
    await scene.has_no_task("dave")
    await scene.has_task("carol")
    return Ending(
        "completed", "completed", together=CALLER_WITH_TARGET, up=("caller", "target"),
        talked=CALLER_WITH_TARGET,
    )  # fmt: skip


QUEUE_STORIES: tuple[QueueStory, ...] = (
    QueueStory(
        "queue-call",
        "A call comes through a queue: TaskRouter brings it together with the first free worker",
        arrives,
    ),
    QueueStory(
        "warm-to-worker",
        "The agent names the task, asks a named worker first, and hands the caller over",
        warm_to_worker,
        Cost(requests=27, actions=13),
    ),
    QueueStory(
        "cold-to-queue",
        "To a queue: one worker declines on the phone, one on the desktop, the third takes it",
        cold_to_queue,
        Cost(requests=21, actions=15),
    ),
    QueueStory(
        "asked-first",
        "To a queue, with a key to press: one worker declines by it, the next accepts",
        asked_first,
        Cost(requests=23, actions=17),
    ),
    QueueStory(
        "transferred-twice",
        "The worker who took the call hands it on to another one",
        transferred_twice,
        Cost(requests=18, actions=12),
    ),
    QueueStory(
        "nobody-in-queue",
        "Nobody in the queue answers, so the caller is back with the agent",
        nobody_in_queue,
        Cost(requests=15, actions=14),
    ),
    QueueStory(
        "taken-over-by-worker",
        "A supervisor who is a worker takes the call over: TaskRouter knows who is busy",
        taken_over_by_worker,
    ),
    QueueStory(
        "taken-over-and-transferred",
        "The worker who took the call over hands it on, and is free again",
        taken_over_and_transferred,
        Cost(requests=18, actions=12),
    ),
)


class QueueTroupe:
    """Plays these stories on one stack, one after the other, and reads the books at the end."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._phones = Telephones(stack)
        self._centre = Centre(stack)
        self._callers = 0

    async def perform(self, story: QueueStory) -> Told:
        """Play one story, hold it against the network, and clear the stage."""
        self._callers += 1
        told = Told(story.name, story.title)
        scene = QueueScene(self._stack, f"+1555010{8000 + self._callers}")
        try:
            await scene.open()
            ending = await story.play(scene)
            tell = scene.told if story.has_transfer else scene.told_of_call
            told = await tell(story.name, story.title, ending)
            await scene.everybody_goes()
        except Exception as error:
            told.problems.append(str(error) or repr(error))
        return told

    async def books(self) -> tuple[list[Page], list[str]]:
        """Everybody's page once all is quiet, and what is wrong in them."""

        async def look() -> bool | None:
            return True if not problems(await self._pages()) else None

        with suppress(NeverSeenError):
            await until(look, "the books to be right", 8.0)
        found = await self._pages()
        return found, problems(found)

    async def _pages(self) -> list[Page]:
        ledger = (await self._phones.ask("GET", "/ledger"))["entries"]
        phones = {name_of(address): address for address in WORKERS}
        return pages(await self._centre.utilisation(), phones, ledger)
