"""The way to Twilio and back without sockets, from below the SDK's client to the simulator's door.

The engine's own HTTP client runs on a session that hands each request to the simulator's REST face
in the same process; what the network asks of the application goes to the api's own functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs

import aiohttp
import temporalio.activity
from twilio.rest import Client as TwilioClient
from yarl import URL

from activities.client import HttpClient
from activities.throttle import Priority, Throttle, priority_here
from simulator.core.outbox import Fetch, Reply
from simulator.core.text import Form
from simulator.http.overrides import split
from simulator.http.rest import Request as RestRequest
from simulator.http.rest import RestFace, written
from simulator.http.runtime import Runtime
from simulator.http.taskrouter import TaskRouterFace
from simulator.http.transport import Outcome
from tests.simulation.faults import Fault

READ_SECONDS = 15.0
"""How long Twilio waits for an answer of ours."""
Latency = tuple[float, float]


class Answer:
    """An answer as aiohttp shows it."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self._body = body
        self.content = self

    async def iter_chunked(self, _: int) -> Any:
        yield self._body


@dataclass(eq=False)
class _Sent:
    """One request, and whoever waits for its answer."""

    method: str
    url: URL
    body: bytes
    headers: dict[str, str]
    run: str
    """The run on whose behalf it is."""
    answer: asyncio.Future[Answer]
    gives_up_at: float = 0.0
    trouble: asyncio.Task[None] | None = None
    """What becomes of it, if it meets a fault."""

    def answered(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Rest:
    """Twilio's REST faces, and the faults on the way to them."""

    def __init__(self, runtime: Runtime, latency: Random, hops: Latency) -> None:
        self._runtime = runtime
        self._faces = RestFace(runtime), TaskRouterFace(runtime)
        self._latency = latency
        self._hops = hops
        self.is_down = False
        self._effects: list[_Sent] = []
        self.is_reading = False
        """Whether a request is being carried out that only reads."""
        self.on_request: Callable[[str], Fault | Answer | None] = lambda route: None
        """Asked when a request arrives; answers what it meets, or what it is refused with."""
        self.on_effect: Callable[[], None] = lambda: None
        """Told when a request has been carried out."""
        self.on_read: Callable[[asyncio.Future[Any]], None] = lambda waiter: None
        """Told when somebody has read something, and the future that is done when they know it."""
        self.is_counted: Callable[[], bool] = lambda: True
        """Whether who asks is part of the story: struck by its faults, and counted."""
        self.count = 0
        self.asked = 0
        """Requests that were begun, whether they arrived or not."""

    @property
    def has_unheard(self) -> bool:
        """Whether a change has taken effect and whoever asked for it has not heard so yet."""
        return any(not each.answer.done() for each in self._effects)

    def _counts(self) -> bool:
        """A probe is no part of any story."""
        return priority_here() is not Priority.PROBE and self.is_counted()

    def face(self, path: str) -> RestFace:
        return self._faces[0 if path.startswith("/2010-04-01/") else 1]

    def route(self, method: str, path: str) -> str:
        """The name of the operation."""
        request = RestRequest(method, path, Form({}), "")
        request.operation, request.ids = self.face(path)._route(request)
        return request.name

    async def exchange(
        self, method: str, url: URL, body: bytes, headers: dict[str, str], total: float
    ) -> Answer:
        """One request and its answer, or what aiohttp would raise."""
        loop = asyncio.get_running_loop()
        self.asked += self._counts()
        request = _Sent(method, url, body, headers, _run(), loop.create_future())
        if self._hops[1] * 2 >= total:
            raise ValueError("the way to Twilio takes longer than anybody of ours waits")
        request.gives_up_at = loop.time() + total
        loop.call_later(self._latency.uniform(*self._hops), self._on_the_way, request)
        return await request.answer

    def _on_the_way(self, request: _Sent) -> None:
        """From here on it arrives, whatever becomes of whoever asked. Most requests meet nothing:
        no task is made for those, because a history has dozens of them."""
        if request.answer.done():
            return
        loop = asyncio.get_running_loop()
        if self.is_down:
            lost = aiohttp.ConnectionTimeoutError()
            loop.call_later(self._latency.uniform(0, 0.05), request.fail, lost)
            return
        self.count += 1
        name = self.route(request.method, request.url.raw_path)
        fault = self.on_request(name) if self._counts() else None
        if isinstance(fault, Answer):
            loop.call_later(self._latency.uniform(*self._hops), request.answered, fault)
            return
        if fault is not None:
            loop.call_at(request.gives_up_at, request.fail, TimeoutError())
            request.trouble = loop.create_task(self._meet(request, fault))
            return
        answer = self._take_effect(request)
        loop.call_later(self._latency.uniform(*self._hops), request.answered, answer)

    async def glance(self, read: Callable[[Any], Any]) -> Any:
        """A look at the network that takes as long as a request, and meets what all requests meet.
        It is none of a call's: no fault of a story strikes it, and it is not counted."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.look(read, partial(_settle, answer), answer)
        shown = await answer
        if shown is None:
            raise aiohttp.ConnectionTimeoutError
        return shown

    def look(
        self,
        read: Callable[[Any], Any],
        then: Callable[[Any], None],
        waiter: asyncio.Future[Any],
    ) -> None:
        """A glance, for whoever is to be called with what it showed; None: nobody answered. It
        does not arrive if whoever waits has died on the way."""
        loop = asyncio.get_running_loop()
        loop.call_later(self._latency.uniform(*self._hops), self._looked, loop, read, then, waiter)

    def _looked(
        self,
        loop: Any,
        read: Callable[[Any], Any],
        then: Callable[[Any], None],
        waiter: asyncio.Future[Any],
    ) -> None:
        if waiter.cancelled():
            return
        if self.is_down:
            loop.call_later(self._latency.uniform(0, 0.05), then, None)
            return
        self.count += 1
        self.is_reading = True
        with self._runtime.act() as network:
            shown = read(network)
        self.is_reading = False
        self.on_read(waiter)
        loop.call_later(self._latency.uniform(*self._hops), then, shown)

    async def _meet(self, request: _Sent, fault: Fault) -> None:
        """What becomes of a request that meets a fault."""
        kind = fault.kind
        if kind == "unreachable":
            request.fail(aiohttp.ConnectionTimeoutError())
            return
        if kind in ("429", "500", "503"):
            request.answered(_refused(int(kind)))
            return
        if kind == "timeout_before":
            return
        if kind == "reset_before":
            request.fail(aiohttp.ServerDisconnectedError())
            return
        if kind in ("slow", "late"):
            await asyncio.sleep(fault.seconds)
        answer = self._take_effect(request)
        if kind in ("timeout_after", "late"):
            return
        if kind == "reset_after":
            request.fail(aiohttp.ServerDisconnectedError())
        elif kind == "500_after":
            request.answered(_refused(500))
        else:
            await asyncio.sleep(self._latency.uniform(*self._hops))
            request.answered(answer)

    def _take_effect(self, request: _Sent) -> Answer:
        """Twilio carries it out."""
        answer = self._through_the_door(request)
        if request.method != "GET" and self._counts():
            self._effects = [each for each in self._effects if not each.answer.done()]
            self._effects.append(request)
        if request.method == "GET":
            self.on_read(request.answer)
        self._runtime.requests[-1]["run"] = request.run
        self.on_effect()
        return answer

    def _through_the_door(self, request: _Sent) -> Answer:
        """The simulator's own door, which waits for nothing."""
        path, headers = request.url.raw_path, request.headers
        query = request.url.raw_query_string
        values = parse_qs(query, keep_blank_values=True) if query else {}
        if request.body:
            values.update(parse_qs(request.body.decode(), keep_blank_values=True))
        arrived = RestRequest(
            request.method,
            path,
            Form(values),
            headers.get("Authorization", ""),
            headers.get("If-Match"),
        )
        face = self.face(path)
        self.is_reading = request.method == "GET"
        try:
            face.carry_out(arrived).send(None)
        except StopIteration as done:
            answer = done.value
        else:
            raise RuntimeError("the simulator waits for something before it answers")
        finally:
            self.is_reading = False
        told = {name.decode(): value.decode() for name, value in answer.headers}
        told["content-type"] = "application/json"
        return Answer(answer.status, told, written(answer))


class Exchange:
    """One request as an `async with`, as aiohttp has it."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Awaitable[Answer]) -> None:
        self._answer = answer

    async def __aenter__(self) -> Answer:
        return await self._answer

    async def __aexit__(self, *_: object) -> None:
        """Nothing is kept open."""


class Session:
    """Stands where `aiohttp.ClientSession` does in the engine's client."""

    def __init__(self, rest: Rest, *, timeout: aiohttp.ClientTimeout, **_: Any) -> None:
        self._rest = rest
        self._total = float(timeout.total or 60.0)

    def request(
        self, method: str, url: URL, *, data: bytes | None, headers: dict[str, str], **_: Any
    ) -> Exchange:
        return Exchange(self._rest.exchange(method, url, data or b"", headers, self._total))

    async def close(self) -> None:
        """Nothing is open."""


def twilio_client(settings: Any, rest: Rest) -> TwilioClient:
    """The SDK's client over the engine's own transport, whose session is ours."""
    with (
        patch.object(aiohttp, "ClientSession", lambda **given: Session(rest, **given)),
        patch.object(aiohttp, "TCPConnector", lambda **_: None),
        patch.object(aiohttp, "DummyCookieJar", lambda: None),
    ):
        throttle = Throttle(clock=asyncio.get_running_loop().time)
        http = HttpClient(settings.twilio_base_url or "", throttle=throttle)
    username, password = settings.rest_credentials
    return TwilioClient(username, password, settings.twilio_account_sid, http_client=http)


WEATHER: dict[str, tuple[str, float]] = {
    "lost": ("lose", 0.0),
    "tenfold": ("double", 0.0),
    "shuffled": ("delay", 5.0),
    "late": ("delay", 120.0),
}
"""What may befall all news -> the fault that each piece of it meets, and for how long at most."""
COPIES = 9
COPIES_SECONDS = 5.0
"""In tenfold weather: how many copies follow, and within what time."""


class Callbacks:
    """What Twilio asks of the application; stands where the simulator's transport does."""

    def __init__(
        self,
        handle: Callable[[Fetch], Awaitable[Reply]],
        latency: Random,
        hops: Latency,
    ) -> None:
        self._handle = handle
        self._latency = latency
        self._hops = hops
        self.is_cut_off = False
        self.weather = ""
        """What befalls all news. What Twilio waits for, documents and what to do with an offer, is
        spared."""
        self.on_fetch: Callable[[Fetch], Fault | None] = lambda fetch: None
        self.on_delivery: Callable[[Fetch], None] = lambda fetch: None
        self.on_send: Callable[[], None] = lambda: None
        self.count = 0
        self.lost = 0

    async def open(self) -> None:
        """Nothing to open."""

    async def send(self, fetch: Fetch) -> Outcome:
        """Deliver, as often and as late as it comes."""
        self.count += 1
        self.on_send()
        began = asyncio.get_running_loop().time()
        fault = self.on_fetch(fetch)
        kind = fault.kind if fault else ""
        loop: Any = asyncio.get_running_loop()
        await loop.passing(self._latency.uniform(*self._hops))
        if fault is not None and kind == "delay":
            await asyncio.sleep(fault.seconds)
        is_answered = fetch.kind == "twiml" or fetch.event == "assignment"
        weather, seconds = WEATHER.get("" if is_answered else self.weather, ("", 0.0))
        if weather == "delay":
            await asyncio.sleep(self._latency.uniform(0.0, seconds))
        if kind == "lose" or self.is_cut_off or weather == "lose":
            self.lost += 1
            return Outcome(Reply(0, error="connect: lost"), 1, 0.0)
        copies = [fault.seconds] if fault is not None and kind == "double" else []
        if weather == "double":
            copies += [self._latency.uniform(0.0, COPIES_SECONDS) for _ in range(COPIES)]
        for after in copies:
            asyncio.get_running_loop().create_task(self._late_copy(fetch, after))
        reply, attempts = await self._tried(fetch)
        if not reply.connected:
            self.lost += 1
        return Outcome(reply, attempts, asyncio.get_running_loop().time() - began)

    async def _late_copy(self, fetch: Fetch, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.on_delivery(fetch)
        await self._handle(fetch)

    async def _tried(self, fetch: Fetch) -> tuple[Reply, int]:
        """Tried again where the address asks for it, by default once if nobody is there."""
        overrides = split(fetch.url)[1]
        attempts = 0
        while True:
            attempts += 1
            try:
                self.on_delivery(fetch)
                async with asyncio.timeout(READ_SECONDS):
                    reply = await self._handle(fetch)
            except TimeoutError:
                reply = Reply(0, error="no answer in time")
            what = "" if reply.ok else "ct" if not reply.connected else f"{reply.status // 100}xx"
            if not what or attempts > overrides.retries or not overrides.retries_on(what):
                return reply, attempts
            await asyncio.sleep(0.1)


def _run() -> str:
    """The run on whose behalf the activity asks."""
    context = temporalio.activity._current_context.get(None)
    return str(context.info().workflow_run_id) if context else ""


def _settle(answer: asyncio.Future[Any], given: Any) -> None:
    if not answer.done():
        answer.set_result(given)


def _refused(status: int) -> Answer:
    code = {429: 20429, 503: 20503}.get(status, 20500)
    body = f'{{"code":{code},"message":"simulated","more_info":"","status":{status}}}'
    return Answer(status, {"content-type": "application/json"}, body.encode())
