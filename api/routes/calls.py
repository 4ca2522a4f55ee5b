"""Calls: who is on them, and their latest transfer."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.auth.principal import Principal
from api.auth.rights import may_see, may_see_call
from api.dependencies import Parts, PartsDep, PrincipalDep
from api.engine.records import CallRecord
from api.errors import documented, unknown
from api.schemas import CF_PATTERN, CallItem, CallList, Me
from workflows.messages import RecordingView

router = APIRouter(prefix="/v1", tags=["calls"])


@router.get("/me", summary="Who am I?", responses=documented(401))
async def read_me(principal: PrincipalDep) -> Me:
    """Whom your credential stands for."""
    return Me(role=principal.role.value, address=principal.address)


@router.get("/calls", summary="List live calls", responses=documented(401, 422, 503))
async def list_calls(
    principal: PrincipalDep,
    parts: PartsDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> CallList:
    """The newest live calls that you may see: an agent its own, supervisors and services all."""
    records = await parts.engine.records.live_calls(limit)
    seen = [record for record in records if may_see_call(principal, record)]
    recordings = await asyncio.gather(*(_recording(record, parts) for record in seen))
    items = [_item(record, principal) for record in seen]
    return CallList(
        items=[
            item.model_copy(update={"recording": recording})
            for item, recording in zip(items, recordings, strict=True)
        ]
    )


@router.get(
    "/calls/{conference_sid}", summary="Read a call", responses=documented(401, 404, 422, 503)
)
async def read_call(
    conference_sid: Annotated[str, Path(pattern=CF_PATTERN)],
    principal: PrincipalDep,
    parts: PartsDep,
) -> CallItem:
    """One call, who is on it, and its latest transfer."""
    record = await parts.engine.records.call(conference_sid)
    if not may_see_call(principal, record):
        raise unknown()
    recording = await _recording(record, parts)
    return _item(record, principal).model_copy(update={"recording": recording})


async def _recording(record: CallRecord, parts: Parts) -> RecordingView | None:
    """Whether the call is recorded; nothing is asked where nothing ever is."""
    return await parts.engine.recordings.view(record) if parts.settings.is_recorded else None


def _item(record: CallRecord, principal: Principal) -> CallItem:
    """A call as this principal may see it: of earlier transfers only those it may know of."""
    view = record.transfer.view if record.transfer else None
    return CallItem(
        conference_sid=record.conference_sid,
        is_over=record.is_over,
        people=list(record.people),
        call=record.call,
        transfer=view if view and may_see(principal, view) else None,
        hold=record.hold.view if record.hold and record.hold.is_running else None,
    )
