"""A room as Twilio tells it: plain values, and how Twilio's words become them.

Everything here crosses Temporal: frozen dataclasses of plain values, new fields only with defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

QUEUED = "queued"
RINGING = "ringing"
CONNECTED = "connected"
ENDED = "ended"

_SUPERVISOR = re.compile(r"[0-9a-f]{16}-v[0-9]{1,4}")
"""Labels of legs that listen to a call and are nobody with the caller."""

_PARTICIPANT_STATUS = {
    "queued": QUEUED,
    "connecting": RINGING,
    "ringing": RINGING,
    "connected": CONNECTED,
    "complete": ENDED,
    "failed": ENDED,
}
"""Participant `status` -> ours.

https://www.twilio.com/docs/voice/api/conference-participant-resource
"""

_CALL_STATUS = {
    "queued": (QUEUED, ""),
    "initiated": (QUEUED, ""),
    "ringing": (RINGING, ""),
    "in-progress": (CONNECTED, ""),
    "completed": (ENDED, ""),
    "busy": (ENDED, "busy"),
    "no-answer": (ENDED, "no_answer"),
    "failed": (ENDED, "failed"),
    "canceled": (ENDED, "cancelled"),
}
"""Call `status` -> our status and, for a call that nobody took, the cause.

https://www.twilio.com/docs/voice/api/call-resource#call-status-values
"""


@dataclass(frozen=True)
class RoomLeg:
    """One leg. `status` is queued, ringing, connected or ended.

    `cause` is busy, no_answer, rejected, failed, blocked or cancelled when the leg ended
    unanswered, and empty otherwise. `address` is filled where the call itself was read.
    """

    call_sid: str = ""
    label: str = ""
    address: str = ""
    status: str = CONNECTED
    held: bool = False
    muted: bool = False
    exit_flag: bool = False
    cause: str = ""
    is_in_room: bool = True
    """False for a leg known from its call alone: ringing without being listed, listening to TwiML
    of its own, or ended."""
    coaching: bool = False
    """Whether the leg, if it is not muted, is heard by `coach_call_sid` alone."""
    coach_call_sid: str = ""

    @property
    def is_supervisor(self) -> bool:
        """Whether the label says that this leg only supervises the others."""
        return bool(_SUPERVISOR.fullmatch(self.label))


@dataclass(frozen=True)
class RoomRecordings:
    """The live recordings of a room, by SID. All empty: nothing of it is recorded."""

    running: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Which of them were the other way until the activity that answers this changed them."""


@dataclass(frozen=True)
class Room:
    """A conference and the legs in it."""

    conference_sid: str = ""
    room_name: str = ""
    is_live: bool = True
    legs: tuple[RoomLeg, ...] = ()
    recordings: RoomRecordings | None = None
    """Only where they were read with the room."""
    was_held: bool = False
    """Whether the leg that was put on hold had been on hold before."""
    caller_call_sid: str = ""
    """Whose call it is, as its owner believes; only where the owner was asked."""

    def find(self, call_sid: str = "", label: str = "") -> RoomLeg | None:
        """The leg with this call SID or this label; an empty argument matches nothing."""
        for leg in self.legs:
            if (call_sid and leg.call_sid == call_sid) or (label and leg.label == label):
                return leg
        return None

    def coaches_of(self, call_sid: str) -> tuple[RoomLeg, ...]:
        """The legs that speak, or would speak if they were not muted, to this leg alone."""
        return tuple(leg for leg in self.legs if leg.coaching and leg.coach_call_sid == call_sid)

    def without(self, call_sid: str) -> Room:
        """This room after `call_sid` has left it."""
        return replace(self, legs=tuple(leg for leg in self.legs if leg.call_sid != call_sid))

    def with_exit_flags(self, call_sids: Iterable[str]) -> Room:
        """This room with the exit flag on for these legs and off for all others."""
        flagged = frozenset(call_sids)
        return replace(
            self,
            legs=tuple(replace(leg, exit_flag=leg.call_sid in flagged) for leg in self.legs),
        )


def leg_of_participant(participant: Any, address: str = "") -> RoomLeg:
    """A leg out of the SDK's `ParticipantInstance`."""
    return RoomLeg(
        call_sid=participant.call_sid or "",
        label=participant.label or "",
        address=address,
        status=_PARTICIPANT_STATUS.get(str(participant.status), CONNECTED),
        held=participant.hold is True,
        muted=participant.muted is True,
        exit_flag=participant.end_conference_on_exit is True,
        coaching=participant.coaching is True,
        coach_call_sid=participant.call_sid_to_coach or "",
    )


def leg_of_call(call: Any, label: str = "") -> RoomLeg:
    """A leg out of the SDK's `CallInstance`, for a leg that the room does not show."""
    status, cause = read_call_status(call.status)
    return RoomLeg(
        call_sid=call.sid or "",
        label=label,
        address=address_of(call),
        status=status,
        cause=cause,
        is_in_room=False,
    )


def read_call_status(status: Any) -> tuple[str, str]:
    """Our status and cause for a Call's status; a word not known yet counts as connected, because
    a leg taken for ended too early would be forgotten on the line."""
    return _CALL_STATUS.get(str(status), (CONNECTED, ""))


def address_of(call: Any) -> str:
    """The address of the phone at the far end: dialled calls have it in `to`, others in `from`.

    A `client:` or `sip:` address may carry parameters after a question mark; they are not part of
    who somebody is. https://www.twilio.com/docs/voice/api/conference-participant-resource
    """
    is_dialled = str(call.direction or "").startswith("outbound")
    return bare_address(call.to if is_dialled else call._from)


def bare_address(address: Any) -> str:
    """An address without parameters."""
    return str(address or "").partition("?")[0]
