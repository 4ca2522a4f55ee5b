"""Help: an agent asks for a supervisor, and the supervisors of the team see it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.encoders import jsonable_encoder
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.auth.principal import Principal, Role
from api.auth.rights import covers, may_see_call
from api.dependencies import Parts, PartsDep, PrincipalDep
from api.engine.records import CallRecord, person_at
from api.engine.supervisions import LIST_SECONDS, NotSupervisedError, RefusedError
from api.engine.temporal import EngineUnreachableError
from api.errors import Problem, documented, unknown
from api.routes.events import PING_SECONDS, STREAMS_MAX
from api.routes.supervisors import REASONS, agent_of, order_of
from api.schemas import CF_PATTERN
from api.strict_json import StrictRoute
from api.supervision_schemas import HelpItem, HelpList, SupervisionItem, supervision_item
from workflows.machine.supervision.requests import HelpRequested

router = APIRouter(prefix="/v1", tags=["supervision"], route_class=StrictRoute)

Call = Annotated[str, Path(pattern=CF_PATTERN)]
OPEN = "open"


@router.post(
    "/calls/{conference_sid}/help",
    status_code=202,
    summary="Ask for a supervisor",
    responses=documented(401, 403, 404, 409, 422, 429, 503),
)
async def ask_help(
    conference_sid: Call, principal: PrincipalDep, parts: PartsDep
) -> SupervisionItem:
    """The agent on the call asks for a supervisor. It stays open for ten minutes, until somebody
    comes, or until it is withdrawn. Asking twice is asking once."""
    known = await _own(conference_sid, principal, parts)
    if known.is_over:
        raise Problem(409, "call_is_over", REASONS["call_is_over"])
    if principal.role is Role.AGENT and person_at(principal.address, known.people) is None:
        # Whoever started a transfer may see it to its end, and may have left the call by then.
        raise Problem(403, "not_on_call", "Only the agent on the call asks for a supervisor.")
    parts.rate.take(f"help for {principal.id}")
    agent = agent_of(known)
    address = principal.address or (agent.address if agent is not None else "")
    now = time.time()
    wish = HelpRequested(address, principal.id, now)
    try:
        view = await parts.engine.supervisions.ask_help(order_of(known, now), wish)
    except RefusedError as refused:
        raise Problem(409, refused.code, REASONS.get(refused.code, refused.code)) from None
    return supervision_item(view, is_agent=True)


@router.delete(
    "/calls/{conference_sid}/help",
    status_code=204,
    summary="Withdraw the cry for help",
    responses=documented(401, 403, 404, 422, 503),
)
async def withdraw_help(conference_sid: Call, principal: PrincipalDep, parts: PartsDep) -> Response:
    """Nobody needs to come any more. Whoever has come stays until leaving."""
    await _own(conference_sid, principal, parts)
    record = await parts.engine.supervisions.latest(conference_sid)
    if record is not None and record.is_running:
        with suppress(NotSupervisedError, RefusedError):  # over, and the cry for help with it
            await parts.engine.supervisions.withdraw_help(record, principal.id)
    return Response(status_code=204)


@router.get("/help", summary="Who asks for a supervisor?", responses=documented(401, 403, 503))
async def list_help(principal: PrincipalDep, parts: PartsDep) -> HelpList:
    """The agents of your teams who ask for a supervisor now, the longest waiting first. Take one
    by `POST /v1/calls/{conference_sid}/supervisors` with `takes_help`."""
    return HelpList(items=await _asking(principal, parts))


@router.get(
    "/help/events",
    summary="Listen for agents who ask for a supervisor",
    response_class=EventSourceResponse,
    responses=documented(401, 403, 503),
)
async def listen_help(principal: PrincipalDep, parts: PartsDep) -> Response:
    """Server-sent events. `help`: everybody who asks now, at once and after every change."""
    await _asking(principal, parts)
    if parts.metrics.open_streams >= STREAMS_MAX:
        detail = "Too many streams are open here. Poll the list instead."
        raise Problem(503, "too_many_streams", detail, {"Retry-After": "10"})
    return EventSourceResponse(
        _events(principal, parts),
        ping=PING_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(principal: Principal, parts: Parts) -> AsyncIterator[ServerSentEvent]:
    parts.metrics.stream_opened()
    told: str | None = None
    try:
        while True:
            try:
                items = await _asking(principal, parts)
            except EngineUnreachableError:
                await asyncio.sleep(LIST_SECONDS)
                continue
            text = json.dumps({"items": jsonable_encoder(items)}, separators=(",", ":"))
            if text != told:
                told = text
                yield ServerSentEvent(text, event="help")
            await asyncio.sleep(LIST_SECONDS)
    finally:
        parts.metrics.stream_closed()


async def _asking(principal: Principal, parts: Parts) -> list[HelpItem]:
    """Who asks, as far as it is the principal's business."""
    if principal.role is Role.AGENT:
        raise Problem(403, "not_a_supervisor", "Only supervisors are shown who asks for help.")
    found = []
    for view in await parts.engine.supervisions.running():
        asked = view.help
        if asked is None or asked.state != OPEN or not covers(principal, asked.agent):
            continue
        caller = view.caller_address
        found.append(HelpItem(conference_sid=view.conference_sid, caller=caller, help=asked))
    return sorted(found, key=lambda each: each.help.asked_at)


async def _own(conference_sid: str, principal: Principal, parts: Parts) -> CallRecord:
    """The call, for the agent who is on it, or a service on the agent's behalf."""
    known = await parts.engine.records.call(conference_sid)
    if not may_see_call(principal, known):
        raise unknown()
    if principal.role is Role.SUPERVISOR:
        raise Problem(403, "not_an_agent", "Only the agent on the call asks for a supervisor.")
    return known
