"""What becomes of TaskRouter's offers: one task is offered to one worker after the other.

The legs of all workers who are rung for one task have one label; the SID tells them apart. The task
is accepted for the worker who comes into the room, and whoever TaskRouter's books do not name does
not keep the call.
"""

from __future__ import annotations

from math import ceil

from workflows.machine.beliefs import (
    NOT_YET_TAKEN,
    Heard,
    target_gone,
    target_taken,
    with_attempt,
)
from workflows.machine.copies import replace
from workflows.machine.events import (
    ABSENT,
    CommandFailed,
    CommandSucceeded,
    Failure,
    TaskEnded,
    WorkerDeclined,
    WorkerTimedOut,
)
from workflows.machine.model import Cause, Presence, Transfer
from workflows.machine.stimuli import Stimulus

QUEUE_SECONDS_FIRST = 30.0
"""From the start of a transfer to the first look again at the caller's place in the queue. That is
when the timer of the transfer's first state fires: a timer costs, and most callers are found
somebody before any look."""
QUEUE_SECONDS = 15.0
"""From one look to the next."""
QUEUE = "queue"


def is_routed(transfer: Transfer) -> bool:
    """Whether TaskRouter finds the phone that is rung now."""
    current = transfer.current_target
    return current is not None and current.is_routed


def outlives_task(transfer: Transfer) -> bool:
    """Whether a leg of the attempt's may live on though its task has ended: the end of a task ends
    no leg that was picked up before it."""
    attempt = transfer.attempt
    return is_routed(transfer) and attempt is not None and attempt.answered_at is None


def passed_on(transfer: Transfer, stimulus: Stimulus = Stimulus.TARGET_PASSED_ON) -> Heard:
    """One offer came to nothing; the task goes on looking."""
    asked = transfer.current_target
    address = asked.address if asked is not None else ""
    waiting = replace(
        transfer.target, presence=Presence.DIALED, call_sid="", address=address, held=False
    )
    transfer = replace(transfer, target=waiting)
    return with_attempt(transfer, answered_at=None, reservation_sid=""), stimulus


def hear_task(transfer: Transfer, fact: TaskEnded | WorkerTimedOut | WorkerDeclined) -> Heard:
    target = transfer.target
    if not is_routed(transfer) or target.label != fact.label:
        return transfer, Stimulus.NOTED
    is_waited_for = target.is_live and target.presence in NOT_YET_TAKEN
    if isinstance(fact, WorkerTimedOut | WorkerDeclined):
        if target.is_here and fact.call_sid and fact.call_sid == target.call_sid:
            return _unseated(transfer, isinstance(fact, WorkerDeclined))
        return _hear_offer_over(transfer, fact, is_waited_for)
    if not is_waited_for:
        return transfer, Stimulus.NOTED
    return target_gone(transfer, fact.at, fact.cause or Cause.NO_ANSWER)


def _hear_offer_over(
    transfer: Transfer, fact: WorkerTimedOut | WorkerDeclined, is_waited_for: bool
) -> Heard:
    """A leg that was picked up outlives its offer, and has the label of the next worker's leg."""
    target, attempt = transfer.target, transfer.attempt
    is_older = bool(fact.call_sid and target.call_sid and fact.call_sid != target.call_sid)
    if isinstance(fact, WorkerDeclined):
        # What the leg told first has said so already: a key that was pressed, or the end.
        is_known = attempt is not None and not target.call_sid and bool(attempt.call_sid)
        if not is_waited_for or is_known:
            return transfer, Stimulus.NOTED
    if not is_waited_for or is_older:
        return transfer, Stimulus.TARGET_PASSED_ON
    if fact.call_sid:
        # Whatever this leg tells from now on is a stray's.
        transfer = with_attempt(transfer, call_sid=fact.call_sid)
    return passed_on(transfer)


def _unseated(transfer: Transfer, has_declined: bool) -> Heard:
    """A worker in the room has not got the task. Who does not want it goes; who could not be given
    it in time stays, because nobody is taken out of a talk for the sake of the books."""
    if has_declined:
        return passed_on(replace(transfer, met_at=None), Stimulus.TARGET_DECLINED)
    return transfer, Stimulus.TARGET_UNBOOKED


def hear_accepted(transfer: Transfer, done: CommandSucceeded) -> Heard:
    """The task is the worker's, which also shows that the worker is in the room, or was."""
    attempt, target = transfer.attempt, transfer.target
    if attempt is None or attempt.accept_key != done.key or not target.is_live:
        return transfer, Stimulus.NOTED
    if target.presence not in NOT_YET_TAKEN:
        return transfer, Stimulus.NOTED
    if target.call_sid == attempt.accept_sid:
        return target_taken(transfer, done.at)
    # The worker has hung up in that moment, and TaskRouter asks nobody else any more.
    return target_gone(transfer, done.at, Cause.DROPPED)


def hear_not_accepted(transfer: Transfer, failed: CommandFailed) -> Heard:
    """The task is not the worker's, or nobody knows whether it is."""
    attempt, target = transfer.attempt, transfer.target
    if attempt is None or attempt.accept_key != failed.key:
        return transfer, Stimulus.NOTED
    is_theirs = target.is_live and target.call_sid == attempt.accept_sid
    transfer = with_attempt(transfer, accept_sid="")
    if not is_theirs or failed.failure != Failure.UNMET:
        return transfer, Stimulus.NOTED
    if target.is_here and failed.cause == ABSENT:
        return transfer, Stimulus.TARGET_ANSWERED
    if failed.cause == ABSENT:
        return transfer, Stimulus.NOTED
    if target.is_here:
        return _unseated(transfer, failed.cause == Cause.REJECTED)
    return passed_on(transfer) if target.presence in NOT_YET_TAKEN else (transfer, Stimulus.NOTED)


def next_look(transfer: Transfer, at: float, ends_at: float) -> tuple[str, float]:
    """What a state that waits for a worker is due for, and when: a look at the place in the queue,
    or nothing (empty) but its end."""
    attempt, current = transfer.attempt, transfer.current_target
    is_waited_for = is_routed(transfer) and transfer.target.presence is Presence.DIALED
    if attempt is None or current is None or not is_waited_for or not transfer.agent.is_here:
        return "", ends_at
    first = transfer.started_at + QUEUE_SECONDS_FIRST
    late = at + QUEUE_SECONDS / 3 - first
    due = first + QUEUE_SECONDS * max(0, ceil(late / QUEUE_SECONDS))
    is_looked_for = due <= attempt.dialed_at + current.ring_seconds
    return (QUEUE, due) if is_looked_for else ("", ends_at)
