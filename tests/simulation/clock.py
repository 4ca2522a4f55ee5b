"""An event loop whose time is a number: it never waits, it goes to the next moment at once.

Everything of a simulated history runs on one such loop, so that a seed gives the same order of
events on every machine, and an hour of virtual time costs only what happens in it.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from heapq import heappop, heappush
from typing import Any

START = 1_767_225_600.0
"""The moment at which every history begins: 2026-01-01, as the simulator's turnable clock."""
AT_ONCE = 1e-6
"""Timers so close together run in one turn: far below any latency, above what a float can tell."""


class NothingLeftError(RuntimeError):
    """Somebody waits, and nothing is planned that could ever wake them."""


class Planned:
    """A callback and its moment: what asyncio has as `Handle` and `TimerHandle`, and no more."""

    __slots__ = ("_args", "_callback", "_context", "_when")

    def __init__(
        self,
        when: float,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        context: contextvars.Context,
    ) -> None:
        self._when = when
        self._callback: Callable[..., Any] | None = callback
        self._args = args
        self._context = context

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self._callback, self._args = None, ()

    def cancelled(self) -> bool:
        return self._callback is None


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio's own loop without files and without waiting.

    Its own turn and its own handles, because a history has some thousand of each: asyncio's are
    made for debugging, other threads and files, none of which there are here.
    """

    def __init__(self, start: float = START) -> None:
        super().__init__()
        self._now = start
        self._selector = None
        self._timers: list[tuple[float, int, Planned]] = []
        self._made = 0
        self._tasks: list[weakref.ref[asyncio.Task[Any]]] = []
        self.failures: list[BaseException] = []
        """What went wrong in tasks that nobody awaited."""
        self.set_exception_handler(_remember)
        self.get_debug = bool  # type: ignore[assignment,method-assign]
        # Asked for each future: a function of C that says no.
        self._asyncgen_firstiter_hook = None  # generators are not listed: there is no shutdown

    def time(self) -> float:
        return self._now

    def create_task(self, coro: Any, *, name: str | None = "", context: Any = None) -> Any:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(weakref.ref(task))
        return task

    def unfinished(self) -> list[asyncio.Task[Any]]:
        """The tasks that have not come to their end, in the order in which they were made."""
        tasks = (known() for known in self._tasks)
        return [task for task in tasks if task is not None and not task.done()]

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        planned = Planned(self._now, callback, args, copy_context() if context is None else context)
        self._ready.append(planned)
        return planned

    call_soon_threadsafe = call_soon

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        when = self._now + delay
        planned = Planned(when, callback, args, copy_context() if context is None else context)
        self._made += 1
        heappush(self._timers, (when, self._made, planned))
        return planned

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        """Those of the same moment run in the order in which they were planned."""
        planned = Planned(when, callback, args, copy_context() if context is None else context)
        self._made += 1
        heappush(self._timers, (when, self._made, planned))
        return planned

    def passing(self, seconds: float) -> asyncio.Future[None]:
        """To be awaited: so much time passes, as with `asyncio.sleep`, at half the cost."""
        over: asyncio.Future[None] = self.create_future()
        self.call_at(self._now + seconds, wake, over)
        return over

    def _run_once(self) -> None:
        """Turns, until this is to stop: what is due runs; if nothing is, time goes to the next
        moment at which something is. asyncio calls it for one turn; there are some hundred."""
        ready, timers = self._ready, self._timers
        while True:
            while timers and timers[0][2]._callback is None:
                heappop(timers)
            if not ready and not self._stopping:
                if not timers:
                    raise NothingLeftError("nothing is planned any more")
                self._now = max(self._now, timers[0][0])
            end = self._now + AT_ONCE
            while timers and timers[0][0] < end:
                ready.append(heappop(timers)[2])
            for _ in range(len(ready)):
                planned = ready.popleft()
                callback = planned._callback
                if callback is None:
                    continue
                try:
                    planned._context.run(callback, *planned._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    self.failures.append(error)
            if self._stopping:
                return

    def forget(self) -> None:
        """Nothing that is planned will happen."""
        self._ready.clear()
        self._timers.clear()

    def _process_events(self, event_list: object) -> None:
        """There are no files, hence no events of files."""

    def _write_to_self(self) -> None:
        """There is no other thread that would wake this one."""


def wake(waiter: asyncio.Future[None]) -> None:
    """Let whoever waits for this go on, if anybody still does."""
    if not waiter.done():
        waiter.set_result(None)


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
    # asyncio keeps a set of all tasks, in Python, under a name of each version. The loop has a
    # list of its own, which is cheaper.
    names = ("_all_tasks", "_scheduled_tasks")
    listed: Any = next(
        getattr(asyncio.tasks, name) for name in names if hasattr(asyncio.tasks, name)
    )
    listed.add = bool
    try:
        yield
    finally:
        del listed.add
        time.time, time.monotonic = clocks
        random.setstate(chance)
        asyncio.set_event_loop(None)
