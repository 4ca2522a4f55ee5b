"""Dials and their outcomes: which attempt one belongs to, and what is not wanted any more.

A dial whose answer is lost is looked for and made again by its activity, which hears no callbacks.
The machine does: once it knows that the leg is over, or is to end, the dial must not be repeated,
or somebody's phone would ring for a call that is not theirs any more.

Nor must a hold try again to take the caller off hold once a transfer has them: the one that the
transfer is about to dial would hear them.
"""

from __future__ import annotations

from workflows.machine.beliefs import (
    Heard,
    adopt,
    progress,
    recall_lost,
    target_gone,
    with_attempt,
    with_presence,
)
from workflows.machine.copies import replace
from workflows.machine.events import CommandFailed, CommandSucceeded, Failure
from workflows.machine.model import Cause, Party, Presence, ReleaseAgent, State, Transfer
from workflows.machine.offers import is_routed
from workflows.machine.stimuli import Stimulus

_DIAL, _RECALL, _GIVE_BACK = "DialTarget", "RecallAgent", "GiveCallerBack"
_TRANSFERS = (State.YIELDING, State.TAKEN_OVER)
"""States of a hold in which the caller is a transfer's."""


def unwanted(transfer: Transfer) -> tuple[str, ...]:
    """Keys of the commands under way that must not be begun, or tried again, any more: dials whose
    leg is known by now, or over, or to end, and the un-hold of a caller who is another's."""
    return tuple(key for key in transfer.pending if _is_unwanted(transfer, key))


def _is_unwanted(transfer: Transfer, key: str) -> bool:
    name = key.rsplit("-", 1)[-1]
    if name == _GIVE_BACK:
        return transfer.state in _TRANSFERS
    if name == _RECALL:
        agent = transfer.agent
        return bool(agent.call_sid) or not agent.is_live or _is_ended(transfer, key, "EndRecall")
    if name != _DIAL:
        return False
    attempt = transfer.attempt
    is_over = not is_current(transfer, key) or not transfer.target.is_live
    # What a routed dial makes is a task: the leg of a worker is no answer to it.
    is_known = attempt is not None and bool(attempt.call_sid) and not is_routed(transfer)
    return is_over or is_known or _is_ended(transfer, key, "EndTarget")


def _is_ended(transfer: Transfer, key: str, name: str) -> bool:
    """Whether the end of the leg that the dial with `key` makes is under way."""
    return any(
        each.endswith(f"-{name}") and step_of(each) >= step_of(key) for each in transfer.pending
    )


def is_current(transfer: Transfer, key: str) -> bool:
    """Whether the dial with `key` is the one of the attempt under way."""
    attempt = transfer.attempt
    return attempt is None or attempt.dial_key in ("", key)


def is_of_attempt(transfer: Transfer, key: str) -> bool:
    """Whether the command with `key` is about the leg of the attempt under way: begun after its
    dial. That the leg before has ended may be told before the request that ended it is answered."""
    attempt = transfer.attempt
    if attempt is None or not attempt.dial_key:
        return True
    return step_of(key) > step_of(attempt.dial_key)


def step_of(key: str) -> int:
    """The step in which a command was begun, out of its key: `{part}-{step}-{name}`."""
    return int(key.rsplit("-", 2)[1])


def hear_dialed(transfer: Transfer, done: CommandSucceeded) -> Heard:
    """The target's leg is being dialled."""
    if _is_second_leg(transfer, done):
        return transfer, Stimulus.STRAY_LEG
    if not is_current(transfer, done.key):
        return _with_older_attempt(transfer, done.key, done.call_sid), Stimulus.NOTED
    if done.call_sid and not transfer.target.call_sid:
        transfer = adopt(transfer, Party.TARGET, done.call_sid)
    if done.task is not None:
        transfer = with_attempt(transfer, task_sid=done.task.task_sid)
    due = progress(transfer, ReleaseAgent.ON_DIAL, Stimulus.TARGET_DIALED)
    return transfer, due if transfer.target.is_live else Stimulus.NOTED


def hear_recalled(transfer: Transfer, done: CommandSucceeded) -> Heard:
    """The agent's phone rings for the recall."""
    known = transfer.agent.call_sid
    if done.call_sid and not known:
        transfer = adopt(transfer, Party.AGENT, done.call_sid)
    is_second = not transfer.agent.is_live and known not in ("", done.call_sid)
    return transfer, Stimulus.STRAY_LEG if is_second else Stimulus.NOTED


def _is_second_leg(transfer: Transfer, done: CommandSucceeded) -> bool:
    """Whether the dial was made again before it could be told that the first leg had ended."""
    mine = next((each for each in transfer.attempts if each.dial_key == done.key), None)
    if mine is None or mine.ended_at is None or not done.call_sid:
        return False
    return mine.call_sid not in ("", done.call_sid)


def _with_older_attempt(transfer: Transfer, key: str, call_sid: str) -> Transfer:
    """Learn the SID of a leg that was given up before its dial's outcome was known."""
    attempts = tuple(
        replace(each, call_sid=call_sid) if each.dial_key == key else each
        for each in transfer.attempts
    )
    return replace(transfer, attempts=attempts)


def dial_failed(transfer: Transfer, failed: CommandFailed) -> Heard:
    """The dial came to nothing, or nobody knows."""
    if not transfer.target.is_live or not is_current(transfer, failed.key):
        return transfer, Stimulus.NOTED
    if failed.failure == Failure.GONE:
        gone = with_presence(transfer, Party.TARGET, Presence.GONE)
        return gone, Stimulus.ROOM_ENDED
    if failed.failure == Failure.REFUSED:
        return target_gone(transfer, failed.at, failed.cause or Cause.FAILED)
    if transfer.target.presence is Presence.DIALED and not transfer.target.call_sid:
        doubtful = replace(transfer.target, is_doubtful=True)
        transfer = with_attempt(replace(transfer, target=doubtful), cause=Cause.UNAVAILABLE)
        return transfer, Stimulus.TARGET_DOUBTFUL
    return transfer, Stimulus.NOTED


def recall_failed(transfer: Transfer, failed: CommandFailed) -> Heard:
    """The recall came to nothing, or nobody knows; unless a callback has told of its leg."""
    if not transfer.agent.is_live or transfer.agent.call_sid:
        return transfer, Stimulus.NOTED
    gone = replace(transfer.agent, presence=Presence.GONE, is_doubtful=True)
    transfer = replace(transfer, agent=gone)
    return transfer, recall_lost(transfer, failed.at)
