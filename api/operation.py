"""Operation's pages on a listener of their own: `HANDOVER_OPERATION_ADDRESS`.

Readiness, figures and the documentation of the API are for those who run it. With an address they
are served there alone, and nothing else is; without one they stand beside `/v1`, as on a laptop.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import Problem

EVERYWHERE = frozenset({"/healthz"})
"""Whoever may reach a listener may ask whether it is alive."""
PAGES = ("/readyz", "/metrics", "/docs", "/openapi.json", "/static-offline-docs")


class OperationAddressError(Exception):
    """The address cannot be listened on; the text names the setting."""


class Doors:
    """Answers 404 for operation's pages at the public door, and for all others at their own."""

    def __init__(self, app: ASGIApp, operation_address: str) -> None:
        self._app = app
        self._port = _host_and_port(operation_address)[1] if operation_address else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. Which door it is tells the socket that was connected to, not the client."""
        if scope["type"] == "http" and self._port is not None and scope["path"] not in EVERYWHERE:
            is_page = any(scope["path"] == page or scope["path"].startswith(f"{page}/")
                          for page in PAGES)  # fmt: skip
            if is_page != (scope["server"] is not None and scope["server"][1] == self._port):
                problem = Problem(404, "not_found", "There is nothing at this address.")
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Listener(uvicorn.Server):
    """A second server in one process: the signals are the first one's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(app: ASGIApp, operation_address: str) -> AsyncIterator[None]:
    """The application on this address, too, as long as the block lasts; nothing for an empty one.
    Raises `OperationAddressError`."""
    if not operation_address:
        yield
        return
    try:
        door = socket.create_server(_host_and_port(operation_address))
    except OSError as error:
        raise OperationAddressError(f"HANDOVER_OPERATION_ADDRESS: {error}") from None
    config = uvicorn.Config(app, lifespan="off", access_log=False, log_config=None)
    listener = _Listener(config)
    serving = asyncio.create_task(listener.serve(sockets=[door]))
    try:
        yield
    finally:
        listener.should_exit = True
        await serving
        door.close()


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
