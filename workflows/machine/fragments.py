"""Squares that several states share, written once and named for what they say.

Each fragment covers a group of stimuli whole, so that a row is the sum of what is and is not under
way in its state, and nothing falls between two of them. A row's own squares win over these.
"""

from __future__ import annotations

from workflows.machine.commands import (
    AcceptTask,
    CloseTask,
    DialTarget,
    DivertCaller,
    EndRoom,
    EndStray,
    EndTarget,
    EndTask,
    GiveCallerBack,
    HoldCaller,
    PauseRecordings,
    RecallAgent,
    RestoreWorker,
    ResumeCaller,
    ResumeRecordings,
    ResumeTarget,
)
from workflows.machine.model import Reason, State
from workflows.machine.stimuli import Stimulus as On
from workflows.machine.table import Cell, Row, go, ignore, stay, then

# --- in every state -----------------------------------------------------------------------------

CALL_CAN_END: Row = {
    On.CALLER_LEFT: go(
        State.RELEASING, EndTarget, EndRoom, CloseTask, because=Reason.CALLER_HUNG_UP
    ),
    On.ROOM_ENDED: go(
        State.DIVERTING, EndTarget, DivertCaller, CloseTask, because=Reason.CALL_ENDED
    ),
}

OTHERS_COME_AND_GO: Row = {
    On.STRAY_LEG: stay(EndStray, why="a leg that was given up must not ring or talk"),
    On.STRANGER_LEFT: ignore("only the three of the transfer decide it"),
    On.OWNER_ENDED: ignore("only a call between transfers is left to somebody"),
    On.AGENT_TASK_OPEN: stay(CloseTask),
}

SETTING_UP: Row = {
    On.AGENT_REPLACED: ignore("nobody takes a call over while an agent is being rung"),
}
SUPERVISED: Row = {
    On.SUPERVISOR_STAYS: stay(why="the supervision is told whether there is a consult"),
}
NO_CONSULT: Row = {On.SUPERVISOR_STAYS: ignore("only a transfer has a consult to tell of")}

RECORDING: Row = {
    On.RECORDING_PAUSED: stay(),
    On.RECORDING_NOT_PAUSED: stay(PauseRecordings),
    On.RECORDING_RESUMED: stay(),
    On.RECORDING_NOT_RESUMED: stay(ResumeRecordings),
    On.RECORDING_PAUSED_BY_PERSON: stay(PauseRecordings),
    On.PAUSE_RECORDING: stay(PauseRecordings),
    On.RESUME_RECORDING: stay(ResumeRecordings),
}
"""A person may have the recording paused at any moment. It is resumed once nobody talks in private:
then the command has something to do."""

# --- what is not under way ----------------------------------------------------------------------


def not_under_way(what: str, *stimuli: On) -> Row:
    """Squares for outcomes that cannot come here, and do nothing if one comes all the same."""
    return {stimulus: ignore(f"no {what} is under way") for stimulus in stimuli}


