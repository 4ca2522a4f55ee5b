"""What becomes of Twilio's callbacks: lost, doubled, late, in another order, by another clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

from simulator.core.outbox import Fetch, Reply
from simulator.http.transport import Outcome
from tests.matrix.moments import Deed
from tests.matrix.story import Seen
from tests.simulation.stage import Stage

LATE_SECONDS = 8.0
COPIES_SECONDS = (0.7, 3.0)
"""When the copies of a doubled callback arrive."""


class Weather:
    """Stands in front of the simulation's own way from Twilio to the api."""

    stage: Stage
    seen: Seen
    _weather: Deed | None
    _skewed_by: float
    _is_over: bool

    def say(self, text: str) -> None:
        """One line of the ladder."""
        raise NotImplementedError

    async def send(self, fetch: Fetch) -> Outcome:
        """One callback, in the weather of the moment. Documents that Twilio waits for pass."""
        weather, inner = self._weather, self.stage.callbacks
        if self._skewed_by and "Timestamp" in fetch.params:
            fetch.params["Timestamp"] = _moved(fetch.params["Timestamp"], -self._skewed_by)
        if weather is None or _is_waited_for(fetch) or self._is_over:
            self.say(f"told {fetch.event} {fetch.params.get('CallStatus', '')}")
            return await inner.send(fetch)
        self.seen.callbacks += 1
        self.say(f"told {fetch.event} {fetch.params.get('CallStatus', '')} {weather.what.upper()}")
        if weather.what == "lost":
            return Outcome(Reply(0, error="connect: lost"), 1, 0.0)
        if weather.what == "doubled":
            for seconds in COPIES_SECONDS:
                self.stage.loop.create_task(self._later(fetch, seconds))
        else:
            first = LATE_SECONDS if weather.what == "late" else 1.5 / self.seen.callbacks
            await asyncio.sleep(first)
        return await inner.send(fetch)

    async def open(self) -> None:
        """Nothing to open."""

    async def _later(self, fetch: Fetch, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.stage.callbacks.send(fetch)


def _is_waited_for(fetch: Fetch) -> bool:
    """Whether Twilio waits for a document. An assignment it does without: then the offer passes."""
    return fetch.kind == "twiml" and fetch.event != "assignment"


def _moved(stamp: str, seconds: float) -> str:
    if stamp.isdigit():
        # As TaskRouter tells it.
        return str(int(stamp) + int(seconds))
    return format_datetime(parsedate_to_datetime(stamp) + timedelta(seconds=seconds))
