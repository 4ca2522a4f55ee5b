"""Ways between processes that a test can cut: a TCP proxy, and one that can read HTTP requests.

A link listens on a port of its own and passes bytes on to where it leads. Cut, it resets what is
open and refuses what is new; silent, it keeps every connection and passes nothing on, as a network
does whose packets are lost. A trap catches one HTTP request on its way, at a chosen moment.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl

CHUNK = 65536
CONNECT_SECONDS = 1.0
NOTICE_SECONDS = 0.05

Moment = Literal["asked", "applied", "answered"]
"""`asked`: the request has left the worker and has not arrived. `applied`: it took effect, and the
answer is on its way. `answered`: the worker has the answer, and nobody else knows."""


class Link:
    """One way, open until it is cut or silenced. Leads to the first of `ports` that is open."""

    def __init__(self, *ports: int) -> None:
        self._ports = list(ports)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self.port = 0

    async def open(self, port: int = 0) -> None:
        """Listen, on any free port unless one is named."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        self._drop()

    def cut(self) -> None:
        """Reset all connections and refuse new ones, until `mend`."""
        self._is_cut = True
        self._drop()

    def silence(self) -> None:
        """Pass nothing on, in either direction, until `mend`."""
        self._flows.clear()

    def mend(self) -> None:
        """As if nothing had been. What was held back arrives now."""
        self._is_cut = False
        self._flows.set()

    def _drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._flows.wait()
            far = None if self._is_cut else await self._far()
            if far is None:
                writer.transport.abort()
                return
            await self._carry((reader, writer), far)
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _far(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to one of the far ends; they take turns."""
        for _ in range(len(self._ports)):
            self._ports.append(self._ports.pop(0))
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection("127.0.0.1", self._ports[-1])
        return None

    async def _carry(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Both directions, until one side has ended."""
        self._writers.add(far[1])
        ways = [
            asyncio.create_task(self._up(near[0], far[1])),
            asyncio.create_task(self._down(far[0], near[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(far[1])
            far[1].close()

    async def _up(self, near: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        await self._pump(near, far)

    async def _down(self, far: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        await self._pump(far, near)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK):
            await self._pass(data, sink)

    async def _pass(self, data: bytes, sink: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        sink.write(data)
        await sink.drain()


@dataclass(frozen=True)
class Match:
    """Which request is meant. `path` is searched in the path; `form` must be part of the form."""

    method: str
    path: str
    form: tuple[tuple[str, str], ...] = ()

    def fits(self, request: Request) -> bool:
        """Whether this is such a request."""
        return (
            request.method == self.method
            and re.search(self.path, request.path) is not None
            and all(request.form.get(name) == value for name, value in self.form)
        )


@dataclass(frozen=True)
class Request:
    """One request on its way."""

    method: str
    path: str
    form: dict[str, str]


@dataclass
class Trap:
    """Catches the first request that fits, once `after` has been seen, and holds it or its answer
    until it is let go."""

    match: Match
    moment: Moment
    after: Match | None = None
    is_armed: bool = True
    caught: asyncio.Future[str] = field(default_factory=lambda: asyncio.Future[str]())
    """The name of the link on which something was caught."""
    _let_go: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, request: Request) -> bool:
        """Whether this request is the one; the trap is sprung then."""
        if not self.is_armed:
            return False
        if self.after is not None:
            if self.after.fits(request):
                self.after = None
            return False
        if not self.match.fits(request):
            return False
        self.is_armed = False
        return True

    async def hold(self, name: str) -> None:
        """Tell that it is caught, and keep it here until it is let go."""
        if not self.caught.done():
            self.caught.set_result(name)
        await self._let_go.wait()

    def let_go(self) -> None:
        """What was caught goes on its way."""
        self.is_armed = False
        self._let_go.set()


class HttpLink(Link):
    """A link for HTTP/1.1 requests that come one after the other on each connection."""

    def __init__(self, name: str, *ports: int) -> None:
        super().__init__(*ports)
        self.name = name
        self.traps: list[Trap] = []
        self._caught: dict[asyncio.StreamWriter, Trap] = {}
        """By the near side of the connection whose answer is awaited."""
        self._near: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}

    async def _carry(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._near[far[1]] = near[1]
        try:
            await super()._carry(near, far)
        finally:
            self._near.pop(far[1], None)
            self._caught.pop(near[1], None)

    async def _up(self, near: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        while True:
            head = await near.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            body = await near.readexactly(int(length.group(1))) if length else b""
            request = _request(head, body)
            trap = next((each for each in self.traps if each.takes(request)), None)
            if trap is not None and trap.moment == "asked":
                await trap.hold(self.name)
                if await _has_hung_up(near):
                    return
            elif trap is not None:
                self._caught[self._near[far]] = trap
            await self._pass(head + body, far)

    async def _down(self, far: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        while data := await far.read(CHUNK):
            trap = self._caught.pop(near, None)
            if trap is not None and trap.moment == "applied":
                await trap.hold(self.name)
            await self._pass(data, near)
            if trap is not None and trap.moment == "answered":
                await trap.hold(self.name)


async def _has_hung_up(near: asyncio.StreamReader) -> bool:
    """Whether the one who asked is gone: the end of a killed process's connections takes a moment
    to arrive here."""
    await asyncio.sleep(NOTICE_SECONDS)
    return near.at_eof() or near.exception() is not None


def _request(head: bytes, body: bytes) -> Request:
    method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    return Request(method, path, dict(parse_qsl(body.decode("latin-1"))))