NO_READING: Row = not_under_way(
    "reading of the room",
    On.ROOM_FINE,
    On.CALLER_ALONE,
    On.CALLER_FORGOTTEN,
    On.ROOM_UNAVAILABLE,
)
NO_DIVERSION: Row = not_under_way(
    "diversion of the caller",
    On.CALLER_DIVERTED,
    On.CALLER_DIVERTED_FROM_AGENT,
    On.CALLER_NOT_DIVERTED,
    On.CALLER_WITH_AGENT,
    On.CALLER_UNREACHABLE,
)
NO_RECALL: Row = not_under_way(
    "recall of the agent",
    On.AGENT_BACK,
    On.AGENT_BACK_AS_ASKED,
    On.AGENT_UNREACHED,
    On.AGENT_UNREACHED_NEXT,
)
NO_RECORDING: Row = not_under_way(
    "change of the recording",
    On.RECORDING_PAUSED,
    On.RECORDING_NOT_PAUSED,
    On.RECORDING_RESUMED,
    On.RECORDING_NOT_RESUMED,
    On.RECORDING_PAUSED_BY_PERSON,
)
NO_HOLD: Row = not_under_way(
    "hold of an agent's",
    On.TRANSFER_STARTED,
    On.TRANSFER_STARTED_BEFORE,
    On.NOTICE_DUE,
    On.REMINDER_DUE,
)
NO_WAIT: Row = not_under_way("wait for a worker, with the agent there", On.QUEUE_DUE)
NO_QUESTION: Row = not_under_way(
    "question to another workflow",
    On.OWNER_FOUND,
    On.OWNER_MISSING,
    On.OWNER_MISSING_OFF_HOLD,
    On.OWNER_MISSING_NO_AGENT,
)
TAKES_HOLD_OVER: Row = {
    **NO_HOLD,
    **NO_WAIT,
    **NO_QUESTION,
    On.HOLD_FOUND: stay(why="the caller is this transfer's, and the hold is told so"),
}
"""A hold that the agent began before is not under way any more once it has been told."""
NO_WINDING_UP: Row = not_under_way("winding up", On.SETTLED)
NO_CLAIM: Row = not_under_way("claim of the call", On.CALL_UNMET)
NO_CALLER_HOLD: Row = not_under_way("hold of the caller", On.CALLER_HELD, On.CALLER_NOT_HELD)
NO_CALLER_RESUME: Row = not_under_way(
    "un-hold of the caller", On.CALLER_RESUMED, On.CALLER_NOT_RESUMED, On.CALLER_MET_TARGET
)
NO_TARGET_HOLD: Row = not_under_way(
    "hold of the target",
    On.TARGET_HELD,
    On.TARGET_NOT_HELD,
    On.TARGET_RESUMED,
    On.TARGET_NOT_RESUMED,
)
NO_REMOVAL: Row = not_under_way(
    "removal of the agent", On.AGENT_REMOVED, On.AGENT_NOT_REMOVED, On.AGENT_MAY_GO
)
NO_TARGET_YET: Row = not_under_way(
    "dial",
    On.TARGET_DIALED,
    On.TARGET_QUEUED,
    On.TARGET_RANG,
    On.TARGET_PICKED_UP,
    On.TARGET_COMING,
    On.TARGET_ANSWERED,
    On.TARGET_UNWILLING,
    On.TARGET_PASSED_ON,
    On.TARGET_DECLINED,
    On.TARGET_UNBOOKED,
    On.TARGET_SILENT,
    On.TARGET_DOUBTFUL,
    On.TARGET_LEFT,
    On.TARGET_LOST_NEXT,
    On.TARGET_LOST_LAST,
)
"""There is no leg of a target, or none any more."""

NOBODY_IN_THE_ROOM = "it is about a worker in the room, and there is none"

TARGET_HAS_TAKEN: Row = {
    On.TARGET_DIALED: stay(why="the answer was faster than the dial's own outcome"),
    On.TARGET_QUEUED: ignore("the target has answered since"),
    On.TARGET_RANG: ignore("the target has answered since"),
    On.TARGET_PICKED_UP: ignore("the target has taken the call since"),
    On.TARGET_COMING: ignore("the target has taken the call since"),
    On.TARGET_ANSWERED: stay(AcceptTask, why="the look for the worker was a moment too early"),
    On.TARGET_UNWILLING: ignore("the target has taken the call since"),
    On.TARGET_PASSED_ON: stay(RestoreWorker, why="an older offer; the call has been taken since"),
    On.TARGET_UNBOOKED: stay(EndTask, RestoreWorker, why="nobody else is to be rung"),
    On.TARGET_SILENT: ignore("the target has answered since"),
    On.TARGET_DOUBTFUL: ignore("the target's answer settled the doubt"),
    On.TARGET_LOST_NEXT: ignore("this attempt was answered"),
    On.TARGET_LOST_LAST: ignore("this attempt was answered"),
}
"""The target is in the room; how it came there does not matter any more."""

