"""`make soak`: a steady load of calls and random faults, for an hour or as long as asked.

Every call is checked by the network's word, and at the end nothing may be left: no leg, no workflow
but the guardian. Memory and descriptors are taken from processes that live through all of it; the
second worker and the second api are the ones that are killed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.processes import resident_bytes
from tests.chaos.checker import Bounds, Day, findings
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.people import AGENT, BadDay
from tests.chaos.rig import Rig
from tests.e2e.stack import CALLS_RUNNING
from tests.e2e.telephones import Json, NeverSeenError, Telephones, until

CALL_EVERY_SECONDS = 4.0
"""What the development server on a file bears beside everything else on two busy cores."""
FAULT_EVERY_SECONDS = 12.0
SAMPLE_EVERY_SECONDS = 5.0
THINK_SECONDS = 2.0
"""How long people take, at most, before they press or hang up."""
RING_SECONDS = 30.0
CLEAN_SECONDS_MAX = 60.0
OPEN_SECONDS_MAX = 90.0
SURVIVORS = ("api-1", "worker-1")
"""Processes that are never killed: frozen and cut off like the others, and measured."""
MORTALS = {"worker": "worker-2", "api": "api-2"}
GROWTH_MAX = 0.10
"""Of memory, from the second quarter of the time to the last. The first is for warming up."""
SURVIVED = tuple(fault for fault in FAULTS if fault.id not in ("F02a", "F11"))
"""Not the one that kills both apis, and not the one that lasts to the end of a story."""
DESCRIPTORS_MAX = 20
"""More descriptors than before, when all is quiet again: connections that are kept for a while."""
QUIET_SECONDS_MAX = 30.0
"""Idle connections to Twilio are kept for 15 seconds."""
GROWTH_MINUTES_MIN = 10.0
"""A shorter run only shows memory: caches are still filling."""

Story = Callable[[BadDay, Random], Awaitable[tuple[str, str]]]


@dataclass
class Sample:
    """One process at one moment."""

    at: float
    resident: int
    descriptors: int


@dataclass
class Soak:
    """What came of it."""

    seed: int
    minutes: float
    calls: int = 0
    redialled: int = 0
    """Callers who were turned away, because Temporal was away for long, and called again."""
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    clean_seconds: float = 0.0
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    quiet_before: dict[str, int] = field(default_factory=dict)
    quiet_after: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def wrong(self, what: str) -> None:
        """Told at once, because an hour is long."""
        print(f"   {what}", flush=True)
        self.problems.append(what)

    def growth(self, name: str) -> float:
        """Of the memory of a process: last quarter against the second one, as a share."""
        taken = [each.resident for each in self.samples.get(name, ())]
        quarter = len(taken) // 4
        if not quarter:
            return 0.0
        return median(taken[-quarter:]) / median(taken[quarter : 2 * quarter]) - 1

    def as_dict(self) -> Json:
        """For the report."""
        memory = {
            name: {
                "megabytes_first": round(taken[0].resident / 2**20, 1),
                "megabytes_last": round(taken[-1].resident / 2**20, 1),
                "growth_percent": round(100 * self.growth(name), 1),
                "descriptors_before": self.quiet_before.get(name),
                "descriptors_after": self.quiet_after.get(name),
            }
            for name, taken in self.samples.items()
        }
        return {
            **{"seed": self.seed, "minutes": self.minutes, "calls": self.calls},
            **{"redialled": self.redialled, "requests": self.requests},
            **{"outcomes": dict(self.outcomes), "faults": dict(self.faults)},
            **{"clean_seconds": round(self.clean_seconds, 1), "processes": memory},
            "problems": self.problems,
        }


async def soak(seed: int, minutes: float, progress: Callable[[Soak], None]) -> Soak:
    """Load and faults for so long, then quiet, then everything is looked at."""
    told = Soak(seed, minutes)
    async with Rig() as rig:
        told.quiet_before = _descriptors(rig)
        until_at = time.monotonic() + minutes * 60
        calls: set[asyncio.Task[None]] = set()
        callers: list[str] = []
        beside = [
            asyncio.create_task(_break_things(rig, told, until_at)),
            asyncio.create_task(_sample(rig, told, until_at)),
        ]
        chance = Random(seed)
        while time.monotonic() < until_at:
            told.calls += 1
            day = BadDay(rig, f"+1555{told.calls:07d}", f"client:target-{told.calls}")
            callers.append(day.people["caller"])
            task = asyncio.create_task(_one_call(day, told, Random(f"{seed} {told.calls}")))
            calls.add(task)
            task.add_done_callback(calls.discard)
            progress(told)
            await asyncio.sleep(CALL_EVERY_SECONDS * chance.uniform(0.5, 1.5))
        await asyncio.gather(*beside)
        await rig.heal()
        await asyncio.gather(*calls)
        await _look(rig, told, frozenset(callers))
    return told


async def _break_things(rig: Rig, told: Soak, until_at: float) -> None:
    chance = Random(f"faults {told.seed}")
    while time.monotonic() < until_at - FAULT_EVERY_SECONDS:
        await asyncio.sleep(FAULT_EVERY_SECONDS * chance.uniform(0.5, 1.5))
        fault = chance.choice(SURVIVED)
        told.faults[fault.title] += 1
        try:
            await _strike(rig, fault, chance)
            await rig.heal()
        except Exception as error:
            told.wrong(f"{fault.title}: {type(error).__name__}: {error}")


async def _strike(rig: Rig, fault: Fault, chance: Random) -> None:
    """The killed ones are always the same, so that the others' memory can be followed."""
    if fault.id == "F02":
        rig.kill(MORTALS["api"])
        await asyncio.sleep(1.0)
        return
    victim = MORTALS["worker"] if fault.id == "F01" else chance.choice(("worker-1", "worker-2"))
    await fault.strike(rig, victim, chance)


