"""The api's own functions, called below HTTP: webhooks by their address, buttons by their name.

A request finds its function by the routes that FastAPI has, and is given what FastAPI would give
it. What is left out is the wire: signatures, bodies and headers have tests of their own.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

from fastapi import Response
from fastapi.encoders import jsonable_encoder
from pydantic import TypeAdapter
from starlette.datastructures import FormData

import api.app
from api.auth.principal import Principal
from api.auth.tokens import Tokens
from api.dependencies import Parts
from api.engine.provider import ProviderDownError
from api.engine.temporal import EngineUnreachableError, Temporal
from api.errors import Problem
from api.limits import DialRate, StartRate
from api.metrics import Metrics
from api.routes import calls, help_wanted, holds, recordings, supervisors, transfers
from api.schemas import HoldBody, StartTransferBody
from api.settings import Settings
from api.supervision_schemas import JoinBody, ModeBody
from api.webhooks import assigned, status, taskrouter, voice
from api.webhooks.signature import Webhook
from simulator.core.outbox import Fetch, Reply
from tests.simulation.clock import wake

BASE = "http://app"
HOOKS = (status, voice, taskrouter, assigned)


@dataclass(frozen=True)
class Answer:
    """What a client of the api got. `body` is JSON."""

    status: int
    code: str
    body: Any

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Hook:
    """One route of Twilio's."""

    path: re.Pattern[str]
    methods: frozenset[str]
    function: Callable[..., Any]
    wants: frozenset[str]


@cache
def hooks() -> tuple[Hook, ...]:
    """Every route that Twilio calls."""
    return tuple(
        Hook(
            route.path_regex,
            frozenset(route.methods),
            route.endpoint,
            frozenset(inspect.signature(route.endpoint).parameters),
        )
        for module in HOOKS
        for route in module.router.routes
    )


@cache
def hooks_below(part: str) -> tuple[Hook, ...]:
    """Those whose path begins with `/twilio/{part}`."""
    return tuple(hook for hook in hooks() if hook.path.pattern.startswith(f"^/twilio/{part}"))


@cache
def buttons() -> dict[str, Callable[..., Any]]:
    """The buttons of a transfer, by their verb."""
    return {
        route.name: route.endpoint  # type: ignore[attr-defined]
        for route in transfers.router.routes
        if route.path.startswith("/v1/transfers/{transfer_id}/")  # type: ignore[attr-defined]
    }


SHARED: list[tuple[Metrics, Tokens]] = []
"""What is the same for every history, and costs."""


def _parts(settings: Settings, temporal: Temporal, loop: Any) -> Parts:
    """What the application itself is made of."""
    if not SHARED:
        SHARED.append((Metrics(), Tokens(settings)))
    metrics, tokens = SHARED[0]
    with (
        patch.object(api.app, "Metrics", lambda: metrics),
        patch.object(api.app, "Tokens", lambda settings: tokens),
    ):
        parts = api.app._parts(settings, temporal)
    return replace(parts, rate=StartRate(10_000, loop.time), dials=DialRate(10_000, loop.time))


