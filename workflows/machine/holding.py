"""What an agent's hold and a transfer tell each other, and when a hold's time is up.

Both are workflows of their own over the same caller. Here is what each makes of the other's word:
a transfer has the caller's leg, and a hold says what it did to it.
"""

from __future__ import annotations

from workflows.machine.beliefs import Heard, caller_gone, left_alone
from workflows.machine.copies import replace
from workflows.machine.events import (
    NOBODY,
    HoldReported,
    LegReading,
    OwnerEnded,
    OwnerSought,
    RoomReading,
    TransferStarted,
)
from workflows.machine.labels import is_supervisor
from workflows.machine.model import TERMINAL, HoldLimit, Kind, Leg, Party, Reason, State, Transfer
from workflows.machine.stimuli import Stimulus

HoldFact = TransferStarted | HoldReported | OwnerSought | OwnerEnded

CALL = "call"
"""Who asks for an owner of the call, and wants to be told of its end."""
HOLD_CHANGES = {
    "SecureCaller": True,
    "HoldCaller": True,
    "ResumeCaller": False,
    "GiveCallerBack": False,
}
"""The commands that change whether the caller is on hold -> what they want."""


def hear_hold_fact(transfer: Transfer, fact: HoldFact) -> Heard:
    """What one workflow of a call makes of another's word."""
    if isinstance(fact, TransferStarted):
        if transfer.kind is not Kind.HOLD:
            return transfer, Stimulus.NOTED
        is_owing = transfer.owes_word > 0 or wanted_hold(transfer) is not None
        return transfer, (
            Stimulus.TRANSFER_STARTED_BEFORE if is_owing else Stimulus.TRANSFER_STARTED
        )
    is_call = transfer.kind in (Kind.INBOUND, Kind.ROUTED)
    if isinstance(fact, OwnerEnded):
        return transfer, Stimulus.OWNER_ENDED if is_call else Stimulus.NOTED
    if isinstance(fact, OwnerSought):
        is_sought = transfer.is_sought or fact.by == CALL
        return replace(transfer, is_sought=is_sought), Stimulus.NOTED
    if transfer.kind not in (Kind.WARM, Kind.COLD):
        return transfer, Stimulus.NOTED
    return _hear_report(transfer, fact)


def _hear_report(transfer: Transfer, told: HoldReported) -> Heard:
    """A transfer hears of the agent's hold. What it wants of the caller's hold its rows say: to
    them the report is an older change of its own that took effect in between."""
    transfer = _with_flags(transfer, told)
    is_first = transfer.state is State.HOLDING
    if is_first or not told.hold:
        transfer = replace(transfer, takes_hold_over=True)
    if not told.hold:
        return transfer, Stimulus.HOLD_FOUND
    is_held, caller = told.hold == "on", transfer.caller
    wanted = wanted_hold(transfer)
    if wanted is not None:
        is_contested = caller.is_hold_contested or wanted is not is_held
        caller = replace(caller, is_hold_contested=is_contested)
        return replace(transfer, caller=caller), Stimulus.NOTED
    if is_first or not caller.is_live or caller.held is is_held:
        return transfer, Stimulus.NOTED
    transfer = replace(transfer, caller=replace(caller, held=is_held))
    return transfer, Stimulus.CALLER_HELD if is_held else Stimulus.CALLER_RESUMED


def transfer_started(transfer: Transfer) -> TransferStarted:
    """A transfer's word to an agent's hold, which may have rung the agent back meanwhile."""
    agent = transfer.agent
    return TransferStarted(agent=agent.call_sid if agent.is_live else NOBODY)


def is_to_tell_hold(transfer: Transfer) -> bool:
    """Whether a hold waits to be told that the caller is this transfer's: not before it is so, and
    not by one that has come to its end without having had the caller."""
    is_transfer = transfer.kind in (Kind.WARM, Kind.COLD)
    has_caller = transfer.state is not State.HOLDING and transfer.state not in TERMINAL
    return is_transfer and transfer.takes_hold_over and has_caller


def wanted_hold(transfer: Transfer) -> bool | None:
    """What the last change under way wants of the caller's hold; None if none is under way."""
    names = (key.rsplit("-", 1)[-1] for key in reversed(transfer.pending))
    return next((HOLD_CHANGES[name] for name in names if name in HOLD_CHANGES), None)


def may_be_held(transfer: Transfer) -> bool:
    """Whether a caller who is believed off hold may be on hold, or be put on hold: the outcome of
    what would do it is not known."""
    names = (key.rsplit("-", 1)[-1] for key in transfer.pending)
    return transfer.caller.is_hold_doubtful or any(HOLD_CHANGES.get(name) for name in names)


