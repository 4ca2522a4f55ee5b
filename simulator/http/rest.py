"""Twilio's REST face: a bare ASGI application, because it is on the path of every benchmark.

One request: read, log in, find the operation, let the faults have their say, run, answer, log.
"""

import asyncio
import base64
import binascii
import contextlib
import json
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

import structlog
from starlette.types import Receive, Scope, Send

from simulator.core.errors import TwilioError, not_found, unauthenticated
from simulator.core.text import Form, http_date, iso8601
from simulator.faults import FaultRule
from simulator.http.pretend import pretended
from simulator.http.routes import ROUTES, SHAPES, Operation
from simulator.http.runtime import Runtime

log = structlog.get_logger("simulator.rest")
PREFIX = "/2010-04-01/Accounts/"
BODY_BYTES_MAX = 1024 * 1024
METHOD_NOT_ALLOWED = TwilioError(405, 20004, "Method not allowed")
BAD_AUTHORIZATION = "invalid username"
NO_CREDENTIALS = "No credentials provided"
_WRITER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


@dataclass(slots=True)
class Request:
    method: str
    path: str
    form: Form
    authorization: str
    if_match: str | None = None
    operation: Operation | None = None
    ids: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.operation.name if self.operation is not None else "unknown"


@dataclass(slots=True)
class Answer:
    status: int
    body: Any
    effect: bool = False
    ignored: list[str] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    number: int = 0
    """Of the request, in the log."""
    at: float = 0.0
    """By the network's clock, in seconds since the epoch."""
    broken_by: FaultRule | None = None
    """The connection breaks instead."""


