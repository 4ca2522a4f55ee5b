"""An agent's hold of a caller: put on hold, take back, look at the timer."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from fastapi.encoders import jsonable_encoder

from api.auth.principal import Principal, Role
from api.auth.rights import may_act_on_hold, may_see_call, may_start
from api.dependencies import Parts, PartsDep, PrincipalDep
from api.engine.hold_records import HoldRecord
from api.engine.holds import HoldInProgressError
from api.engine.provider import ProviderDownError
from api.engine.records import ABSENT, CallRecord, person_at
from api.engine.requests import RequestRefusedError, TransferOverError
from api.engine.starts import KeyReusedError, fingerprint
from api.engine.temporal import EngineUnreachableError
from api.errors import FieldFault, Problem, documented, invalid, unknown
from api.routes.transfers import RequestKey, checked_key, in_progress, not_carried_out_yet
from api.schemas import CF_PATTERN, HoldBody
from api.strict_json import StrictRoute
from workflows.hold_messages import HoldView, StartHoldInput
from workflows.machine.model import Party
from workflows.messages import transfer_part

USUAL = HoldBody()

router = APIRouter(prefix="/v1/calls", tags=["hold"], route_class=StrictRoute)

ConferencePath = Annotated[str, Path(pattern=CF_PATTERN)]


@router.post(
    "/{conference_sid}/hold",
    status_code=202,
    summary="Put the caller on hold",
    responses=documented(400, 401, 403, 404, 409, 413, 422, 503),
)
async def start_hold(
    conference_sid: ConferencePath,
    response: Response,
    principal: PrincipalDep,
    parts: PartsDep,
    body: Annotated[HoldBody, Body()] = USUAL,
    idempotency_key: RequestKey = None,
) -> HoldView:
    """Accepts a hold; nothing has been asked of Twilio when this answers.

    409 while a transfer of the call is under way, which holds the caller by itself, and when the
    caller is on hold already. `Location` shows the hold with its timer.
    """
    key = checked_key(idempotency_key) if idempotency_key is not None else uuid.uuid4().hex
    order = StartHoldInput(
        # Not the part that a transfer with the same key has: labels of legs are made of it.
        part=transfer_part(principal.id, f"hold\0{key}"),
        conference_sid=conference_sid,
        agent_address=_agent_address(body, principal),
        accepted_at=time.time(),
        policy=body.policy.value(),
    )
    mark = fingerprint(body.model_dump(mode="json", exclude_unset=True))
    known = await parts.engine.records.call(conference_sid)

    def prepare(record: CallRecord) -> StartHoldInput:
        return _authorised(order, principal, record)

    try:
        view, is_replay = await parts.engine.holds.start(order, mark, prepare, known)
    except KeyReusedError:
        raise Problem(
            422,
            "idempotency_key_reused",
            "This Idempotency-Key belongs to another request. Use a new one.",
        ) from None
    except HoldInProgressError as error:
        parts.metrics.start("hold", "refused")
        raise _on_hold_already(principal, error.record) from None
    except ProviderDownError:
        parts.metrics.start("hold", "refused")
        raise
    parts.metrics.start("hold", "replayed" if is_replay else "started")
    response.headers["Location"] = f"/v1/calls/{conference_sid}/hold"
    if is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    return view


@router.post(
    "/{conference_sid}/resume",
    summary="Take the caller off hold",
    responses=documented(400, 401, 403, 404, 409, 422, 503),
)
async def resume_call(
    conference_sid: ConferencePath,
    principal: PrincipalDep,
    parts: PartsDep,
    idempotency_key: RequestKey = None,
) -> HoldView:
    """Answers when the engine has accepted the request, with the hold after that step.

    409 when nobody is on hold, or while a transfer of the call is under way.
    """
    key = ""
    if idempotency_key is not None:
        key = transfer_part(principal.id, checked_key(idempotency_key))
    record = await parts.engine.records.call(conference_sid)
    hold = _known(record, principal)
    if record.transfer is not None and record.transfer.is_running:
        raise in_progress(principal, record.transfer)
    if hold is None or not hold.is_running:
        raise _not_on_hold(hold.view if hold else None)
    if not may_act_on_hold(principal, hold.view):
        detail = "Only the agent who holds the caller, or a supervisor, may ask for this."
        raise Problem(403, "not_yours", detail)
    return await _resume(hold, principal, parts, key)


@router.get(
    "/{conference_sid}/hold",
    summary="Read a hold",
    responses=documented(401, 404, 422, 503),
)
async def read_hold(
    conference_sid: ConferencePath, principal: PrincipalDep, parts: PartsDep
) -> HoldView:
    """The call's hold, or its last one: seconds on hold until now, limit and journal."""
    record = await parts.engine.records.call(conference_sid)
    hold = _known(record, principal)
    if hold is None:
        raise unknown()
    return await parts.engine.holds.with_journal(hold)