async def _sample(rig: Rig, told: Soak, until_at: float) -> None:
    while time.monotonic() < until_at:
        for name in (*SURVIVORS, "simulator"):
            process = rig.processes[name]
            count = len(os.listdir(f"/proc/{process.pid}/fd"))
            sample = Sample(time.time(), resident_bytes(process), count)
            told.samples.setdefault(name, []).append(sample)
        await asyncio.sleep(SAMPLE_EVERY_SECONDS)


def _descriptors(rig: Rig) -> dict[str, int]:
    return {
        name: len(os.listdir(Path(f"/proc/{rig.processes[name].pid}/fd")))
        for name in (*SURVIVORS, "simulator")
    }


# --- calls ---


async def _one_call(day: BadDay, told: Soak, chance: Random) -> None:
    story = chance.choice(STORIES)
    try:
        await _open(day, told)
        wanted = await story(day, chance)
        view = await day.desk.over(day.transfer_id)
        ended = (view["state"], view["reason"])
        told.outcomes[view["state"]] += 1
        if ended != wanted:
            told.wrong(f"{story.__name__} ended as {ended}, {day.transfer_id}")
        await _think(chance)
    except Exception as error:
        where = f"{story.__name__}, {day.transfer_id or day.people['caller']}"
        told.wrong(f"{where}: {type(error).__name__}: {error}")
    finally:
        if day.people["caller"] in await day.phones.live_legs():
            await day.hangs_up("caller")


async def _open(day: BadDay, told: Soak) -> None:
    """Somebody who is told that we cannot take the call dials again."""
    await day.phones.behave(AGENT, "answer")
    give_up_at = time.monotonic() + OPEN_SECONDS_MAX
    while True:
        try:
            await day.open()
        except NeverSeenError:
            if time.monotonic() > give_up_at:
                raise
            if day.people["caller"] in await day.phones.live_legs():
                raise
            told.redialled += 1
        else:
            return


async def _think(chance: Random) -> None:
    await asyncio.sleep(chance.uniform(0, THINK_SECONDS))


