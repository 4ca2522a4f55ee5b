"""What a table's columns are: events, refined until no row needs a condition.

`classify.py` makes them. A fact says what the network reported and what it means for the people; a
request says what a person asks for.
"""

from __future__ import annotations

from enum import StrEnum

from workflows.machine.model import Cause, Reason


class Stimulus(StrEnum):
    """One column of a table. Named party first, then what happened."""

    CALLER_HELD = "caller_held"
    CALLER_NOT_HELD = "caller_not_held"
    """The hold could not be had; the caller is as before."""
    CALLER_RESUMED = "caller_resumed"
    CALLER_NOT_RESUMED = "caller_not_resumed"
    CALLER_MET_TARGET = "caller_met_target"
    """The change that was under way is in place, and now caller and target can talk."""
    CALLER_DIVERTED = "caller_diverted"
    CALLER_DIVERTED_FROM_AGENT = "caller_diverted_from_agent"
    """The caller of a hold whose agent let the time pass, and is still in the room."""
    CALLER_NOT_DIVERTED = "caller_not_diverted"
    CALLER_WITH_AGENT = "caller_with_agent"
    """The caller is not diverted because they talk with the agent."""
    CALLER_UNREACHABLE = "caller_unreachable"
    """There is no live call of the caller left to divert."""
    CALLER_LEFT = "caller_left"
    CALL_UNMET = "call_unmet"
    """Asked, Twilio does not show the caller and the agent together in the room."""

    AGENT_LEFT = "agent_left"
    """The agent is gone while the target's leg lives."""
    AGENT_REMOVED = "agent_removed"
    AGENT_NOT_REMOVED = "agent_not_removed"
    """The agent is still there: the look before the removal did not find what it must."""
    AGENT_MAY_GO = "agent_may_go"
    """A cold transfer has come as far as its policy wants the agent kept."""
    AGENT_BACK = "agent_back"
    """The recalled agent has answered."""
    AGENT_REPLACED = "agent_replaced"
    """A supervisor has taken the call over, between two transfers."""
    AGENT_BACK_AS_ASKED = "agent_back_as_asked"
    """The recalled agent has answered, who had taken the caller back before hanging up."""
    AGENT_UNREACHED = "agent_unreached"
    """The recall came to nothing, and nobody is left to be rung."""
    AGENT_UNREACHED_NEXT = "agent_unreached_next"
    """The recall came to nothing; the queue in reserve is left."""
    AGENT_TASK_OPEN = "agent_task_open"
    """The agent has left, but the request that was to close their task has failed: their removal,
    or, of a call that is over, the end of all its tasks."""

    TARGET_DIALED = "target_dialed"
    TARGET_QUEUED = "target_queued"
    """TaskRouter has told how many wait before this caller."""
    TARGET_RANG = "target_rang"
    TARGET_PICKED_UP = "target_picked_up"
    """Answered, but it must still be seen whether by a willing person."""
    TARGET_COMING = "target_coming"
    """A worker has picked up, or pressed the key: nothing is left between the phone and the room.
    """
    TARGET_ANSWERED = "target_answered"
    """A person has taken the call and is in the room."""
    TARGET_UNWILLING = "target_unwilling"
    """Picked up by a machine, or by a person who does not take the call; the leg still lives."""
    TARGET_PASSED_ON = "target_passed_on"
    """The worker who was rung did not take it; TaskRouter offers the call to the next."""
    TARGET_DECLINED = "target_declined"
    """A worker who is in the room has declined the offer on the desktop: the next one is asked."""
    TARGET_UNBOOKED = "target_unbooked"
    """A worker who is in the room could not be given the task before the offer was over, so that
    TaskRouter asks somebody else."""
    TARGET_SILENT = "target_silent"
    """Asked, Twilio says it still rings, or does not say anything."""
    TARGET_DOUBTFUL = "target_doubtful"
    """Whether the phone rings is not known: the dial's outcome could not be had."""
    TARGET_HELD = "target_held"
    TARGET_NOT_HELD = "target_not_held"
    TARGET_RESUMED = "target_resumed"
    TARGET_NOT_RESUMED = "target_not_resumed"
    TARGET_LEFT = "target_left"
    """A target who had taken the call is gone, and the agent is there."""
    TARGET_LOST_NEXT = "target_lost_next"
    """The attempt came to nothing, the agent is there, another target is left."""
    TARGET_LOST_LAST = "target_lost_last"
    """The attempt came to nothing, the agent is there, no target is left."""

    ALONE_NEXT = "alone_next"
    """The caller has nobody: no agent, no target. Another target is left."""
    ALONE_RECALL = "alone_recall"
    """The caller has nobody, no target is left, and the agent may be rung."""
    ALONE_DIVERT = "alone_divert"
    """The caller has nobody, and nobody is left to be rung."""

    ROOM_ENDED = "room_ended"
    ROOM_FINE = "room_fine"
    """Asked, Twilio shows the caller together with somebody."""
    CALLER_ALONE = "caller_alone"
    """Asked, Twilio shows the caller alone and off hold: the other side has hung up."""
    CALLER_FORGOTTEN = "caller_forgotten"
    """Asked, Twilio shows the caller alone and on hold."""
    ROOM_UNAVAILABLE = "room_unavailable"
    """Twilio could not be had to read or to end the room."""
    STRANGER_LEFT = "stranger_left"
    """A leg that is none of ours has left."""
    STRAY_LEG = "stray_leg"
    """A leg of ours that had been given up turned up alive."""
    RECORDING_PAUSED = "recording_paused"
    RECORDING_NOT_PAUSED = "recording_not_paused"
    """What a person wanted paused may still run."""
    RECORDING_RESUMED = "recording_resumed"
    RECORDING_NOT_RESUMED = "recording_not_resumed"
    RECORDING_PAUSED_BY_PERSON = "recording_paused_by_person"
    """It happened past the transfer, in the moment in which the transfer began or ended."""
    TRANSFER_STARTED = "transfer_started"
    """A transfer has the caller's leg."""
    TRANSFER_STARTED_BEFORE = "transfer_started_before"
    """A transfer says that it has the caller, and what the hold did since it must be told first."""
    HOLD_FOUND = "hold_found"
    """An agent's hold asks who has the caller's leg."""
    SUPERVISOR_STAYS = "supervisor_stays"
    """A supervisor is on the call who is to be apart while agent and target talk in private."""
    OWNER_FOUND = "owner_found"
    """Asked, another workflow lives that looks after the caller."""
    OWNER_ENDED = "owner_ended"
    """Who was found to live when asked, and to look after the caller, does so no more."""
    OWNER_MISSING = "owner_missing"
    """Asked, no other workflow lives, and the caller is on hold."""
    OWNER_MISSING_OFF_HOLD = "owner_missing_off_hold"
    """Asked, no other workflow lives, and the caller is alone and off hold."""
    OWNER_MISSING_NO_AGENT = "owner_missing_no_agent"
    """Asked, no other workflow lives, and the agent is gone, or has let the time pass."""
    NOTICE_DUE = "notice_due"
    """The caller on hold is to be told that somebody will be back."""
    REMINDER_DUE = "reminder_due"
    """The agent is to be told that the hold will soon be too long."""
    QUEUE_DUE = "queue_due"
    """The caller still waits for a worker: it is time to ask for the place in the queue again."""
    SETTLED = "settled"
    """Everything that was under way has come to an end."""
    DEADLINE = "deadline"

    COMPLETE = "complete"
    CANCEL = "cancel"
    SWAP = "swap"
    JOIN = "join"
    DROP_TARGET = "drop_target"
    PAUSE_RECORDING = "pause_recording"
    RESUME_RECORDING = "resume_recording"
    RESUME = "resume"

    NOTED = "noted"
    """Nothing to decide: said before, too late, about a leg that is gone, or only a name learnt. No
    table has it."""