async def _resume(hold: HoldRecord, principal: Principal, parts: Parts, key: str) -> HoldView:
    """Sends the request; refusals become problems."""
    try:
        return await parts.engine.holds.resume(hold, principal.by, key)
    except RequestRefusedError as refused:
        view = refused.view or hold.view
        raise Problem(
            409,
            "request_refused",
            f"The hold cannot end now: {refused.reason}.",
            reason=refused.reason,
            allowed=list(view.allowed),
            hold=jsonable_encoder(view),
        ) from None
    except TransferOverError:
        latest = await parts.engine.records.hold(hold.view.conference_sid)
        raise _not_on_hold((latest or hold).view) from None
    except EngineUnreachableError:
        raise not_carried_out_yet("call") from None


# --- who and whether -----------------------------------------------------------------------------


def _agent_address(body: HoldBody, principal: Principal) -> str:
    """Whose hold it is. Empty: to be found among the people of the call."""
    if principal.role is not Role.AGENT:
        return body.agent or principal.address
    if body.agent not in (None, principal.address):
        raise Problem(403, "not_yourself", "An agent holds callers in its own name only.")
    return principal.address


def _authorised(order: StartHoldInput, principal: Principal, record: CallRecord) -> StartHoldInput:
    """The order with the legs that are known filled in. Raises unless this principal may hold this
    caller, and the caller can be held."""
    if not may_start(principal, record):
        raise unknown()
    if record.transfer is not None and record.transfer.is_running:
        raise in_progress(principal, record.transfer)
    if record.is_over:
        raise Problem(409, "call_is_over", "This call has ended.")
    there = (each for each in record.people if each.presence not in ABSENT and each.call_sid)
    agents = [each for each in there if each.party != Party.CALLER]
    if not order.agent_address and len(agents) == 1:
        order = replace(order, agent_address=agents[0].address)
    if not order.agent_address:
        raise invalid(FieldFault(field="agent", message="is missing: name the agent's address"))
    agent = person_at(order.agent_address, record.people)
    is_known = record.call is not None or record.transfer is not None
    if is_known and agent is None:
        raise Problem(409, "agent_not_on_call", "The agent is not on this call.")
    return replace(
        order,
        agent_call_sid=agent.call_sid if agent else "",
        caller_call_sid=record.caller_call_sid,
        caller_address=next(iter(record.caller_addresses), ""),
    )


def _known(record: CallRecord, principal: Principal) -> HoldRecord | None:
    """The call's hold, if it ever had one; a 404 if the principal may not know of the call."""
    if not may_see_call(principal, record):
        raise unknown()
    return record.hold


def _not_on_hold(view: HoldView | None) -> Problem:
    return Problem(
        409,
        "not_on_hold",
        "The caller is not on hold.",
        reason=(view.reason if view else "") or "not_on_hold",
        allowed=[],
        hold=jsonable_encoder(view) if view else None,
    )


def _on_hold_already(principal: Principal, record: HoldRecord) -> Problem:
    return Problem(
        409,
        "hold_in_progress",
        "The caller is on hold already.",
        reason="hold_in_progress",
        allowed=list(record.view.allowed),
        hold=jsonable_encoder(record.view),
    )
