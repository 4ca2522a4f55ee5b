"""The words for what is known of a leg, what is decided, and why something came to nothing.

They stand in the API, in metrics and in histories. `model.py` has the values that hold them.
"""

from __future__ import annotations

from enum import StrEnum


class Presence(StrEnum):
    """How far a leg has come, as we believe it. The order is the order of a leg's life."""

    NONE = "none"
    DIALED = "dialed"
    RINGING = "ringing"
    SCREENED = "screened"
    """Picked up, but not yet known to be a person who wants the call."""
    PRESENT = "present"
    LEAVING = "leaving"
    """Its removal is under way."""
    GONE = "gone"


class Accept(StrEnum):
    """What a phone number's answer must be followed by before it counts."""

    NONE = "none"
    PRESS_1 = "press_1"


class ReleaseAgent(StrEnum):
    """When a cold transfer lets the agent go."""

    ON_DIAL = "on_dial"
    ON_RINGING = "on_ringing"
    ON_ANSWER = "on_answer"


class HoldLimit(StrEnum):
    """What happens to a caller who has been on hold for as long as the policy allows."""

    RESUME = "resume"
    """Off hold, with the agent."""
    RECOVER = "recover"
    """Down the recovery ladder: an agent who is gone is rung, else the apology and the mailbox."""


class Cause(StrEnum):
    """Why an attempt to reach somebody came to nothing."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    FAILED = "failed"
    BLOCKED = "blocked"
    MACHINE = "machine"
    DROPPED = "dropped"
    """Answered, and gone again within the guarded first seconds."""
    CANCELLED = "cancelled"
    UNAVAILABLE = "unavailable"
    """The provider could not be asked, or did not say what became of the request."""


class Reason(StrEnum):
    """Why a transfer ended as it did. One per end; the words of the API and of the metrics."""

    COMPLETED = "completed"
    COMPLETED_BY_HANGUP = "completed_by_hangup"
    CANCELLED_BY_AGENT = "cancelled_by_agent"
    CANCELLED_BY_OPERATOR = "cancelled_by_operator"
    TARGET_DROPPED_BY_AGENT = "target_dropped_by_agent"
    TARGET_BUSY = "target_busy"
    TARGET_NO_ANSWER = "target_no_answer"
    TARGET_REJECTED = "target_rejected"
    TARGET_FAILED = "target_failed"
    TARGET_BLOCKED = "target_blocked"
    TARGET_MACHINE = "target_machine"
    TARGET_DROPPED = "target_dropped"
    TARGET_UNAVAILABLE = "target_unavailable"
    TARGET_HUNG_UP = "target_hung_up"
    CONSULT_TIMEOUT = "consult_timeout"
    CALLER_HUNG_UP = "caller_hung_up"
    CALLER_NOT_HELD = "caller_not_held"
    RECORDING_NOT_PAUSED = "recording_not_paused"
    AGENT_NOT_ON_CALL = "agent_not_on_call"
    CALL_NOT_ACTIVE = "call_not_active"
    PROVIDER_DOWN = "provider_down"
    NOBODY_ANSWERED = "nobody_answered"
    CALL_ENDED = "call_ended"
    RESUMED_BY_AGENT = "resumed_by_agent"
    AGENT_HUNG_UP = "agent_hung_up"
    HOLD_TIMEOUT = "hold_timeout"
    TAKEN_OVER = "taken_over"
    ENGINE_FAULT = "engine_fault"
