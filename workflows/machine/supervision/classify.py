"""(supervision, event) -> what is now believed, and whom it concerns with which stimulus.

Nothing here chooses a state. One event may concern several supervisors: the end of the room, or a
reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workflows.machine.copies import replace
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    DeadlinePassed,
    Failure,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegRang,
    LegScreened,
    RoomEnded,
    TransferReported,
)
from workflows.machine.supervised import CONSULT
from workflows.machine.supervision.model import (
    REFUSALS_MAX,
    Follow,
    Mode,
    State,
    Supervision,
    Supervisor,
)
from workflows.machine.supervision.readings import (
    arrival,
    follows,
    is_deserted,
    learn,
    news_of,
    silent,
)
from workflows.machine.supervision.requests import EverybodyLeaves, ModeRequested
from workflows.machine.supervision.stimuli import VERBS, On
from workflows.machine.supervision.table import COACH_TARGET_UNAVAILABLE

RING_GRACE_SECONDS = 10.0
"""How long after the ring time Twilio is given to say that nobody picked up."""
VERDICT_SECONDS_MAX = 30.0
"""How long answering-machine detection may take, unless told otherwise.
https://www.twilio.com/docs/voice/api/conference-participant-resource"""
PROVIDER_UNAVAILABLE = "provider_unavailable"
NOT_BOOKED = "not_booked"
"""TaskRouter could not be told that a supervisor has taken the call over."""
AGENT_NOT_RELEASED = "agent_not_released"
CALLER_IS_THEIRS = "caller_is_theirs"
"""Why nothing came of a take-over."""
MUTED_BY_OTHERS = "muted_by_others"

Event = (
    LegRang
    | LegAnswered
    | LegJoined
    | LegScreened
    | LegEnded
    | RoomEnded
    | TransferReported
    | CommandSucceeded
    | CommandFailed
    | DeadlinePassed
    | ModeRequested
    | EverybodyLeaves
)


@dataclass(frozen=True)
class Heard:
    """What an event means: a new belief, one stimulus per supervisor, and whether the room must be
    read to know the rest."""

    value: Supervision
    stimuli: tuple[tuple[str, On], ...] = ()
    """(label, stimulus) pairs."""
    must_read: bool = False
    booked: Supervisor | None = None
    """The supervisor of whom TaskRouter was told."""
    heir: Supervisor | None = None
    """The supervisor who is the agent now, of whom a transfer may not know."""


def hear(value: Supervision, event: Event) -> Heard:
    """What `event` amounts to."""
    if isinstance(event, CommandSucceeded | CommandFailed):
        return _hear_outcome(value, event)
    if isinstance(event, RoomEnded):
        return _room_ended(value)
    if isinstance(event, LegEnded):
        return _hear_end(value, event)
    if isinstance(event, LegAnswered | LegJoined):
        return _hear_arrival(value, event)
    if isinstance(event, LegScreened):
        return _hear_verdict(value, event)
    if isinstance(event, TransferReported):
        return _hear_transfer(value, event)
    if isinstance(event, DeadlinePassed):
        return _hear_deadline(value, event.at)
    if isinstance(event, ModeRequested):
        return _hear_request(value, event)
    if isinstance(event, EverybodyLeaves):
        return Heard(value, tuple((each.label, On.LEAVE) for each in value.live))
    return Heard(value)


def _room_ended(value: Supervision) -> Heard:
    over = replace(value, has_ended=True, agent="", is_consulting=False, is_told=False)
    return Heard(over, tuple((each.label, On.ROOM_ENDED) for each in value.live))


def _hear_transfer(value: Supervision, told: TransferReported) -> Heard:
    """A transfer knows before anybody else when agent and target begin to talk in private. And one
    that lives while its agent is being released must know whose the caller is."""
    is_on = told.consult == CONSULT
    value = replace(value, is_consulting=is_on, is_told=is_on, told_step=value.step + 1)
    found = ((each.label, On.TRANSFER_FOUND) for each in value.live if each.released)
    heir = value.find(call_sid=value.agent) if value.agent in value.taken else None
    return Heard(value, (*_following(value), *found), heir=heir)


# --- legs -----------------------------------------------------------------------------------------


