"""The agent's own hold: the caller waits with music, the agent takes them back, or time is up.

One rule stands above all squares: whoever has a live transfer has the caller's leg. A transfer that
begins tells the hold, and the hold ends without touching the caller; and before this table has
anything done for the caller, it asks whether a transfer lives. What it did all the same, in a
moment in which both began, it reports. See `docs/decisions/0011-a-hold-yields-to-a-transfer.md`.
"""

from __future__ import annotations

from workflows.machine.closing import CLOSING_DEADLINES
from workflows.machine.commands import (
    AskCall,
    AskTransfer,
    DivertCaller,
    EndRecall,
    EndRoom,
    EndStray,
    GiveCallerBack,
    HoldCaller,
    NotifyCaller,
    ReadRoom,
    RecallAgent,
    RemindAgent,
    ReportHold,
    SecureCaller,
)
from workflows.machine.fragments import (
    NO_CALLER_HOLD,
    NO_CALLER_RESUME,
    NO_CLAIM,
    NO_CONSULT,
    NO_DIVERSION,
    NO_READING,
    NO_RECALL,
    NO_RECORDING,
    NO_REMOVAL,
    NO_TARGET_HOLD,
    NO_TARGET_YET,
    NO_WAIT,
    NO_WINDING_UP,
    OTHERS_COME_AND_GO,
    not_under_way,
)
from workflows.machine.model import Kind, Reason, State
from workflows.machine.stimuli import FACTS
from workflows.machine.stimuli import Stimulus as On
from workflows.machine.table import Deadline, Row, Table, go, ignore, reject, row, stay, then

_OFF_HOLD_IS_FOR_CALLS: Row = {
    **NO_WAIT,
    On.OWNER_MISSING_OFF_HOLD: ignore("only a call's own workflow asks so"),
}
_ANSWER_LATE: Row = {
    On.OWNER_FOUND: ignore("the transfer says so itself once it has the caller"),
    On.OWNER_MISSING: ignore("what follows is under way already"),
    On.OWNER_MISSING_NO_AGENT: ignore("what follows is under way already"),
}
_NOT_ALONE: Row = not_under_way(
    "look at who is left", On.ALONE_NEXT, On.ALONE_RECALL, On.ALONE_DIVERT
)
_NOTHING_DUE: Row = not_under_way("notice or reminder", On.NOTICE_DUE, On.REMINDER_DUE)

_CALL_CAN_END: Row = {
    On.CALLER_LEFT: go(State.RELEASING, AskCall, because=Reason.CALLER_HUNG_UP),
    On.ROOM_ENDED: go(State.DIVERTING, DivertCaller, because=Reason.CALL_ENDED),
    On.TRANSFER_STARTED: go(State.TAKEN_OVER, ReportHold, EndStray, because=Reason.TAKEN_OVER),
    On.TRANSFER_STARTED_BEFORE: go(
        State.YIELDING, ReportHold, then(AskTransfer), because=Reason.TAKEN_OVER
    ),
    On.HOLD_FOUND: ignore("a hold asks transfers only"),
}

_ALWAYS: tuple[Row, ...] = (
    {
        **OTHERS_COME_AND_GO,
        On.AGENT_REPLACED: stay(why="a supervisor took the call over as the hold began"),
    },
    NO_CONSULT,
    NO_DIVERSION,
    NO_RECORDING,
    NO_WINDING_UP,
    NO_REMOVAL,
    NO_TARGET_YET,
    NO_TARGET_HOLD,
    _CALL_CAN_END,
    _OFF_HOLD_IS_FOR_CALLS,
)
"""What holds in every state in which the hold has the caller."""

_STAYS_ON_HOLD: Row = {
    On.CALLER_HELD: stay(),
    On.CALLER_NOT_HELD: stay(HoldCaller),
    On.CALLER_RESUMED: stay(HoldCaller, why="an older un-hold took effect in between"),
    On.CALLER_NOT_RESUMED: stay(HoldCaller, why="it may be in effect all the same"),
    On.CALLER_MET_TARGET: ignore("no target is there"),
}

