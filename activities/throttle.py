"""How much one process may ask of Twilio: one throttle, shared by everything it does.

Twilio answers 429 to an account that has too many requests under way. If every waiting transfer
came back by itself, the next second would be as full as this one and the 429 would spread. So one
429 slows down the whole process: nothing is sent until the time that Twilio asked for has passed,
and then half as much at once, growing again with each answer. What frees a caller goes first.

While Twilio is down nothing is sent at all but a probe now and then (`activities/health.py`). A
request that is held back costs nothing at Twilio and is known to have had no effect.

https://www.twilio.com/docs/api/errors/20429
"""

from __future__ import annotations

import asyncio
import heapq
import math
import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum

from temporalio import activity
from twilio.base.exceptions import TwilioException

AT_ONCE_MAX = 100
"""Requests under way at once while all is well, and connections kept. The worker has no more
activities than this."""
WAIT_SECONDS = 0.5
"""How long a request waits for its turn. With the 2.5 s of the request itself this stays within the
time of one attempt; past it the attempt ends, and comes back later."""
PAUSE_SECONDS_FIRST = 0.5
PAUSE_SECONDS_MAX = 8.0
"""After a 429 without a Retry-After, doubling with each that follows at once."""
CUT_SECONDS = 0.5
"""Requests that were under way together are refused together: they count as one 429."""
JITTER = 0.5
"""Part of every wait by which it is made longer at random, so that waiting transfers do not come
back together."""
FAILURES_MAX = 3
"""Requests that fail one after the other before Twilio is probed."""
DOWN_RETRY_SECONDS = 2.0
"""When a request that is held back is worth another try: probes are about as far apart."""


class Priority(IntEnum):
    """Who goes first when not all can."""

    PROBE = -1
    """Asks only whether Twilio is there: held back by nothing."""
    FREES = 0
    """Gives a caller who waits to somebody: un-hold, give back, divert."""
    CHANGES = 1
    """Everything else that changes something: holds, dials, ends."""
    LOOKS = 2
    """Reads."""


PRIORITIES = {
    "probe_twilio": Priority.PROBE,
    "resume_participant": Priority.FREES,
    "divert_call": Priority.FREES,
    "rescue": Priority.FREES,
    "find_leg": Priority.LOOKS,
    "find_room": Priority.LOOKS,
    "read_room": Priority.LOOKS,
    "read_task": Priority.LOOKS,
    "read_recordings": Priority.LOOKS,
}
"""By the name of the activity; what is not named changes something."""


@dataclass
class Tally:
    """Requests of one attempt of an activity, those of its subtasks included."""

    requests: int = 0


TALLY: ContextVar[Tally | None] = ContextVar("tally", default=None)


def count_request() -> None:
    """One more request is sent here."""
    tally = TALLY.get()
    if tally is not None:
        tally.requests += 1


class HeldBack(TwilioException):  # type: ignore[misc]
    """The request was not sent. `retry_after` seconds from now it is worth another try."""

    def __init__(self, why: str, retry_after: float) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after = retry_after


class Slot:
    """One request's turn, as an `async with`."""

    __slots__ = ("_priority", "_throttle")

    def __init__(self, throttle: Throttle, priority: Priority) -> None:
        self._throttle = throttle
        self._priority = priority

    async def __aenter__(self) -> None:
        await self._throttle.enter(self._priority)

    async def __aexit__(self, *_: object) -> None:
        self._throttle.leave()


