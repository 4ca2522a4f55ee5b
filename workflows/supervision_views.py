"""From what was asked to the first `Supervision`, and from there to what a reader is shown."""

from __future__ import annotations

from dataclasses import replace

from workflows.machine.supervision.model import HELP_SECONDS_MAX, Supervision, Supervisor
from workflows.machine.supervision.requests import HelpRequested, JoinRequested
from workflows.machine.supervision.step import allowed, is_over, start
from workflows.messages import (
    HelpView,
    StartSupervisionInput,
    SupervisionView,
    SupervisorView,
)


def begin_supervision(given: StartSupervisionInput) -> Supervision:
    """The supervision before its first step."""
    return Supervision(
        conference_sid=given.conference_sid,
        part=given.part,
        started_at=given.accepted_at,
        caller_call_sid=given.caller_call_sid,
        caller_address=given.caller_address,
        agent=given.agent_call_sid,
    )


def first_request(given: StartSupervisionInput) -> JoinRequested | HelpRequested:
    """What the supervision begins with. Raises ValueError if that is nothing."""
    first = given.join or given.help
    if first is None:
        raise ValueError("a supervision begins with a request")
    return replace(first, at=given.accepted_at)


def first_view(given: StartSupervisionInput) -> tuple[SupervisionView, str]:
    """What the first step will show, and why it would be refused; empty if it would not."""
    first = start(begin_supervision(given), first_request(given))
    return supervision_view_of(first.value), first.refusal


def supervision_view_of(value: Supervision) -> SupervisionView:
    """What a reader who may know everything is shown."""
    return SupervisionView(
        conference_sid=value.conference_sid,
        state=value.state.value,
        started_at=value.started_at,
        step=value.step,
        is_over=is_over(value),
        supervisors=tuple(_supervisor(value, each) for each in value.supervisors),
        help=_help(value),
        agent_call_sid=value.agent,
        caller_address=value.caller_address,
    )


def _help(value: Supervision) -> HelpView | None:
    if value.help is None:
        return None
    return HelpView(
        agent=value.help.by,
        asked_at=value.help.asked_at,
        state=value.help.state.value,
        until=value.help.asked_at + HELP_SECONDS_MAX,
        taken_by=value.help.taken_by,
    )


def _supervisor(value: Supervision, each: Supervisor) -> SupervisorView:
    heard_by = (
        *(("caller",) if each.heard_by_all else ()),
        *(("agent",) if each.heard_by_agent else ()),
    )
    return SupervisorView(
        id=each.label,
        address=each.address,
        mode=each.mode.value,
        state=each.state.value,
        since=each.since,
        heard_by=heard_by,
        call_sid=each.call_sid,
        is_over=not each.is_live,
        is_hidden=each.policy.is_hidden,
        follow=each.policy.follow.value,
        consult=each.policy.consult.value,
        reason=each.reason,
        allowed=allowed(value, each),
        by=each.by,
        joined_at=each.dialed_at,
        fingerprint=each.fingerprint,
        task_sid=each.own_task_sid,
    )
