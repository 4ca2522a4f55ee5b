"""What we believe of the legs, and how news moves it: only forward.

Shared by `classify.py`, which hears facts, and `outcomes.py`, which hears what became of commands.
"""

from __future__ import annotations

from workflows.machine.copies import replace
from workflows.machine.model import Cause, Kind, Leg, Party, Presence, ReleaseAgent, State, Transfer
from workflows.machine.stimuli import Stimulus

Heard = tuple[Transfer, Stimulus]

WINDING_UP = frozenset({State.CANCELLING, State.RETURNING, State.RELEASING})
"""States in which what is under way must only come to an end."""

GIVING_BACK = frozenset({State.CANCELLING, State.RETURNING})
"""States in which the caller goes back to the agent, whatever becomes of the target's leg."""

NOT_YET_TAKEN = (Presence.DIALED, Presence.RINGING, Presence.SCREENED)


def awaits(transfer: Transfer, command: str) -> bool:
    """Whether the outcome of a command of this name is not known yet."""
    return any(key.endswith(f"-{command}") for key in transfer.pending)


def adopt(transfer: Transfer, party: Party, call_sid: str) -> Transfer:
    """Learn the SID of a leg that was known by its label only."""
    transfer = transfer.with_leg(party, replace(transfer.leg(party), call_sid=call_sid))
    if party is Party.TARGET and transfer.attempt is not None:
        transfer = with_attempt(transfer, call_sid=call_sid)
    return transfer


def with_attempt(transfer: Transfer, **changes: object) -> Transfer:
    if not transfer.attempts:
        return transfer
    last = replace(transfer.attempts[-1], **changes)  # type: ignore[arg-type]
    return replace(transfer, attempts=(*transfer.attempts[:-1], last))


def with_presence(transfer: Transfer, party: Party, presence: Presence) -> Transfer:
    leg = replace(transfer.leg(party), presence=presence)
    if presence is Presence.GONE:
        leg = replace(leg, held=False)
    return transfer.with_leg(party, leg)


def caller_gone(transfer: Transfer) -> Heard:
    if not transfer.caller.is_live:
        return transfer, Stimulus.NOTED
    return with_presence(transfer, Party.CALLER, Presence.GONE), Stimulus.CALLER_LEFT


def has_met_target(transfer: Transfer) -> bool:
    """Whether caller and target can talk to each other."""
    caller, target = transfer.caller, transfer.target
    return caller.is_here and not caller.held and target.is_here and not target.held


def inherited(transfer: Transfer) -> Heard:
    """The supervisor who took the call over is the agent from now on. The task of the one before
    was closed by whoever removed them."""
    transfer = replace(
        transfer, agent=transfer.heir, heir=Leg(), is_task_closed=bool(transfer.task_sid)
    )
    return transfer, Stimulus.AGENT_REPLACED


def without_agent(transfer: Transfer, at: float, otherwise: Stimulus) -> Heard:
    """The agent is gone: is there a target for the caller, or the prospect of one?

    Not where a supervisor has taken the call over: then the caller is theirs, unless they talk to
    the target already.
    """
    if transfer.heir.is_here and not has_met_target(transfer):
        return inherited(transfer)
    if transfer.kind is Kind.HOLD:
        # A transfer may have removed the agent: the hold asks before it takes a step.
        return transfer, otherwise
    if not transfer.target.is_live:
        return left_alone(transfer, at)
    if transfer.state in GIVING_BACK:
        # The target's leg is being ended: it is nobody to wait for.
        return target_gone(transfer, at, Cause.CANCELLED, is_doubtful=True)
    return transfer, otherwise


def target_gone(transfer: Transfer, at: float, cause: str, is_doubtful: bool = False) -> Heard:
    """The target's leg is over: which rung of the recovery ladder is next?"""
    had_taken = transfer.target.presence is Presence.PRESENT
    gone = replace(transfer.target, presence=Presence.GONE, held=False, is_doubtful=is_doubtful)
    transfer = replace(transfer, target=gone)
    if transfer.attempt is not None:
        known = transfer.attempt.cause or _cause(transfer, cause, had_taken)
        transfer = with_attempt(transfer, ended_at=at, cause=known)
    if not transfer.agent.is_live:
        return left_alone(transfer, at)
    if had_taken:
        return transfer, Stimulus.TARGET_LEFT
    is_next = has_next(transfer, at)
    return transfer, Stimulus.TARGET_LOST_NEXT if is_next else Stimulus.TARGET_LOST_LAST


def target_taken(transfer: Transfer, at: float) -> Heard:
    """A person has taken the call and is in the room."""
    there = replace(transfer.target, presence=Presence.PRESENT, present_since=at)
    transfer = replace(transfer, target=there)
    return with_attempt(transfer, answered_at=at), Stimulus.TARGET_ANSWERED


def _cause(transfer: Transfer, told: str, had_taken: bool) -> Cause:
    if had_taken:
        return Cause.DROPPED
    if transfer.state in WINDING_UP:
        return Cause.CANCELLED
    if told in set(Cause):
        return Cause(told)
    is_screened = transfer.target.presence is Presence.SCREENED
    return Cause.REJECTED if is_screened else Cause.FAILED


def may_talk_with_agent(transfer: Transfer) -> bool:
    """Whether a caller who is to be diverted may be with the agent all the same: the agent has not
    left, and what became of the caller's hold could not be had. A hold is the agent's own wish."""
    return transfer.kind in (Kind.WARM, Kind.COLD) and transfer.agent.is_here


def has_next(transfer: Transfer, at: float) -> bool:
    is_in_budget = at - transfer.started_at < transfer.policy.budget_seconds
    # Who cancelled does not want another phone to ring, even if the agent is gone since.
    is_wanted = transfer.state is not State.CANCELLING
    following = transfer.next_target
    if following is None or not is_in_budget or not is_wanted:
        return False
    is_last_resort = not transfer.agent.is_live and not can_recall(transfer)
    return is_last_resort or not following.is_reserve


def can_recall(transfer: Transfer) -> bool:
    """Whether the agent who has gone may be rung."""
    return transfer.policy.recall and transfer.recalls == 0 and bool(transfer.agent.address)


def recall_lost(transfer: Transfer, at: float) -> Stimulus:
    """The recalled agent was not reached: is a queue in reserve for the caller?"""
    following = transfer.next_target
    is_left = following is not None and following.is_reserve and has_next(transfer, at)
    return Stimulus.AGENT_UNREACHED_NEXT if is_left else Stimulus.AGENT_UNREACHED


def left_alone(transfer: Transfer, at: float) -> Heard:
    """Neither agent nor target is there: somebody who took the call over, or the next rung."""
    if transfer.heir.is_here:
        return inherited(transfer)
    return transfer, alone(transfer, at)


def alone(transfer: Transfer, at: float) -> Stimulus:
    """The next rung for a caller who has nobody."""
    if has_next(transfer, at):
        return Stimulus.ALONE_NEXT
    return Stimulus.ALONE_RECALL if can_recall(transfer) else Stimulus.ALONE_DIVERT


def progress(transfer: Transfer, due: ReleaseAgent, otherwise: Stimulus) -> Stimulus:
    """Whether a cold transfer has now come as far as its policy wants the agent kept."""
    is_cold = transfer.kind is Kind.COLD
    if is_cold and transfer.policy.release_agent is due and transfer.agent.is_here:
        return Stimulus.AGENT_MAY_GO
    return otherwise
