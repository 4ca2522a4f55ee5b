"""A Twilio application for tests: documents by path, and a log of everything it was asked."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

Document = str | Callable[[dict[str, str]], str]


@dataclass
class Asked:
    method: str
    path: str
    query: str
    params: dict[str, str]
    headers: dict[str, str]

    @property
    def url(self) -> str:
        query = f"?{self.query}" if self.query else ""
        return f"http://{self.headers['host']}{self.path}{query}"


class Application:
    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.statuses: dict[str, int] = {}
        self.content_types: dict[str, str] = {}
        self.asked: list[Asked] = []
        self._changed = asyncio.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        query = scope["query_string"].decode()
        params = dict(parse_qsl(query, keep_blank_values=True))
        params |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        async with self._changed:
            self.asked.append(Asked(scope["method"], scope["path"], query, params, headers))
            self._changed.notify_all()
        path = scope["path"]
        found = self.documents.get(path, "")
        text = found(params) if callable(found) else found
        await send(
            {
                "type": "http.response.start",
                "status": self.statuses.get(scope["path"], 200),
                "headers": [(b"content-type", self.content_types.get(path, "text/xml").encode())],
            }
        )
        await send({"type": "http.response.body", "body": text.encode()})

    def on(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    def events(self, path: str = "/events") -> list[str]:
        """Conference events in the order of their sequence numbers."""
        found = sorted(self.on(path), key=lambda asked: int(asked.params["SequenceNumber"]))
        return [asked.params["StatusCallbackEvent"] for asked in found]

    async def wait_for(self, condition: Callable[["Application"], bool]) -> None:
        async with self._changed, asyncio.timeout(10):
            await self._changed.wait_for(lambda: condition(self))
