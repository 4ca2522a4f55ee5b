"""From the body of a start to the order that a workflow is started with, or to what is wrong."""

from __future__ import annotations

import time
from dataclasses import replace

from api.auth.principal import Principal, Role
from api.auth.rights import covers, may_start, sees_all
from api.dependencies import Parts
from api.engine.provider import ProviderDownError
from api.engine.records import CallRecord, person_at
from api.engine.starts import is_being_set_up
from api.errors import FieldFault, Problem, invalid, unknown
from api.numbers import AddressRefusedError
from api.schemas import PHONE_RING_SECONDS_MAX, StartTransferBody
from workflows.machine.labels import is_supervisor
from workflows.machine.model import Kind, Party, Target
from workflows.messages import TASK_SID, StartTransferInput, TaskPeople

NEEDS_TASKROUTER = "needs TaskRouter mode, which is off"


async def order_of(
    body: StartTransferBody, principal: Principal, parts: Parts, part: str
) -> tuple[StartTransferInput, TaskPeople | None]:
    """The body as a start of a workflow, and what its task says of the call if it names one.

    Raises a problem that names each field that is wrong.
    """
    faults = _faults(body, principal, parts)
    if faults:
        raise invalid(*faults)
    people = None
    if body.call.task_sid is not None:
        people = await _people(body.call.task_sid, principal, parts, part)
    agent = body.agent_body
    address = agent.address if agent else principal.address
    if people is not None and agent is None and principal.role is not Role.AGENT:
        address = people.agent_address or address
    faults = _agent_faults(body, address)
    if faults:
        raise invalid(*faults)
    known = people or TaskPeople()
    agent_call_sid = (agent.call_sid or "") if agent else ""
    if known.agent_address == address:
        agent_call_sid = agent_call_sid or known.agent_call_sid
    order = StartTransferInput(
        kind=Kind(body.kind),
        part=part,
        conference_sid=body.call.conference_sid or known.conference_sid,
        agent_address=address,
        targets=(*(target.value() for target in body.target_bodies), *body.policy.reserve),
        accepted_at=time.time(),
        policy=replace(body.policy.value(), pause_recordings=parts.settings.pauses_recordings),
        agent_call_sid=agent_call_sid,
        caller_call_sid=known.caller_call_sid,
        task_sid=body.call.task_sid or "",
        wrap_up=body.policy.wrap_up,
        context=body.context.value(),
    )
    return order, people


def authorised(
    order: StartTransferInput,
    principal: Principal,
    known: CallRecord,
    people: TaskPeople | None,
) -> StartTransferInput:
    """The order with the legs that are known filled in, which spares the engine to look for them.

    Raises unless the principal may transfer this call, and this call can be transferred.
    """
    is_busy = known.transfer is not None and known.transfer.is_running
    record = replace(known, call=None) if is_busy else known
    if not (may_start(principal, record) or _is_theirs(principal, people)):
        raise unknown()
    if is_busy:
        return order
    if record.is_over:
        raise Problem(409, "call_is_over", "This call has ended.")
    if is_being_set_up(record):
        detail = "Nobody is known to have picked up yet. Ask again in a moment."
        raise Problem(409, "agent_not_on_call", detail, {"Retry-After": "2"})
    agent = person_at(order.agent_address, record.people)
    is_known = record.call is not None or record.transfer is not None
    if is_known and not order.agent_call_sid and agent is None:
        raise Problem(409, "agent_not_on_call", "The agent is not on this call.")
    for number, target in enumerate(order.targets):
        if target.address in record.caller_addresses:
            message = "should not be the caller's own number"
            raise invalid(FieldFault(field=f"targets.{number}.address", message=message))
    agent_call_sid = order.agent_call_sid or (agent.call_sid if agent else "")
    return replace(
        order,
        agent_call_sid=agent_call_sid,
        caller_call_sid=record.caller_call_sid or order.caller_call_sid,
        caller_address=next(iter(record.caller_addresses), ""),
        is_on_hold=known.hold is not None and known.hold.is_running,
    )


def _is_theirs(principal: Principal, people: TaskPeople | None) -> bool:
    """Whether the task that was named shows that the call is this principal's business."""
    if people is None:
        return False
    is_agent = bool(principal.address) and principal.address == people.agent_address
    return is_agent or covers(principal, people.agent_address)


async def task_of_agent(agent_call_sid: str, record: CallRecord, parts: Parts) -> str:
    """The agent's own task, so that it is closed when the agent leaves; empty if none is known.

    An agent who took the call over as its supervisor has one if they are a worker."""
    for person in record.people:
        if person.call_sid == agent_call_sid and is_supervisor(person.label):
            mine = await parts.engine.supervisions.find(record.conference_sid, person.label)
            return mine.task_sid if mine is not None else ""
    return _task_by_records(agent_call_sid, record)


