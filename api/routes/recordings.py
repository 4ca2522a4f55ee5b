"""The recording of a call: is it on, pause it for a card number, resume it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from api.auth.principal import Principal
from api.auth.rights import may_record, may_see_call
from api.dependencies import Parts, PartsDep, PrincipalDep
from api.engine.recordings import PAUSE, RESUME, StillPrivateError, WordNotCarriedOutError
from api.engine.records import CallRecord
from api.errors import Problem, documented, unknown
from api.routes.transfers import RequestKey, checked_key
from api.schemas import CF_PATTERN
from workflows.messages import NOT_RECORDED, RecordingView, transfer_part

router = APIRouter(prefix="/v1/calls/{conference_sid}/recording", tags=["recording"])

Call = Annotated[str, Path(pattern=CF_PATTERN)]


@router.get("", summary="Is the call recorded?", responses=documented(401, 404, 422, 503))
async def read_recording(
    conference_sid: Call, principal: PrincipalDep, parts: PartsDep
) -> RecordingView:
    """Whether the call is recorded, as Twilio said when it was last asked. What is not certain
    counts as recording."""
    record = await parts.engine.records.call(conference_sid)
    if not may_see_call(principal, record):
        raise unknown()
    return await parts.engine.recordings.view(record)


@router.post(
    "/pause", summary="Record nothing", responses=documented(400, 401, 403, 404, 409, 422, 503)
)
async def pause_recording(
    conference_sid: Call,
    principal: PrincipalDep,
    parts: PartsDep,
    idempotency_key: RequestKey = None,
) -> RecordingView:
    """Pauses whatever records the call, and answers once that has been read back. It stays paused
    until a person resumes it, through any number of transfers."""
    record = await _of_mine(conference_sid, principal, parts)
    return await _ask(PAUSE, record, principal, parts, idempotency_key)


@router.post(
    "/resume", summary="Record again", responses=documented(400, 401, 403, 404, 409, 422, 503)
)
async def resume_recording(
    conference_sid: Call,
    principal: PrincipalDep,
    parts: PartsDep,
    idempotency_key: RequestKey = None,
) -> RecordingView:
    """Resumes what is paused, and answers once that has been read back. While agent and target
    consult in private it goes on after the consult. None is begun where there was none."""
    record = await _of_mine(conference_sid, principal, parts)
    view = await _ask(RESUME, record, principal, parts, idempotency_key)
    if view.state == NOT_RECORDED:
        detail = "Nothing of this call is recorded, so there is nothing to resume."
        raise Problem(409, "not_recorded", detail)
    return view


async def _of_mine(conference_sid: str, principal: Principal, parts: Parts) -> CallRecord:
    """The call. Raises unless it is alive and the principal may have its recording paused."""
    record = await parts.engine.records.call(conference_sid)
    if not may_see_call(principal, record):
        raise unknown()
    if not may_record(principal, record):
        detail = "Only who is on the call, or a supervisor, may ask for this."
        raise Problem(403, "not_on_call", detail)
    if record.is_over:
        raise Problem(409, "call_is_over", "This call has ended.")
    return record


async def _ask(
    word: str, record: CallRecord, principal: Principal, parts: Parts, key: str | None
) -> RecordingView:
    name = "" if key is None else transfer_part(principal.id, checked_key(key))
    try:
        return await parts.engine.recordings.ask(record, word, principal.by, name)
    except WordNotCarriedOutError:
        raise Problem(
            503,
            "recording_unchanged",
            f"The {word} could not be had from Twilio, or has not been read back. Take it that the "
            "call is recorded, and ask again.",
            {"Retry-After": "2"},
        ) from None
    except StillPrivateError:
        raise Problem(
            409,
            "still_private",
            "A transfer of this call was cut off, and the caller is still on hold: others may be "
            "talking in private. Ask again once the caller is back.",
            {"Retry-After": "2"},
        ) from None
