"""Is Twilio there? Probed when requests fail, and then again and again until it is back.

A few failures in a row prove nothing: one route may be broken, or one request wrong. So a probe
decides. While the probes fail, whoever keeps this is told, now and once a minute, so that
the api, which knows nothing of Twilio, can be told, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio import activity
from twilio.rest import Client

from activities.errors import TwilioError, ask
from activities.throttle import PRIORITY, Priority, Throttle

PROBE_SECONDS_FIRST = 1.0
PROBE_SECONDS_MAX = 4.0
"""From one probe to the next while Twilio is down, doubling: within so much time after its return
everything goes on."""
TELL_SECONDS = 60.0
"""From one telling to the next."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProbeInput:
    """A probe needs to know nothing."""


class Health:
    """Probes Twilio for a whole process."""

    def __init__(self, client: Client, throttle: Throttle) -> None:
        self._client = client
        self._budget = throttle

    @activity.defn(name="probe_twilio")
    async def probe_twilio(self, given: ProbeInput) -> None:
        """Ask for what is always there. Raises a `TwilioError` unless it is answered."""
        await ask(self._client.conferences.list_async(limit=1, page_size=1))

    async def watch(self, tell: Callable[[], Awaitable[None]]) -> None:
        """For ever: wait until requests fail, probe, and probe on while Twilio is down.

        `tell` is called when Twilio is found to be down, and then again while it is.
        """
        PRIORITY.set(Priority.PROBE)
        while True:
            await self._budget.suspicion.wait()
            if not await self._is_there():
                await self._until_back(tell)
            self._budget.came_back()

    async def _until_back(self, tell: Callable[[], Awaitable[None]]) -> None:
        self._budget.went_down()
        began = _now()
        told_at = -TELL_SECONDS
        pause = PROBE_SECONDS_FIRST
        _logger.error("Twilio cannot be had: calls stay as they are, new transfers are refused")
        while self._budget.is_down:
            if _now() - told_at >= TELL_SECONDS:
                told_at = _now()
                await tell()
            await asyncio.sleep(self._budget.later(pause))
            pause = min(PROBE_SECONDS_MAX, 2 * pause)
            if await self._is_there():
                break
        _logger.warning("Twilio is back after %.0f s", _now() - began)

    async def _is_there(self) -> bool:
        try:
            await self.probe_twilio(ProbeInput())
        except TwilioError:
            return False
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