# --- the caller has nobody ----------------------------------------------------------------------

TAKEN_OVER: Row = {
    On.AGENT_REPLACED: go(
        State.RETURNING, GiveCallerBack, EndTarget, EndTask, because=Reason.TAKEN_OVER
    ),
}
"""A supervisor took the call over in the moment in which the transfer began: the caller is theirs,
and nobody else's phone rings for it."""

LADDER: Row = {
    On.ALONE_NEXT: go(State.AWAITING, HoldCaller, EndTask, DialTarget, CloseTask),
    On.ALONE_RECALL: go(State.RECALLING, HoldCaller, RecallAgent, EndTask, CloseTask),
    On.ALONE_DIVERT: go(
        State.DIVERTING, DivertCaller, EndTask, CloseTask, because=Reason.NOBODY_ANSWERED
    ),
}
"""Next target, then the agent who sent the call, then the queue in reserve, then the apology and
the mailbox. The queue is a next target, too: one that comes after the agent."""

QUIET: tuple[Row, ...] = (
    OTHERS_COME_AND_GO,
    SUPERVISED,
    TAKEN_OVER,
    RECORDING,
    NO_READING,
    NO_DIVERSION,
    TAKES_HOLD_OVER,
)
"""What no transfer state but the last ones is concerned with."""

TOGETHER: tuple[Row, ...] = (*QUIET, CALL_CAN_END, NO_RECALL, NO_WINDING_UP, NO_CLAIM, LADDER)
"""What holds while agent or target are, or may soon be, there for the caller."""


# --- ways of giving the caller back -------------------------------------------------------------


def give_back(because: Reason | None = None) -> Cell:
    """The transfer failed and the target's leg is gone."""
    return go(State.RETURNING, GiveCallerBack, because=because)


def lose() -> Cell:
    """The last attempt came to nothing. A task that a worker got and left is ended with it."""
    return go(State.RETURNING, GiveCallerBack, EndTask)


def part_and_yield() -> Cell:
    """A supervisor has taken the call over, and the target is in the room, unheard by the caller:
    the target goes first."""
    return go(State.RETURNING, EndTarget, then(GiveCallerBack), EndTask, because=Reason.TAKEN_OVER)


def target_left(because: Reason | None = None) -> Cell:
    """The target, who had taken the call, has hung up; the agent is still there."""
    return go(State.RETURNING, GiveCallerBack, EndTask, because=because)


def part_and_give_back(because: Reason) -> Cell:
    """The transfer failed with the target in the room: the target first, so that it hears nothing
    of what caller and agent say next."""
    return go(State.RETURNING, EndTarget, then(GiveCallerBack), because=because)


def cancel_ringing(because: Reason = Reason.CANCELLED_BY_AGENT) -> Cell:
    """The agent takes the caller back at once, whatever becomes of the ringing phone."""
    return go(State.CANCELLING, EndTarget, GiveCallerBack, because=because)


def cancel_talking(because: Reason = Reason.CANCELLED_BY_AGENT) -> Cell:
    """The agent takes the caller back; the target is gone before the caller is heard."""
    return go(State.CANCELLING, EndTarget, then(GiveCallerBack), because=because)


def next_worker_beside() -> Cell:
    """The worker in the room has declined: the agent stays with the caller while the next one is
    rung."""
    return go(State.DIALING_ASIDE, EndStray, ResumeCaller)


def next_worker_alone() -> Cell:
    """The worker in the room has declined, and the agent is gone or leaving."""
    return go(State.AWAITING, EndStray, HoldCaller)


def leave_by_hangup() -> Cell:
    """The agent hangs up with the target in the room: that gives the caller to the target."""
    return go(
        State.CONNECTING,
        ResumeCaller,
        ResumeTarget,
        CloseTask,
        because=Reason.COMPLETED_BY_HANGUP,
    )
