"""A server that answers what a test wrote down, for answers that no telephone network gives."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass(frozen=True)
class Answer:
    """One answer. `reset` cuts the connection instead; `silent` never answers; `held` waits for
    `release`."""

    status: int = 200
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    silent: bool = False
    held: bool = False


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    form: dict[str, list[str]]
    headers: dict[str, str]


class Scripted:
    """Answers in turn; the last answer is given for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [Answer()]
        self.asked: list[Asked] = []
        self.url = ""
        self._over = asyncio.Event()
        self._arrived = asyncio.Event()

    def will_answer(self, *answers: Answer) -> None:
        self.answers = list(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(
            Asked(
                request.method,
                request.path,
                parse_qs(request.query_string, keep_blank_values=True),
                parse_qs(await request.text(), keep_blank_values=True),
                dict(request.headers),
            )
        )
        self._arrived.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.silent or answer.held:
            await self._over.wait()
        if answer.reset or answer.silent:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=answer.status, text=answer.body, headers=answer.headers)

    async def is_asked(self) -> None:
        """Wait for the next request."""
        await self._arrived.wait()

    def release(self) -> None:
        """Answer what was held; let go of what is never answered."""
        self._over.set()

    def user(self, number: int = -1) -> str:
        _, _, encoded = self.asked[number].headers["Authorization"].partition("Basic ")
        return b64decode(encoded).decode().partition(":")[0]


@asynccontextmanager
async def scripted_server() -> AsyncIterator[Scripted]:
    script = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.handle)
    server = TestServer(app)
    await server.start_server()
    script.url = str(server.make_url("")).rstrip("/")
    try:
        yield script
    finally:
        script.release()
        await server.close()
