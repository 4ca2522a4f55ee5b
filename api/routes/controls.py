"""Mute and un-mute an agent, have a text spoken: what moves nobody."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body

from api.auth.principal import Principal, Role
from api.auth.rights import may_see_call
from api.dependencies import Parts, PartsDep, PrincipalDep
from api.engine.records import ABSENT, person_at
from api.engine.temporal import EngineUnreachableError
from api.errors import FieldFault, Problem, documented, invalid, unknown
from api.routes.holds import ConferencePath
from api.routes.transfers import RequestKey, checked_key, not_carried_out_yet
from api.schemas import AnnounceBody, Announced, MuteBody, Muted
from api.strict_json import StrictRoute
from workflows.hold_messages import AnnounceOrder, ControlView, MuteOrder
from workflows.machine.model import Party
from workflows.messages import PersonView, transfer_part

NOBODY_NAMED = MuteBody()

router = APIRouter(prefix="/v1/calls", tags=["calls"], route_class=StrictRoute)


def _muting(verb: str, summary: str, muted: bool) -> None:
    """Adds the route of one of the two."""

    @router.post(
        f"/{{conference_sid}}/{verb}",
        name=verb,
        summary=summary,
        operation_id=f"{verb}_agent",
        responses=documented(400, 401, 403, 404, 409, 413, 422, 503),
    )
    async def press(
        conference_sid: ConferencePath,
        principal: PrincipalDep,
        parts: PartsDep,
        body: Annotated[MuteBody, Body()] = NOBODY_NAMED,
        idempotency_key: RequestKey = None,
    ) -> Muted:
        """Answers when Twilio was read back: the agent is heard, or is not."""
        people = await _people(conference_sid, principal, parts)
        agent = _agent(body, principal, people)
        order = MuteOrder(conference_sid, agent.call_sid, muted)
        key = _part(verb, principal, idempotency_key)
        try:
            _check(await parts.engine.controls.mute(order, key))
        except EngineUnreachableError:
            raise not_carried_out_yet("call") from None
        return Muted(conference_sid=conference_sid, agent=agent.address, muted=muted)


_muting("mute", "Mute the agent", muted=True)
_muting("unmute", "Let the agent be heard again", muted=False)


@router.post(
    "/{conference_sid}/announce",
    status_code=202,
    summary="Have a text spoken",
    responses=documented(400, 401, 403, 404, 409, 413, 422, 429, 503),
)
async def announce(
    conference_sid: ConferencePath,
    body: AnnounceBody,
    principal: PrincipalDep,
    parts: PartsDep,
    idempotency_key: RequestKey = None,
) -> Announced:
    """Answers when Twilio has taken the announcement. The same `Idempotency-Key` is spoken once."""
    people = await _people(conference_sid, principal, parts)
    parts.rate.take(f"announcements by {principal.id}")
    call_sid = "" if body.to == "all" else _party(body.to, people).call_sid
    part = _part("announce", principal, idempotency_key)
    order = AnnounceOrder(conference_sid, part, body.text, body.to, call_sid)
    try:
        _check(await parts.engine.controls.announce(order))
    except EngineUnreachableError:
        raise not_carried_out_yet("call") from None
    return Announced(conference_sid=conference_sid, id=part, to=body.to)


def _part(verb: str, principal: Principal, key: str | None) -> str:
    """What a repetition of the request has in common with it. Opaque: it stands in an address."""
    chosen = checked_key(key) if key is not None else uuid.uuid4().hex
    return transfer_part(principal.id, f"{verb}\0{chosen}")


async def _people(
    conference_sid: str, principal: Principal, parts: Parts
) -> tuple[PersonView, ...]:
    """Who is on the call. Raises like everything that the principal may not know of."""
    record = await parts.engine.records.call(conference_sid)
    if not may_see_call(principal, record):
        raise unknown()
    if record.is_over:
        raise Problem(409, "call_is_over", "This call has ended.")
    return tuple(each for each in record.people if each.call_sid and each.presence not in ABSENT)


def _agent(body: MuteBody, principal: Principal, people: Sequence[PersonView]) -> PersonView:
    """Whose phone is meant."""
    address = body.agent
    if principal.role is Role.AGENT:
        if address not in (None, principal.address):
            raise Problem(403, "not_yourself", "An agent mutes its own phone only.")
        address = principal.address
    if not address:
        agents = [each for each in people if each.party == Party.AGENT]
        if len(agents) != 1:
            message = "is missing: name the agent's address"
            raise invalid(FieldFault(field="agent", message=message))
        return agents[0]
    agent = person_at(address, people)
    if agent is None:
        raise Problem(409, "agent_not_on_call", "The agent is not on this call.")
    return agent


def _party(party: str, people: Sequence[PersonView]) -> PersonView:
    found = next((each for each in people if each.party == party), None)
    if found is None:
        raise Problem(409, "party_not_on_call", f"There is no {party} on this call now.")
    return found


def _check(view: ControlView) -> None:
    """Raises unless it was done."""
    if view.is_done:
        return
    if view.reason == "unavailable":
        raise EngineUnreachableError
    raise Problem(
        409,
        "not_done",
        "Twilio did not do it: the leg or the room is not there any more, or refuses.",
        reason=view.reason,
    )