_LEFT_BY_AGENT = go(State.ASKING, AskTransfer, because=Reason.AGENT_HUNG_UP)
_ENDING = reject("the hold is ending already")

_HOLDING = row(
    *_ALWAYS,
    NO_READING,
    NO_RECALL,
    NO_CALLER_RESUME,
    _ANSWER_LATE,
    _NOT_ALONE,
    _NOTHING_DUE,
    own={
        On.CALLER_HELD: go(State.HELD, ReportHold),
        On.CALLER_NOT_HELD: go(State.ASKING, AskTransfer, because=Reason.CALLER_NOT_HELD),
        On.CALL_UNMET: go(State.FAILED, because=Reason.AGENT_NOT_ON_CALL),
        On.ROOM_ENDED: go(State.FAILED, because=Reason.CALL_NOT_ACTIVE),
        On.AGENT_LEFT: _LEFT_BY_AGENT,
        On.DEADLINE: go(State.ASKING, AskTransfer, because=Reason.CALLER_NOT_HELD),
        On.RESUME: go(State.ASKING, AskTransfer, because=Reason.RESUMED_BY_AGENT),
    },
)

_WAITING: Row = {
    **NO_CLAIM,
    On.OWNER_FOUND: go(State.YIELDING, AskTransfer, because=Reason.TAKEN_OVER),
    On.OWNER_MISSING: ignore("no transfer was asked for"),
    On.OWNER_MISSING_NO_AGENT: ignore("no transfer was asked for"),
    On.AGENT_LEFT: _LEFT_BY_AGENT,
    On.DEADLINE: go(State.ASKING, AskTransfer, because=Reason.HOLD_TIMEOUT),
    On.RESUME: go(State.ASKING, AskTransfer, because=Reason.RESUMED_BY_AGENT),
}

_HELD = row(
    *_ALWAYS,
    NO_READING,
    NO_RECALL,
    _STAYS_ON_HOLD,
    _NOT_ALONE,
    own={
        **_WAITING,
        On.NOTICE_DUE: go(State.HELD, NotifyCaller),
        On.REMINDER_DUE: go(State.REMINDED, RemindAgent),
    },
)

_REMINDED = row(
    *_ALWAYS,
    NO_READING,
    NO_RECALL,
    _STAYS_ON_HOLD,
    _NOT_ALONE,
    _NOTHING_DUE,
    own=_WAITING,
)

_ASKED_WHILE_CHANGING: Row = {
    On.CALLER_HELD: stay(why="what follows is decided by the answer"),
    On.CALLER_NOT_HELD: stay(why="what follows is decided by the answer"),
    On.CALLER_RESUMED: stay(why="what follows is decided by the answer"),
    On.CALLER_NOT_RESUMED: stay(why="what follows is decided by the answer"),
    On.CALLER_MET_TARGET: ignore("no target is there"),
    On.CALL_UNMET: stay(why="who is there is read when no transfer has the caller"),
}

_ASKING = row(
    *_ALWAYS,
    NO_READING,
    NO_RECALL,
    _NOT_ALONE,
    _NOTHING_DUE,
    _ASKED_WHILE_CHANGING,
    own={
        On.OWNER_FOUND: go(State.YIELDING, because=Reason.TAKEN_OVER),
        On.OWNER_MISSING: go(State.RESUMING, GiveCallerBack),
        On.OWNER_MISSING_NO_AGENT: go(State.CHECKING, ReadRoom),
        On.AGENT_LEFT: stay(why="the answer decides what follows from it"),
        On.DEADLINE: go(State.CHECKING, ReadRoom),
        On.RESUME: _ENDING,
    },
)

