"""Transfers per second through one worker process, and what each costs in processor time.

Cold transfers of calls that were made beforehand, to a phone that answers at once; so many at a
time, engine and floor in turns. The floor makes as many activities and hears as many signals.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from temporalio.client import Client

from benchmarks.actions import actions_of
from benchmarks.buttons import Buttons, Engine, Floor
from benchmarks.processes import Bench, cpu_seconds
from benchmarks.rooms import PROMPT, Call, Rooms
from tests.e2e.processes import Process
from workflows.messages import transfer_workflow_id

AT_A_TIME = 50
SETTING_UP_AT_A_TIME = 10
PATIENCE_SECONDS = 120.0


@dataclass
class Throughput:
    """One side: transfers and seconds, processor milliseconds per transfer by process."""

    name: str
    transfers: int = 0
    seconds: float = 0.0
    cpu_ms: dict[str, float] = field(default_factory=dict)
    activities: int = 0
    """Of one transfer, as its history has them."""
    signals: int = 0
    repeated: int = 0
    """Starts answered 503 first; a floor has no such limit."""

    @property
    def per_second(self) -> float:
        """Transfers per second of wall clock."""
        return self.transfers / self.seconds

    def add(self, transfers: int, seconds: float, cpu_ms: dict[str, float]) -> None:
        """Another block of transfers; `cpu_ms` is of the whole block."""
        total = self.transfers + transfers
        for name, spent in cpu_ms.items():
            before = self.cpu_ms.get(name, 0.0) * self.transfers
            self.cpu_ms[name] = (before + spent) / total
        self.transfers, self.seconds = total, self.seconds + seconds


async def measure(
    bench: Bench, blocks: int, transfers: int, progress: Callable[[], None]
) -> list[Throughput]:
    """So many blocks of so many transfers, for each side."""
    rooms = Rooms(bench)
    client = await bench.stack.temporal()
    engine, floor = Throughput("engine"), Throughput("floor")
    for number in range(blocks):
        sides: list[tuple[Throughput, Buttons, tuple[Process, ...]]] = [
            (engine, Engine(bench), bench.engine),
            (floor, Floor(bench), bench.floor),
        ]
        for told, buttons, processes in sides[:: 1 if number % 2 else -1]:
            await rooms.forget()
            calls = await _calls(rooms, buttons, transfers)
            await _block(told, client, buttons, processes, calls)
            progress()
    return [engine, floor]


async def _calls(rooms: Rooms, buttons: Buttons, number: int) -> list[Call]:
    """Calls that wait to be transferred. Not measured."""
    gate = asyncio.Semaphore(SETTING_UP_AT_A_TIME)

    async def one() -> Call:
        async with gate:
            return await rooms.open(buttons.hears)

    return await asyncio.gather(*(one() for _ in range(number)))


async def _block(
    told: Throughput,
    client: Client,
    buttons: Buttons,
    processes: tuple[Process, ...],
    calls: list[Call],
) -> None:
    """All calls, each transferred as soon as one of the places is free."""
    gate = asyncio.Semaphore(AT_A_TIME)
    spent = {each.name: cpu_seconds(each) for each in processes}

    async def one(call: Call) -> None:
        async with gate, asyncio.timeout(PATIENCE_SECONDS):
            await buttons.start(call, "whole", PROMPT)
            await client.get_workflow_handle(workflow_id(buttons, call)).result()

    began = time.monotonic()
    await asyncio.gather(*(one(call) for call in calls))
    seconds = time.monotonic() - began
    cpu_ms = {each.name: (cpu_seconds(each) - spent[each.name]) * 1000 for each in processes}
    told.add(len(calls), seconds, cpu_ms)
    told.repeated += buttons.repeated
    history = await client.get_workflow_handle(workflow_id(buttons, calls[0])).fetch_history()
    counted = actions_of(history.events)
    told.activities, told.signals = counted["activity"], counted["signal"]


def workflow_id(buttons: Buttons, call: Call) -> str:
    """The workflow that carries a call's transfer."""
    if buttons.name == "engine":
        return transfer_workflow_id(call.conference_sid)
    return call.name