async def _consult(day: BadDay, chance: Random) -> None:
    await day.transfer("warm", "target", ring_seconds=RING_SECONDS)
    await day.rings("target")
    await _think(chance)
    await day.answers("target")
    await day.until("consulting")
    await _think(chance)


async def warm(day: BadDay, chance: Random) -> tuple[str, str]:
    """Consult and complete."""
    await _consult(day, chance)
    await day.press("complete")
    return "completed", "completed"


async def joined(day: BadDay, chance: Random) -> tuple[str, str]:
    """Back to the caller, all three, complete."""
    await _consult(day, chance)
    await day.press("swap")
    await day.until("revisiting")
    await _think(chance)
    await day.press("join")
    await day.until("conferring")
    await _think(chance)
    await day.press("complete")
    return "completed", "completed"


async def cold(day: BadDay, chance: Random) -> tuple[str, str]:
    """The agent goes when the target answers."""
    await day.transfer("cold", "target", ring_seconds=RING_SECONDS)
    await day.rings("target")
    await _think(chance)
    await day.answers("target")
    return "completed", "completed"


async def cancelled(day: BadDay, chance: Random) -> tuple[str, str]:
    """The agent takes the caller back while the phone rings."""
    await day.transfer("warm", "target", ring_seconds=RING_SECONDS)
    await day.rings("target")
    await _think(chance)
    await day.press("cancel")
    return "cancelled", "cancelled_by_agent"


async def busy(day: BadDay, _: Random) -> tuple[str, str]:
    """The target is engaged."""
    await day.phones.behave(day.people["target"], "busy")
    await day.transfer("warm", "target", ring_seconds=RING_SECONDS)
    return "failed", "target_busy"


async def abandoned(day: BadDay, chance: Random) -> tuple[str, str]:
    """The caller does not want to wait."""
    await day.transfer("warm", "target", ring_seconds=RING_SECONDS)
    await day.rings("target")
    await _think(chance)
    await day.hangs_up("caller")
    return "abandoned", "caller_hung_up"


STORIES: tuple[Story, ...] = (warm, joined, cold, cancelled, busy, abandoned)


# --- the end ---


async def _quiet(rig: Rig, told: Soak) -> None:
    """Wait for idle connections to be given up, and count what is open then."""

    async def look() -> bool | None:
        told.quiet_after = _descriptors(rig)
        more = [told.quiet_after[name] - told.quiet_before[name] for name in SURVIVORS]
        return True if max(more) <= DESCRIPTORS_MAX else None

    with suppress(NeverSeenError):
        await until(look, "connections to be given up", QUIET_SECONDS_MAX)


async def _look(rig: Rig, told: Soak, callers: frozenset[str]) -> None:
    """The global post-condition, and all that the network saw."""
    phones, began = Telephones(rig), time.monotonic()
    client = await rig.temporal()

    async def look() -> bool | None:
        running = await client.count_workflows(CALLS_RUNNING)
        return True if not running.count and not await phones.live_legs() else None

    try:
        await until(look, "nothing to be left", CLEAN_SECONDS_MAX)
    except NeverSeenError:
        running = [each.id async for each in client.list_workflows(CALLS_RUNNING)]
        told.problems.append(f"left over: legs {await phones.live_legs()}, workflows {running}")
    told.clean_seconds = time.monotonic() - began
    entries = (await phones.ask("GET", "/ledger"))["entries"]
    requests = (await phones.ask("GET", "/requests"))["requests"]
    told.requests = len(requests)
    told.problems += findings(Day(entries, requests, callers, time.time()), Bounds())
    await _quiet(rig, told)
    for name in SURVIVORS:
        more = told.quiet_after[name] - told.quiet_before[name]
        if more > DESCRIPTORS_MAX:
            told.problems.append(f"{name} has {more} descriptors more than before")
        if told.minutes >= GROWTH_MINUTES_MIN and told.growth(name) > GROWTH_MAX:
            told.problems.append(f"{name} has grown by {told.growth(name):.0%}")
