"""What a transfer tells the supervision of its call: whether it lives, and whether it is private.

A transfer owns nothing of a supervisor. But only it knows when agent and target are about to talk
without the caller, and a supervisor who stays beside the caller must be apart by then.
"""

from __future__ import annotations

from workflows.machine.events import RoomReading
from workflows.machine.holding import wanted_hold
from workflows.machine.labels import is_supervisor
from workflows.machine.model import TERMINAL, Kind, Transfer

CONSULT, NO_CONSULT = "on", "off"


def is_kept_apart(transfer: Transfer) -> bool:
    """Whether the agent may talk, now or at any moment, without being heard by the caller.

    From when the caller is about to be held until the un-hold is in place: who is told of it at the
    target's answer is told too late.
    """
    caller = transfer.caller
    if transfer.kind is not Kind.WARM or transfer.state in TERMINAL:
        return False
    if not transfer.agent.is_here or not caller.is_live:
        return False
    return caller.held or wanted_hold(transfer) is True


def news_for_supervision(transfer: Transfer) -> str:
    """What the supervision, if there is one, has not been told yet: `on`, `off`; empty: nothing."""
    if not transfer.is_supervised:
        return ""
    now = CONSULT if is_kept_apart(transfer) else NO_CONSULT
    return now if now != transfer.told_supervision else ""


def shows_supervisor(reading: RoomReading) -> bool:
    """Whether a supervisor is in the room, or on the way."""
    return any(is_supervisor(leg.label) for leg in reading.legs)