def _hear_end(value: Supervision, fact: LegEnded) -> Heard:
    mine = value.find(fact.label, fact.call_sid)
    if mine is not None and mine.is_live:
        was_there = mine.state is not State.DIALING
        reason = "hung_up" if was_there else fact.cause or "not_reached"
        if mine.state is State.LEAVING:
            reason = ""  # the leg is being ended by us
        value = value.having(replace(mine, reason=mine.reason or reason))
        return Heard(value, ((mine.label, On.GONE if was_there else On.NOT_REACHED),))
    if not fact.call_sid or (mine is not None and fact.call_sid not in value.taken):
        return Heard(value)
    if fact.call_sid != value.agent:
        # Somebody else has left; who the agent is may have become clear by it.
        return Heard(value, must_read=True)
    value = replace(value, agent="")
    return Heard(value, _following(value), must_read=True)


def _hear_arrival(value: Supervision, fact: LegAnswered | LegJoined) -> Heard:
    mine = value.find(fact.label, fact.call_sid)
    if mine is None:
        return Heard(value, must_read=True)
    if mine.detect_machine:
        return Heard(value)  # who has picked up is not known yet
    return _arrived(value, mine, fact.call_sid, fact.at)


def _hear_verdict(value: Supervision, fact: LegScreened) -> Heard:
    """A person, or a machine. A verdict that is lost is made up for by the next look at the room:
    whoever is connected then counts as a person."""
    mine = value.find(fact.label, fact.call_sid)
    if mine is None or not mine.is_live:
        return Heard(value)
    if fact.willing:
        return _arrived(value, mine, fact.call_sid, fact.at)
    known = replace(mine, call_sid=mine.call_sid or fact.call_sid, reason=fact.cause)
    return Heard(value.having(known), ((mine.label, On.MACHINE),))


def _arrived(value: Supervision, mine: Supervisor, call_sid: str, at: float) -> Heard:
    if mine.state is not State.DIALING:
        return Heard(value)
    there = replace(mine, call_sid=mine.call_sid or call_sid, present_since=at)
    return Heard(value.having(there), ((mine.label, arrival(value, mine)),))


def _following(value: Supervision) -> tuple[tuple[str, On], ...]:
    told = ((each.label, follows(value, each)) for each in value.live if each.is_present)
    return tuple((label, on) for label, on in told if on is not On.NOTED)


def _hear_deadline(value: Supervision, at: float) -> Heard:
    stimuli = []
    for each in value.live:
        if each.deadline_at is None or each.deadline_at > at + 0.001:
            continue
        rung_max = each.ring_seconds + RING_GRACE_SECONDS
        rung_max += VERDICT_SECONDS_MAX if each.detect_machine else 0.0
        is_rung = each.state is State.DIALING and at - each.dialed_at >= rung_max
        if each.state is State.TAKING_OVER:
            value = value.having(_stays_barging(each, AGENT_NOT_RELEASED))
        stimuli.append((each.label, On.RING_OVER if is_rung else On.DEADLINE))
    return Heard(value, tuple(stimuli))


# --- requests -------------------------------------------------------------------------------------


def _hear_request(value: Supervision, asked: ModeRequested) -> Heard:
    mine = value.find(asked.label)
    if mine is None:
        return Heard(value)
    is_told = not value.agent and VERBS[asked.verb] in (On.WHISPER, On.TAKE_OVER)
    if is_told:
        # The supervision began before anybody knew it. The look that follows corrects what is old.
        caller = value.caller_call_sid or asked.caller_call_sid
        value = replace(value, agent=asked.agent_call_sid, caller_call_sid=caller)
    on = request_of(value, mine, asked.verb)
    is_late = value.agent in value.taken and asked.agent_call_sid not in ("", value.agent)
    if on is On.TAKE_OVER and is_late:
        on = On.TAKE_OVER_BY_TWO  # whom it would release has been released
    if on in (On.MONITOR, On.WHISPER, On.BARGE, On.TAKE_OVER) and mine.is_live:
        takes_over = on is On.TAKE_OVER
        mode = Mode.BARGE if takes_over else Mode(asked.verb)
        is_so = mine.mode is mode and mine.takes_over is takes_over and not mine.reason
        if is_so and not (is_told and value.agent):
            return Heard(value, ((mine.label, On.NOTED),))
        wish = replace(
            mine,
            mode=mode,
            takes_over=takes_over,
            is_asked=True,
            refusals=0,
            reason="",
            task_sid=asked.task_sid,
            has_taskrouter=asked.has_taskrouter,
        )
        return Heard(value.having(wish), ((mine.label, on),))
    return Heard(value, ((mine.label, on),))