REQUESTS: frozenset[Stimulus] = frozenset(
    {
        Stimulus.COMPLETE,
        Stimulus.CANCEL,
        Stimulus.SWAP,
        Stimulus.JOIN,
        Stimulus.DROP_TARGET,
        Stimulus.PAUSE_RECORDING,
        Stimulus.RESUME_RECORDING,
        Stimulus.RESUME,
    }
)
"""What people ask for: rejected unless a row says otherwise."""

FACTS: frozenset[Stimulus] = frozenset(Stimulus) - REQUESTS - {Stimulus.NOTED}
"""What is reported: each has a written square in every live state."""

VERBS: dict[str, Stimulus] = {
    "complete": Stimulus.COMPLETE,
    "cancel": Stimulus.CANCEL,
    "swap": Stimulus.SWAP,
    "join": Stimulus.JOIN,
    "drop-target": Stimulus.DROP_TARGET,
    "resume": Stimulus.RESUME,
}
"""The API's word for each request about a transfer. Those about the recording are asked of the
call, whether it is being transferred or not."""

REASON_OF: dict[Cause, Reason] = {
    Cause.BUSY: Reason.TARGET_BUSY,
    Cause.NO_ANSWER: Reason.TARGET_NO_ANSWER,
    Cause.REJECTED: Reason.TARGET_REJECTED,
    Cause.FAILED: Reason.TARGET_FAILED,
    Cause.BLOCKED: Reason.TARGET_BLOCKED,
    Cause.MACHINE: Reason.TARGET_MACHINE,
    Cause.DROPPED: Reason.TARGET_DROPPED,
    Cause.CANCELLED: Reason.TARGET_FAILED,
    Cause.UNAVAILABLE: Reason.TARGET_UNAVAILABLE,
}
"""Why the last attempt failed -> why the transfer failed."""
