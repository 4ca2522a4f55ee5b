"""The warm transfer: the agent talks to the target first, while the caller is on hold.

The states from the hand-over on, and every way back, stand in `closing.py`.
"""

from __future__ import annotations

from workflows.machine.closing import CLOSING_DEADLINES, CLOSING_ROWS
from workflows.machine.commands import (
    AcceptTask,
    CloseTask,
    DialTarget,
    EndStray,
    EndTarget,
    EndTask,
    FindTarget,
    GiveCallerBack,
    HoldCaller,
    HoldTarget,
    LetAgentGo,
    ReadQueue,
    ReadRecordings,
    RejectTask,
    RemoveAgent,
    RestoreWorker,
    ResumeCaller,
    ResumeRecordings,
    ResumeTarget,
    SecureCaller,
    TellHold,
)
from workflows.machine.fragments import (
    NO_CALLER_HOLD,
    NO_CALLER_RESUME,
    NO_REMOVAL,
    NO_TARGET_HOLD,
    NO_TARGET_YET,
    NOBODY_IN_THE_ROOM,
    TARGET_HAS_TAKEN,
    TOGETHER,
    cancel_ringing,
    cancel_talking,
    give_back_at_once,
    leave_by_hangup,
    lose,
    next_worker_beside,
    part_and_give_back,
    part_and_yield,
    target_left,
)
from workflows.machine.model import Kind, Reason, State
from workflows.machine.stimuli import Stimulus as On
from workflows.machine.table import Deadline, Row, Table, go, ignore, reject, row, stay, then

HOLDING = row(
    *TOGETHER,
    NO_TARGET_YET,
    NO_TARGET_HOLD,
    NO_CALLER_RESUME,
    NO_REMOVAL,
    own={
        On.CALLER_HELD: go(State.DIALING, DialTarget, TellHold),
        On.CALLER_RESUMED: stay(HoldCaller, why="an un-hold of the agent's took effect after it"),
        On.CALLER_NOT_HELD: give_back_at_once(Reason.CALLER_NOT_HELD),
        On.HOLD_FOUND: stay(why="the hold is told once the caller is secured"),
        On.CALL_UNMET: go(State.FAILED, ResumeRecordings, because=Reason.AGENT_NOT_ON_CALL),
        On.ROOM_ENDED: go(State.FAILED, because=Reason.CALL_NOT_ACTIVE),
        On.AGENT_LEFT: ignore("without a target this is the caller being alone"),
        On.AGENT_REPLACED: give_back_at_once(Reason.TAKEN_OVER),
        On.DEADLINE: give_back_at_once(Reason.CALLER_NOT_HELD),
        On.CANCEL: go(
            State.CANCELLING, GiveCallerBack, TellHold, because=Reason.CANCELLED_BY_AGENT
        ),
        On.COMPLETE: reject("the target is not being rung yet"),
    },
)
"""The first state of warm and cold alike."""

NOT_TAKEN: Row = {
    On.TARGET_DIALED: stay(ReadQueue),
    On.TARGET_QUEUED: stay(),
    On.TARGET_UNWILLING: go(State.DROPPING, EndTarget),
    On.TARGET_PASSED_ON: go(State.DIALING, EndStray, RejectTask, RestoreWorker),
    On.TARGET_SILENT: go(State.DROPPING, EndTarget),
    On.TARGET_DOUBTFUL: go(State.DROPPING, EndTarget),
    On.TARGET_LEFT: ignore("a target that has not taken the call cannot leave it"),
    On.TARGET_DECLINED: ignore(NOBODY_IN_THE_ROOM),
    On.TARGET_UNBOOKED: ignore(NOBODY_IN_THE_ROOM),
    On.TARGET_LOST_NEXT: go(State.DIALING, EndTask, DialTarget),
    On.TARGET_LOST_LAST: lose(),
    On.AGENT_REMOVED: go(State.AWAITING),
    On.AGENT_NOT_REMOVED: stay(),
    On.CALLER_HELD: stay(),
    On.CALLER_NOT_HELD: stay(HoldCaller),
    On.CALLER_RESUMED: stay(HoldCaller, why="an older un-hold took effect in between"),
    On.CALLER_NOT_RESUMED: stay(HoldCaller, why="it may be in effect all the same"),
    On.CALLER_MET_TARGET: ignore("the target is not there yet"),
    On.DEADLINE: stay(FindTarget),
    On.CANCEL: cancel_ringing(),
}
"""The target's phone rings while the agent waits and the caller is on hold."""

