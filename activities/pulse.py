"""A sign of life from every activity that takes its time, so that a dead worker is missed soon.

Temporal does not see a worker die: it waits until an attempt's time is up, which has to be long
enough for several requests of 2.5 seconds. A heartbeat says earlier that nobody is at work any
more. Each one is billed, so the first is sent only after longer than Twilio usually needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

PULSE_SECONDS = 0.5
"""From one sign to the next, and to the first: most activities end within a tenth of it."""


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
        beating = asyncio.create_task(self._beat())
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            self._told.heartbeat(*self._told.details)


class _Told(ActivityOutboundInterceptor):
    """Keeps what was last told to the next attempt."""

    details: Sequence[Any] = ()

    def heartbeat(self, *details: Any) -> None:
        """A sign of life, with what the next attempt is to know."""
        self.details = details
        super().heartbeat(*details)
