"""The cold transfer: the agent does not talk to the target.

`release_agent` says how long the agent keeps the caller: until the dial, the ringing or the answer.
The classifier turns the policy into one stimulus, AGENT_MAY_GO, so that no row asks for it.
"""

from __future__ import annotations

from workflows.machine.closing import CLOSING_DEADLINES, CLOSING_ROWS
from workflows.machine.commands import (
    AcceptTask,
    CloseTask,
    LetAgentGo,
    ReadQueue,
    ResumeCaller,
    SecureCaller,
)
from workflows.machine.fragments import NO_TARGET_HOLD, TOGETHER
from workflows.machine.model import Kind, Reason, State
from workflows.machine.stimuli import Stimulus as On
from workflows.machine.table import Deadline, Table, go, ignore, row, stay
from workflows.machine.warm import HOLDING, NOT_TAKEN

_DIALING = row(
    *TOGETHER,
    NO_TARGET_HOLD,
    NOT_TAKEN,
    own={
        On.TARGET_RANG: stay(),
        On.TARGET_PICKED_UP: go(State.SCREENING),
        On.TARGET_COMING: go(State.SCREENING, AcceptTask),
        On.TARGET_ANSWERED: go(
            State.HANDING_OVER, ResumeCaller, AcceptTask, because=Reason.COMPLETED
        ),
        On.QUEUE_DUE: stay(ReadQueue),
        On.AGENT_LEFT: go(State.AWAITING, CloseTask),
        On.AGENT_MAY_GO: go(State.AWAITING, LetAgentGo),
        On.COMPLETE: go(State.AWAITING, LetAgentGo),
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
        On.TARGET_ANSWERED: go(
            State.HANDING_OVER, ResumeCaller, AcceptTask, because=Reason.COMPLETED
        ),
        On.AGENT_LEFT: go(State.VETTING, CloseTask),
        On.AGENT_REMOVED: go(State.VETTING),
        On.AGENT_MAY_GO: go(State.VETTING, LetAgentGo),
        On.COMPLETE: go(State.VETTING, LetAgentGo),
    },
)

COLD = Table(
    kind=Kind.COLD,
    initial=State.HOLDING,
    first=(SecureCaller,),
    rows={
        State.HOLDING: HOLDING,
        State.DIALING: _DIALING,
        State.SCREENING: _SCREENING,
        **CLOSING_ROWS,
    },
    deadlines={
        State.HOLDING: Deadline(30.0),
        State.DIALING: Deadline(10.0, of="ring"),
        State.SCREENING: Deadline(30.0),
        **CLOSING_DEADLINES,
    },
)
"""The rules of the cold transfer."""
