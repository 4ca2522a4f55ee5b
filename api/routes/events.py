"""The event stream of a transfer: every step, as it happens, resumable.

Each event has the step's number as its id. A stream that is opened again with `Last-Event-ID` goes
on after that step; one whose transfer has nothing more to tell is answered with 204, at which a
browser stops asking.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.encoders import jsonable_encoder
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.dependencies import Parts, PartsDep, PrincipalDep
from api.engine.records import TransferRecord
from api.engine.streams import News
from api.errors import Problem, documented
from api.routes.transfers import visible_transfer

router = APIRouter(prefix="/v1/transfers", tags=["transfers"])

STREAMS_MAX = 1000
"""Open streams in one process; each costs a socket and a task."""
PING_SECONDS = 15
"""Shorter than the idle time-out of the usual proxies (60 s)."""
STEP = re.compile(r"^[0-9]{1,9}$", re.ASCII)


@router.get(
    "/{transfer_id}/events",
    summary="Listen to a transfer",
    response_class=EventSourceResponse,
    responses={
        204: {"description": "The transfer is over and all its steps were told."},
        **documented(401, 404, 422, 503),
    },
)
async def listen(
    transfer_id: str,
    principal: PrincipalDep,
    parts: PartsDep,
    last_event_id: Annotated[str, Header(alias="Last-Event-ID")] = "",
) -> Response:
    """Server-sent events. `step`: one line of the journal, with the whole `transfer` on the newest
    one; `over`: the last one, after which the stream ends."""
    record = await visible_transfer(transfer_id, principal, parts)
    after = int(last_event_id) if STEP.fullmatch(last_event_id) else -1
    if record.view.is_over and record.view.step <= after:
        return Response(status_code=204)
    if parts.metrics.open_streams >= STREAMS_MAX:
        detail = "Too many streams are open here. Poll the transfer instead."
        raise Problem(503, "too_many_streams", detail, {"Retry-After": "10"})
    return EventSourceResponse(
        _events(parts, record, after),
        ping=PING_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(
    parts: Parts, record: TransferRecord, after: int
) -> AsyncIterator[ServerSentEvent]:
    parts.metrics.stream_opened()
    try:
        async with aclosing(parts.engine.streams.listen(record, after)) as stream:
            async for news in stream:
                for event in events_of(news):
                    yield event
    finally:
        parts.metrics.stream_closed()


def events_of(news: News) -> list[ServerSentEvent]:
    """Steps as events: one each, the transfer itself on the last; `over` if it is the end."""
    final = "over" if news.view.is_over else "step"
    view = jsonable_encoder(news.view)
    if not news.entries:
        return [_event(final, news.view.step, {"step": news.view.step, "transfer": view})]
    bodies: list[dict[str, Any]] = [jsonable_encoder(entry) for entry in news.entries]
    bodies[-1]["transfer"] = view
    last = len(bodies) - 1
    return [
        _event(final if number == last else "step", body["step"], body)
        for number, body in enumerate(bodies)
    ]


def _event(name: str, step: int, body: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(body, separators=(",", ":")), id=str(step), event=name)