_DIALING = row(
    *TOGETHER,
    NO_TARGET_HOLD,
    NOT_TAKEN,
    own={
        On.TARGET_RANG: stay(),
        On.TARGET_PICKED_UP: go(State.SCREENING),
        On.TARGET_COMING: go(State.SCREENING, AcceptTask),
        On.TARGET_ANSWERED: go(State.CONSULTING, AcceptTask),
        On.QUEUE_DUE: stay(ReadQueue),
        On.AGENT_LEFT: go(State.AWAITING, CloseTask),
        On.AGENT_MAY_GO: ignore("a warm transfer keeps its agent"),
        On.COMPLETE: go(State.AWAITING, LetAgentGo),
        On.SWAP: go(State.DIALING_ASIDE, ResumeCaller),
    },
)

_SCREENING = row(
    *TOGETHER,
    NO_TARGET_HOLD,
    NOT_TAKEN,
    own={
        On.TARGET_RANG: ignore("the phone has been picked up since"),
        On.TARGET_PICKED_UP: ignore("it has been picked up already"),
        On.TARGET_COMING: stay(AcceptTask),
        On.TARGET_ANSWERED: go(State.CONSULTING, AcceptTask),
        On.AGENT_LEFT: go(State.VETTING, CloseTask),
        On.AGENT_REMOVED: go(State.VETTING),
        On.AGENT_MAY_GO: ignore("a warm transfer keeps its agent"),
        On.COMPLETE: go(State.VETTING, LetAgentGo),
        On.SWAP: go(State.DIALING_ASIDE, ResumeCaller),
    },
)

_DIALING_ASIDE = row(
    *TOGETHER,
    NO_TARGET_HOLD,
    own={
        On.TARGET_DIALED: stay(ReadQueue),
        On.TARGET_QUEUED: stay(),
        On.TARGET_RANG: stay(),
        On.TARGET_PICKED_UP: stay(),
        On.TARGET_COMING: stay(AcceptTask),
        On.TARGET_PASSED_ON: stay(EndStray, RejectTask, RestoreWorker),
        On.TARGET_DECLINED: ignore(NOBODY_IN_THE_ROOM),
        On.TARGET_UNBOOKED: ignore(NOBODY_IN_THE_ROOM),
        On.TARGET_ANSWERED: go(State.REVISITING, HoldTarget, AcceptTask),
        On.TARGET_UNWILLING: stay(EndTarget),
        On.TARGET_SILENT: stay(EndTarget),
        On.TARGET_DOUBTFUL: stay(EndTarget),
        On.TARGET_LEFT: ignore("a target that has not taken the call cannot leave it"),
        On.TARGET_LOST_NEXT: go(State.DIALING_ASIDE, EndTask, DialTarget),
        On.TARGET_LOST_LAST: lose(),
        On.QUEUE_DUE: stay(ReadQueue),
        On.AGENT_LEFT: go(State.AWAITING, HoldCaller, CloseTask),
        On.AGENT_REMOVED: go(State.AWAITING, HoldCaller),
        On.AGENT_NOT_REMOVED: stay(),
        On.AGENT_MAY_GO: ignore("a warm transfer keeps its agent"),
        On.CALLER_RESUMED: stay(ResumeRecordings),
        On.CALLER_NOT_RESUMED: go(State.DIALING, HoldCaller),
        On.CALLER_HELD: go(State.DIALING),
        On.CALLER_NOT_HELD: stay(ResumeCaller, why="the agent stays with the caller"),
        On.CALLER_MET_TARGET: ignore("the target is not there yet"),
        On.DEADLINE: stay(FindTarget),
        On.SWAP: stay(HoldCaller, why="once the caller is held, the agent waits for the target"),
        On.COMPLETE: go(State.AWAITING, HoldCaller, then(LetAgentGo)),
        On.CANCEL: cancel_ringing(),
    },
)

