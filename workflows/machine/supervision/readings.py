"""What a reading of the room tells: who could be whispered to, and who can be heard by whom."""

from __future__ import annotations

from workflows.machine.copies import replace
from workflows.machine.events import LegReading, RoomReading
from workflows.machine.labels import is_supervisor
from workflows.machine.supervision.model import Consult, Mode, State, Supervision, Supervisor
from workflows.machine.supervision.stimuli import On

CALLER_LABEL = "caller"
READING_AGE_MAX_SECONDS = 10.0
"""How old a reading may be when it is told. A leg that came since cannot be in it."""


def learn(value: Supervision, reading: RoomReading, begun_step: int) -> Supervision:
    """Who is the caller, who is the agent, and is there a consult?

    The agent is whoever is neither caller nor supervisor. The one known so far stays it as long as
    it is there and can hear; of several others nobody is guessed to be it.
    """
    here = [leg for leg in reading.legs if leg.status == "connected"]
    caller = _caller(value, reading.caller_call_sid, here)
    others = [leg for leg in here if leg is not caller and _can_be_agent(value, leg)]
    free = [leg.call_sid for leg in others if not leg.held]
    if value.agent not in free:
        is_certain = len(free) == 1 and caller is not None
        value = replace(value, agent=free[0] if is_certain else "")
    if caller is not None:
        value = replace(value, caller_call_sid=caller.call_sid)
    if value.is_told or begun_step < value.told_step:
        return value  # a transfer knows better, and this may be older than what it said last
    is_consulting = caller is not None and caller.held and len(free) > 1
    return replace(value, is_consulting=is_consulting)


def is_deserted(value: Supervision, reading: RoomReading) -> bool:
    """Whether nobody but supervisors is left in the room: the caller has been sent elsewhere, and
    whoever owned the call may be done with it."""
    return not any(leg.status == "connected" and _can_be_agent(value, leg) for leg in reading.legs)


def _caller(value: Supervision, told: str, here: list[LegReading]) -> LegReading | None:
    """The one known, told by the call's owner, or labelled so. In a room of TaskRouter's nobody is
    labelled: there it is the one besides the agent, as whoever is brought in by an application has
    a label."""
    if value.caller_call_sid:
        return next((leg for leg in here if leg.call_sid == value.caller_call_sid), None)
    if known := next((leg for leg in here if told and leg.call_sid == told), None):
        return known
    if labelled := next((leg for leg in here if leg.label == CALLER_LABEL), None):
        return labelled
    agent = next((leg for leg in here if value.agent and leg.call_sid == value.agent), None)
    others = [leg for leg in here if not leg.label and leg is not agent]
    return others[0] if agent is not None and len(others) == 1 else None


def _can_be_agent(value: Supervision, leg: LegReading) -> bool:
    if value.find(leg.label, leg.call_sid) is not None:
        return leg.call_sid in value.taken
    # A supervisor of an earlier supervision who took the call over is known as the agent.
    return not is_supervisor(leg.label) or leg.call_sid == value.agent


def news_of(
    value: Supervision, each: Supervisor, reading: RoomReading, at: float, begun_step: int
) -> On:
    """What a reading tells of one supervisor. `value` has learnt from it; `begun_step` is the step
    at which it was asked for: one begun before the last change of the voice tells nothing of it.
    """
    seen = next(
        (
            leg
            for leg in reading.legs
            if (each.call_sid and leg.call_sid == each.call_sid) or leg.label == each.label
        ),
        None,
    )
    if each.state is State.DIALING:
        if seen is None or seen.status in ("queued", "ringing"):
            return On.NOTED
        return arrival(value, each) if seen.status == "connected" else On.NOT_REACHED
    if not each.is_present:
        return On.NOTED
    if seen is None or seen.status == "ended":
        is_old_enough = at - each.present_since >= READING_AGE_MAX_SECONDS
        return On.GONE if is_old_enough or seen is not None else On.NOTED
    if begun_step >= each.heard_step and (found := _found(each, seen)):
        return found
    if each.state is State.APART and value.is_told and not _is_caller_held(value, reading):
        return On.CONSULT_DOUBTFUL
    return follows(value, each)


def _is_caller_held(value: Supervision, reading: RoomReading) -> bool:
    return any(leg.held for leg in reading.legs if leg.call_sid == value.caller_call_sid)


def _found(each: Supervisor, seen: LegReading) -> On | None:
    """How the voice is at Twilio, where that is not how it should be."""
    if each.state in (State.WHISPERING, State.BARGING) and seen.muted:
        return On.FOUND_MUTED
    is_unheard = seen.muted or seen.held
    if each.state in (State.LISTENING, State.APART) and not is_unheard:
        return On.FOUND_AUDIBLE
    if each.state is State.APART and not seen.held:
        return On.FOUND_AUDIBLE
    is_aimed = seen.coaching and seen.coach_call_sid == each.coached
    if each.state is State.WHISPERING and not is_aimed and not is_unheard:
        return On.FOUND_AUDIBLE
    return None


def arrival(value: Supervision, each: Supervisor) -> On:
    """What the coming of a supervisor, whose leg is muted, is to lead to."""
    is_private = each.policy.consult is Consult.STAYS and value.is_consulting
    return On.ANSWERED_IN_CONSULT if is_private else On.ANSWERED


def follows(value: Supervision, each: Supervisor) -> On:
    """Whether the supervisor must follow what has become of agent and consult."""
    stays = each.policy.consult is Consult.STAYS
    if each.state in (State.APART, State.PARTING):
        return On.NOTED if value.is_consulting else On.CONSULT_OVER
    if stays and value.is_consulting:
        return On.CONSULT_BEGAN
    if each.state in (State.WHISPERING, State.OPENING) and each.mode is Mode.WHISPER:
        return On.NOTED if each.coached == value.agent else On.AGENT_LOST
    if each.state is State.LISTENING and each.mode is Mode.WHISPER and value.agent:
        return On.AGENT_FOUND
    return On.NOTED


def silent(value: Supervision, each: Supervisor) -> On:
    """What comes next for a supervisor whose mute is proven."""
    if each.policy.consult is Consult.STAYS and value.is_consulting:
        return On.SILENT_TO_PART
    if each.mode is Mode.BARGE:
        return On.SILENT_TO_BARGE
    if each.mode is Mode.WHISPER and value.agent:
        return On.SILENT_TO_WHISPER
    return On.SILENT
