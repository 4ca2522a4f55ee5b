"""What is done to the processes: F01 to F05, and standing still.

`victim` is the worker that is in the middle of the step. Each answers when the fault is over, which
need not be when everything has recovered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from tests.chaos.rig import Rig

AWAY_SECONDS = 2.0
"""How long Temporal is away, or a way is cut: the aim is spoken of for this time."""
FROZEN_SECONDS = 6.0
"""Longer than every limit of one attempt: when it wakes up, somebody else has its work."""

Strike = Callable[[Rig, str, Random], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with the processes."""

    id: str
    title: str
    strike: Strike
    at_cues: bool = False
    """Strikes where people wait, and not in the middle of a request."""


async def worker_killed(rig: Rig, victim: str, _: Random) -> None:
    """kill -9; another one is there, and this one is back after a second."""
    rig.kill(victim)
    rig.bring_back(victim, 1.0)


async def worker_frozen(rig: Rig, victim: str, _: Random) -> None:
    """SIGSTOP: its connections stay open, it asks for no work and answers nobody; then SIGCONT."""
    rig.processes[victim].freeze()
    await asyncio.sleep(FROZEN_SECONDS)
    rig.processes[victim].thaw()


async def api_killed(rig: Rig, _victim: str, chance: Random) -> None:
    """kill -9 of one of two; the balancer finds the other."""
    name = chance.choice(sorted(rig.api_ports))
    rig.kill(name)
    rig.bring_back(name, 1.0)


async def temporal_restarted(rig: Rig, _victim: str, _: Random) -> None:
    """kill -9, two seconds of nothing, and a start on the same file."""
    rig.kill("temporal")
    await asyncio.sleep(AWAY_SECONDS)
    await rig.start_again("temporal")


async def worker_without_temporal(rig: Rig, victim: str, chance: Random) -> None:
    """The worker cannot reach Temporal: its packets are lost, or its connections are reset."""
    link = rig.to_temporal[victim]
    chance.choice((link.cut, link.silence))()
    await asyncio.sleep(AWAY_SECONDS)
    link.mend()


async def workers_without_twilio(rig: Rig, _victim: str, chance: Random) -> None:
    """No worker can reach Twilio."""
    is_reset = chance.random() < 0.5
    for link in rig.to_twilio.values():
        if is_reset:
            link.cut()
        else:
            link.silence()
    await asyncio.sleep(AWAY_SECONDS)
    for link in rig.to_twilio.values():
        link.mend()


async def apis_without_temporal(rig: Rig, _victim: str, chance: Random) -> None:
    """No api can reach Temporal: what is asked of it is answered 503, what it is told is lost."""
    links = [rig.to_temporal[name] for name in rig.api_ports]
    is_reset = chance.random() < 0.5
    for link in links:
        if is_reset:
            link.cut()
        else:
            link.silence()
    await asyncio.sleep(AWAY_SECONDS)
    for link in links:
        link.mend()


async def apis_killed(rig: Rig, _victim: str, _: Random) -> None:
    """kill -9 of both: what Twilio tells in the meantime is lost, and the guardian finds it."""
    for name in rig.api_ports:
        rig.kill(name)
    await asyncio.sleep(AWAY_SECONDS)
    await asyncio.gather(*(rig.start_again(name) for name in rig.api_ports))


async def callbacks_lost(rig: Rig, _victim: str, _: Random) -> None:
    """From now on nothing that Twilio reports arrives, to the end of the story."""
    await rig.lose_callbacks()


FAULTS: tuple[Fault, ...] = (
    Fault("F01", "worker kill -9", worker_killed),
    Fault("F01s", "worker stopped and continued", worker_frozen),
    Fault("F02", "api kill -9, one of two", api_killed),
    Fault("F02a", "both apis kill -9, back after 2 s", apis_killed),
    Fault("F03", "Temporal kill -9, back after 2 s", temporal_restarted),
    Fault("F04", "worker cut off from Temporal", worker_without_temporal),
    Fault("F04a", "apis cut off from Temporal", apis_without_temporal),
    Fault("F05", "workers cut off from Twilio", workers_without_twilio),
    Fault("F11", "all callbacks lost", callbacks_lost, at_cues=True),
)
