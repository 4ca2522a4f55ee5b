"""Supervisors of a call: join, change the mode, take over, leave; and who they are."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.encoders import jsonable_encoder

from api.auth.principal import Principal, Role
from api.auth.rights import may_see_call, may_supervise
from api.dependencies import Parts, PartsDep, PrincipalDep
from api.engine.records import ABSENT, CallRecord
from api.engine.starts import fingerprint
from api.engine.supervisions import (
    KeyReusedError,
    NotSupervisedError,
    RefusedError,
    SupervisionRecord,
)
from api.errors import FieldFault, Problem, documented, invalid, unknown
from api.numbers import AddressRefusedError
from api.routes.orders import task_of_agent
from api.routes.transfers import Key, RequestKey, checked_key
from api.schemas import CF_PATTERN
from api.strict_json import StrictRoute
from api.supervision_schemas import (
    JoinBody,
    ModeBody,
    SupervisionItem,
    SupervisorItem,
    supervision_item,
    supervisor_item,
)
from workflows.machine.model import Party, Presence
from workflows.machine.supervision.classify import CALLER_IS_THEIRS
from workflows.machine.supervision.model import Mode, State
from workflows.machine.supervision.requests import JoinRequested, ModeRequested
from workflows.messages import (
    PersonView,
    StartSupervisionInput,
    SupervisionView,
    hold_workflow_id,
    transfer_part,
)

router = APIRouter(prefix="/v1/calls", tags=["supervision"], route_class=StrictRoute)

SUPERVISOR_PATTERN = r"^[0-9a-f]{16}-v[0-9]{1,4}$"
Call = Annotated[str, Path(pattern=CF_PATTERN)]
Supervisor = Annotated[str, Path(pattern=SUPERVISOR_PATTERN)]

REASONS: dict[str, str] = {
    "coach_target_unavailable": "There is no agent who could hear the whisper now: not in the room "
    "or on hold. The supervisor stays muted.",
    "agent_is_coached": "Another supervisor whispers to the agent already.",
    "supervises_already": "This phone supervises the call already.",
    "taken_by_another": "Another supervisor takes the call over, or just has. See who is the agent "
    "now before you take over.",
    "help_taken": "Nobody asks for help any more: somebody was faster, or it was withdrawn.",
    "too_many_supervisors": "The call has as many supervisors as it may have.",
    "call_is_over": "This call has ended.",
    "agent_not_released": "The agent was not let go: caller and supervisor were not talking to "
    "each other when it was looked. The supervisor stays in the call, heard by all.",
    "caller_is_theirs": "A transfer or a hold of this call has just begun, and has the caller. "
    "The supervisor stays in the call, heard by all.",
    "provider_unavailable": "Twilio did not answer in time. The supervisor is being muted.",
}
"""What a code of the table means to a person."""


@router.get(
    "/{conference_sid}/supervisors",
    summary="Who supervises a call?",
    responses=documented(401, 404, 422, 503),
)
async def read_supervisors(
    conference_sid: Call, principal: PrincipalDep, parts: PartsDep
) -> SupervisionItem:
    """Who listens and who is heard by whom, also after the end, with the journal: every change,
    who asked for it and when. The agent on the call sees those who are not hidden."""
    known = await parts.engine.records.call(conference_sid)
    if not may_see_call(principal, known):
        raise unknown()
    record = await parts.engine.supervisions.latest(conference_sid)
    if record is None:
        return SupervisionItem(
            conference_sid=conference_sid, state="over", is_over=True, supervisors=[]
        )
    view = await parts.engine.supervisions.with_journal(record)
    return supervision_item(view, is_agent=not may_supervise(principal, known))


@router.post(
    "/{conference_sid}/supervisors",
    status_code=202,
    summary="Supervise a call",
    responses=documented(400, 401, 403, 404, 409, 422, 429, 503),
)
async def join(
    conference_sid: Call,
    body: JoinBody,
    response: Response,
    principal: PrincipalDep,
    parts: PartsDep,
    idempotency_key: Key = None,
) -> SupervisorItem:
    """Rings the supervisor's phone; the leg comes into the room muted, and is given its voice after
    that. Nothing has been asked of Twilio when this answers.

    `whisper` waits for an agent who can hear it. The same request with the same `Idempotency-Key`
    is answered with the same supervisor and `Idempotent-Replayed: true`.
    """
    key = checked_key(idempotency_key)
    address = _address(body, principal, parts)
    known = await _supervised(conference_sid, principal, parts)
    if known.is_over:
        raise Problem(409, "call_is_over", REASONS["call_is_over"])
    if address in {each.address for each in known.people if each.presence not in ABSENT}:
        raise invalid(FieldFault(field="supervisor", message="should not be on the call already"))
    now = time.time()
    part = transfer_part(principal.id, f"{conference_sid} {key}")
    record = await parts.engine.supervisions.latest(conference_sid)
    if record is None or not record.knows(part):
        parts.rate.take(f"supervise by {principal.id}")
    wish = JoinRequested(
        part=part,
        address=address,
        mode=Mode(body.mode),
        by=principal.id,
        fingerprint=fingerprint(body.model_dump(mode="json", exclude_unset=True)),
        policy=body.policy.value(),
        ring_seconds=body.ring_seconds,
        detect_machine=(
            address.startswith("+") if body.detect_machine is None else body.detect_machine
        ),
        takes_help=body.takes_help,
        at=now,
    )
    try:
        joined = await parts.engine.supervisions.join(order_of(known, now), wish)
    except KeyReusedError:
        detail = "This Idempotency-Key belongs to another request. Use a new one."
        raise Problem(422, "idempotency_key_reused", detail) from None
    except RefusedError as refused:
        raise _refused(refused) from None
    if joined.is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = f"/v1/calls/{conference_sid}/supervisors"
    return supervisor_item(joined.supervisor)


@router.patch(
    "/{conference_sid}/supervisors/{supervisor_id}",
    summary="Change a supervisor's mode, or take over",
    responses=documented(400, 401, 403, 404, 409, 422, 503),
)
async def change(
    conference_sid: Call,
    supervisor_id: Supervisor,
    body: ModeBody,
    principal: PrincipalDep,
    parts: PartsDep,
    idempotency_key: RequestKey = None,
) -> SupervisorItem:
    """Answers when it is so: read back at Twilio. Every change goes through silence, so that nobody
    hears what was meant for others.

    409 `coach_target_unavailable`: the agent cannot hear a whisper now, the supervisor stays muted.
    `take_over` is refused with 409 while a transfer or a hold of the call lives, because the caller
    is theirs; end it first. The same request with the same `Idempotency-Key` changes nothing anew,
    whatever has been asked for since; without a key, what is so already is answered as done.
    """
    key = _once(principal, supervisor_id, idempotency_key)
    known = await _supervised(conference_sid, principal, parts)
    agent = agent_of(known)
    can_hear = agent is not None and agent.presence == Presence.PRESENT
    agent_call_sid = agent.call_sid if agent is not None else ""
    wish = ModeRequested(
        supervisor_id,
        body.mode,
        principal.id,
        agent_call_sid=agent_call_sid if can_hear or body.mode == "take_over" else "",
        caller_call_sid=known.caller_call_sid,
        at=time.time(),
    )
    if body.mode == "take_over":
        wish = replace(
            wish,
            task_sid=await _may_take_over(known, agent, parts),
            has_taskrouter=parts.settings.is_taskrouter,
        )
    view = await _ask(conference_sid, wish, key, parts)
    return _of(view, supervisor_id)


@router.delete(
    "/{conference_sid}/supervisors/{supervisor_id}",
    status_code=204,
    summary="Leave, or remove a supervisor",
    responses=documented(401, 403, 404, 409, 422, 503),
)
async def leave(
    conference_sid: Call,
    supervisor_id: Supervisor,
    principal: PrincipalDep,
    parts: PartsDep,
    idempotency_key: RequestKey = None,
) -> Response:
    """Ends the supervisor's leg. The call goes on. Who has left already has left."""
    key = _once(principal, supervisor_id, idempotency_key)
    await _supervised(conference_sid, principal, parts)
    await _ask(conference_sid, ModeRequested(supervisor_id, "leave", principal.id), key, parts)
    return Response(status_code=204)