def _with_flags(transfer: Transfer, told: HoldReported) -> Transfer:
    """Learn whose exit flags were on before the hold: they are to be restored by whoever gives the
    caller back. A hold that has let go has switched them on again."""
    flagged = frozenset(filter(None, told.flagged.split(",")))
    for party in (Party.CALLER, Party.AGENT):
        leg = transfer.leg(party)
        if leg.call_sid in flagged:
            transfer = transfer.with_leg(party, replace(leg, exit_flag=True))
    is_again = bool(flagged) and told.hold == "off"
    return replace(transfer, has_flags_again=transfer.has_flags_again or is_again)


def with_word(transfer: Transfer, key: str) -> Transfer:
    """After the outcome of the command with `key`: does a transfer, should one live, know what the
    hold did? A word that was begun before the change cannot have told of it."""
    _, begun, command = key.rsplit("-", 2)
    if transfer.kind is not Kind.HOLD:
        return transfer
    if command in HOLD_CHANGES:
        return replace(transfer, owes_word=transfer.step + 1)
    is_word = command in ("AskTransfer", "ReportHold")
    if is_word and wanted_hold(transfer) is None and int(begun) >= transfer.owes_word:
        return replace(transfer, owes_word=0)
    return transfer


def flagged_sids(transfer: Transfer) -> str:
    """The legs whose exit flags were on when this workflow took the call, with commas between."""
    legs = (transfer.caller, transfer.agent)
    return ",".join(leg.call_sid for leg in legs if leg.exit_flag and leg.call_sid)


# --- what follows for the caller of a hold ------------------------------------------------------


def next_for_caller(transfer: Transfer) -> Stimulus:
    """No transfer has the caller: what is to be done?"""
    if not transfer.agent.is_here or _is_given_up(transfer):
        return Stimulus.OWNER_MISSING_NO_AGENT
    return Stimulus.OWNER_MISSING


def _is_given_up(transfer: Transfer) -> bool:
    """Whether the agent, who may still be there, has let the time for taking the caller back pass,
    and the policy does not give the caller back all the same."""
    is_late = transfer.reason is Reason.HOLD_TIMEOUT
    return is_late and transfer.policy.at_hold_max is HoldLimit.RECOVER


def hear_reading(transfer: Transfer, reading: RoomReading, at: float) -> Heard:
    """Who is with the caller, by Twilio's word, after a transfer or the agent has left."""
    if not transfer.caller.is_live:
        return transfer, Stimulus.NOTED  # nobody to look after: an older look tells nothing
    if not reading.is_live:
        return transfer, Stimulus.ROOM_ENDED
    here = [leg for leg in reading.legs if leg.status == "connected"]
    caller = next((leg for leg in here if leg.call_sid == transfer.caller.call_sid), None)
    if caller is None:
        return caller_gone(transfer)
    transfer = replace(transfer, caller=replace(transfer.caller, held=caller.held))
    if not any(_is_company(transfer.agent, leg, caller) for leg in here):
        return left_alone(transfer, at)
    is_given_up = caller.held and transfer.agent.is_here and _is_given_up(transfer)
    return transfer, Stimulus.ALONE_DIVERT if is_given_up else Stimulus.ROOM_FINE


def _is_company(agent: Leg, leg: LegReading, caller: LegReading) -> bool:
    """Whether a leg in the room is somebody for the caller. The agent's own leg is so only while we
    have not heard that it has left: a reading may be older than that."""
    if leg.call_sid == caller.call_sid:
        return False
    if is_supervisor(leg.label) and leg.call_sid != agent.call_sid:
        return False  # nobody with the caller; one who took the call over is the agent
    return agent.is_here or leg.call_sid != agent.call_sid


# --- time ----------------------------------------------------------------------------------------


def next_due(transfer: Transfer, at: float) -> tuple[float, str]:
    """When the next thing of a hold is due, and what: `notice`, `reminder`, or empty for the end.

    All moments are counted from when the caller was put on hold, so that a notice in between moves
    neither the reminder nor the end.
    """
    policy = transfer.policy
    since = transfer.held_since if transfer.held_since is not None else at
    end = since + policy.hold_seconds_max
    if transfer.state is not State.HELD:
        return end, ""
    due, what = end, ""
    if policy.hold_reminder_seconds > 0:
        due, what = end - policy.hold_reminder_seconds, "reminder"
    if policy.hold_notice_seconds > 0 and at + policy.hold_notice_seconds < due:
        due, what = at + policy.hold_notice_seconds, "notice"
    return due, what


DUE: dict[str, Stimulus] = {
    "notice": Stimulus.NOTICE_DUE,
    "reminder": Stimulus.REMINDER_DUE,
    "queue": Stimulus.QUEUE_DUE,
}
"""What a deadline is for -> what its passing is."""