class Edge:
    """One api process."""

    def __init__(self, client: Any, settings: Settings) -> None:
        self._loop = asyncio.get_running_loop()
        temporal = Temporal(_never)
        temporal._client = client
        self.parts = _parts(settings, temporal, self._loop)
        self._given = {
            "parts": self.parts,
            "settings": settings,
            "facts": self.parts.engine.facts,
            "records": self.parts.engine.records,
            "metrics": self.parts.metrics,
        }
        self.is_up = True
        self._under_way: set[asyncio.Task[Any]] = set()
        self.failures: list[str] = []
        """Answers that must never be: what would be a bare 500."""

    def crash(self, seconds: float) -> None:
        """Die with whatever is under way, and be back after so many seconds."""
        if self.is_up:
            self.is_up = False
            for task in list(self._under_way):
                task.cancel()
            self._loop.call_later(seconds, self._come_up)

    def _come_up(self) -> None:
        self.is_up = True

    async def _carry(self, work: Any) -> Any:
        """Something under way in this process; `CancelledError` if it dies with it."""
        task, over = self._loop.create_task(work), self._loop.create_future()

        def is_over(done: asyncio.Task[Any]) -> None:
            self._under_way.discard(done)
            wake(over)

        self._under_way.add(task)
        task.add_done_callback(is_over)
        await over
        return task

    # --- Twilio ---

    async def handle(self, fetch: Fetch) -> Reply:
        """One webhook."""
        if not self.is_up:
            return Reply(0, error="connect: nobody is there")
        task = await self._carry(self._hook(fetch))
        return Reply(0, error="broken off") if task.cancelled() else task.result()

    async def _hook(self, fetch: Fetch) -> Reply:
        parts = urlsplit(fetch.url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        for hook in hooks_below(parts.path.split("/")[2]):
            found = hook.path.match(parts.path)
            if found is None or fetch.method not in hook.methods:
                continue
            form = FormData(list(fetch.params.items()))
            given = {
                **self._given, **query, **found.groupdict(), "webhook": Webhook(form, fetch.token),
            }  # fmt: skip
            wanted = {name: given[name] for name in hook.wants if name in given}
            try:
                return _reply(await hook.function(**wanted))
            except Problem as problem:
                return Reply(problem.status, problem.code, "application/problem+json")
            except EngineUnreachableError:
                return Reply(503, "engine_unreachable", "application/problem+json")
            except Exception as error:
                self.failures.append(f"{fetch.event} at {parts.path}: {error!r}")
                return Reply(500, repr(error))
        return Reply(404)

    # --- people ---

    async def start(self, principal: Principal, body: dict[str, Any], key: str) -> Answer:
        """POST /v1/transfers."""
        checked = StartTransferBody.model_validate(body)
        return await self._asked(
            transfers.start_transfer(checked, Response(), principal, self.parts, key), 202
        )

    async def press(self, principal: Principal, transfer_id: str, verb: str, key: str) -> Answer:
        """POST /v1/transfers/{id}/{verb}."""
        return await self._asked(buttons()[verb](transfer_id, principal, self.parts, key), 200)

    async def hold(self, principal: Principal, sid: str, body: dict[str, Any], key: str) -> Answer:
        """POST /v1/calls/{conference_sid}/hold."""
        checked = HoldBody.model_validate(body)
        return await self._asked(
            holds.start_hold(sid, Response(), principal, self.parts, checked, key), 202
        )

    async def resume(self, principal: Principal, sid: str, key: str) -> Answer:
        """POST /v1/calls/{conference_sid}/resume."""
        return await self._asked(holds.resume_call(sid, principal, self.parts, key), 200)

    async def supervise(
        self, principal: Principal, sid: str, body: dict[str, Any], key: str
    ) -> Answer:
        """POST /v1/calls/{conference_sid}/supervisors."""
        checked = JoinBody.model_validate(body)
        return await self._asked(
            supervisors.join(sid, checked, Response(), principal, self.parts, key), 202
        )

    async def change_mode(
        self, principal: Principal, sid: str, supervisor_id: str, mode: str, key: str
    ) -> Answer:
        """PATCH /v1/calls/{conference_sid}/supervisors/{id}; `leave` is its DELETE."""
        if mode == "leave":
            left = supervisors.leave(sid, supervisor_id, principal, self.parts, key)
            return await self._asked(left, 204)
        checked = ModeBody.model_validate({"mode": mode})
        return await self._asked(
            supervisors.change(sid, supervisor_id, checked, principal, self.parts, key), 200
        )

    async def ask_help(self, principal: Principal, sid: str) -> Answer:
        """POST /v1/calls/{conference_sid}/help."""
        return await self._asked(help_wanted.ask_help(sid, principal, self.parts), 202)

    async def withdraw_help(self, principal: Principal, sid: str) -> Answer:
        """DELETE /v1/calls/{conference_sid}/help."""
        return await self._asked(help_wanted.withdraw_help(sid, principal, self.parts), 204)

    async def record(self, principal: Principal, sid: str, word: str, key: str) -> Answer:
        """POST /v1/calls/{conference_sid}/recording/{word}."""
        ask = {"pause": recordings.pause_recording, "resume": recordings.resume_recording}[word]
        return await self._asked(ask(sid, principal, self.parts, key), 200)

    async def read_call(self, principal: Principal, sid: str) -> Answer:
        """GET /v1/calls/{conference_sid}."""
        return await self._asked(calls.read_call(sid, principal, self.parts), 200)

    async def read(self, principal: Principal, transfer_id: str) -> Answer:
        """GET /v1/transfers/{id}."""
        return await self._asked(transfers.read_transfer(transfer_id, principal, self.parts), 200)

    async def _asked(self, work: Any, good: int) -> Answer:
        if not self.is_up:
            work.close()
            return Answer(0, "no_connection", None)
        task = await self._carry(work)
        if task.cancelled():
            return Answer(0, "broken_off", None)
        error = task.exception()
        if isinstance(error, Problem):
            return Answer(error.status, error.code, jsonable_encoder(error.extra))
        if isinstance(error, EngineUnreachableError):
            return Answer(503, "engine_unreachable", None)
        if isinstance(error, ProviderDownError):
            return Answer(503, "provider_down", None)
        if error is not None:
            self.failures.append(repr(error))
            return Answer(500, "internal", repr(error))
        if good == 204:
            return Answer(good, "", {})
        return Answer(good, "", _json(task.result()))


async def _never() -> Any:
    raise AssertionError("the client is given")


def _json(result: Any) -> Any:
    """What a client gets of what a route answers."""
    return _writer(type(result)).dump_python(result, mode="json", by_alias=True)


@cache
def _writer(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _reply(response: Response) -> Reply:
    media_type = response.media_type or "text/plain"
    return Reply(response.status_code, bytes(response.body).decode(), media_type)