_CONSULTING = row(
    *TOGETHER,
    TARGET_HAS_TAKEN,
    NO_REMOVAL,
    own={
        On.AGENT_REPLACED: part_and_yield(),
        On.TARGET_LEFT: target_left(Reason.TARGET_HUNG_UP),
        On.TARGET_DECLINED: go(State.DIALING, EndStray),
        On.AGENT_LEFT: go(
            State.CONNECTING, ResumeCaller, CloseTask, because=Reason.COMPLETED_BY_HANGUP
        ),
        On.AGENT_REMOVED: go(State.CONNECTING, ResumeCaller, because=Reason.COMPLETED),
        On.CALLER_HELD: stay(),
        On.CALLER_NOT_HELD: stay(HoldCaller),
        On.CALLER_RESUMED: stay(HoldCaller, why="an older un-hold took effect in between"),
        On.CALLER_MET_TARGET: stay(HoldCaller, why="an older un-hold took effect in between"),
        On.CALLER_NOT_RESUMED: stay(HoldCaller, why="it may be in effect all the same"),
        On.TARGET_HELD: stay(ResumeTarget, why="an older hold took effect in between"),
        On.TARGET_NOT_HELD: stay(ResumeTarget, why="it may be in effect all the same"),
        On.TARGET_RESUMED: stay(),
        On.TARGET_NOT_RESUMED: stay(ResumeTarget),
        On.DEADLINE: part_and_give_back(Reason.CONSULT_TIMEOUT),
        On.COMPLETE: go(State.HANDING_OVER, ResumeCaller, because=Reason.COMPLETED),
        On.CANCEL: cancel_talking(),
        On.DROP_TARGET: cancel_talking(Reason.TARGET_DROPPED_BY_AGENT),
        On.SWAP: go(State.SWAPPING_BACK, HoldTarget),
        On.JOIN: go(State.JOINING, ResumeCaller),
    },
)

_SWAPPING_BACK = row(
    *TOGETHER,
    TARGET_HAS_TAKEN,
    NO_REMOVAL,
    NO_CALLER_HOLD,
    own={
        On.AGENT_REPLACED: part_and_yield(),
        On.TARGET_HELD: stay(ResumeCaller),
        On.TARGET_NOT_HELD: go(State.CONSULTING, ResumeTarget),
        On.CALLER_RESUMED: go(State.REVISITING, ResumeRecordings),
        On.CALLER_NOT_RESUMED: go(State.CONSULTING, HoldCaller, then(ResumeTarget)),
        On.CALLER_MET_TARGET: go(State.CONFERRING, ResumeRecordings),
        On.TARGET_RESUMED: stay(HoldTarget, why="an older un-hold took effect in between"),
        On.TARGET_NOT_RESUMED: ignore("the target is to be held"),
        On.TARGET_LEFT: target_left(Reason.TARGET_HUNG_UP),
        On.TARGET_DECLINED: next_worker_beside(),
        On.AGENT_LEFT: leave_by_hangup(),
        On.DEADLINE: part_and_give_back(Reason.PROVIDER_DOWN),
        On.CANCEL: cancel_talking(),
        On.COMPLETE: reject("a swap is under way; ask again in a moment"),
    },
)

