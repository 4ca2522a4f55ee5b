"""The stories: what people do on the phone while software runs and fails, and how it has to end.

Each is played over the real REST face on simulated phones. A story returns how it must have ended;
whether it did is found out from the network, not from the engine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType

from tests.e2e.guardians import guardian_of
from tests.e2e.scene import Ending, Scene
from workflows.messages import transfer_workflow_id

Play = Callable[[Scene], Awaitable[Ending]]

SHORT_RING_SECONDS = 5.0
"""The shortest that a phone may be rung."""

NEXT = "next target"
"""The part of whoever is rung when the first target cannot be had."""

CALLER_WITH_TARGET: tuple[tuple[str, str], ...] = (("caller", "target"),)
CALLER_WITH_AGENT: tuple[tuple[str, str], ...] = (("caller", "agent"),)


@dataclass(frozen=True)
class Story:
    """One sentence, the people, and what they do."""

    name: str
    title: str
    play: Play
    target: str
    next_target: str = ""
    supervisor: str = ""
    breaks_things: bool = False
    """It ends processes, or loses callbacks, that other stories need, so it is played alone."""
    rings_agent: bool = False
    """Its agent is rung a second time, and must not take somebody else's caller instead."""

    @property
    def plays_alone(self) -> bool:
        """Whether no other story is played beside it: it breaks something, or it needs an agent
        who is in no other call."""
        return self.breaks_things or self.rings_agent or bool(self.supervisor)


async def warm(scene: Scene) -> Ending:
    """The whole of a warm transfer, with a look back at the caller."""
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    await scene.phones.hears(scene.people["target"], scene.people["agent"])
    await scene.press("swap")
    await scene.until("revisiting")
    await scene.phones.hears(scene.people["caller"], scene.people["agent"])
    await scene.press("swap")
    await scene.until("consulting")
    await scene.press("complete")
    await scene.over()
    return Ending(
        "completed",
        "completed",
        together=CALLER_WITH_TARGET,
        up=("caller", "target"),
        talked=(("agent", "target"), ("caller", "agent"), ("caller", "target")),
    )


async def cold(scene: Scene) -> Ending:
    """The agent stays until a person answers, and goes without a word to them."""
    await scene.transfer("cold", "target")
    await scene.answers("target")
    await scene.over()
    return Ending(
        "completed", "completed", together=CALLER_WITH_TARGET, up=("caller", "target"),
        talked=CALLER_WITH_TARGET,
    )  # fmt: skip


async def busy_then_next(scene: Scene) -> Ending:
    """The first number is engaged; the next one answers."""
    await scene.phones.behave(scene.people["target"], "busy")
    await scene.transfer("warm", "target", NEXT)
    await scene.answers(NEXT)
    await scene.until("consulting")
    await scene.phones.hears(scene.people[NEXT], scene.people["agent"])
    await scene.press("complete")
    await scene.over()
    return Ending(
        "completed", "completed", together=(("caller", NEXT),), up=("caller", NEXT),
        talked=(("agent", NEXT), ("caller", NEXT)),
    )  # fmt: skip


async def nobody_answers(scene: Scene) -> Ending:
    """The target's phone rings in an empty room."""
    await scene.phones.behave(scene.people["target"], "no_answer")
    await scene.transfer("warm", "target", ring_seconds=SHORT_RING_SECONDS)
    await scene.over()
    return Ending(
        "failed", "target_no_answer", together=CALLER_WITH_AGENT, up=("caller", "agent"),
        talked=CALLER_WITH_AGENT,
    )  # fmt: skip


async def caller_hangs_up(scene: Scene) -> Ending:
    """The caller does not want to wait."""
    await scene.transfer("warm", "target")
    await scene.rings("target")
    await scene.hangs_up("caller")
    await scene.over()
    return Ending("abandoned", "caller_hung_up")