def _task_by_records(agent_call_sid: str, record: CallRecord) -> str:
    """What the transfer and the call know of it.

    It is the one by which the last transfer found the agent, or the one that the agent had when
    the last transfer began; on a call that TaskRouter set up, the room is named by the first one.
    """
    latest = record.transfer
    if latest is not None and agent_call_sid:
        for attempt in reversed(latest.view.attempts):
            if attempt.task_sid and attempt.call_sid == agent_call_sid:
                return attempt.task_sid
        for person in latest.view.people:
            if person.party == Party.AGENT and person.call_sid == agent_call_sid:
                return latest.task_sid
    room_name = record.call.room_name if record.call else ""
    return room_name if TASK_SID.fullmatch(room_name) else ""


async def _people(task_sid: str, principal: Principal, parts: Parts, part: str) -> TaskPeople:
    """Who the task brought together. Raises if it is nobody; to an agent like what is unknown."""
    if await parts.engine.provider.is_down():
        raise ProviderDownError
    parts.rate.take(f"look-up by {principal.id}")
    people = await parts.engine.tasks.people(task_sid, part)
    if people is None:
        if not sees_all(principal):
            raise unknown()
        raise Problem(409, "call_not_active", "This task has no call that could be transferred.")
    return people


# --- what is wrong with a body --------------------------------------------------------------------


def _faults(body: StartTransferBody, principal: Principal, parts: Parts) -> list[FieldFault]:
    """What can be told without asking anybody."""
    has_taskrouter = parts.settings.is_taskrouter
    faults: list[FieldFault] = []
    if body.call.task_sid is not None and not has_taskrouter:
        faults.append(FieldFault(field="call.task_sid", message=NEEDS_TASKROUTER))
    elif body.call.task_sid is not None and body.call.conference_sid is not None:
        faults.append(FieldFault(field="call", message="should name the conference or the task"))
    elif body.call.task_sid is None and body.call.conference_sid is None:
        faults.append(FieldFault(field="call.conference_sid", message="is missing"))
    if body.policy.recovery_queue is not None:
        faults += _refused("policy.recovery_queue", body.policy.recovery_queue, parts)
    if body.policy.wrap_up and not has_taskrouter:
        faults.append(FieldFault(field="policy.wrap_up", message=NEEDS_TASKROUTER))
    agent = body.agent_body
    if agent is not None and principal.role is Role.AGENT and agent.address != principal.address:
        raise Problem(403, "not_yourself", "An agent starts transfers in its own name only.")
    if agent is not None and principal.role is not Role.AGENT:
        faults += _refused("agent.address", agent.address, parts, is_agent=True)
    if body.call.task_sid is None:
        faults += _agent_faults(body, agent.address if agent else principal.address)
    for number, target in enumerate(body.target_bodies):
        faults += _refused(f"targets.{number}.address", target.address, parts)
        faults += _target_faults(f"targets.{number}", target.value())
    return faults


def _agent_faults(body: StartTransferBody, agent_address: str) -> list[FieldFault]:
    """What is wrong with the agent, once it is known who that is."""
    if not agent_address:
        return [FieldFault(field="agent", message="is missing: name the agent's address")]
    return [
        FieldFault(field=f"targets.{number}.address", message="should not be the agent itself")
        for number, target in enumerate(body.target_bodies)
        if target.address == agent_address
    ]


def _target_faults(field: str, target: Target) -> list[FieldFault]:
    """What does not go together with a phone, and what not with TaskRouter."""
    wrong: dict[str, str] = {}
    if target.is_routed:
        if target.detect_machine:
            wrong["detect_machine"] = "is for phones; TaskRouter's calls do not know it"
    else:
        if target.ring_seconds > PHONE_RING_SECONDS_MAX:
            wrong["ring_seconds"] = f"should be at most {PHONE_RING_SECONDS_MAX:g} for a phone"
        if target.skills:
            wrong["skills"] = "is for worker: and queue:"
        if target.priority is not None:
            wrong["priority"] = "is for worker: and queue:"
    return [FieldFault(field=f"{field}.{name}", message=text) for name, text in wrong.items()]


def _refused(field: str, address: str, parts: Parts, is_agent: bool = False) -> list[FieldFault]:
    """The fault of an address that is not dialled."""
    check = parts.rules.check_agent if is_agent else parts.rules.check_target
    try:
        check(address)
    except AddressRefusedError as refused:
        return [FieldFault(field=field, message=str(refused))]
    return []
