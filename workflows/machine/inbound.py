"""The call itself: an agent is rung for a caller who waits, and the call is watched to its end.

In this table the person being rung stands in the target's place: the caller has nobody yet. While
a transfer lives, its workflow hears of the room; this one acts only between transfers, and then by
reading the room, because who is on the call may have changed.
"""

from __future__ import annotations

from workflows.machine.closing import DIVERTING
from workflows.machine.commands import (
    AskOwners,
    CloseRoomTasks,
    CloseTask,
    DialTarget,
    DivertCaller,
    EndRoom,
    EndStray,
    EndTarget,
    EndTask,
    FindTarget,
)
from workflows.machine.commands import ReadRoom as Read
from workflows.machine.fragments import (
    CALL_CAN_END,
    NO_CALLER_HOLD,
    NO_CALLER_RESUME,
    NO_CLAIM,
    NO_CONSULT,
    NO_DIVERSION,
    NO_HOLD,
    NO_QUESTION,
    NO_READING,
    NO_RECALL,
    NO_RECORDING,
    NO_REMOVAL,
    NO_TARGET_HOLD,
    NO_TARGET_YET,
    NO_WAIT,
    NO_WINDING_UP,
    OTHERS_COME_AND_GO,
    SETTING_UP,
)
from workflows.machine.model import Kind, Reason, State
from workflows.machine.stimuli import FACTS
from workflows.machine.stimuli import Stimulus as On
from workflows.machine.table import Deadline, Row, Table, go, ignore, row, stay, then

_NO_AGENT: Row = {On.AGENT_LEFT: ignore("the agent stands in the target's place here")}

_NOBODY_REMOVED = ignore("nobody is removed between transfers")
_LATE_LEG = stay(EndStray, why="a dial that took effect long after it was given up: nobody waits")
_NO_HOLD: Row = {**NO_HOLD, **NO_WAIT, On.HOLD_FOUND: ignore("a hold asks transfers only")}

_NOTHING_CHANGES: tuple[Row, ...] = (
    _NO_HOLD,
    NO_CONSULT,
    NO_DIVERSION,
    NO_RECALL,
    NO_CLAIM,
    NO_REMOVAL,
    NO_WINDING_UP,
    NO_TARGET_HOLD,
    NO_CALLER_HOLD,
    NO_CALLER_RESUME,
    NO_RECORDING,
    _NO_AGENT,
)

_LADDER: Row = {
    On.ALONE_NEXT: go(State.AWAITING, DialTarget),
    On.ALONE_RECALL: go(State.DIVERTING, DivertCaller, because=Reason.NOBODY_ANSWERED),
    On.ALONE_DIVERT: go(State.DIVERTING, DivertCaller, because=Reason.NOBODY_ANSWERED),
}

_AWAITING = row(
    *_NOTHING_CHANGES,
    NO_QUESTION,
    OTHERS_COME_AND_GO,
    SETTING_UP,
    NO_READING,
    CALL_CAN_END,
    _LADDER,
    own={
        On.TARGET_DIALED: stay(),
        On.TARGET_QUEUED: ignore("no task looks for an agent here"),
        On.TARGET_RANG: stay(),
        On.TARGET_PICKED_UP: stay(),
        On.TARGET_COMING: ignore("no task looks for an agent here"),
        On.TARGET_ANSWERED: go(State.TALKING),
        On.TARGET_UNWILLING: go(State.FORGOING, EndTarget),
        On.TARGET_PASSED_ON: ignore("no task looks for an agent here"),
        On.TARGET_DECLINED: ignore("no task looks for an agent here"),
        On.TARGET_UNBOOKED: ignore("no task looks for an agent here"),
        On.TARGET_SILENT: go(State.FORGOING, EndTarget),
        On.TARGET_DOUBTFUL: go(State.FORGOING, EndTarget),
        On.TARGET_LEFT: ignore("without an agent this is the caller being alone"),
        On.TARGET_LOST_NEXT: ignore("without an agent this is the caller being alone"),
        On.TARGET_LOST_LAST: ignore("without an agent this is the caller being alone"),
        On.DEADLINE: stay(FindTarget),
    },
)

_FORGOING = row(
    *_NOTHING_CHANGES,
    NO_QUESTION,
    OTHERS_COME_AND_GO,
    SETTING_UP,
    NO_READING,
    CALL_CAN_END,
    NO_TARGET_YET,
    _LADDER,
    own={
        On.TARGET_ANSWERED: ignore("its leg is being ended, by a request that ends answered ones"),
        On.DEADLINE: go(State.DIVERTING, DivertCaller, because=Reason.PROVIDER_DOWN),
    },
)

_TALKING = row(
    *_NOTHING_CHANGES,
    NO_QUESTION,
    NO_TARGET_YET,
    own={
        On.CALLER_LEFT: go(
            State.RELEASING, CloseRoomTasks, then(EndRoom), because=Reason.CALLER_HUNG_UP
        ),
        On.ROOM_ENDED: go(State.ENDED, CloseTask, because=Reason.CALL_ENDED),
        On.STRANGER_LEFT: go(State.CHECKING, Read, EndTask),
        On.OWNER_ENDED: go(State.CHECKING, Read),
        On.AGENT_REPLACED: go(State.CHECKING, Read),
        On.STRAY_LEG: _LATE_LEG,
        On.ALONE_NEXT: go(State.CHECKING, Read, EndTask),
        On.ALONE_RECALL: go(State.CHECKING, Read, EndTask),
        On.ALONE_DIVERT: go(State.CHECKING, Read, EndTask),
        On.DEADLINE: go(State.CHECKING, Read),
        On.AGENT_TASK_OPEN: _NOBODY_REMOVED,
        **dict.fromkeys(NO_READING, ignore("the reading was for a question settled since")),
    },
)

