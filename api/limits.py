"""What one client may take: bytes of a body, seconds to send it, transfers and dials a minute."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Problem

BODY_BYTES_MAX = 64 * 1024
"""The largest genuine body has some 4 kB."""
BODY_SECONDS_MAX = 10.0
BUCKETS_MAX = 10_000
"""Buckets that are remembered; the longest unused one goes first, and it is full by then."""


class BodyLimit:
    """Reads each body before the application sees the request; refuses large and slow ones."""

    def __init__(
        self, app: ASGIApp, bytes_max: int = BODY_BYTES_MAX, seconds_max: float = BODY_SECONDS_MAX
    ) -> None:
        self._app = app
        self._bytes_max = bytes_max
        self._seconds_max = seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds_max):
                body = await self._read(scope, receive)
        except TimeoutError:
            problem = Problem(408, "body_too_slow", "The body did not arrive in time.")
            problem.headers["Connection"] = "close"
            await problem.response()(scope, receive, send)
            return
        except Problem as refused:
            await refused.response()(scope, receive, send)
            return
        if body is None:
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None when the client went away. Raises a 413 as soon as it is known."""
        stated = dict(scope["headers"]).get(b"content-length", b"0")
        if stated.isdigit() and int(stated[:20]) > self._bytes_max:
            raise self._too_large()
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._bytes_max:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> Problem:
        detail = f"The body should have {self._bytes_max} bytes at the most."
        return Problem(413, "body_too_large", detail, {"Connection": "close"})


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body in one message, and then whatever the server says."""
    is_sent = False

    async def replayed() -> Message:
        nonlocal is_sent
        if is_sent:
            return await receive()
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


class StartRate:
    """A bucket of starts per agent, filled evenly. In this process only: a brake, no account."""

    code = "too_many_starts"
    words = "This agent may start {:.0f} transfers in a minute."

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = float(per_minute)
        self._per_second = per_minute / 60.0
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, agent: str, count: int = 1) -> None:
        """Counts so many. Raises a 429 that says when as many will be allowed, and counts nothing.

        No more are counted than a full bucket holds: what is allowed at all is allowed some time.
        """
        needed = min(float(count), self._size)
        now = self._clock()
        level, filled_at = self._buckets.pop(agent, (self._size, now))
        level = min(self._size, level + (now - filled_at) * self._per_second)
        is_allowed = level >= needed
        self._buckets[agent] = (level - needed if is_allowed else level, now)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        if not is_allowed:
            seconds = int((needed - level) / self._per_second) + 1
            headers = {"Retry-After": str(seconds)}
            raise Problem(429, self.code, self.words.format(self._size), headers)


class DialRate(StartRate):
    """A bucket of phones that transfers may ring, per agent: a start counts all of its targets,
    whatever becomes of it, so that starting and cancelling in a loop rings no more than that."""

    code = "too_many_dials"
    words = "The transfers of this agent may dial {:.0f} phones in a minute."