def request_of(value: Supervision, mine: Supervisor, verb: str) -> On:
    """The stimulus of a verb: a whisper needs an agent whom nobody else whispers to, and one at a
    time takes over."""
    on = VERBS[verb]
    others = (each for each in value.live if each.label != mine.label)
    if on is On.TAKE_OVER and any(each.takes_over for each in others):
        return On.TAKE_OVER_BY_TWO
    if on is not On.WHISPER:
        return on
    if is_coached_by_another(value, mine.label):
        return On.WHISPER_TO_COACHED
    is_waiting = mine.state is State.DIALING
    return on if value.agent or is_waiting else On.WHISPER_TO_NOBODY


def is_coached_by_another(value: Supervision, label: str) -> bool:
    """Whether another supervisor whispers, or is about to, to the agent."""
    return any(each.mode is Mode.WHISPER and each.label != label for each in value.live)


# --- outcomes -------------------------------------------------------------------------------------


def _hear_outcome(value: Supervision, outcome: CommandSucceeded | CommandFailed) -> Heard:
    if outcome.key not in value.pending:
        return Heard(value)
    still = tuple(key for key in value.pending if key != outcome.key)
    value = replace(value, pending=still)
    label, begun_step = _of_key(outcome.key)
    if outcome.reading is not None and not outcome.reading.is_live:
        return _room_ended(value)
    if outcome.reading is not None:
        if is_deserted(value, outcome.reading):
            return _room_ended(value)
        value = learn(value, outcome.reading, begun_step)
    if outcome.command == "TellTransfer":
        return _hear_answer(value, outcome, begun_step)
    mine = value.find(label)
    if mine is not None and outcome.command == "BookSupervisor":
        mine = _booked(mine, outcome)
        return Heard(value.having(mine), booked=mine)
    stimuli: list[tuple[str, On]] = []
    if mine is not None and mine.is_live:
        mine, on = _own(value, mine, outcome)
        value = value.having(mine)
        stimuli.append((label, on))
    if outcome.reading is not None:
        own = () if outcome.command == "ReadSupervised" else (label,)
        for each in value.live:
            if each.label not in own:
                on = news_of(value, each, outcome.reading, outcome.at, begun_step)
                stimuli.append((each.label, on))
                if on in (On.ANSWERED, On.ANSWERED_IN_CONSULT):
                    value = value.having(replace(each, present_since=outcome.at))
                elif on is On.FOUND_MUTED:
                    value = value.having(_muted_by_others(each))
    return Heard(value, tuple(each for each in stimuli if each[1] is not On.NOTED))


def _hear_answer(
    value: Supervision, outcome: CommandSucceeded | CommandFailed, begun_step: int
) -> Heard:
    """Whether a transfer lives that was told of a supervisor. One that was ended by force has not
    taken its word of a consult back; the room says what is so."""
    is_older = value.is_told and begun_step >= value.told_step
    if isinstance(outcome, CommandSucceeded) or not is_older:
        return Heard(value)
    return Heard(replace(value, is_told=False), must_read=True)


def _of_key(key: str) -> tuple[str, int]:
    """Label and step out of a command's key: `{label}/{step}/{name}`."""
    label, step, _ = key.split("/")
    return label, int(step)


def _muted_by_others(each: Supervisor) -> Supervisor:
    """A whisper waits for its agent; who barged in and was muted asks anew."""
    if each.mode is Mode.WHISPER:
        return each
    return replace(each, mode=Mode.MONITOR, takes_over=False, reason=MUTED_BY_OTHERS)


def _booked(mine: Supervisor, outcome: CommandSucceeded | CommandFailed) -> Supervisor:
    """The task of a supervisor who is the agent now; empty for one who is no worker."""
    if isinstance(outcome, CommandFailed):
        return replace(mine, reason=NOT_BOOKED)
    task = outcome.task
    return replace(mine, own_task_sid=task.task_sid if task is not None else "")


def _own(
    value: Supervision, mine: Supervisor, outcome: CommandSucceeded | CommandFailed
) -> tuple[Supervisor, On]:
    """What the outcome of a command means for the supervisor whom it was about."""
    if isinstance(outcome, CommandSucceeded):
        return _succeeded(value, mine, outcome)
    return _failed(value, mine, outcome)