# --- what the routes share ------------------------------------------------------------------------


def order_of(known: CallRecord, now: float) -> StartSupervisionInput:
    """The start of a supervision, with who is on the call as far as is known."""
    agent = agent_of(known)
    return StartSupervisionInput(
        conference_sid=known.conference_sid,
        part="",
        accepted_at=now,
        caller_call_sid=known.caller_call_sid,
        caller_address=next(iter(known.caller_addresses), ""),
        agent_call_sid=agent.call_sid if agent is not None else "",
    )


def agent_of(known: CallRecord) -> PersonView | None:
    """Who talks with the caller, as we believe it."""
    here = [
        each
        for each in known.people
        if each.party != Party.CALLER and each.presence not in ABSENT and each.call_sid
    ]
    return next((each for each in here if each.party == Party.AGENT), next(iter(here), None))


async def _supervised(conference_sid: str, principal: Principal, parts: Parts) -> CallRecord:
    """The call. 404 where the principal may not know of it, 403 where it may only know."""
    known = await parts.engine.records.call(conference_sid)
    if may_supervise(principal, known):
        return known
    if may_see_call(principal, known):
        raise Problem(403, "not_a_supervisor", "Only a supervisor of the team may ask for this.")
    raise unknown()


def _address(body: JoinBody, principal: Principal, parts: Parts) -> str:
    """The supervisor's phone. Raises unless it may be rung."""
    address = body.supervisor or principal.address
    if not address:
        raise invalid(FieldFault(field="supervisor", message="is missing: name the phone to ring"))
    if principal.role is Role.SUPERVISOR and principal.address not in ("", address):
        raise Problem(403, "not_yourself", "A supervisor joins with the own phone only.")
    try:
        parts.rules.check_agent(address)
    except AddressRefusedError as refused:
        raise invalid(FieldFault(field="supervisor", message=str(refused))) from None
    return address


