"""What a command acts on. One that is optional is begun only if there is any such thing."""

from __future__ import annotations

from collections.abc import Callable

from workflows.machine.beliefs import awaits
from workflows.machine.commands import (
    AcceptTask,
    CloseRoomTasks,
    CloseTask,
    EndStray,
    EndTask,
    GiveCallerBack,
    HoldCaller,
    HoldTarget,
    PauseRecordings,
    ReadQueue,
    ReadRecordings,
    RejectTask,
    ReportHold,
    RestoreWorker,
    ResumeCaller,
    ResumeRecordings,
    ResumeTarget,
    SecureCaller,
    TellSupervision,
)
from workflows.machine.events import (
    AgentReplaced,
    CommandFailed,
    Event,
    LegEnded,
    LegScreened,
    TransferStarted,
    WorkerDeclined,
    WorkerTimedOut,
)
from workflows.machine.holding import flagged_sids, wanted_hold
from workflows.machine.labels import is_supervisor
from workflows.machine.model import Kind, Party, Presence, State, Transfer
from workflows.machine.offers import is_routed
from workflows.machine.outcomes import REMOVALS
from workflows.machine.recordings import is_private, may_resume
from workflows.machine.table import Step

JOINS_ITSELF = "s"
"""The last letter of the labels of legs that come into the room by TwiML."""

CHANGES_HOLD: dict[Party, dict[str, Step]] = {
    Party.CALLER: {
        each.__name__: each for each in (SecureCaller, HoldCaller, ResumeCaller, GiveCallerBack)
    },
    Party.TARGET: {each.__name__: each for each in (HoldTarget, ResumeTarget)},
}


def has_object(transfer: Transfer, command: Step, event: Event | None) -> bool:
    """Whether an optional command has something to act on: TaskRouter is there, and it matters."""
    if command is ReportHold:
        is_changed = transfer.state in (State.HELD, State.RESUMED) or transfer.owes_word > 0
        is_changing = wanted_hold(transfer) is not None
        return is_changed or is_changing or bool(flagged_sids(transfer))
    if command is CloseTask:
        return _has_open_task(transfer)
    if command is EndStray:
        return bool(stray(transfer, event))
    if command is AcceptTask:
        return is_routed(transfer) and not _is_being_accepted(transfer)
    if command is ReadQueue:
        return is_routed(transfer) and not awaits(transfer, "ReadQueue")
    if command is RejectTask:
        return bool(declined_offer(event))
    if command is EndTask:
        return bool(left_task(transfer, event))
    if command is CloseRoomTasks:
        return transfer.kind is Kind.ROUTED and bool(transfer.task_sid)
    if command in _NEEDS_RECORDINGS:
        return _NEEDS_RECORDINGS[command](transfer)
    if command is RestoreWorker:
        return isinstance(event, WorkerTimedOut) and bool(event.activity_sid)
    current = transfer.current_target
    return current is not None and current.is_routed


def _has_open_task(transfer: Transfer) -> bool:
    """Whether somebody has to close the agent's task. A removal does so itself, once it finds that
    the agent has left; should it fail, `AGENT_TASK_OPEN` says so."""
    is_left_to_removal = transfer.agent.presence is not Presence.LEAVING and any(
        key.rsplit("-", 1)[-1] in REMOVALS for key in transfer.pending
    )
    return transfer.has_open_task and not is_left_to_removal


_NEEDS_RECORDINGS: dict[Step, Callable[[Transfer], bool]] = {
    ReadRecordings: is_private,
    PauseRecordings: lambda transfer: transfer.recordings.by_person,
    ResumeRecordings: may_resume,
}


def declined_offer(event: Event | None) -> str:
    """The offer of a worker who picked up and did not take the call. An offer whose phone was not
    picked up is ended by TaskRouter itself."""
    if isinstance(event, LegScreened) or (isinstance(event, LegEnded) and not event.cause):
        return event.reservation_sid
    return ""


def _is_being_accepted(transfer: Transfer) -> bool:
    """Whether the task is the worker's who is there now, or is just being accepted for them."""
    attempt = transfer.attempt
    return (
        attempt is not None
        and bool(attempt.accept_sid)
        and (attempt.accept_sid == transfer.target.call_sid)
    )


def stray(transfer: Transfer, event: Event | None) -> EndStray | None:
    """The leg that must not ring or talk; None if it is gone, or goes by itself."""
    if isinstance(event, TransferStarted):
        return _recall_unknown_to(transfer, event)
    is_taken_over = getattr(event, "command", "") == TellSupervision.__name__
    if isinstance(event, AgentReplaced) or is_taken_over:
        # The recall: somebody else is the agent.
        return EndStray(label=f"{transfer.part}-r{transfer.recalls}")
    if isinstance(event, CommandFailed):
        # The task could not be accepted for this leg, and the offer is over.
        return EndStray(call_sid=transfer.attempt.call_sid) if transfer.attempt else None
    if isinstance(event, WorkerTimedOut | WorkerDeclined):
        # By SID alone: the label is the next worker's, too.
        return EndStray(call_sid=event.call_sid) if event.call_sid else None
    has_declined = isinstance(event, LegScreened) and not event.willing
    if isinstance(event, LegEnded) or (has_declined and declined_offer(event)):
        return None
    found = EndStray(label=getattr(event, "label", ""), call_sid=getattr(event, "call_sid", ""))
    target = transfer.target
    is_targets = found.label == target.label and target.call_sid in ("", found.call_sid)
    if is_targets and target.is_live and not is_routed(transfer):
        return None  # its own end is under way
    return found if found.label or found.call_sid else None


def _recall_unknown_to(hold: Transfer, told: TransferStarted) -> EndStray | None:
    """The agent whom a hold has rung back, where the transfer that has the caller now knows
    another leg as the agent's: nobody would look after this one."""
    agent = hold.agent
    is_recall = bool(hold.recalls) and agent.label == f"{hold.part}-r{hold.recalls}"
    is_another = told.agent not in ("", agent.call_sid)
    if not is_recall or not is_another or not agent.is_live:
        return None
    return EndStray(label=agent.label, call_sid=agent.call_sid)


def left_task(transfer: Transfer, event: Event | None) -> EndTask | None:
    """The task of whoever has just hung up after having taken the call; None if there is none."""
    if transfer.kind is Kind.ROUTED:
        # Between transfers: a leg that a task was made for tells so by its label alone, and so does
        # a supervisor who took the call over.
        if not isinstance(event, LegEnded) or not transfer.task_sid:
            return None
        has_task = event.label.endswith(JOINS_ITSELF) or is_supervisor(event.label)
        return EndTask(task_sid=event.task_sid, label=event.label) if has_task else None
    attempt, current = transfer.attempt, transfer.current_target
    if attempt is None or current is None or not current.is_routed:
        return None
    if isinstance(event, WorkerTimedOut) or getattr(event, "command", "") == AcceptTask.__name__:
        return EndTask(task_sid=attempt.task_sid, label=attempt.label)
    if attempt.answered_at is None:
        return None
    if isinstance(event, LegEnded):
        has_left = event.label == attempt.label or bool(
            event.call_sid and event.call_sid == attempt.call_sid
        )
    else:
        # A change of the target's hold found that the leg is gone.
        has_left = isinstance(event, CommandFailed) and event.command in CHANGES_HOLD[Party.TARGET]
    return EndTask(task_sid=attempt.task_sid, label=attempt.label) if has_left else None