_YIELDING = row(
    *_ALWAYS,
    NO_READING,
    NO_RECALL,
    _NOTHING_DUE,
    _ASKED_WHILE_CHANGING,
    _NOT_ALONE,
    own={
        On.OWNER_FOUND: stay(why="the transfer says so itself once it has the caller"),
        On.OWNER_MISSING: go(State.CHECKING, ReadRoom),
        On.OWNER_MISSING_NO_AGENT: go(State.CHECKING, ReadRoom),
        On.AGENT_LEFT: stay(why="the agent may have left as the transfer wanted"),
        On.DEADLINE: go(State.ASKING, AskTransfer),
        On.RESUME: reject("a transfer of this call is under way"),
    },
)

_CHECKING = row(
    *_ALWAYS,
    NO_RECALL,
    _ANSWER_LATE,
    _NOTHING_DUE,
    _ASKED_WHILE_CHANGING,
    own={
        On.ROOM_FINE: go(State.RESUMING, GiveCallerBack),
        On.CALLER_ALONE: ignore("a reading is told as the rung of the ladder that follows"),
        On.CALLER_FORGOTTEN: ignore("a reading is told as the rung of the ladder that follows"),
        On.ROOM_UNAVAILABLE: stay(ReadRoom),
        On.ALONE_NEXT: ignore("a hold has no targets"),
        On.ALONE_RECALL: go(State.RECALLING, HoldCaller, RecallAgent),
        On.ALONE_DIVERT: go(State.DIVERTING, DivertCaller),
        On.AGENT_LEFT: stay(ReadRoom, why="the reading may be older than that"),
        On.DEADLINE: go(State.DIVERTING, DivertCaller, because=Reason.PROVIDER_DOWN),
        On.RESUME: _ENDING,
    },
)

_RESUMING = row(
    *_ALWAYS,
    NO_READING,
    NO_RECALL,
    NO_CLAIM,
    _NOT_ALONE,
    _NOTHING_DUE,
    own={
        On.CALLER_RESUMED: go(State.RESUMED, ReportHold),
        On.CALLER_NOT_RESUMED: stay(AskTransfer),
        On.CALLER_MET_TARGET: ignore("no target is there"),
        On.CALLER_HELD: stay(GiveCallerBack, why="an older hold took effect in between"),
        On.CALLER_NOT_HELD: stay(why="the caller is being taken off hold"),
        On.OWNER_FOUND: go(State.YIELDING, because=Reason.TAKEN_OVER),
        On.OWNER_MISSING: stay(GiveCallerBack),
        On.OWNER_MISSING_NO_AGENT: go(State.CHECKING, ReadRoom),
        On.AGENT_LEFT: _LEFT_BY_AGENT,
        On.DEADLINE: go(State.DIVERTING, DivertCaller, because=Reason.PROVIDER_DOWN),
        On.RESUME: _ENDING,
    },
)

_RECALLING = row(
    *_ALWAYS,
    NO_READING,
    NO_CLAIM,
    _ANSWER_LATE,
    _NOT_ALONE,
    _NOTHING_DUE,
    _STAYS_ON_HOLD,
    own={
        On.AGENT_REPLACED: go(State.ASKING, AskTransfer, EndStray),
        On.AGENT_BACK: go(State.ASKING, AskTransfer),
        On.AGENT_BACK_AS_ASKED: ignore("a hold has nobody who took the caller back"),
        On.AGENT_UNREACHED_NEXT: ignore("a hold has no queue in reserve"),
        On.AGENT_UNREACHED: go(State.DIVERTING, EndRecall, DivertCaller),
        On.AGENT_LEFT: ignore("the leg that left is not the recall"),
        On.CALLER_LEFT: go(State.RELEASING, EndRecall, AskCall, because=Reason.CALLER_HUNG_UP),
        On.ROOM_ENDED: go(State.DIVERTING, EndRecall, DivertCaller, because=Reason.CALL_ENDED),
        On.TRANSFER_STARTED: go(State.TAKEN_OVER, EndRecall, ReportHold, because=Reason.TAKEN_OVER),
        On.TRANSFER_STARTED_BEFORE: go(
            State.YIELDING, EndRecall, ReportHold, then(AskTransfer), because=Reason.TAKEN_OVER
        ),
        On.DEADLINE: go(State.DIVERTING, EndRecall, DivertCaller),
        On.RESUME: reject("the agent is being rung; the hold ends when they answer"),
    },
)