_REVISITING = row(
    *TOGETHER,
    TARGET_HAS_TAKEN,
    NO_REMOVAL,
    own={
        On.AGENT_REPLACED: part_and_yield(),
        On.TARGET_HELD: stay(),
        On.TARGET_NOT_HELD: go(State.CONFERRING, ResumeTarget),
        On.TARGET_RESUMED: stay(HoldTarget, why="an older un-hold took effect in between"),
        On.TARGET_NOT_RESUMED: stay(HoldTarget, why="it may be in effect all the same"),
        On.CALLER_HELD: stay(ResumeCaller, why="an older hold took effect in between"),
        On.CALLER_NOT_HELD: stay(ResumeCaller, why="it may be in effect all the same"),
        On.CALLER_RESUMED: stay(ResumeRecordings),
        On.CALLER_NOT_RESUMED: stay(ResumeCaller),
        On.CALLER_MET_TARGET: stay(
            ResumeRecordings, why="until the target is held, all three talk"
        ),
        On.TARGET_LEFT: target_left(Reason.TARGET_HUNG_UP),
        On.TARGET_DECLINED: next_worker_beside(),
        On.AGENT_LEFT: leave_by_hangup(),
        On.DEADLINE: part_and_give_back(Reason.CONSULT_TIMEOUT),
        On.COMPLETE: go(State.HANDING_OVER, ResumeCaller, ResumeTarget, because=Reason.COMPLETED),
        On.CANCEL: cancel_ringing(),
        On.DROP_TARGET: cancel_ringing(Reason.TARGET_DROPPED_BY_AGENT),
        On.SWAP: go(State.SWAPPING_FORTH, HoldCaller),
        On.JOIN: go(State.JOINING, ResumeCaller, ResumeTarget),
    },
)

_SWAPPING_FORTH = row(
    *TOGETHER,
    TARGET_HAS_TAKEN,
    NO_REMOVAL,
    own={
        On.AGENT_REPLACED: part_and_yield(),
        On.CALLER_HELD: stay(ResumeTarget),
        On.CALLER_NOT_HELD: go(State.REVISITING, ResumeCaller),
        On.TARGET_RESUMED: go(State.CONSULTING),
        On.TARGET_NOT_RESUMED: go(State.REVISITING, HoldTarget, then(ResumeCaller)),
        On.TARGET_HELD: stay(),
        On.TARGET_NOT_HELD: stay(),
        On.CALLER_RESUMED: stay(HoldCaller, why="an older un-hold took effect in between"),
        On.CALLER_NOT_RESUMED: stay(HoldCaller, why="it may be in effect all the same"),
        On.CALLER_MET_TARGET: go(State.CONFERRING, ResumeRecordings),
        On.TARGET_LEFT: target_left(Reason.TARGET_HUNG_UP),
        On.TARGET_DECLINED: next_worker_beside(),
        On.AGENT_LEFT: leave_by_hangup(),
        On.DEADLINE: part_and_give_back(Reason.PROVIDER_DOWN),
        On.CANCEL: cancel_talking(),
        On.COMPLETE: reject("a swap is under way; ask again in a moment"),
    },
)

_JOINING = row(
    *TOGETHER,
    TARGET_HAS_TAKEN,
    NO_REMOVAL,
    NO_CALLER_HOLD,
    own={
        On.AGENT_REPLACED: part_and_yield(),
        On.CALLER_MET_TARGET: go(State.CONFERRING, ResumeRecordings),
        On.CALLER_RESUMED: stay(ResumeRecordings, why="the target is being taken off hold"),
        On.TARGET_RESUMED: stay(why="the caller is still being taken off hold"),
        On.CALLER_NOT_RESUMED: go(State.CONSULTING, HoldCaller, then(ResumeTarget)),
        On.TARGET_NOT_RESUMED: go(State.REVISITING, HoldTarget, then(ResumeCaller)),
        On.TARGET_HELD: stay(ResumeTarget, why="an older hold took effect in between"),
        On.TARGET_NOT_HELD: stay(ResumeTarget, why="it may be in effect all the same"),
        On.TARGET_LEFT: target_left(Reason.TARGET_HUNG_UP),
        On.TARGET_DECLINED: next_worker_beside(),
        On.AGENT_LEFT: leave_by_hangup(),
        On.DEADLINE: part_and_give_back(Reason.PROVIDER_DOWN),
        On.CANCEL: cancel_talking(),
        On.COMPLETE: go(State.HANDING_OVER, ResumeCaller, ResumeTarget, because=Reason.COMPLETED),
    },
)