async def desktop_crashes(scene: Scene) -> Ending:
    """The agent's phone goes dead while the target's rings."""
    await scene.transfer("warm", "target")
    await scene.rings("target")
    await scene.until("dialing")
    await scene.hangs_up("agent")
    await scene.until("awaiting")
    await scene.answers("target")
    await scene.over()
    return Ending(
        "completed", "completed", together=CALLER_WITH_TARGET, up=("caller", "target"),
        talked=CALLER_WITH_TARGET, never_talked=(("agent", "target"),),
    )  # fmt: skip


async def worker_killed(scene: Scene) -> Ending:
    """The worker that holds the transfer is killed; the press after it is not lost."""
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    await scene.phones.hears(scene.people["target"], scene.people["agent"])
    name = await worker_of(scene)
    scene.stack.processes[name].kill()
    scene.asides.append(f"{name}, which held the transfer, got kill -9 in the consult")
    others = [each for each in scene.stack.workers if each != name]
    if not others:
        await scene.stack.start_again(name)
        others = [name]
    await scene.press("complete")
    await scene.over()
    scene.asides.append(f"{await worker_of(scene)} carried it to its end")
    return Ending(
        "completed", "completed", together=CALLER_WITH_TARGET, up=("caller", "target"),
        talked=(("agent", "target"), ("caller", "target")),
    )  # fmt: skip


async def every_callback_lost(scene: Scene) -> Ending:
    """From the click on, Twilio tells nothing: neither that the target answers nor the rest."""
    await scene.phones.ask("POST", "/faults", {"on": "callback", "kind": "drop"})
    found = sum((await guardian_of(scene.stack)).findings.values())
    try:
        await scene.transfer("warm", "target")
        await scene.answers("target")
        await scene.until("consulting")
        await scene.phones.hears(scene.people["target"], scene.people["agent"])
        await scene.press("complete")
        await scene.over()
    finally:
        await scene.phones.ask("DELETE", "/faults")
    told = sum((await guardian_of(scene.stack)).findings.values()) - found
    scene.asides.append(f"no callback arrived; the guardian told what {told} of them had not")
    return Ending(
        "completed", "completed", together=CALLER_WITH_TARGET, up=("caller", "target"),
        talked=(("agent", "target"), ("caller", "target")),
    )  # fmt: skip


async def worker_of(scene: Scene) -> str:
    """The name of the worker that took the last task of a transfer."""
    client = await scene.stack.temporal()
    handle = client.get_workflow_handle(transfer_workflow_id(scene.conference_sid))
    identity = ""
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
            identity = event.workflow_task_started_event_attributes.identity
    pid = identity.rpartition("/")[2]
    return scene.stack.worker_with(int(pid))


STORIES: tuple[Story, ...] = (
    Story(
        "warm",
        "The agent asks a colleague first, goes back to the caller, and hands them over",
        warm,
        target="client:bob",
    ),
    Story(
        "cold",
        "The caller is passed on to a phone number; the agent goes when somebody answers",
        cold,
        target="+15550100102",
    ),
    Story(
        "busy-then-next",
        "The first target is busy, so the next one is rung",
        busy_then_next,
        target="+15550100103",
        next_target="+15550100203",
    ),
    Story(
        "nobody-answers",
        "The target never answers, so the caller is back with the agent",
        nobody_answers,
        target="+15550100104",
    ),
    Story(
        "caller-hangs-up",
        "The caller hangs up while the target's phone rings, and no phone rings on",
        caller_hangs_up,
        target="+15550100105",
    ),
    Story(
        "desktop-crashes",
        "The agent's desktop crashes while the target's phone rings; the caller is not lost",
        desktop_crashes,
        target="client:gus",
    ),
    Story(
        "worker-killed",
        "The worker is killed during the consult, and the transfer goes on",
        worker_killed,
        target="client:hal",
        breaks_things=True,
    ),
    Story(
        "every-callback-lost",
        "Not one callback arrives, and the guardian's look at Twilio tells what they did not",
        every_callback_lost,
        target="client:ida",
        breaks_things=True,
    ),
)
