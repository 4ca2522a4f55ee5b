"""What one client may take: bytes of a body, seconds to send it, transfers in a minute."""

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

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = float(per_minute)
        self._per_second = per_minute / 60.0
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, agent: str) -> None:
        """Counts one start. Raises a 429 that says when the next one will be allowed."""
        now = self._clock()
        level, filled_at = self._buckets.pop(agent, (self._size, now))
        level = min(self._size, level + (now - filled_at) * self._per_second)
        is_allowed = level >= 1.0
        self._buckets[agent] = (level - 1.0 if is_allowed else level, now)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        if not is_allowed:
            seconds = int((1.0 - level) / self._per_second) + 1
            raise Problem(
                429,
                "too_many_starts",
                f"This agent may start {self._size:.0f} transfers in a minute.",
                {"Retry-After": str(seconds)},
            )
