"""The guardian's lists of live calls and rooms, on a shorter way than by HTTP and the SDK.

Two requests of three in a history are these lists, and next to nothing is in them. Here each takes
the same time on the way, reads what the simulator's own list reads, passes the same throttle and
fails as the real one when Twilio cannot be reached; left out is what is below. That nothing else
differs is tested: a history is the same to the last request with either (`test_lists.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import aiohttp
from twilio.base import deserialize

from activities.errors import ask
from activities.guardian.look import (
    CALL_STATUSES,
    ROOM_STATUSES,
    CallSeen,
    Look,
    call_seen,
)
from activities.throttle import count_request, priority_here
from tests.simulation.stage import Stage

_moment = lru_cache(4096)(deserialize.rfc2822_datetime)
deserialize.rfc2822_datetime = _moment  # the SDK reads the same few dates again and again


class Lists:
    """What `activities.guardian.look` asks for, read from a stage."""

    def __init__(self, stage: Stage) -> None:
        self._rest = stage.rest
        self._throttle = stage.twilio.http_client.throttle

    async def look_around(self, page_size: int) -> Look:
        """As `look_around` there, in the same order."""
        calls, rooms = await asyncio.gather(
            self._calls(page_size),
            asyncio.gather(*(self._rooms(status, page_size) for status in ROOM_STATUSES)),
        )
        return Look(calls, {sid: created for part in rooms for sid, created in part.items()})

    async def _calls(self, page_size: int) -> dict[str, CallSeen]:
        seen: dict[str, CallSeen] = {}
        for status in CALL_STATUSES:
            form = {"Status": status, "PageSize": str(page_size)}
            listed = await ask(self._listed(lambda network, form=form: network.list_calls(form)))
            seen |= {each["sid"]: call_seen(SimpleNamespace(**each)) for each in listed["calls"]}
        return seen

    async def _rooms(self, status: str, page_size: int) -> dict[str, float]:
        form = {"Status": status, "PageSize": str(page_size)}
        listed = await ask(self._listed(lambda network: network.list_conferences(form)))
        return {
            each["sid"]: _moment(each["date_created"]).timestamp() for each in listed["conferences"]
        }

    async def _listed(self, read: Callable[[Any], Any]) -> Any:
        """One request, as `activities.client` makes it."""
        async with self._throttle.slot(priority_here()):
            count_request()
            try:
                listed = await self._rest.glance(read)
            except aiohttp.ClientError:
                self._throttle.failed()
                raise
            self._throttle.answered()
            return listed
