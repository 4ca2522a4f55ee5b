"""An event loop whose time is a number: it never waits, it goes to the next moment at once.

Everything of a simulated history runs on one such loop, so that a seed gives the same order of
events on every machine, and an hour of virtual time costs only what happens in it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

START = 1_767_225_600.0
"""The moment at which every history begins: 2026-01-01, as the simulator's turnable clock."""


class NothingLeftError(RuntimeError):
    """Somebody waits, and nothing is planned that could ever wake them."""


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio's own loop without files and without waiting."""

    def __init__(self, start: float = START) -> None:
        super().__init__()
        self._now = start
        self._selector = self
        self._clock_resolution = 1e-6  # far below any latency, and above what a float can tell
        self.failures: list[BaseException] = []
        """What went wrong in tasks that nobody awaited."""
        self.set_exception_handler(_remember)

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> tuple[()]:
        """What the loop asks of its selector: here time passes."""
        if timeout is None:
            raise NothingLeftError("nothing is planned any more")
        if timeout > 0 and self._scheduled:
            self._now = max(self._now, self._scheduled[0]._when)
        return ()

    def _process_events(self, event_list: object) -> None:
        """There are no files, hence no events of files."""

    def _write_to_self(self) -> None:
        """There is no other thread that would wake this one."""


def _remember(loop: Any, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if error is not None:
        loop.failures.append(error)


@contextmanager
def virtual_time(loop: VirtualLoop, seed: int) -> Iterator[None]:
    """Clocks and chance of the whole process are the history's own within this."""
    clocks = (time.time, time.monotonic)
    chance = random.getstate()
    time.time = time.monotonic = loop.time  # type: ignore[assignment]
    random.seed(seed)
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        time.time, time.monotonic = clocks
        random.setstate(chance)
        asyncio.set_event_loop(None)
