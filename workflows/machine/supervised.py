"""What a transfer and the supervision of its call tell each other.

A transfer owns nothing of a supervisor. But only it knows when agent and target are about to talk
without the caller, and a supervisor who stays beside the caller must be apart by then. And only the
supervision knows when a supervisor takes the call over: a transfer that the agent has begun in the
same moment gives the caller to whoever has done so.
"""

from __future__ import annotations

from workflows.machine.beliefs import (
    Heard,
    has_met_target,
    inherited,
    with_presence,
    without_agent,
)
from workflows.machine.copies import replace
from workflows.machine.events import LegReading, RoomReading
from workflows.machine.holding import wanted_hold
from workflows.machine.labels import is_supervisor
from workflows.machine.model import TERMINAL, Kind, Leg, Party, Presence, Transfer
from workflows.machine.stimuli import Stimulus

CONSULT, NO_CONSULT = "on", "off"

# --- what a transfer says ------------------------------------------------------------------------


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


def learn_supervisors(transfer: Transfer, reading: RoomReading | None) -> Transfer:
    """Whether a reading shows a supervisor, and who could have taken the call over: whoever is
    heard by all, while the agent is not in the room."""
    if reading is None:
        return transfer
    theirs = [leg for leg in reading.legs if is_supervisor(leg.label)]
    if not any(leg.call_sid != transfer.agent.call_sid for leg in theirs):
        return transfer
    transfer = replace(transfer, is_supervised=True)
    is_agent_there = any(leg.call_sid == transfer.agent.call_sid for leg in reading.legs)
    heard = [leg for leg in theirs if _is_heard_by_all(leg)]
    if is_agent_there or len(heard) != 1 or transfer.heir.call_sid:
        return transfer
    (one,) = heard
    return replace(transfer, heir=Leg(one.address, one.call_sid, one.label))


def _is_heard_by_all(leg: LegReading) -> bool:
    return leg.status == "connected" and not (leg.muted or leg.held or leg.coaching)


# --- what a transfer hears -----------------------------------------------------------------------


def hear_heir(transfer: Transfer, heir: Leg, former: str, at: float) -> Heard:
    """A supervisor takes the call over, or has done so, if `former` is the agent who has gone for
    it. Any other leg than a supervisor's says that the take-over came to nothing."""
    agent = transfer.agent
    if not is_supervisor(heir.label) or heir.call_sid == agent.call_sid:
        return replace(transfer, heir=Leg()), Stimulus.NOTED
    transfer = replace(transfer, heir=heir)
    if agent.is_live and former and former == agent.call_sid:
        transfer = with_presence(transfer, Party.AGENT, Presence.GONE)
        return without_agent(transfer, at, Stimulus.AGENT_LEFT)
    is_expected = agent.presence in (Presence.PRESENT, Presence.LEAVING)
    if is_expected or has_met_target(transfer) or not transfer.caller.is_live:
        return transfer, Stimulus.NOTED
    return inherited(transfer)


def hear_no_supervision(transfer: Transfer, at: float) -> Heard:
    """Nobody supervises the call any more; should somebody come, the supervision says so. A
    supervision leaves no leg behind but of who took the call over."""
    transfer = replace(transfer, is_supervised=False)
    heir = transfer.heir
    if not heir.call_sid or heir.is_here:
        return transfer, Stimulus.NOTED
    return hear_heir(transfer, replace(heir, presence=Presence.PRESENT), "", at)