_DIVERTING = row(
    OTHERS_COME_AND_GO,
    NO_CONSULT,
    NO_READING,
    NO_CLAIM,
    NO_WINDING_UP,
    NO_CALLER_HOLD,
    NO_CALLER_RESUME,
    NO_TARGET_YET,
    NO_TARGET_HOLD,
    NO_RECORDING,
    NO_REMOVAL,
    _ANSWER_LATE,
    _OFF_HOLD_IS_FOR_CALLS,
    _NOT_ALONE,
    _NOTHING_DUE,
    own={
        On.AGENT_REPLACED: ignore("too late: the caller is on the way to the apology"),
        On.CALLER_DIVERTED: go(State.DIVERTED),
        On.CALLER_DIVERTED_FROM_AGENT: go(State.DIVERTED, EndRoom),
        On.CALLER_NOT_DIVERTED: stay(DivertCaller),
        On.CALLER_WITH_AGENT: ignore("only a transfer asks so"),
        On.CALLER_UNREACHABLE: go(State.RELEASING, AskCall, because=Reason.CALLER_HUNG_UP),
        On.CALLER_LEFT: ignore("the diversion itself takes the caller out of the room"),
        On.ROOM_ENDED: ignore("the room is not needed any more"),
        On.AGENT_BACK: stay(EndRecall, why="too late: the caller hears the apology"),
        On.AGENT_BACK_AS_ASKED: ignore("a hold has nobody who took the caller back"),
        On.AGENT_UNREACHED_NEXT: ignore("a hold has no queue in reserve"),
        On.AGENT_UNREACHED: ignore("the recall was given up"),
        On.AGENT_LEFT: ignore("the agent is not needed any more"),
        On.TRANSFER_STARTED: ignore("the caller is on the way to the apology"),
        On.TRANSFER_STARTED_BEFORE: ignore("the caller is on the way to the apology"),
        On.HOLD_FOUND: ignore("a hold asks transfers only"),
        On.DEADLINE: go(State.FAILED, because=Reason.PROVIDER_DOWN),
        On.RESUME: reject("the caller is on the way to the apology"),
    },
)

_RELEASING = row(
    own={
        **dict.fromkeys(FACTS, ignore("the caller has gone; only the room is left to be ended")),
        On.OWNER_FOUND: ignore("the call's own workflow ends the room"),
        On.OWNER_MISSING: stay(EndRoom),
        On.SETTLED: go(State.ABANDONED),
        On.ROOM_UNAVAILABLE: stay(EndRoom),
        On.DEADLINE: go(State.ABANDONED, EndRoom),
        On.RESUME: reject("the caller has hung up"),
    },
)

HOLD = Table(
    kind=Kind.HOLD,
    initial=State.HOLDING,
    first=(SecureCaller,),
    rows={
        State.HOLDING: _HOLDING,
        State.HELD: _HELD,
        State.REMINDED: _REMINDED,
        State.ASKING: _ASKING,
        State.YIELDING: _YIELDING,
        State.CHECKING: _CHECKING,
        State.RESUMING: _RESUMING,
        State.RECALLING: _RECALLING,
        State.DIVERTING: _DIVERTING,
        State.RELEASING: _RELEASING,
    },
    deadlines={
        State.HOLDING: Deadline(30.0),
        State.HELD: Deadline(of="hold"),
        State.REMINDED: Deadline(of="hold"),
        State.ASKING: Deadline(15.0),
        State.YIELDING: Deadline(10.0),
        State.CHECKING: Deadline(60.0),
        State.RESUMING: Deadline(180.0),
        State.RECALLING: CLOSING_DEADLINES[State.RECALLING],
        State.DIVERTING: CLOSING_DEADLINES[State.DIVERTING],
        State.RELEASING: CLOSING_DEADLINES[State.RELEASING],
    },
)
"""The rules of an agent's hold. A question to another workflow takes milliseconds; 15 s cover a
worker that dies in the middle of it."""
