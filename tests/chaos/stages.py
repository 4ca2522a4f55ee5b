"""The two stages of a deployment: calls that come to agents directly, and calls through TaskRouter.

Each says which states there are, what the stack is like, and how a call begins on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from tests.chaos.parked import LOOKS, Looks, Park, Phase
from tests.chaos.parked_queues import AGENT_NAME, QUEUE_LOOKS, QueueDay, centre_of
from tests.chaos.people import AGENT, BadDay
from tests.chaos.phases import PASSING, PHASES
from tests.chaos.phases_queues import OFFERED, QUEUE_PASSING, QUEUE_PHASES, WAITING
from tests.chaos.rig import Rig
from tests.e2e.telephones import NeverSeenError, Telephones, until

AT_A_TIME = 7
FREE_SECONDS = 20.0
SETTINGS = {"HANDOVER_AGENT_RING_SECONDS": "110"}
"""The first agent's phone rings while workers are exchanged."""

Days = dict[Phase, BadDay]


class Stage(Protocol):
    """What differs."""

    name: str
    """The engine's mode."""
    phases: Mapping[Phase, Park]
    looks: Mapping[str, Looks]
    passing: frozenset[Phase]
    """States that end by a clock of seconds: parked after the others."""
    first: Phase
    """A consult: what a careless build is tried with."""

    def rig(self, settings: Mapping[str, str] | None = None) -> Rig:
        """The stack, with nothing started yet."""

    async def open(self, rig: Rig, phases: Sequence[Phase]) -> Days:
        """A call for each of these; whoever is called from then on, their phone just rings."""

    async def one_more(self, rig: Rig) -> BadDay:
        """One more call, with its agent."""

    async def left_over(self, rig: Rig) -> list[str]:
        """What is not as it should be when all calls are over."""


class Direct:
    """Agents are rung in turn. All calls are with the first, whose phone takes any number."""

    name = "direct"
    phases = PHASES
    looks = LOOKS
    passing = PASSING
    first: Phase = ("warm", "consulting")

    def rig(self, settings: Mapping[str, str] | None = None) -> Rig:
        """Two apis, two workers."""
        return Rig({**SETTINGS, **(settings or {})})

    async def open(self, rig: Rig, phases: Sequence[Phase]) -> Days:
        """The agent picks up, but for a caller who is to wait for that."""
        days: Days = {}
        phones = Telephones(rig)
        for number, phase in enumerate(phases, 1):
            day = BadDay(rig, f"+1555017{number:04d}", f"client:target-{number}")
            await phones.behave(day.people["target"], "ring")
            if phase[0] == "inbound":
                await phones.behave(AGENT, "ring")
                await _calls(day)
            else:
                await phones.behave(AGENT, "answer")
                await day.open()
            days[phase] = day
        await phones.behave(AGENT, "ring")
        return days

    async def one_more(self, rig: Rig) -> BadDay:
        """With an agent who picks up again."""
        day = BadDay(rig, "+15550179999", "client:target-after")
        await day.phones.behave(AGENT, "answer")
        await day.open()
        return day

    async def left_over(self, rig: Rig) -> list[str]:
        """Each call has said so itself."""
        return []


class Queues:
    """Calls come by `<Enqueue>`: each has an agent of its own, and a worker to go to."""

    name = "taskrouter"
    phases = QUEUE_PHASES
    looks = QUEUE_LOOKS
    passing = QUEUE_PASSING
    first: Phase = ("warm to worker", "consulting")

    def rig(self, settings: Mapping[str, str] | None = None) -> Rig:
        """The same with a contact centre that has an agent for every call."""
        return Rig({**SETTINGS, **(settings or {})}, centre=centre_of(len(QUEUE_PHASES) + 1))

    async def open(self, rig: Rig, phases: Sequence[Phase]) -> Days:
        """Agents pick up, but the last of them. Then all of them are away to further callers: those
        who have handed their call on would be offered the one who is to wait."""
        phones = Telephones(rig)
        days: dict[Phase, QueueDay] = {}
        for number, phase in enumerate(phases, 1):
            days[phase] = _queue_day(rig, number)
            await phones.behave(days[phase].people["target"], "ring")
        agents = [each for each in rig.options.agents if AGENT_NAME in each]
        for agent in agents:
            await phones.behave(agent, "answer")
        gate = asyncio.Semaphore(AT_A_TIME)

        async def open_one(day: BadDay) -> None:
            async with gate:
                await day.open()

        at_once = [day for each, day in days.items() if each not in (OFFERED, WAITING)]
        await asyncio.gather(*(open_one(day) for day in at_once))
        for agent in agents:
            await phones.behave(agent, "ring")
        await days[OFFERED].dial()
        await days[OFFERED].is_offered()
        for agent in agents:
            await days[OFFERED].goes(agent, "Offline")
        return {**days}

    async def one_more(self, rig: Rig) -> BadDay:
        """With any agent whose call is over."""
        day = _queue_day(rig, len(QUEUE_PHASES) + 1)
        await day.phones.behave(day.people["target"], "ring")
        await day.somebody_comes()
        await day.dial()
        await day.is_offered()
        await day.answers("agent")
        await day.is_taken()
        return day

    async def left_over(self, rig: Rig) -> list[str]:
        """Workers who are still booked, or offered something."""
        day = _queue_day(rig, 0)

        async def busy() -> Collection[str]:
            return [w["worker"] for w in await day.workers() if w["accepted"] or w["offered"]]

        async def look() -> bool | None:
            return None if await busy() else True

        try:
            await until(look, "all workers to be free", FREE_SECONDS)
        except NeverSeenError:
            return [f"{name} still has a task" for name in await busy()]
        return []


def _queue_day(rig: Rig, number: int) -> QueueDay:
    return QueueDay(rig, f"+1555018{number:04d}", f"client:target-{number}")


async def _calls(day: BadDay) -> None:
    """The caller dials us, and hears the music of who waits for the first agent."""
    await day.phones.call_us(day.people["caller"])

    async def look() -> str | None:
        (call,) = (await day.phones.phone(day.people["caller"]))["calls"]
        return call["conference_sid"]

    day.conference_sid = await until(look, "the caller to be in a room")
    await day.rings("agent")


STAGES: tuple[Stage, ...] = (Direct(), Queues())