class RestFace:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        settings = runtime.settings
        pairs = [(settings.account_sid, settings.auth_token)]
        if settings.api_key_sid:
            pairs.append((settings.api_key_sid, settings.api_key_secret))
        self._logins = frozenset(
            "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
            for user, password in pairs
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received_ns = time.monotonic_ns()
        request = await _read(scope, receive)
        began = time.perf_counter()
        answer = await self.carry_out(request, received_ns)
        if answer.broken_by is not None:
            await _break(answer.broken_by, receive, send)
        else:
            await _respond(answer, send, time.perf_counter() - began)

    async def carry_out(self, request: Request, received_ns: int = 0) -> Answer:
        """One request that has been read. Waits for nothing, unless a fault makes it slow."""
        rules = self._striking(request)
        with self._runtime.act() as network:
            # Brought up to date: a real clock stands still between two touches of the network.
            now = network.clock.now
        record = self._runtime.log_request(
            at=now,
            time=iso8601(now),
            received_ns=received_ns,
            method=request.method,
            path=request.path,
            route=request.name,
            params=request.form.flat(),
            status=None,
            code=None,
            effect=False,
            ignored=[],
            faults=[rule.id for rule in rules],
        )
        for slow in rules:
            if slow.kind == "latency":
                await self._runtime.sleep(slow.wait_seconds)
        rule = next((rule for rule in rules if rule.kind != "latency"), None)
        kind = rule.kind if rule is not None else ""
        if rule is not None and kind in ("timeout_before", "reset_before"):
            return Answer(0, None, broken_by=rule)
        answer = self._answer(request, rule)
        record["effect"], record["ignored"] = answer.effect, answer.ignored
        answer.number = record["seq"]
        answer.at = now
        if rule is not None and kind in ("timeout_after", "reset_after"):
            answer.broken_by = rule
            return answer
        record["status"] = answer.status
        if isinstance(answer.body, dict):
            record["code"] = answer.body.get("code")
        return answer

    def _striking(self, request: Request) -> list[FaultRule]:
        """Finds the operation on the way; a request that is not understood has no faults either."""
        request.operation, request.ids = self._route(request)
        if not self._runtime.faults:
            return []
        return self._runtime.faults.striking(
            "request", method=request.method, path=request.path, name=request.name
        )

    def _route(self, request: Request) -> tuple[Operation | None, list[str]]:
        shape, item, ids = _shape(request.path)
        return ROUTES.get((request.method, shape, item)), ids

    @staticmethod
    def _is_known(path: str) -> bool:
        shape, item, _ = _shape(path)
        return (shape, item) in SHAPES

    def _answer(self, request: Request, rule: FaultRule | None) -> Answer:
        try:
            if rule is not None and rule.kind == "status":
                return _refusal(rule, self._runtime.network.switches.retry_after)
            self._log_in(request)
            if request.operation is None:
                known = self._is_known(request.path)
                raise METHOD_NOT_ALLOWED if known else not_found(request.path)
            return self._run(request, request.operation, rule)
        except TwilioError as error:
            return Answer(error.status, error.body())
        except Exception:
            log.exception("request failed", route=request.name)
            return Answer(500, TwilioError(500, 20500, "Internal Server Error").body())

    def _run(self, request: Request, operation: Operation, rule: FaultRule | None) -> Answer:
        with self._runtime.act() as network:
            network.ignored = []
            if rule is not None and rule.kind == "no_effect" and operation.writes:
                body = pretended(network, operation, request.ids, request.form)
                return Answer(operation.success, body)
            body = operation.run(network, request.ids, request.form)
            ignored = network.ignored
        lost = bool(ignored) and len(request.form.values) <= len(ignored)
        return Answer(operation.success, body, operation.writes and not lost, ignored)

    def _log_in(self, request: Request) -> None:
        if not request.authorization:
            raise unauthenticated(NO_CREDENTIALS)
        account = request.path[len(PREFIX) :].split("/", 1)[0].removesuffix(".json")
        right_account = account == self._runtime.settings.account_sid
        if request.authorization not in self._logins and not self._is_same(request.authorization):
            raise unauthenticated(BAD_AUTHORIZATION)
        if not right_account:
            raise unauthenticated("invalid account")

    def _is_same(self, authorization: str) -> bool:
        """The same login written differently (case of the scheme, padding)."""
        scheme, _, text = authorization.partition(" ")
        try:
            plain = base64.b64decode(text, validate=False)
        except (binascii.Error, ValueError):
            return False
        again = "Basic " + base64.b64encode(plain).decode()
        return scheme.lower() == "basic" and again in self._logins


def _shape(path: str) -> tuple[str, bool, list[str]]:
    """The collections of a path, whether an item is last, and the items' keys, decoded."""
    parts = path[len(PREFIX) :].split("/")
    parts[-1] = parts[-1].removesuffix(".json")
    below = parts[1:]
    if not below:
        return "", True, []
    return "/".join(below[0::2]), len(below) % 2 == 0, [unquote(part) for part in below[1::2]]


async def _read(scope: Scope, receive: Receive) -> Request:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > BODY_BYTES_MAX:
            break
    headers = dict(scope["headers"])
    if_match = headers.get(b"if-match")
    query = scope["query_string"].decode("latin-1")
    values = parse_qs(query, keep_blank_values=True) if query else {}
    if body:
        values.update(parse_qs(body.decode(), keep_blank_values=True))
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return Request(
        scope["method"],
        raw_path.split(b"?", 1)[0].decode("latin-1"),
        Form(values),
        headers.get(b"authorization", b"").decode("latin-1"),
        None if if_match is None else if_match.decode("latin-1"),
    )


def _refusal(rule: FaultRule, retry_after: int) -> Answer:
    """The rule's own Retry-After wins over the switch, which only speaks of 429."""
    seconds = rule.retry_after
    if seconds is None and rule.status == 429 and retry_after:
        seconds = retry_after
    headers = [] if seconds is None else [(b"retry-after", str(seconds).encode())]
    body = rule.body if rule.body is not None else rule.error_body()
    return Answer(rule.status, body, headers=headers)


def written(answer: Answer) -> bytes:
    """The body of an answer."""
    if answer.status == 204 or answer.body is None:
        return b""
    if isinstance(answer.body, str):
        return answer.body.encode()
    return _WRITER.encode(answer.body).encode()


async def _respond(answer: Answer, send: Send, seconds: float) -> None:
    body = written(answer)
    headers = [
        (b"date", http_date(answer.at).encode()),
        (b"content-type", b"application/json"),
        (b"twilio-concurrent-requests", b"1"),
        (b"twilio-request-id", f"RQ{answer.number:032x}".encode()),
        (b"twilio-request-duration", f"{seconds:.3f}".encode()),
        (b"x-home-region", b"us1"),
        *answer.headers,
    ]
    if answer.status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _break(rule: FaultRule, receive: Receive, send: Send) -> None:
    """Hang until the client gives up, or cut the connection; either way nothing is answered."""
    if rule.kind.startswith("timeout"):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rule.wait_seconds):
                await _gone(receive)
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the connection was reset by a fault")
    raw = transport.get_extra_info("socket")
    if raw is not None and rule.kind.startswith("reset"):
        # Closing with lingering off and no time makes it a reset instead of an orderly end.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Wait until the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass
