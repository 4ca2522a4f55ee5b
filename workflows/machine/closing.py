"""The states that warm and cold transfers share: from the hand-over on, and every way back.

They are the same because from here on the kinds do not differ: a caller is being given to somebody,
back to somebody, or to nobody.
"""

from __future__ import annotations

from workflows.machine.commands import (
    AcceptTask,
    CloseTask,
    DivertCaller,
    EndRecall,
    EndRoom,
    EndStray,
    EndTarget,
    EndTask,
    FindTarget,
    GiveCallerBack,
    HoldCaller,
    ReadQueue,
    RejectTask,
    RemoveAgent,
    RestoreWorker,
    ResumeCaller,
    ResumeRecordings,
    ResumeTarget,
)
from workflows.machine.commands import (
    DialTarget as Dial,
)
from workflows.machine.fragments import (
    CALL_CAN_END,
    LADDER,
    NO_CALLER_HOLD,
    NO_CALLER_RESUME,
    NO_CLAIM,
    NO_DIVERSION,
    NO_READING,
    NO_RECALL,
    NO_RECORDING,
    NO_REMOVAL,
    NO_TARGET_HOLD,
    NO_TARGET_YET,
    NO_WINDING_UP,
    NOBODY_IN_THE_ROOM,
    OTHERS_COME_AND_GO,
    QUIET,
    SUPERVISED,
    TAKES_HOLD_OVER,
    TARGET_HAS_TAKEN,
    TOGETHER,
    cancel_talking,
    give_back,
    next_worker_alone,
    part_and_give_back,
    part_and_yield,
    target_left,
)
from workflows.machine.model import Reason, State
from workflows.machine.stimuli import Stimulus as On
from workflows.machine.table import Deadline, Row, go, ignore, reject, row, stay, then

_TOO_LATE = reject("it is too late: the caller is with the target")
_AGENT_GONE = reject("the agent has left the call")

_OFF_HOLD: Row = {
    On.CALLER_HELD: stay(ResumeCaller, why="an older hold took effect in between"),
    On.CALLER_NOT_HELD: stay(ResumeCaller, why="it may be in effect all the same"),
    On.TARGET_HELD: stay(ResumeTarget, why="an older hold took effect in between"),
    On.TARGET_NOT_HELD: stay(ResumeTarget, why="it may be in effect all the same"),
}
"""Caller and target are to be off hold, whatever was begun before."""

HANDING_OVER = row(
    *TOGETHER,
    TARGET_HAS_TAKEN,
    _OFF_HOLD,
    NO_REMOVAL,
    own={
        On.AGENT_REPLACED: part_and_yield(),
        On.CALLER_MET_TARGET: go(State.LEAVING, RemoveAgent, ResumeRecordings),
        On.CALLER_RESUMED: stay(ResumeRecordings, why="the target is being taken off hold"),
        On.TARGET_RESUMED: stay(why="the caller is still being taken off hold"),
        On.CALLER_NOT_RESUMED: stay(ResumeCaller),
        On.TARGET_NOT_RESUMED: stay(ResumeTarget),
        On.AGENT_LEFT: go(State.CONNECTING, CloseTask, because=Reason.COMPLETED_BY_HANGUP),
        On.TARGET_LEFT: target_left(Reason.TARGET_HUNG_UP),
        On.TARGET_DECLINED: go(State.DIALING, EndStray, HoldCaller),
        On.DEADLINE: part_and_give_back(Reason.PROVIDER_DOWN),
        On.CANCEL: cancel_talking(),
        On.COMPLETE: reject("the caller is being handed over already"),
    },
)

LEAVING = row(
    *TOGETHER,
    TARGET_HAS_TAKEN,
    _OFF_HOLD,
    own={
        On.AGENT_REMOVED: go(State.SETTLING, ResumeRecordings),
        On.AGENT_LEFT: go(State.SETTLING, CloseTask, ResumeRecordings),
        On.AGENT_NOT_REMOVED: stay(ResumeCaller, ResumeTarget, then(RemoveAgent)),
        On.AGENT_MAY_GO: ignore("the agent is being removed already"),
        On.TARGET_LEFT: go(State.DOUBTING, EndTask),
        On.TARGET_DECLINED: next_worker_alone(),
        On.CALLER_RESUMED: stay(ResumeRecordings, why="the look before the removal comes next"),
        On.CALLER_MET_TARGET: stay(ResumeRecordings, why="the look before the removal comes next"),
        On.CALLER_NOT_RESUMED: stay(why="the look before the removal decides"),
        On.TARGET_RESUMED: stay(why="the look before the removal comes next"),
        On.TARGET_NOT_RESUMED: stay(why="the look before the removal decides"),
        On.DEADLINE: go(State.COMPLETED, ResumeRecordings),
        On.CANCEL: _TOO_LATE,
        On.COMPLETE: reject("the agent is being removed already"),
    },
)

DOUBTING = row(
    *TOGETHER,
    NO_TARGET_YET,
    NO_TARGET_HOLD,
    NO_CALLER_HOLD,
    NO_CALLER_RESUME,
    own={
        On.AGENT_NOT_REMOVED: give_back(),
        On.AGENT_REMOVED: ignore("without a target this is the caller being alone"),
        On.AGENT_LEFT: ignore("without a target this is the caller being alone"),
        On.AGENT_MAY_GO: ignore("the agent is being removed already"),
        On.DEADLINE: give_back(),
    },
)

_RUNG_FOR_CALLER_ALONE: Row = {
    On.TARGET_DIALED: stay(ReadQueue),
    On.TARGET_QUEUED: stay(),
    On.TARGET_ANSWERED: go(State.CONNECTING, ResumeCaller, AcceptTask, because=Reason.COMPLETED),
    On.TARGET_PASSED_ON: go(State.AWAITING, EndStray, RejectTask, RestoreWorker),
    On.TARGET_UNWILLING: go(State.FORGOING, EndTarget),
    On.TARGET_SILENT: go(State.FORGOING, EndTarget),
    On.TARGET_DOUBTFUL: go(State.FORGOING, EndTarget),
    On.TARGET_LEFT: ignore("a target that has not taken the call cannot leave it"),
    On.TARGET_DECLINED: ignore(NOBODY_IN_THE_ROOM),
    On.TARGET_UNBOOKED: ignore(NOBODY_IN_THE_ROOM),
    On.TARGET_LOST_NEXT: go(State.AWAITING, EndTask, Dial),
    On.TARGET_LOST_LAST: go(State.DOUBTING, EndTask),
    On.AGENT_REMOVED: stay(why="the agent left as told"),
    On.AGENT_LEFT: stay(why="the agent left as told"),
    On.AGENT_MAY_GO: ignore("the agent was let go already"),
    On.CALLER_HELD: stay(),
    On.CALLER_NOT_HELD: stay(HoldCaller),
    On.CALL_UNMET: stay(HoldCaller, why="the agent left during the claim"),
    On.CALLER_RESUMED: stay(HoldCaller, why="an older un-hold took effect in between"),
    On.CALLER_NOT_RESUMED: stay(HoldCaller, why="it may be in effect all the same"),
    On.CALLER_MET_TARGET: ignore("the target is not there yet"),
    On.DEADLINE: stay(FindTarget),
    On.CANCEL: _AGENT_GONE,
    On.COMPLETE: reject("the agent has let go of the caller already"),
}

AWAITING = row(
    *QUIET,
    CALL_CAN_END,
    NO_RECALL,
    NO_WINDING_UP,
    LADDER,
    NO_TARGET_HOLD,
    _RUNG_FOR_CALLER_ALONE,
    own={
        On.TARGET_RANG: stay(),
        On.TARGET_PICKED_UP: go(State.VETTING),
        On.TARGET_COMING: go(State.VETTING, AcceptTask),
        On.AGENT_NOT_REMOVED: go(State.DIALING),
    },
)

VETTING = row(
    *QUIET,
    CALL_CAN_END,
    NO_RECALL,
    NO_WINDING_UP,
    LADDER,
    NO_TARGET_HOLD,
    _RUNG_FOR_CALLER_ALONE,
    own={
        On.TARGET_RANG: ignore("the phone has been picked up since"),
        On.TARGET_PICKED_UP: ignore("it has been picked up already"),
        On.TARGET_COMING: stay(AcceptTask),
        On.AGENT_NOT_REMOVED: go(State.SCREENING),
    },
)

CONNECTING = row(
    *TOGETHER,
    TARGET_HAS_TAKEN,
    _OFF_HOLD,
    own={
        On.TARGET_DOUBTFUL: stay(FindTarget, why="the room did not show the target"),
        On.CALLER_MET_TARGET: go(State.SETTLING, ResumeRecordings),
        On.CALLER_RESUMED: stay(ResumeRecordings, why="the target is being taken off hold"),
        On.TARGET_RESUMED: stay(why="the caller is still being taken off hold"),
        On.CALLER_NOT_RESUMED: stay(ResumeCaller),
        On.TARGET_NOT_RESUMED: stay(ResumeTarget),
        On.TARGET_LEFT: go(State.DOUBTING, EndTask),
        On.TARGET_DECLINED: next_worker_alone(),
        On.AGENT_REMOVED: stay(why="the agent left as told"),
        On.AGENT_LEFT: stay(why="the agent left as told"),
        On.AGENT_NOT_REMOVED: go(State.HANDING_OVER),
        On.AGENT_MAY_GO: ignore("the agent was let go already"),
        On.DEADLINE: go(State.FAILED, because=Reason.PROVIDER_DOWN),
        On.CANCEL: _AGENT_GONE,
    },
)

SETTLING = row(
    *TOGETHER,
    TARGET_HAS_TAKEN,
    _OFF_HOLD,
    own={
        On.TARGET_DOUBTFUL: stay(FindTarget, why="the room did not show the target"),
        On.CALLER_HELD: go(State.CONNECTING, ResumeCaller),
        On.TARGET_HELD: go(State.CONNECTING, ResumeTarget),
        On.DEADLINE: go(State.COMPLETED, ResumeRecordings),
        On.TARGET_LEFT: go(State.DOUBTING, EndTask),
        On.TARGET_DECLINED: next_worker_alone(),
        On.AGENT_REMOVED: stay(why="the agent left as told"),
        On.AGENT_LEFT: stay(why="the agent left as told"),
        On.AGENT_NOT_REMOVED: go(State.LEAVING, RemoveAgent),
        On.AGENT_MAY_GO: ignore("the agent was let go already"),
        On.CALLER_RESUMED: stay(ResumeRecordings),
        On.CALLER_MET_TARGET: stay(ResumeRecordings),
        On.CALLER_NOT_RESUMED: stay(ResumeCaller),
        On.TARGET_RESUMED: stay(),
        On.TARGET_NOT_RESUMED: stay(ResumeTarget),
        On.CANCEL: _TOO_LATE,
        On.COMPLETE: reject("the transfer is complete but for its first seconds"),
    },
)

_PICKS_UP_TOO_LATE: Row = {
    stimulus: stay(EndStray, why="the end of a task ends no leg that was picked up before it")
    for stimulus in (
        On.TARGET_PICKED_UP,
        On.TARGET_COMING,
        On.TARGET_ANSWERED,
        On.TARGET_UNWILLING,
    )
}
"""A worker whose phone is picked up while the task is being ended. Any other leg is ended by the
request that is under way: then there is no stray."""

_BEING_DROPPED: Row = {
    **_PICKS_UP_TOO_LATE,
    On.TARGET_DIALED: stay(why="it is ended next"),
    On.TARGET_QUEUED: ignore("its task is being ended"),
    On.TARGET_RANG: ignore("its leg is being ended"),
    On.TARGET_PASSED_ON: stay(EndStray, RestoreWorker, why="its task is being ended"),
    On.TARGET_DECLINED: ignore("its leg is being ended"),
    On.TARGET_UNBOOKED: stay(RestoreWorker, why="its task is being ended"),
    On.TARGET_SILENT: ignore("its leg is being ended"),
    On.TARGET_DOUBTFUL: ignore("its leg is being ended"),
}

_CALLER_STAYS_ON_HOLD: Row = {
    On.CALLER_HELD: stay(),
    On.CALLER_NOT_HELD: stay(HoldCaller),
    On.CALLER_RESUMED: stay(HoldCaller, why="an older un-hold took effect in between"),
    On.CALLER_NOT_RESUMED: stay(HoldCaller, why="it may be in effect all the same"),
    On.CALLER_MET_TARGET: stay(HoldCaller, why="an older un-hold took effect in between"),
}

DROPPING = row(
    *TOGETHER,
    NO_TARGET_HOLD,
    _BEING_DROPPED,
    _CALLER_STAYS_ON_HOLD,
    own={
        On.TARGET_LOST_NEXT: go(State.DIALING, Dial),
        On.TARGET_LOST_LAST: give_back(),
        On.TARGET_LEFT: target_left(),
        On.AGENT_LEFT: go(State.FORGOING, CloseTask),
        On.AGENT_REMOVED: go(State.FORGOING),
        On.AGENT_NOT_REMOVED: stay(),
        On.AGENT_MAY_GO: ignore("this target is being given up"),
        On.DEADLINE: give_back(),
        On.CANCEL: go(State.CANCELLING, GiveCallerBack, because=Reason.CANCELLED_BY_AGENT),
        On.COMPLETE: reject("this target is being given up; the next one, if any, is rung next"),
    },
)

FORGOING = row(
    *QUIET,
    CALL_CAN_END,
    NO_RECALL,
    NO_WINDING_UP,
    LADDER,
    NO_TARGET_HOLD,
    _BEING_DROPPED,
    _CALLER_STAYS_ON_HOLD,
    own={
        On.TARGET_LOST_NEXT: go(State.AWAITING, Dial),
        On.TARGET_LOST_LAST: go(State.DOUBTING),
        On.TARGET_LEFT: go(State.DOUBTING, EndTask),
        On.AGENT_LEFT: stay(why="the agent left as told"),
        On.AGENT_REMOVED: stay(why="the agent left as told"),
        On.AGENT_NOT_REMOVED: go(State.DROPPING),
        On.AGENT_MAY_GO: ignore("the agent was let go already"),
        On.CALL_UNMET: stay(HoldCaller, why="the agent left during the claim"),
        On.DEADLINE: go(State.DIVERTING, DivertCaller, because=Reason.PROVIDER_DOWN),
        On.CANCEL: _AGENT_GONE,
        On.COMPLETE: reject("the agent has let go of the caller already"),
    },
)

_GIVING_BACK: Row = {
    **_PICKS_UP_TOO_LATE,
    On.TARGET_DIALED: stay(why="it is ended next"),
    On.TARGET_QUEUED: ignore("its task is being ended"),
    On.TARGET_RANG: ignore("its leg is being ended"),
    On.TARGET_PASSED_ON: stay(EndStray, RestoreWorker, why="its task is being ended"),
    On.TARGET_DECLINED: ignore("its leg is being ended"),
    On.TARGET_UNBOOKED: stay(RestoreWorker, why="its task is being ended"),
    On.TARGET_SILENT: ignore("its leg is being ended"),
    On.TARGET_DOUBTFUL: ignore("its leg is being ended and looked for"),
    On.TARGET_LEFT: stay(),
    On.TARGET_LOST_NEXT: stay(),
    On.TARGET_LOST_LAST: stay(),
    On.CALLER_RESUMED: stay(ResumeRecordings),
    On.CALLER_NOT_RESUMED: stay(GiveCallerBack),
    On.CALLER_MET_TARGET: stay(GiveCallerBack, why="an older un-hold took effect before"),
    On.CALLER_HELD: stay(GiveCallerBack, why="an older hold took effect in between"),
    On.CALLER_NOT_HELD: stay(),
    On.CALL_UNMET: stay(why="who is there is settled by what is heard of the legs"),
    On.AGENT_LEFT: stay(why="once the target's leg is gone, the ladder is next"),
    On.AGENT_REMOVED: stay(why="once the target's leg is gone, the ladder is next"),
    On.AGENT_NOT_REMOVED: stay(),
    On.AGENT_MAY_GO: ignore("the caller is being given back"),
    On.DEADLINE: go(State.DIVERTING, DivertCaller, because=Reason.PROVIDER_DOWN),
}

_BACK_TO_AGENT = (*QUIET, CALL_CAN_END, LADDER, NO_RECALL, NO_TARGET_HOLD, _GIVING_BACK)

CANCELLING = row(
    *_BACK_TO_AGENT,
    own={
        On.AGENT_REPLACED: stay(why="the caller is on the way to them"),
        On.SETTLED: go(State.CANCELLED, ResumeRecordings),
        On.CANCEL: reject("the caller is being given back already"),
    },
)

RETURNING = row(
    *_BACK_TO_AGENT,
    own={
        On.AGENT_REPLACED: stay(why="the caller is on the way to them"),
        On.SETTLED: go(State.FAILED, ResumeRecordings),
        On.CANCEL: reject("the caller is being given back already"),
    },
)

RECALLING = row(
    *QUIET,
    LADDER,
    NO_WINDING_UP,
    NO_CLAIM,
    NO_TARGET_YET,
    NO_TARGET_HOLD,
    own={
        On.AGENT_REPLACED: go(State.RETURNING, GiveCallerBack, EndStray, because=Reason.TAKEN_OVER),
        On.CALLER_LEFT: go(State.RELEASING, EndRecall, EndRoom, because=Reason.CALLER_HUNG_UP),
        On.ROOM_ENDED: go(State.DIVERTING, EndRecall, DivertCaller, because=Reason.CALL_ENDED),
        On.AGENT_BACK: give_back(),
        On.AGENT_BACK_AS_ASKED: go(State.CANCELLING, GiveCallerBack),
        On.AGENT_UNREACHED: go(
            State.DIVERTING, EndRecall, DivertCaller, because=Reason.NOBODY_ANSWERED
        ),
        On.AGENT_UNREACHED_NEXT: go(State.AWAITING, EndRecall, HoldCaller, Dial),
        On.AGENT_LEFT: ignore("the leg that left is not the recall"),
        On.AGENT_REMOVED: ignore("the leg that left is not the recall"),
        On.AGENT_NOT_REMOVED: ignore("the agent has left since"),
        On.AGENT_MAY_GO: ignore("the agent has left"),
        On.CALLER_HELD: stay(),
        On.CALLER_NOT_HELD: stay(HoldCaller),
        On.CALLER_RESUMED: stay(HoldCaller, why="an older un-hold took effect in between"),
        On.CALLER_NOT_RESUMED: stay(HoldCaller, why="it may be in effect all the same"),
        On.CALLER_MET_TARGET: stay(HoldCaller, why="an older un-hold took effect in between"),
        On.DEADLINE: go(State.DIVERTING, EndRecall, DivertCaller, because=Reason.NOBODY_ANSWERED),
    },
)

DIVERTING = row(
    OTHERS_COME_AND_GO,
    SUPERVISED,
    NO_RECORDING,
    TAKES_HOLD_OVER,
    NO_READING,
    NO_CLAIM,
    NO_WINDING_UP,
    NO_CALLER_HOLD,
    NO_CALLER_RESUME,
    NO_TARGET_YET,
    NO_TARGET_HOLD,
    NO_REMOVAL,
    own={
        **_PICKS_UP_TOO_LATE,
        On.TARGET_PASSED_ON: stay(EndStray, RestoreWorker, why="its task is being ended"),
        On.AGENT_REPLACED: ignore("too late: the caller is on the way to the apology"),
        On.CALLER_DIVERTED: go(State.DIVERTED),
        On.CALLER_DIVERTED_FROM_AGENT: ignore("only a hold diverts a caller whose agent is there"),
        On.CALLER_NOT_DIVERTED: stay(DivertCaller),
        On.CALLER_WITH_AGENT: go(State.FAILED, ResumeRecordings),
        On.CALLER_UNREACHABLE: go(State.ABANDONED, because=Reason.CALLER_HUNG_UP),
        On.CALLER_LEFT: ignore("the diversion itself takes the caller out of the room"),
        On.ROOM_ENDED: ignore("the room is not needed any more"),
        On.AGENT_BACK: stay(EndRecall, why="too late: the caller hears the apology"),
        On.AGENT_BACK_AS_ASKED: stay(EndRecall, why="too late: the caller hears the apology"),
        On.AGENT_UNREACHED: ignore("the recall was given up"),
        On.AGENT_UNREACHED_NEXT: ignore("the recall was given up"),
        On.AGENT_LEFT: ignore("the agent is not needed any more"),
        On.ALONE_NEXT: ignore("the caller is being sent to the apology"),
        On.ALONE_RECALL: ignore("the caller is being sent to the apology"),
        On.ALONE_DIVERT: ignore("the caller is being sent to the apology"),
        On.DEADLINE: go(State.FAILED, because=Reason.PROVIDER_DOWN),
    },
)

_CALLER_GONE = "the caller has gone; only the legs are left to be ended"

RELEASING = row(
    OTHERS_COME_AND_GO,
    SUPERVISED,
    TAKES_HOLD_OVER,
    own={
        **{
            stimulus: ignore(_CALLER_GONE)
            for fragment in (
                NO_DIVERSION,
                NO_RECALL,
                NO_CLAIM,
                NO_CALLER_HOLD,
                NO_CALLER_RESUME,
                NO_TARGET_HOLD,
                NO_TARGET_YET,
                NO_REMOVAL,
                LADDER,
                CALL_CAN_END,
                {On.AGENT_LEFT: ignore("-")},
                NO_READING,
                NO_RECORDING,
            )
            for stimulus in fragment
        },
        **_PICKS_UP_TOO_LATE,
        On.TARGET_PASSED_ON: stay(EndStray, RestoreWorker, why="its task is being ended"),
        On.AGENT_REPLACED: ignore(_CALLER_GONE),
        On.SETTLED: go(State.ABANDONED),
        On.ROOM_UNAVAILABLE: stay(EndRoom),
        On.DEADLINE: go(State.ABANDONED),
    },
)

CLOSING_ROWS: dict[State, Row] = {
    State.HANDING_OVER: HANDING_OVER,
    State.LEAVING: LEAVING,
    State.DOUBTING: DOUBTING,
    State.AWAITING: AWAITING,
    State.VETTING: VETTING,
    State.CONNECTING: CONNECTING,
    State.SETTLING: SETTLING,
    State.DROPPING: DROPPING,
    State.FORGOING: FORGOING,
    State.CANCELLING: CANCELLING,
    State.RETURNING: RETURNING,
    State.RECALLING: RECALLING,
    State.DIVERTING: DIVERTING,
    State.RELEASING: RELEASING,
}

CLOSING_DEADLINES: dict[State, Deadline] = {
    State.HANDING_OVER: Deadline(60.0),
    State.LEAVING: Deadline(3600.0),
    State.DOUBTING: Deadline(30.0),
    State.AWAITING: Deadline(10.0, of="ring"),
    State.VETTING: Deadline(30.0),
    State.CONNECTING: Deadline(120.0),
    State.SETTLING: Deadline(of="guard"),
    State.DROPPING: Deadline(60.0),
    State.FORGOING: Deadline(60.0),
    State.CANCELLING: Deadline(180.0),
    State.RETURNING: Deadline(180.0),
    State.RECALLING: Deadline(10.0, of="recall"),
    State.DIVERTING: Deadline(120.0),
    State.RELEASING: Deadline(120.0),
}
"""Ring times get 10 s on top: Twilio itself adds 5 s to what it is asked for, and news of the end
may take some more. States that only wait for commands get the time in which a command is retried,
and then some; 180 s covers the two minutes in which a doubtful dial is looked for. An agent who is
to leave is not given up before an outage of Twilio is over: they would stay, and hear all."""
