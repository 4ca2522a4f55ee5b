"""The columns of the supervisors' table: events, refined until no row needs a condition."""

from __future__ import annotations

from enum import StrEnum


class On(StrEnum):
    """One column: what happened, for one supervisor."""

    DIALED = "dialed"
    """The dial was taken; the phone is about to ring."""
    ANSWERED = "answered"
    """The leg is in the room, muted."""
    ANSWERED_IN_CONSULT = "answered_in_consult"
    """The leg is in the room, muted, and a consult goes on that this supervisor shall not hear."""
    NOT_REACHED = "not_reached"
    """The dial was refused, or the phone was not picked up."""
    DIAL_DOUBTFUL = "dial_doubtful"
    """Whether the phone rings is not known: the dial's outcome could not be had."""
    MACHINE = "machine"
    """A machine has picked up: it would record the call."""
    RING_OVER = "ring_over"
    """The phone has rung for as long as it may."""
    GONE = "gone"
    """The supervisor has hung up, or the leg is out of the room."""
    ENDED = "ended"
    """The leg was ended by us."""
    NOT_ENDED = "not_ended"
    """Whether the leg ended could not be had."""
    ROOM_ENDED = "room_ended"

    SILENT = "silent"
    """Muted, and nothing more is wanted now."""
    SILENT_TO_WHISPER = "silent_to_whisper"
    """Muted, and there is an agent to whisper to."""
    SILENT_TO_BARGE = "silent_to_barge"
    """Muted, and everybody shall hear next."""
    SILENT_TO_PART = "silent_to_part"
    """Muted, and a consult goes on that this supervisor shall not hear."""
    NOT_SILENT = "not_silent"
    """The mute could not be had, or not be read back."""
    HEARD_BY_AGENT = "heard_by_agent"
    HEARD_BY_ALL = "heard_by_all"
    HEARD_TO_TAKE_OVER = "heard_to_take_over"
    """Everybody hears, and the agent shall be released now."""
    NOT_HEARD = "not_heard"
    """The voice was refused: the agent is on hold or not there. Nobody was un-muted."""
    VOICE_DOUBTFUL = "voice_doubtful"
    """Whether the supervisor can be heard is not known."""
    SET_APART = "set_apart"
    NOT_SET_APART = "not_set_apart"

    FOUND_MUTED = "found_muted"
    """Read, and muted by somebody else."""
    FOUND_AUDIBLE = "found_audible"
    """Read, and not muted, or not aimed at the agent alone, though it should be."""
    AGENT_LOST = "agent_lost"
    """The agent who hears the whisper has left, or is on hold."""
    AGENT_FOUND = "agent_found"
    """There is an agent for a whisper that waits for one."""
    CONSULT_BEGAN = "consult_began"
    """Agent and target talk without the caller, and this supervisor shall not hear it."""
    CONSULT_OVER = "consult_over"
    CONSULT_DOUBTFUL = "consult_doubtful"
    """A transfer has told of a consult, and Twilio shows the caller off hold."""
    CALLER_IS_FREE = "caller_is_free"
    """Neither a transfer nor a hold of the call lives."""
    CALLER_IS_THEIRS = "caller_is_theirs"
    """A transfer or a hold began while the take-over was on its way."""
    TRANSFER_FOUND = "transfer_found"
    """A transfer turns out to live while the agent is being released."""
    AGENT_RELEASED = "agent_released"
    AGENT_KEPT = "agent_kept"
    """The agent was not removed: the look before it did not find what it must."""
    RELEASE_DOUBTFUL = "release_doubtful"
    """Whether the agent is still there is not known: the removal's outcome could not be had."""
    DEADLINE = "deadline"

    MONITOR = "monitor"
    WHISPER = "whisper"
    WHISPER_TO_NOBODY = "whisper_to_nobody"
    """A whisper is asked for, and nobody is there to hear it."""
    WHISPER_TO_COACHED = "whisper_to_coached"
    """A whisper is asked for, and another supervisor whispers to the agent already."""
    BARGE = "barge"
    TAKE_OVER = "take_over"
    TAKE_OVER_BY_TWO = "take_over_by_two"
    """A take-over is asked for, and somebody else takes the call over, or just has."""
    LEAVE = "leave"

    NOTED = "noted"
    """Nothing to decide: said before, too late, or as it is already. No row has it."""


REQUESTS: frozenset[On] = frozenset(
    {
        On.MONITOR,
        On.WHISPER,
        On.WHISPER_TO_NOBODY,
        On.WHISPER_TO_COACHED,
        On.BARGE,
        On.TAKE_OVER,
        On.TAKE_OVER_BY_TWO,
        On.LEAVE,
    }
)
"""What people ask for: rejected unless a row says otherwise."""

FACTS: frozenset[On] = frozenset(On) - REQUESTS - {On.NOTED}
"""What is reported: each has a written square in every live state."""

VERBS: dict[str, On] = {
    "monitor": On.MONITOR,
    "whisper": On.WHISPER,
    "barge": On.BARGE,
    "take_over": On.TAKE_OVER,
    "leave": On.LEAVE,
}
"""The API's word for each request."""
