"""What must hold after every step, one named function each.

Each takes the transfer as it is after the step and says whether its claim holds. In tests and in
the simulation a broken one stops the run; in production the shell gives the caller back first and
fails loudly afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

from workflows.machine.model import TERMINAL, Kind, Presence, State, Transfer
from workflows.machine.recordings import is_private
from workflows.machine.supervised import CONSULT

_TALKS_IN_PRIVATE = frozenset({State.CONSULTING})
_RESCUED_BY_COMMAND = frozenset(
    {
        State.RECALLING,
        State.DIVERTING,
        State.RELEASING,
        State.DOUBTING,
        State.CHECKING,
        State.ASKING,
        State.YIELDING,
    }
)
_LOOKED_AT_LEAVING = frozenset({State.DOUBTING, State.RETURNING, State.CANCELLING})
"""The target went after the removal was begun: its own look, just before, decides."""


def live_state_has_deadline(transfer: Transfer) -> bool:
    """A live state ends by itself, an end has no clock (L1)."""
    return (transfer.deadline_at is None) == (transfer.state in TERMINAL)


def caller_is_never_alone(transfer: Transfer) -> bool:
    """A live caller is with somebody, on hold with a next step, or being rescued (S1)."""
    if transfer.state in TERMINAL or not transfer.caller.is_here:
        return True
    agent_is_near = transfer.agent.presence in (Presence.PRESENT, Presence.LEAVING)
    is_company = agent_is_near or transfer.target.is_here
    is_waiting = transfer.caller.held or _is_pending(transfer, "Caller")
    is_in_wait_music = transfer.kind in (Kind.INBOUND, Kind.ROUTED)
    is_rescued = transfer.state in _RESCUED_BY_COMMAND
    return is_company or is_waiting or is_in_wait_music or is_rescued


def consult_is_private(transfer: Transfer) -> bool:
    """While agent and target consult, the caller is held, or is being held again (S6)."""
    if transfer.state not in _TALKS_IN_PRIVATE:
        return True
    return transfer.caller.held or _is_pending(transfer, "HoldCaller")


def consult_is_told(transfer: Transfer) -> bool:
    """While agent and target consult, the supervision knows of it (S6)."""
    if transfer.state not in _TALKS_IN_PRIVATE or not transfer.is_supervised:
        return True
    return transfer.told_supervision == CONSULT


def consult_is_not_recorded(transfer: Transfer) -> bool:
    """Where the policy pauses recordings, none is believed to run in the consult (S21)."""
    if transfer.state not in _TALKS_IN_PRIVATE or not is_private(transfer):
        return True
    return not transfer.recordings.running or _is_pending(transfer, "Recordings")


def pause_of_a_person_is_kept(transfer: Transfer) -> bool:
    """What a person had paused is not resumed by the transfer (S21)."""
    return not (transfer.recordings.by_person and transfer.recordings.owed)


def one_attempt_at_a_time(transfer: Transfer) -> bool:
    """One leg per attempt, and no more attempts than targets (S3, S4)."""
    labels = [attempt.label for attempt in transfer.attempts]
    is_within = len(labels) <= len(transfer.targets) and transfer.recalls <= 1
    return is_within and len(labels) == len(set(labels))


def earlier_attempts_are_over(transfer: Transfer) -> bool:
    """The next phone rings only when the last one does not (S3)."""
    return all(attempt.ended_at is not None for attempt in transfer.attempts[:-1])


def completed_means_talking(transfer: Transfer) -> bool:
    """A completed transfer left caller and target talking (S27)."""
    if transfer.state is not State.COMPLETED:
        return True
    caller, target = transfer.caller, transfer.target
    return caller.is_here and target.is_here and not caller.held and not target.held


def cancelled_leaves_no_target(transfer: Transfer) -> bool:
    """A cancelled transfer left the caller off hold and no phone of a target alive (S8, S27)."""
    if transfer.state is not State.CANCELLED:
        return True
    return not transfer.target.is_live and not transfer.caller.held


def resumed_means_off_hold(transfer: Transfer) -> bool:
    """A hold that ended by itself left the caller off hold, as it was read back (S8, S28)."""
    return transfer.state is not State.RESUMED or not transfer.caller.held


def abandoned_leaves_nobody(transfer: Transfer) -> bool:
    """After the caller's hang-up no leg of the target is left (S2)."""
    if transfer.state is not State.ABANDONED or transfer.reason != "caller_hung_up":
        return True
    return not transfer.target.is_live or _is_pending(transfer, "EndTarget")


def end_has_reason(transfer: Transfer) -> bool:
    """Every end says why (S27)."""
    return transfer.state not in TERMINAL or transfer.reason is not None


def agent_leaves_only_for_somebody(transfer: Transfer) -> bool:
    """An agent is being removed only while the caller is held or a target is there (S5)."""
    if transfer.agent.presence is not Presence.LEAVING or transfer.state in TERMINAL:
        return True
    target_was_there = transfer.target.is_here or transfer.state in _LOOKED_AT_LEAVING
    is_waiting = transfer.caller.held or _is_pending(transfer, "Caller")
    return target_was_there or is_waiting or not transfer.caller.is_live


def journal_is_bounded(transfer: Transfer) -> bool:
    """Nothing kept per transfer grows without end (S25)."""
    return len(transfer.journal) <= 200 and len(transfer.pending) <= 20


INVARIANTS: tuple[Callable[[Transfer], bool], ...] = (
    live_state_has_deadline,
    caller_is_never_alone,
    consult_is_private,
    consult_is_told,
    consult_is_not_recorded,
    pause_of_a_person_is_kept,
    one_attempt_at_a_time,
    earlier_attempts_are_over,
    completed_means_talking,
    cancelled_leaves_no_target,
    resumed_means_off_hold,
    abandoned_leaves_nobody,
    end_has_reason,
    agent_leaves_only_for_somebody,
    journal_is_bounded,
)


class BrokenInvariantError(Exception):
    """What must always hold does not: a bug in a table, the classifier or the shell."""


def check(transfer: Transfer) -> None:
    """Raise `BrokenInvariantError`, naming each claim that does not hold."""
    broken = [claim.__name__ for claim in INVARIANTS if not claim(transfer)]
    if broken:
        where = f"step {transfer.step}, state {transfer.state}"
        raise BrokenInvariantError(f"{', '.join(broken)} does not hold at {where}")


def _is_pending(transfer: Transfer, name: str) -> bool:
    return any(name in key for key in transfer.pending)
