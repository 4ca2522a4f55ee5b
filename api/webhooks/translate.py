"""Twilio's words -> our events. Pure; cannot raise, whatever the form holds.

The fields are in `docs/twilio.md`. A value that is not of the expected form makes no event: a
signature says who sent it, not that it makes sense.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from workflows.machine.events import (
    Fact,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegRang,
    LegScreened,
    RoomEnded,
)
from workflows.machine.model import Cause
from workflows.messages import CALL_SID, CONFERENCE_SID

Get = Callable[[str], str]
"""A form's parameter by its name, empty if it is not there."""

LABEL = re.compile(r"^[A-Za-z0-9_.-]{1,128}$")
SCREENED = "s"
"""Labels of legs that join the room by their own TwiML end in this."""

CAUSES = {
    "busy": Cause.BUSY,
    "no-answer": Cause.NO_ANSWER,
    "failed": Cause.FAILED,
    "canceled": Cause.CANCELLED,
}
SIP_CAUSES = {
    "603": Cause.REJECTED,  # RFC 3261 21.6.2: declined
    "607": Cause.REJECTED,  # RFC 8197: unwanted
    "608": Cause.REJECTED,  # RFC 8688: rejected on behalf of the callee
}
BLOCKED_CODES = frozenset({"13225", "13227", "21215", "21216"})
"""Twilio's own refusals to dial: the number or its country is blocked."""


def is_label(text: str) -> bool:
    """Whether this can be one of our labels."""
    return bool(LABEL.fullmatch(text))


def leg_fact(get: Get, label: str, at: float) -> Fact | None:
    """Call progress of a leg that we dialled."""
    call_sid, status = get("CallSid"), get("CallStatus")
    if not CALL_SID.fullmatch(call_sid):
        return None
    if status == "ringing":
        return LegRang(at=at, call_sid=call_sid, label=label)
    if status == "in-progress":
        return LegAnswered(at=at, call_sid=call_sid, label=label)
    if status == "completed" or status in CAUSES:
        return LegEnded(at=at, call_sid=call_sid, label=label, cause=cause_of(get, status))
    return None


def cause_of(get: Get, status: str) -> str:
    """Why a leg ended unanswered; empty for one that had been answered."""
    if status not in CAUSES:
        return ""
    if get("ErrorCode") in BLOCKED_CODES:
        return Cause.BLOCKED.value
    return SIP_CAUSES.get(get("SipResponseCode"), CAUSES[status]).value


def conference_fact(get: Get, at: float) -> Fact | None:
    """A conference event; None for those that decide nothing.

    A join is news for screened legs only: others are known to be in the room when they answer.
    """
    event, conference_sid = get("StatusCallbackEvent"), get("ConferenceSid")
    if not CONFERENCE_SID.fullmatch(conference_sid):
        return None
    if event == "conference-end":
        return RoomEnded(at=at, conference_sid=conference_sid)
    call_sid, label = get("CallSid"), get("ParticipantLabel")
    if not CALL_SID.fullmatch(call_sid) or (label and not is_label(label)):
        return None
    if event == "participant-join" and label.endswith(SCREENED) and label:
        return LegJoined(at=at, call_sid=call_sid, label=label, conference_sid=conference_sid)
    if event == "participant-leave":
        if label and get("ParticipantCallStatus") == "busy":
            # Busy and rejected look alike here; the leg's own callback tells them apart.
            return None
        cause = cause_of(get, get("ParticipantCallStatus"))
        return LegEnded(at=at, call_sid=call_sid, label=label, cause=cause)
    return None


def machine_fact(get: Get, label: str, at: float) -> Fact | None:
    """What answering-machine detection found.

    `unknown` counts as a person: to hang up on somebody who answered is worse than a consult with
    a machine, which the agent hears at once.
    """
    call_sid, found = get("CallSid"), get("AnsweredBy")
    if not CALL_SID.fullmatch(call_sid) or not found:
        return None
    is_machine = found.startswith("machine") or found == "fax"
    cause = Cause.MACHINE.value if is_machine else ""
    return LegScreened(at=at, call_sid=call_sid, label=label, willing=not is_machine, cause=cause)


def choice_fact(get: Get, label: str, at: float) -> LegScreened | None:
    """What a person who was asked to press 1 did."""
    call_sid = get("CallSid")
    if not CALL_SID.fullmatch(call_sid):
        return None
    is_willing = get("Digits") == "1"
    cause = "" if is_willing else Cause.REJECTED.value
    return LegScreened(at=at, call_sid=call_sid, label=label, willing=is_willing, cause=cause)