_CONFERRING = row(
    *TOGETHER,
    TARGET_HAS_TAKEN,
    own={
        On.TARGET_HELD: go(State.REVISITING),
        On.TARGET_NOT_HELD: stay(ResumeTarget, why="all three go on talking"),
        On.TARGET_RESUMED: stay(),
        On.TARGET_NOT_RESUMED: stay(ResumeTarget),
        On.CALLER_HELD: stay(ResumeCaller, why="an older hold took effect in between"),
        On.CALLER_NOT_HELD: stay(ResumeCaller, why="it may be in effect all the same"),
        On.CALLER_RESUMED: stay(ResumeRecordings),
        On.CALLER_MET_TARGET: stay(ResumeRecordings),
        On.CALLER_NOT_RESUMED: stay(ResumeCaller),
        On.TARGET_LEFT: target_left(Reason.TARGET_HUNG_UP),
        On.TARGET_DECLINED: next_worker_beside(),
        On.AGENT_LEFT: go(State.SETTLING, CloseTask, because=Reason.COMPLETED_BY_HANGUP),
        On.AGENT_REMOVED: go(State.SETTLING, because=Reason.COMPLETED),
        On.AGENT_NOT_REMOVED: stay(why="all three go on talking"),
        On.AGENT_MAY_GO: ignore("a warm transfer keeps its agent"),
        On.DEADLINE: go(State.LEAVING, ResumeTarget, then(RemoveAgent), because=Reason.COMPLETED),
        On.COMPLETE: go(State.LEAVING, ResumeTarget, then(RemoveAgent), because=Reason.COMPLETED),
        On.CANCEL: cancel_ringing(),
        On.DROP_TARGET: cancel_ringing(Reason.TARGET_DROPPED_BY_AGENT),
        On.SWAP: stay(HoldTarget, why="once the target is held, the agent is with the caller"),
    },
)

WARM = Table(
    kind=Kind.WARM,
    initial=State.HOLDING,
    first=(ReadRecordings, then(SecureCaller)),
    rows={
        State.HOLDING: HOLDING,
        State.DIALING: _DIALING,
        State.SCREENING: _SCREENING,
        State.DIALING_ASIDE: _DIALING_ASIDE,
        State.CONSULTING: _CONSULTING,
        State.SWAPPING_BACK: _SWAPPING_BACK,
        State.REVISITING: _REVISITING,
        State.SWAPPING_FORTH: _SWAPPING_FORTH,
        State.JOINING: _JOINING,
        State.CONFERRING: _CONFERRING,
        **CLOSING_ROWS,
    },
    deadlines={
        State.HOLDING: Deadline(30.0),
        State.DIALING: Deadline(10.0, of="ring"),
        State.SCREENING: Deadline(30.0),
        State.DIALING_ASIDE: Deadline(10.0, of="ring"),
        State.CONSULTING: Deadline(of="consult"),
        State.SWAPPING_BACK: Deadline(60.0),
        State.REVISITING: Deadline(of="consult"),
        State.SWAPPING_FORTH: Deadline(60.0),
        State.JOINING: Deadline(60.0),
        State.CONFERRING: Deadline(of="consult"),
        **CLOSING_DEADLINES,
    },
)
"""The rules of the warm transfer."""
