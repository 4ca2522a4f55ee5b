"""The stack with something to break: two apis behind a balancer, two workers, Temporal on a file,
and a link on every way between processes.

    Twilio ──front──► api-1, api-2 ──link──► Temporal
    Twilio ◄──link── worker-1, worker-2 ──link──► Temporal
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.chaos.links import HttpLink, Link, Trap
from tests.e2e.processes import Process
from tests.e2e.stack import Options, Stack

FAKETIME = Path(f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/libfaketimeMT.so.1")


class Rig(Stack):
    """`async with Rig() as rig`: everything is up inside, with every link open."""

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        workers: int = 2,
        apis: int = 2,
        clocks: Mapping[str, float] | None = None,
        has_links: bool = True,
        centre: Options | None = None,
    ) -> None:
        """`clocks`: by how many seconds the clock of a process, by its name, is wrong. Without
        links nothing can be cut but the front, and this process has less to carry. `centre`: its
        mode, agents and workers."""
        super().__init__(
            replace(
                centre or Options(),
                workers=workers,
                apis=apis,
                is_durable=True,
                settings={**SETTINGS, **(settings or {})},
            )
        )
        self.front = Link(*self.api_ports.values())
        self.to_temporal: dict[str, Link] = {}
        """By the name of the process that goes that way."""
        self.to_twilio: dict[str, HttpLink] = {}
        self._clocks = dict(clocks or {})
        self._has_links = has_links
        self._has_faults = False
        self._comings: set[asyncio.Task[None]] = set()

    async def _start(self) -> None:
        await self.front.open(_port(self.api_url))
        if self._has_links:
            for name in self.api_ports:
                await self._link_temporal(name)
            for number in range(1, self.options.workers + 1):
                await self.link_worker(f"worker-{number}")
        await super()._start()

    async def stop(self) -> None:
        """Thaw what is frozen, mend what is cut, end everything."""
        await self.heal()
        await super().stop()
        for link in (self.front, *self.to_temporal.values(), *self.to_twilio.values()):
            await link.close()

    async def link_worker(self, name: str) -> None:
        """Open the links of a worker that is about to be started."""
        await self._link_temporal(name)
        link = HttpLink(name, _port(self.simulator_url))
        await link.open()
        self.to_twilio[name] = link

    async def start_next(self, build: str) -> str:
        """One more worker, of the next build; answers its name."""
        name = f"next-{build}-{sum(1 for each in self.processes if each.startswith('next')) + 1}"
        await self.link_worker(name)
        command = [sys.executable, "-m", "tests.chaos.next_worker"]
        environment = self.environment_of(name) | {
            "HANDOVER_NEXT": build,
            "HANDOVER_BUILD_ID": f"next-{build}",
        }
        process = self._add(name, command, environment)
        process.start()
        await self.ready(name)
        return name

    async def _link_temporal(self, name: str) -> None:
        link = Link(_port(self.temporal_address))
        await link.open()
        self.to_temporal[name] = link

    def environment_of(self, name: str) -> dict[str, str]:
        """Every process reaches its neighbours by links of its own."""
        environment = dict(self.settings)
        if link := self.to_temporal.get(name):
            environment["TEMPORAL_ADDRESS"] = f"127.0.0.1:{link.port}"
        if way := self.to_twilio.get(name):
            environment["TWILIO_BASE_URL"] = f"http://127.0.0.1:{way.port}"
        if seconds := self._clocks.get(name):
            environment |= wrong_clock(seconds)
        return environment

    # --- breaking things ---

    def kill(self, name: str) -> Process:
        """`kill -9`."""
        process = self.processes[name]
        process.kill()
        return process

    def bring_back(self, name: str, after_seconds: float = 0.0) -> None:
        """Start a killed process again after a while, without waiting for it here."""

        async def come() -> None:
            await asyncio.sleep(after_seconds)
            await self.start_again(name)

        task = asyncio.create_task(come())
        self._comings.add(task)
        task.add_done_callback(self._comings.discard)

    async def lose_callbacks(self) -> None:
        """Nothing that Twilio reports arrives, until `heal`."""
        body = {"on": "callback", "kind": "drop"}
        await self.http.post(f"{self.simulator_url}/simulator/v1/faults", json=body)
        self._has_faults = True

    async def heal(self) -> None:
        """Every link open, every process running and at work again."""
        if self._has_faults:
            await self.http.delete(f"{self.simulator_url}/simulator/v1/faults")
            self._has_faults = False
        for link in (self.front, *self.to_temporal.values(), *self.to_twilio.values()):
            link.mend()
        for process in self.processes.values():
            process.thaw()
        await asyncio.gather(*self._comings)
        for name, process in self.processes.items():
            if process.was_killed:
                await self.start_again(name)

    @contextmanager
    def trapped(self, trap: Trap) -> Iterator[Trap]:
        """The trap lies on every worker's way to Twilio."""
        for link in self.to_twilio.values():
            link.traps.append(trap)
        try:
            yield trap
        finally:
            trap.let_go()
            for link in self.to_twilio.values():
                link.traps.remove(trap)


def wrong_clock(seconds: float) -> dict[str, str]:
    """The environment of a process whose wall clock is wrong: Debian's libfaketime."""
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": f"{seconds:+.0f}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


SETTINGS = {
    "HANDOVER_STARTS_PER_MINUTE": "100000",
    "HANDOVER_DIALS_PER_MINUTE": "100000",
    "HANDOVER_LOG_FORMAT": "json",
}


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