def _succeeded(
    value: Supervision, mine: Supervisor, done: CommandSucceeded
) -> tuple[Supervisor, On]:
    command = done.command
    if command == "AddSupervisor":
        return replace(mine, call_sid=mine.call_sid or done.call_sid), On.DIALED
    if command == "Silence":
        if _awaits_voice(value, mine.label):
            return mine, On.NOTED  # another change of the voice is to follow, and decides
        return mine, silent(value, mine)
    if command in ("Whisper", "Barge"):
        heard = replace(mine, refusals=0, is_asked=False, reason="")
        if mine.state is not State.OPENING:
            return mine, On.NOTED
        if command == "Whisper":
            is_theirs = mine.coached == value.agent
            return heard, On.HEARD_BY_AGENT if is_theirs else On.AGENT_LOST
        return heard, On.HEARD_TO_TAKE_OVER if mine.takes_over else On.HEARD_BY_ALL
    if command == "AskOwners":
        return _stays_barging(mine, CALLER_IS_THEIRS), On.CALLER_IS_THEIRS
    if command == "ReleaseAgent" and not _is_caller_there(value, done):
        return _kept(mine)  # an agent who had gone is no proof that anybody is with the caller
    return mine, {
        "SetApart": On.SET_APART,
        "ReleaseAgent": On.AGENT_RELEASED,
        "EndSupervisor": On.ENDED,
    }.get(command, On.NOTED)


def _is_caller_there(value: Supervision, done: CommandSucceeded) -> bool:
    legs = done.reading.legs if done.reading is not None else ()
    return done.reading is None or any(
        leg.call_sid == value.caller_call_sid and leg.status == "connected" for leg in legs
    )


def _kept(mine: Supervisor) -> tuple[Supervisor, On]:
    return _stays_barging(mine, AGENT_NOT_RELEASED), On.AGENT_KEPT


def _stays_barging(mine: Supervisor, reason: str) -> Supervisor:
    """Nothing comes of the take-over; everybody hears the supervisor until another word."""
    return replace(mine, takes_over=False, is_asked=False, reason=reason)


def _failed(value: Supervision, mine: Supervisor, failed: CommandFailed) -> tuple[Supervisor, On]:
    command, failure = failed.command, failed.failure
    if command == "AddSupervisor":
        if mine.call_sid:
            return mine, On.NOTED  # a callback has told of the leg
        if failure == Failure.UNAVAILABLE:
            return replace(mine, reason=PROVIDER_UNAVAILABLE), On.DIAL_DOUBTFUL
        return replace(mine, reason=failed.cause or failure), On.NOT_REACHED
    if command in ("Silence", "Whisper", "Barge", "SetApart") and failure == Failure.GONE:
        return replace(mine, reason=mine.reason or "hung_up"), On.GONE
    if command in ("Whisper", "Barge"):
        return _not_heard(value, mine, failure)
    if command == "ReleaseAgent" and failure != Failure.UNAVAILABLE:
        return _kept(mine)
    return mine, {
        "ReleaseAgent": On.RELEASE_DOUBTFUL,
        "AskOwners": On.CALLER_IS_FREE,
        "Silence": On.NOT_SILENT,
        "SetApart": On.NOT_SET_APART,
        "EndSupervisor": On.NOT_ENDED,
    }.get(command, On.NOTED)


def _not_heard(value: Supervision, mine: Supervisor, failure: str) -> tuple[Supervisor, On]:
    """A wish that a person waits for ends with the refusal; one that follows the call is tried
    again a few times, with the next agent that a reading shows. So is a whisper whose agent was
    followed by another while it was being begun."""
    is_known = failure in (Failure.REFUSED, Failure.UNMET)
    refusals = mine.refusals + 1
    is_next = mine.mode is Mode.WHISPER and value.agent not in ("", mine.coached)
    is_awaited = mine.is_asked and not (is_next and mine.policy.follow is not Follow.MONITOR)
    gives_up = is_awaited or not is_known or refusals >= REFUSALS_MAX
    if mine.state is State.OPENING and gives_up:
        reason = COACH_TARGET_UNAVAILABLE if is_known else PROVIDER_UNAVAILABLE
        mine = replace(mine, mode=Mode.MONITOR, takes_over=False, is_asked=False, reason=reason)
    mine = replace(mine, refusals=refusals)
    return mine, On.NOT_HEARD if is_known else On.VOICE_DOUBTFUL


def _awaits_voice(value: Supervision, label: str) -> bool:
    voices = ("Silence", "Whisper", "Barge", "SetApart")
    return any(key.startswith(f"{label}/") and key.endswith(voices) for key in value.pending)


def no_longer_follows(mine: Supervisor, stimuli: Iterable[On]) -> Supervisor:
    """A whisper that lost its agent, where the rules say that it does not find another one."""
    is_lost = On.AGENT_LOST in stimuli and mine.mode is Mode.WHISPER
    if is_lost and mine.policy.follow is Follow.MONITOR:
        return replace(mine, mode=Mode.MONITOR, reason="agent_left")
    return mine