_CHECKING = row(
    *_NOTHING_CHANGES,
    NO_QUESTION,
    NO_TARGET_YET,
    own={
        On.ROOM_FINE: go(State.TALKING),
        On.CALLER_ALONE: go(State.ASKING, AskOwners),
        On.CALLER_FORGOTTEN: go(State.ASKING, AskOwners),
        On.ROOM_UNAVAILABLE: go(State.CHECKING, Read),
        On.CALLER_LEFT: go(
            State.RELEASING, CloseRoomTasks, then(EndRoom), because=Reason.CALLER_HUNG_UP
        ),
        On.ROOM_ENDED: go(State.ENDED, CloseTask, because=Reason.CALL_ENDED),
        On.STRANGER_LEFT: stay(Read, EndTask),
        On.OWNER_ENDED: stay(Read),
        On.AGENT_REPLACED: stay(Read),
        On.STRAY_LEG: _LATE_LEG,
        On.AGENT_TASK_OPEN: _NOBODY_REMOVED,
        On.ALONE_NEXT: stay(Read, EndTask),
        On.ALONE_RECALL: stay(Read, EndTask),
        On.ALONE_DIVERT: stay(Read, EndTask),
        On.DEADLINE: go(State.CHECKING, Read),
    },
)

_ASKING = row(
    *_NOTHING_CHANGES,
    NO_TARGET_YET,
    own={
        On.OWNER_FOUND: go(State.TALKING),
        On.OWNER_MISSING: go(State.DIVERTING, DivertCaller, because=Reason.NOBODY_ANSWERED),
        On.OWNER_MISSING_OFF_HOLD: go(
            State.RELEASING, CloseRoomTasks, then(EndRoom), because=Reason.CALL_ENDED
        ),
        On.OWNER_MISSING_NO_AGENT: ignore("only a hold asks so"),
        On.CALLER_LEFT: go(
            State.RELEASING, CloseRoomTasks, then(EndRoom), because=Reason.CALLER_HUNG_UP
        ),
        On.ROOM_ENDED: go(State.ENDED, CloseTask, because=Reason.CALL_ENDED),
        On.STRANGER_LEFT: go(State.CHECKING, Read, EndTask),
        On.OWNER_ENDED: go(State.CHECKING, Read),
        On.STRAY_LEG: _LATE_LEG,
        On.AGENT_REPLACED: go(State.CHECKING, Read),
        On.AGENT_TASK_OPEN: _NOBODY_REMOVED,
        On.ALONE_NEXT: go(State.CHECKING, Read, EndTask),
        On.ALONE_RECALL: go(State.CHECKING, Read, EndTask),
        On.ALONE_DIVERT: go(State.CHECKING, Read, EndTask),
        On.DEADLINE: go(State.CHECKING, Read),
        **dict.fromkeys(NO_READING, ignore("the reading was for a question settled since")),
    },
)

_RELEASING = row(
    own={
        **dict.fromkeys(FACTS, ignore("the call is over; only the legs are left to be ended")),
        On.STRANGER_LEFT: stay(EndTask),
        On.ALONE_NEXT: stay(EndTask),
        On.ALONE_RECALL: stay(EndTask),
        On.ALONE_DIVERT: stay(EndTask),
        On.SETTLED: go(State.ENDED),
        On.ROOM_UNAVAILABLE: stay(EndRoom),
        On.AGENT_TASK_OPEN: stay(CloseRoomTasks),
        On.DEADLINE: go(State.ENDED),
    },
)

_DIVERTING = row(
    DIVERTING,
    own={
        On.CALLER_WITH_AGENT: go(State.CHECKING, Read),
        On.CALLER_UNREACHABLE: go(
            State.RELEASING, CloseRoomTasks, then(EndRoom), because=Reason.CALLER_HUNG_UP
        ),
    },
)
"""An agent whose phone could not be asked for, nor ended, may have come after all."""

_OUTLASTS = Deadline(600.0)
"""Nobody else looks after the people of a call: it goes on trying while Twilio cannot be had."""

INBOUND = Table(
    kind=Kind.INBOUND,
    initial=State.AWAITING,
    first=(DialTarget,),
    rows={
        State.AWAITING: _AWAITING,
        State.FORGOING: _FORGOING,
        State.TALKING: _TALKING,
        State.CHECKING: _CHECKING,
        State.ASKING: _ASKING,
        State.DIVERTING: _DIVERTING,
        State.RELEASING: _RELEASING,
    },
    deadlines={
        State.AWAITING: Deadline(10.0, of="ring"),
        State.FORGOING: Deadline(60.0),
        State.TALKING: Deadline(4 * 3600.0),
        State.CHECKING: Deadline(60.0),
        State.ASKING: Deadline(15.0),
        State.DIVERTING: _OUTLASTS,
        State.RELEASING: _OUTLASTS,
    },
)
"""The rules of an inbound call. Four hours is Twilio's own limit for a `<Dial>`; past it the room
is read again rather than believed in."""

ROUTED = Table(
    kind=Kind.ROUTED,
    initial=State.CHECKING,
    first=(Read,),
    rows={
        State.CHECKING: _CHECKING,
        State.ASKING: _ASKING,
        State.TALKING: _TALKING,
        State.DIVERTING: _DIVERTING,
        State.RELEASING: _RELEASING,
    },
    deadlines={
        state: INBOUND.deadlines[state]
        for state in (
            State.CHECKING,
            State.ASKING,
            State.TALKING,
            State.DIVERTING,
            State.RELEASING,
        )
    },
)
"""The rules of a call that TaskRouter set up: nobody is rung, the call is watched to its end."""
