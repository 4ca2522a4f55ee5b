"""Transfers: start, read, list, and one thin function per button."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.encoders import jsonable_encoder

from api.auth.principal import Principal, Role
from api.auth.rights import acts_as, may_act, may_see
from api.dependencies import Parts, PartsDep, PrincipalDep
from api.engine.provider import ProviderDownError
from api.engine.records import CallRecord, TransferRecord, with_journal
from api.engine.requests import RequestRefusedError, TransferOverError
from api.engine.starts import (
    KeyReusedError,
    TransferForgottenError,
    TransferInProgressError,
    fingerprint,
)
from api.engine.temporal import EngineUnreachableError
from api.errors import FieldFault, Problem, documented, invalid, unknown
from api.routes.orders import authorised, order_of, task_of_agent
from api.schemas import CF_PATTERN, StartTransferBody, TransferList
from api.strict_json import StrictRoute
from workflows.machine.model import State
from workflows.messages import StartTransferInput, TransferView, transfer_part

router = APIRouter(prefix="/v1/transfers", tags=["transfers"], route_class=StrictRoute)

KEY = re.compile(r"^[A-Za-z0-9_.:~/+=@-]{1,255}$", re.ASCII)
NUMBER_LIKE = re.compile(r"^\+?[0-9]{5,15}$", re.ASCII)
AGENT_PATTERN = r"^client:[A-Za-z0-9_][A-Za-z0-9_.@+=-]{0,119}$"
STATE_PATTERN = "^(live|over|" + "|".join(state.value for state in State) + ")$"
KEY_NOTE = (
    "Chosen by you, new for each start, repeated with each repetition of it: 1 to 255 letters, "
    "digits and `_.:~/+=@-`; no phone number. Remembered for a day at least."
)
KEY_LINK = "https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/"

Key = Annotated[str | None, Header(alias="Idempotency-Key", description=KEY_NOTE)]
RequestKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="Optional: makes a repetition the same request."),
]


@router.post(
    "",
    status_code=202,
    summary="Start a transfer",
    responses=documented(400, 401, 404, 403, 409, 410, 413, 422, 429, 503),
)
async def start_transfer(
    body: StartTransferBody,
    response: Response,
    principal: PrincipalDep,
    parts: PartsDep,
    idempotency_key: Key = None,
) -> TransferView:
    """Accepts a transfer of a live call; nothing has been asked of Twilio when this answers.

    The same request with the same `Idempotency-Key` is answered with the same transfer and
    `Idempotent-Replayed: true`. Poll `Location`, or listen to its `/events`.
    """
    key = checked_key(idempotency_key)
    order, people = await order_of(body, principal, parts, transfer_part(principal.id, key))
    mark = fingerprint(body.model_dump(mode="json", exclude_unset=True))

    async def prepare(known: CallRecord) -> StartTransferInput:
        prepared = authorised(order, principal, known, people)
        if parts.settings.is_taskrouter and not prepared.task_sid:
            task_sid = await task_of_agent(prepared.agent_call_sid, known, parts)
            prepared = replace(prepared, task_sid=task_sid)
        if known.transfer is None or not known.transfer.is_running:
            parts.rate.take(order.agent_address)
            parts.dials.take(order.agent_address, len(order.targets))
        return prepared

    try:
        started = await parts.engine.starts.start(order, mark, prepare)
    except KeyReusedError:
        raise Problem(
            422,
            "idempotency_key_reused",
            "This Idempotency-Key belongs to another request. Use a new one.",
        ) from None
    except TransferForgottenError:
        detail = "That transfer ended long ago and is no longer kept."
        raise Problem(410, "transfer_forgotten", detail) from None
    except TransferInProgressError as error:
        parts.metrics.start(body.kind, "refused")
        raise in_progress(principal, error.record) from None
    except ProviderDownError:
        parts.metrics.start(body.kind, "refused")
        raise
    parts.metrics.start(body.kind, "replayed" if started.is_replay else "started")
    response.headers["Location"] = f"/v1/transfers/{started.view.id}"
    if started.is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    return started.view


@router.get("", summary="List transfers", responses=documented(400, 401, 422, 503))
async def list_transfers(
    principal: PrincipalDep,
    parts: PartsDep,
    call: Annotated[str, Query(pattern=CF_PATTERN, description="Of this call.")] = "",
    agent: Annotated[str, Query(pattern=AGENT_PATTERN, description="Of this agent.")] = "",
    state: Annotated[
        str, Query(pattern=STATE_PATTERN, description="`live`, `over`, or a state.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str, Query(max_length=4000, description="`next` of the page before.")] = "",
) -> TransferList:
    """Transfers, newest first. An agent sees its own, a supervisor those of the own team. Those,
    and a named state, are picked out of each page."""
    if principal.role is Role.AGENT:
        if agent and agent != principal.address:
            return TransferList(items=[])
        agent = principal.address
    try:
        page = await parts.engine.records.transfers(call, agent, state, limit, cursor)
    except ValueError:
        raise invalid(FieldFault(field="cursor", message="should be `next` of a page")) from None
    shown = [view for view in page.items if may_see(principal, view)]
    return TransferList(items=shown, next=page.next)


@router.get("/{transfer_id}", summary="Read a transfer", responses=documented(401, 404, 422, 503))
async def read_transfer(transfer_id: str, principal: PrincipalDep, parts: PartsDep) -> TransferView:
    """One transfer with its journal, also after its end."""
    return await with_journal(await visible_transfer(transfer_id, principal, parts))


def _button(verb: str, summary: str) -> None:
    """Adds the route of one button."""

    @router.post(
        f"/{{transfer_id}}/{verb}",
        name=verb,
        summary=summary,
        operation_id=f"{verb}_transfer".replace("-", "_"),
        responses=documented(400, 401, 403, 404, 409, 422, 503),
    )
    async def press(
        transfer_id: str,
        principal: PrincipalDep,
        parts: PartsDep,
        idempotency_key: RequestKey = None,
    ) -> TransferView:
        """Answers when the engine has accepted the request, with the transfer after that step.

        409 when it makes no sense now: `reason`, the verbs `allowed` instead, and the transfer.
        """
        key = ""
        if idempotency_key is not None:
            key = transfer_part(principal.id, checked_key(idempotency_key))
        view = await _send_unseen(transfer_id, verb, principal, parts, key)
        if view is not None:
            return view
        record = await _actable_transfer(transfer_id, principal, parts)
        return await _send(verb, record, principal, parts, key)


_button("complete", "Give the caller to the target")
_button("cancel", "Take the caller back")
_button("swap", "Change between target and caller")
_button("join", "Talk all three")
_button("drop-target", "Let the target go, stay with the caller")


async def visible_transfer(transfer_id: str, principal: Principal, parts: Parts) -> TransferRecord:
    """The transfer; a 404 if there is none, or none that the principal may know of."""
    record = await parts.engine.records.find(transfer_id)
    if record is None or not may_see(principal, record.view):
        raise unknown()
    return record


async def _actable_transfer(transfer_id: str, principal: Principal, parts: Parts) -> TransferRecord:
    """The transfer; a 404 or a 403 unless the principal may press its buttons."""
    record = await visible_transfer(transfer_id, principal, parts)
    if not may_act(principal, record.view):
        detail = "Only the agent whose transfer this is, or a supervisor, may ask for this."
        raise Problem(403, "not_yours", detail)
    return record


async def _send_unseen(
    transfer_id: str, verb: str, principal: Principal, parts: Parts, key: str
) -> TransferView | None:
    """Sends a request at once, as mostly it is sound: whoever clicked waits for it. None if the
    transfer has to be looked at first, to say what is wrong."""
    agent = acts_as(principal)
    if agent is None:
        return None
    try:
        return await parts.engine.requests.send_unseen(transfer_id, verb, principal.by, agent, key)
    except RequestRefusedError as refused:
        if refused.view is None:
            return None
        raise _refused(refused.reason, refused.view) from None
    except EngineUnreachableError:
        # Whoever must not know of it is not told that there is something to wait for.
        await _actable_transfer(transfer_id, principal, parts)
        raise not_carried_out_yet("transfer") from None


async def _send(
    verb: str, record: TransferRecord, principal: Principal, parts: Parts, key: str
) -> TransferView:
    """Sends a request; refusals become problems."""
    if not record.is_running:
        raise _over(record.view)
    try:
        return await parts.engine.requests.send(record, verb, principal.by, key)
    except RequestRefusedError as refused:
        raise _refused(refused.reason, refused.view or record.view) from None
    except EngineUnreachableError:
        raise not_carried_out_yet("transfer") from None
    except TransferOverError:
        latest = await parts.engine.records.find(record.view.id)
        raise _over((latest or record).view) from None


def _refused(reason: str, view: TransferView) -> Problem:
    if view.is_over:
        return _over(view)
    return Problem(
        409,
        "request_refused",
        f"The transfer cannot do this now: {reason}.",
        reason=reason,
        allowed=list(view.allowed),
        transfer=jsonable_encoder(view),
    )


def not_carried_out_yet(what: str) -> Problem:
    """503: a request was sent, and whether it is accepted is not known. `what` can be read."""
    return Problem(
        503,
        "not_carried_out_yet",
        "The engine took the request but has not carried it out, and still may. Read the "
        f"{what} before you ask again, or repeat the request with the same Idempotency-Key.",
        {"Retry-After": "2"},
    )


def _over(view: TransferView) -> Problem:
    return Problem(
        409,
        "transfer_is_over",
        "The transfer has ended.",
        reason=view.reason or "transfer_is_over",
        allowed=[],
        transfer=jsonable_encoder(view),
    )


def in_progress(principal: Principal, record: TransferRecord) -> Problem:
    """409: a transfer of the call is under way; its id for whoever may know of it."""
    extra: dict[str, Any] = {}
    if may_see(principal, record.view):
        extra = {"transfer_id": record.view.id, "allowed": list(record.view.allowed)}
    detail = "This call is being transferred already."
    return Problem(409, "transfer_in_progress", detail, {"Retry-After": "5"}, **extra)


def checked_key(key: str | None) -> str:
    """The key. Raises a 400 if it is missing or of a bad form."""
    if key is None:
        raise Problem(
            400,
            "idempotency_key_missing",
            "Send an Idempotency-Key, so that a repeated request is not carried out twice.",
            link=KEY_LINK,
        )
    if not KEY.fullmatch(key) or NUMBER_LIKE.fullmatch(key):
        raise Problem(400, "idempotency_key_invalid", KEY_NOTE, link=KEY_LINK)
    return key