class Throttle:
    """Lets requests through, or holds them back. For one event loop."""

    def __init__(
        self,
        at_once_max: int = AT_ONCE_MAX,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._at_once_max = at_once_max
        self._limit = float(at_once_max)
        self._under_way = 0
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._turn = 0
        self._paused_until = 0.0
        self._cut_at = -CUT_SECONDS
        self._throttles = 0
        self._failures = 0
        self._freed_at = -math.inf
        self.is_down = False
        """Set by whoever has looked: next to nothing is sent meanwhile."""
        self.suspicion = asyncio.Event()
        """Set when so many requests have failed that Twilio should be probed."""

    @property
    def at_once(self) -> int:
        """How many requests may be under way now."""
        return max(1, int(self._limit))

    def slot(self, priority: Priority) -> Slot:
        """The right to send one request, as long as the block lasts. Raises `HeldBack`."""
        return Slot(self, priority)

    async def enter(self, priority: Priority) -> None:
        """Wait for a slot; `leave` gives it back."""
        if not self.enter_now(priority):
            await self._take_turn(priority)

    def enter_now(self, priority: Priority) -> bool:
        """Take a slot if one is free; whether it was. Raises `HeldBack`."""
        self._demand_open(priority)
        is_free = self._under_way < self.at_once or priority is Priority.PROBE
        self._under_way += is_free
        return is_free

    def leave(self) -> None:
        """A request is over, whatever came of it."""
        self._under_way -= 1
        self._wake()

    def answered(self) -> None:
        """Twilio has answered, with whatever but 429 or a fault of its own."""
        self._throttles = 0
        self.came_back()
        self._limit = min(float(self._at_once_max), self._limit + 1.0 / self._limit)

    def refused(self, retry_after: float | None) -> None:
        """Twilio has answered 429."""
        self._fail()
        now = self._clock()
        if now - self._cut_at >= CUT_SECONDS:
            self._cut_at = now
            self._throttles += 1
            self._limit = max(1.0, min(self._limit, float(self._under_way)) / 2)
        pause = retry_after
        if pause is None:
            pause = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_FIRST * 2.0 ** (self._throttles - 1))
        self._paused_until = max(self._paused_until, now + pause)

    def failed(self) -> None:
        """Twilio did not answer, or with a fault of its own."""
        self._fail()

    def went_down(self) -> None:
        """A probe has shown that Twilio cannot be had."""
        self.is_down = True

    def came_back(self) -> None:
        """Something was answered."""
        self.is_down = False
        self._failures = 0
        self.suspicion.clear()

    def later(self, seconds: float) -> float:
        """`seconds`, made longer by chance."""
        return seconds * (1.0 + JITTER * self._chance())

    # --- inside ---

    def _fail(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self.suspicion.set()

    def _demand_open(self, priority: Priority) -> None:
        """What frees a caller is worth a request that may fail, one at a time: a probe may be
        answered differently from what somebody waits for."""
        now = self._clock()
        if priority is Priority.PROBE:
            return
        if self.is_down:
            if priority is not Priority.FREES or now - self._freed_at < DOWN_RETRY_SECONDS:
                raise HeldBack("Twilio is down", self.later(DOWN_RETRY_SECONDS))
            self._freed_at = now
        elif now < self._paused_until and (priority is not Priority.FREES or self._under_way):
            raise HeldBack("Twilio wants fewer requests", self.later(self._paused_until - now))

    async def _take_turn(self, priority: Priority) -> None:
        """Wait for a slot for a moment, in the order of priorities."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turn += 1
        heapq.heappush(self._waiting, (priority, self._turn, turn))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn.done() and not turn.cancelled():
                # The slot was handed over in the very moment in which it was given up.
                self._under_way -= 1
                self._wake()
            if isinstance(error, TimeoutError):
                wait = self.later(WAIT_SECONDS)
                raise HeldBack("too many requests of our own", wait) from None
            raise

    def _wake(self) -> None:
        """Hand free slots to whoever is first in line."""
        while self._waiting and self._under_way < self.at_once:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)


PRIORITY: ContextVar[Priority | None] = ContextVar("priority", default=None)
"""Outside of activities: what the requests that follow are for."""


def priority_here() -> Priority:
    """The priority of what is running here."""
    told = PRIORITY.get()
    if told is not None:
        return told
    if not activity.in_activity():
        return Priority.CHANGES
    return PRIORITIES.get(activity.info().activity_type, Priority.CHANGES)
