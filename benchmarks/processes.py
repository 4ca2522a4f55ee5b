"""What is measured: the engine's whole stack, and the floor's two processes beside it.

Engine and floor have the same layout: one Temporal development server and one simulator for both,
an api and a worker for each. The server is tuned: it has a single history shard that it would else
read 20 times a second only, so that every figure would be about that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.e2e.processes import Process, free_ports
from tests.e2e.stack import Options, Stack

SERVER = "development server in memory, tuned (history shard unthrottled)"
CACHED_WORKFLOWS = 6000
KEEP_ALIVE_SECONDS = 2.0
"""Servers drop an idle connection after five seconds; ours is given up before."""


@dataclass(frozen=True)
class Bench:
    """Everything that runs, and a client to press buttons with."""

    stack: Stack
    floor_url: str
    http: aiohttp.ClientSession

    @property
    def engine(self) -> tuple[Process, ...]:
        """The processes that work while the engine is measured, the worker last."""
        return self._named("temporal", "simulator", "api", "worker-1")

    @property
    def floor(self) -> tuple[Process, ...]:
        """The processes that work while the floor is measured, the worker last."""
        return self._named("temporal", "simulator", "floor-api", "floor-worker")

    def _named(self, *names: str) -> tuple[Process, ...]:
        return tuple(self.stack.processes[name] for name in names)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """The stack as in production (encryption, metrics and logs on), and the floor."""
    settings = {
        "HANDOVER_STARTS_PER_MINUTE": "100000",
        "HANDOVER_DIALS_PER_MINUTE": "100000",
        "HANDOVER_CACHED_WORKFLOWS": str(CACHED_WORKFLOWS),
        "HANDOVER_LOG_FORMAT": "json",
        # What a transfer costs is counted to the request; `benchmarks.guardian` counts the rest.
        "HANDOVER_GUARDIAN": "false",
    }
    connector = aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE_SECONDS)
    async with (
        Stack(Options(settings=settings)) as stack,
        aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as http,
    ):
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        worker = add_process(stack, "floor-worker", ["-m", "benchmarks.floor_worker"])
        api = add_process(
            stack,
            "floor-api",
            [
                *("-m", "uvicorn", "--factory", "benchmarks.floor_api:create_app"),
                *("--port", str(port), "--no-access-log", "--log-level", "warning"),
            ],
        )
        await worker.until(lambda: said(worker, "worker ready"))
        await api.until(lambda: answers(http, f"{url}/healthz"))
        yield Bench(stack, url, http)


def add_process(stack: Stack, name: str, arguments: Sequence[str]) -> Process:
    """One more Python process in the stack, started; it ends with the stack."""
    process = Process(name, [sys.executable, *arguments], stack.settings, stack.folder)
    stack.processes[name] = process
    process.start()
    return process


async def said(process: Process, text: str) -> bool:
    """Whether a process has logged this."""
    return process.said(text)


async def answers(http: aiohttp.ClientSession, url: str) -> bool:
    """Whether something answers 200 there."""
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def cpu_seconds(process: Process) -> float:
    """Processor time that a process has used so far, in all of its threads."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(process: Process) -> int:
    """Memory that a process holds now (VmRSS)."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{process.name} has ended")
