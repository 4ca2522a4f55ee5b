"""A sign of life from every activity that takes its time, so that a dead worker is missed soon.

Temporal does not see a worker die: it waits until an attempt's time is up, which has to be long
enough for several requests of 2.5 seconds. A heartbeat says earlier that nobody is at work any
more. Each one is billed, so the first is sent only after longer than Twilio usually needs.

By the same way an activity hears that it is not to be tried again. Its requests still end by
themselves: what a request did that was cut in half, nobody knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

PULSE_SECONDS = 0.5
"""From one sign to the next, and to the first: most activities end within a tenth of it."""
WRITE_SECONDS = 1.0
"""How long Temporal may take to write a word down; usually some thousandths."""


class Pulse(Interceptor):
    """For the worker: gives a pulse to every activity that was started with a heartbeat time-out.

    What an activity tells the next attempt by a heartbeat of its own is repeated in each sign, and
    so is what the attempt before has told: a sign without it would wipe it out.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """One state per attempt."""
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._told = _Told(outbound)
        super().init(self._told)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        """Carry it out with a pulse beside it."""
        info = activity.info()
        if info.heartbeat_timeout is None:
            return await super().execute_activity(input)
        self._told.details = tuple(info.heartbeat_details)
        _TOLD.set(self._told)
        beating = asyncio.create_task(self._beat())
        try:
            return await _uncut(asyncio.create_task(super().execute_activity(input)))
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            self._told.heartbeat(*self._told.details)


async def _uncut(work: asyncio.Task[Any]) -> Any:
    """The outcome of `work`, also if meanwhile the workflow says that it is not wanted any more.

    Whoever else ends an attempt, as a worker that shuts down does, ends the work with it.
    """
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        details = activity.cancellation_details()
        if details is None or not details.cancel_requested:
            work.cancel()
        return await work


class _Told(ActivityOutboundInterceptor):
    """Keeps what was last told to the next attempt."""

    details: Sequence[Any] = ()
    has_told = False
    """Whether a sign was given: the SDK may still hold it back, and send it at any time."""

    def heartbeat(self, *details: Any) -> None:
        """A sign of life, with what the next attempt is to know."""
        self.details, self.has_told = details, True
        super().heartbeat(*details)


_TOLD: ContextVar[_Told | None] = ContextVar("told", default=None)


async def write_down(*details: Any) -> None:
    """Tell the next attempt, or whoever learns that the last one was in vain, and come back when
    Temporal has it. Raises `RPCError` where that is not known.

    `activity.heartbeat` comes back at once, and its words are lost where Temporal is away.
    """
    told = _TOLD.get()
    if told is not None and told.has_told:
        told.heartbeat(*details)  # or one that is held back would wipe this out
    elif told is not None:
        told.details = details
    handle = activity.client().get_async_activity_handle(task_token=activity.info().task_token)
    with suppress(AsyncActivityCancelledError):  # it is written down all the same
        await handle.heartbeat(*details, rpc_timeout=timedelta(seconds=WRITE_SECONDS))