async def _may_take_over(known: CallRecord, agent: PersonView | None, parts: Parts) -> str:
    """The task of the agent who would be released. Raises while somebody else owns the caller."""
    transfer = known.transfer
    if transfer is not None and transfer.has_the_caller:
        allowed = list(transfer.view.allowed)
        what = "Complete or cancel it, then take over." if allowed else "It ends within seconds."
        raise Problem(
            409,
            "transfer_in_progress",
            f"A transfer of this call is under way. {what}",
            {} if allowed else {"Retry-After": "5"},
            transfer_id=transfer.view.id,
            allowed=allowed,
        )
    hold = await parts.engine.temporal.describe(hold_workflow_id(known.conference_sid))
    if hold is not None and hold.close_time is None:
        detail = "The caller is on hold. Resume the caller, then take over."
        raise Problem(409, "caller_on_hold", detail)
    if agent is None or not parts.settings.is_taskrouter:
        return ""
    return await task_of_agent(agent.call_sid, known, parts)


def _once(principal: Principal, supervisor_id: str, key: str | None) -> str:
    """What a repetition of the request has in common with it; empty for one without a key."""
    if key is None:
        return ""
    return transfer_part(principal.id, f"{supervisor_id}\0{checked_key(key)}")


async def _ask(conference_sid: str, wish: ModeRequested, key: str, parts: Parts) -> SupervisionView:
    """The supervision after the request. What has come to that end before is not refused."""
    record = await _record(conference_sid, wish.label, parts)
    try:
        return await parts.engine.supervisions.change(record, wish, key)
    except NotSupervisedError:
        record = await _record(conference_sid, wish.label, parts)
        if _is_done(record.view, wish):
            return record.view
        detail = "This supervisor is not on the call any more."
        raise Problem(409, "supervisor_has_left", detail, allowed=[]) from None
    except RefusedError as refused:
        if refused.view is not None and _is_done(refused.view, wish):
            return refused.view
        raise _refused(refused, wish.label) from None


DONE: dict[str, frozenset[str]] = {
    "leave": frozenset({State.LEAVING, State.LEFT}),
    "take_over": frozenset({State.TAKING_OVER, State.TOOK_OVER}),
}
"""Verbs that end it -> the states in which a repetition has nothing to do."""


def _is_done(view: SupervisionView, wish: ModeRequested) -> bool:
    mine = next((each for each in view.supervisors if each.id == wish.label), None)
    return mine is not None and mine.state in DONE.get(wish.verb, frozenset())


async def _record(conference_sid: str, label: str, parts: Parts) -> SupervisionRecord:
    record = await parts.engine.supervisions.latest(conference_sid)
    if record is None or all(each.id != label for each in record.view.supervisors):
        raise unknown()
    return record


def _of(view: SupervisionView, label: str) -> SupervisorItem:
    mine = next((each for each in view.supervisors if each.id == label), None)
    if mine is None:
        raise unknown()
    return supervisor_item(mine)


def _refused(refused: RefusedError, label: str = "") -> Problem:
    people = refused.view.supervisors if refused.view is not None else ()
    mine = next((each for each in people if each.id == label), None)
    extra = {}
    if mine is not None:
        item = supervisor_item(mine)
        if refused.code == CALLER_IS_THEIRS:
            # A supervision knows of no transfer but by asking.
            item.allowed = [verb for verb in item.allowed if verb != "take_over"]
        extra = {"allowed": item.allowed, "supervisor": jsonable_encoder(item)}
    code = refused.code if refused.code in REASONS else "request_refused"
    detail = REASONS.get(refused.code, f"The supervisor cannot do this now: {refused.code}.")
    return Problem(409, code, detail, reason=refused.code, **extra)
