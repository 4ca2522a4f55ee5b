"""The whole simulator on a free port, beside a test application on another one."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.http.app import TWILIO_PREFIX, SimulatorApp, create_app
from simulator.http.server import listen
from simulator.settings import Settings
from tests.simulator.application import Application
from tests.simulator.openapi import OPENAPI

ACCOUNT_SID = "AC" + "a" * 32
AUTH_TOKEN = "token-of-the-test"
KEY_SID, KEY_SECRET = "SK" + "b" * 32, "secret-of-the-test"


@dataclass
class Stack:
    """A running simulator, an application it talks to, and a client for both of its faces."""

    app: SimulatorApp
    address: str
    application: Application
    application_address: str
    http: httpx.AsyncClient

    @property
    def root(self) -> str:
        return f"/2010-04-01/Accounts/{ACCOUNT_SID}"

    async def rest(self, method: str, path: str, **params: Any) -> httpx.Response:
        """One REST request, logged in."""
        query = params if method == "GET" else None
        form = params if method != "GET" else None
        login = (ACCOUNT_SID, AUTH_TOKEN)
        return await self.http.request(
            method, self.root + path, params=query, data=form, auth=login
        )

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"/simulator/v1{path}", json=body)
        assert answer.status_code < 400, answer.text
        return answer.json() if answer.content else None

    async def advance(self, seconds: float = 0.0) -> None:
        await self.control("POST", "/clock/advance", {"seconds": seconds})

    def url(self, path: str) -> str:
        return self.application_address + path


class Watched:
    """A face whose every answer is held against the OpenAPI document, whoever asked.

    It hides nothing: faults still reach the connection below through `transport`.
    """

    def __init__(self, face: ASGIApp) -> None:
        self._face = face
        self.problems: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._face(scope, receive, _Answer(self, scope, send).send)


class _Answer:
    def __init__(self, watched: Watched, scope: Scope, send: Send) -> None:
        self._watched, self._scope, self._send = watched, scope, send
        self._status = 0
        self.transport = getattr(getattr(send, "__self__", None), "transport", None)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        else:
            path, body = self._scope["raw_path"].decode(), message.get("body", b"")
            try:
                OPENAPI.check(self._scope["method"], path, self._status, body)
            except AssertionError as error:
                self._watched.problems.append(str(error))
        await self._send(message)


class StartedServer(uvicorn.Server):
    """Says when it accepts requests, and leaves the signals to the test run."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    async def main_loop(self) -> None:
        """Uvicorn looks ten times a second whether it should stop; tests cannot wait for that."""
        await self.on_tick(0)
        await self.stopping.wait()


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """An ASGI application on a free port of this machine."""
    bound = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, date_header=False
    )
    server = StartedServer(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    await server.accepting.wait()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.stopping.set()
        await serving


@contextlib.asynccontextmanager
async def stack_with(**settings: Any) -> AsyncIterator[Stack]:
    app = create_app(
        Settings(
            account_sid=ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            api_key_sid=KEY_SID,
            api_key_secret=KEY_SECRET,
            seed="test",
            **{"clock": "turnable", "switches": {"calls_per_second": 0}, **settings},
        )
    )
    watched = Watched(app.faces[TWILIO_PREFIX])
    app.faces[TWILIO_PREFIX] = watched
    application = Application()
    async with (
        served(app) as address,
        served(application) as application_address,
        httpx.AsyncClient(base_url=address, timeout=10) as http,
    ):
        yield Stack(app, address, application, application_address, http)
    assert watched.problems == []
