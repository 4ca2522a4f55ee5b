"""(transfer, event) -> (what we now believe, stimulus): who is this about, and is it news?

Beliefs about a leg only move forward, so duplicates, late news and news in the wrong order change
nothing. What a fact means for the people (is another target left? is the agent still there?) is
settled here, so that rows need no conditions. Nothing here chooses a state.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    DeadlinePassed,
    Event,
    Failure,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegRang,
    LegReading,
    LegScreened,
    RoomEnded,
    RoomReading,
)
from workflows.machine.model import (
    Accept,
    Cause,
    Kind,
    Leg,
    Party,
    Presence,
    ReleaseAgent,
    State,
    Transfer,
)
from workflows.machine.stimuli import Stimulus

Heard = tuple[Transfer, Stimulus]

WINDING_UP = frozenset({State.CANCELLING, State.RETURNING, State.RELEASING})
"""States in which what is under way must only come to an end."""

_GIVING_BACK = frozenset({State.CANCELLING, State.RETURNING})
"""States in which the caller goes back to the agent, whatever becomes of the target's leg."""

_DONE_WITH_TARGET = frozenset({State.DROPPING, State.FORGOING, State.DIALING_ASIDE})
"""States in which a leg that is being ended is only waited for to see what comes next."""

_RINGING = frozenset(
    {State.DIALING, State.SCREENING, State.DIALING_ASIDE, State.AWAITING, State.VETTING}
)
"""States in which the target's phone is waited for."""

_NOT_YET_TAKEN = (Presence.DIALED, Presence.RINGING, Presence.SCREENED)

_REQUESTED: dict[str, Stimulus] = {
    "completion_requested": Stimulus.COMPLETE,
    "cancellation_requested": Stimulus.CANCEL,
    "swap_requested": Stimulus.SWAP,
    "join_requested": Stimulus.JOIN,
    "target_drop_requested": Stimulus.DROP_TARGET,
}


class Whose(StrEnum):
    """Whom a leg fact is about, besides the three parties."""

    STRAY = "stray"
    """A leg of ours that has been given up."""
    STRANGER = "stranger"
    """A leg that we did not make and do not know."""


def hear(transfer: Transfer, event: Event) -> Heard:
    """What `event` changes in our beliefs, and the stimulus it amounts to."""
    if isinstance(event, CommandSucceeded | CommandFailed):
        return _hear_outcome(transfer, event)
    if isinstance(event, DeadlinePassed):
        return _hear_deadline(transfer, event)
    if isinstance(event, RoomEnded):
        return _hear_room_ended(transfer, event)
    if isinstance(event, LegRang | LegAnswered | LegJoined | LegScreened | LegEnded):
        return _hear_leg(transfer, event)
    return transfer, _REQUESTED[event.kind]


def news_in(
    transfer: Transfer,
    reading: RoomReading,
    at: float,
    is_thorough: bool,
    parties: tuple[Party, ...] = tuple(Party),
) -> tuple[Event, ...]:
    """The facts that a reading of the room implies, as events to be heard one after the other.

    `is_thorough` says that legs which the room's list does not show were asked for one by one; a
    ringing leg may be missing from the list without being gone. `parties` are those whom the
    reading was about.
    """
    if not reading.is_live:
        return (RoomEnded(at=at, conference_sid=reading.conference_sid),)
    found: list[Event] = []
    for party in parties:
        leg = transfer.leg(party)
        if not leg.is_live or not leg.call_sid:
            continue
        seen = _seen(reading, leg)
        if seen is None:
            if is_thorough or _should_be_seen(leg, at):
                found.append(LegEnded(at=at, call_sid=leg.call_sid))
        elif seen.status == "ended":
            found.append(LegEnded(at=at, call_sid=leg.call_sid, cause=seen.cause))
        elif seen.status == "ringing":
            found.append(LegRang(at=at, call_sid=leg.call_sid))
        elif seen.status == "connected":
            news = LegJoined if seen.label else LegAnswered
            found.append(news(at=at, call_sid=leg.call_sid))
    return tuple(found)


READING_AGE_MAX_SECONDS = 10.0
"""How old a reading may be when it is told: one attempt at a command takes 5 s at most, and its
outcome then waits for a worker. A leg that came since cannot be in it."""


def _should_be_seen(leg: Leg, at: float) -> bool:
    is_in_room = leg.presence in (Presence.PRESENT, Presence.LEAVING)
    return is_in_room and at - leg.present_since >= READING_AGE_MAX_SECONDS


def _seen(reading: RoomReading, leg: Leg) -> LegReading | None:
    return next((each for each in reading.legs if each.call_sid == leg.call_sid), None)


def _hear_deadline(transfer: Transfer, passed: DeadlinePassed) -> Heard:
    if passed.step != transfer.deadline_step or transfer.deadline_at is None:
        return transfer, Stimulus.NOTED
    if transfer.state in _DONE_WITH_TARGET and _awaits(transfer, "EndTarget"):
        # The end of the leg cannot be had in time. Nobody must wait for it.
        return target_gone(transfer, passed.at, Cause.UNAVAILABLE, is_doubtful=True)
    if transfer.state in _RINGING and _awaits(transfer, "FindTarget"):
        # Asked already, and the time for an answer is over, too.
        heard, stimulus = _still_silent(transfer)
        return heard, Stimulus.DEADLINE if stimulus is Stimulus.NOTED else stimulus
    return transfer, Stimulus.DEADLINE


# --- facts about legs ---------------------------------------------------------------------------


LegFact = LegRang | LegAnswered | LegJoined | LegScreened | LegEnded


def whose(transfer: Transfer, call_sid: str, label: str) -> Party | Whose:
    """Whom a leg belongs to. A call's SID is certain; a label counts where no SID is known yet."""
    if call_sid:
        for party in (Party.CALLER, Party.AGENT, Party.TARGET):
            if transfer.leg(party).call_sid == call_sid:
                return party
        if any(attempt.call_sid == call_sid for attempt in transfer.attempts):
            return Whose.STRAY
    if label:
        for party in (Party.TARGET, Party.AGENT):
            leg = transfer.leg(party)
            if leg.label == label:
                return party if not leg.call_sid or not call_sid else Whose.STRAY
        if label.startswith(transfer.part):
            return Whose.STRAY
        if label == transfer.caller.label and not transfer.caller.call_sid:
            return Party.CALLER
    return Whose.STRANGER


def _hear_leg(transfer: Transfer, fact: LegFact) -> Heard:
    party = whose(transfer, fact.call_sid, fact.label)
    if party is Whose.STRAY:
        is_alive = not isinstance(fact, LegEnded)
        return transfer, Stimulus.STRAY_LEG if is_alive else Stimulus.NOTED
    if not isinstance(party, Party):
        has_left = isinstance(fact, LegEnded)
        return transfer, Stimulus.STRANGER_LEFT if has_left else Stimulus.NOTED
    leg = transfer.leg(party)
    if fact.call_sid and not leg.call_sid:
        transfer = _adopt(transfer, party, fact.call_sid)
    if party is Party.CALLER:
        return _caller_gone(transfer) if isinstance(fact, LegEnded) else (transfer, Stimulus.NOTED)
    if party is Party.AGENT:
        return _hear_agent(transfer, fact)
    return _hear_target(transfer, fact)


def _adopt(transfer: Transfer, party: Party, call_sid: str) -> Transfer:
    """Learn the SID of a leg that was known by its label only."""
    transfer = transfer.with_leg(party, replace(transfer.leg(party), call_sid=call_sid))
    if party is Party.TARGET and transfer.attempt is not None:
        transfer = _with_attempt(transfer, call_sid=call_sid)
    return transfer


def _with_attempt(transfer: Transfer, **changes: object) -> Transfer:
    last = replace(transfer.attempts[-1], **changes)  # type: ignore[arg-type]
    return replace(transfer, attempts=(*transfer.attempts[:-1], last))


def _with_presence(transfer: Transfer, party: Party, presence: Presence) -> Transfer:
    leg = replace(transfer.leg(party), presence=presence)
    if presence is Presence.GONE:
        leg = replace(leg, held=False)
    return transfer.with_leg(party, leg)


def _caller_gone(transfer: Transfer) -> Heard:
    if not transfer.caller.is_live:
        return transfer, Stimulus.NOTED
    return _with_presence(transfer, Party.CALLER, Presence.GONE), Stimulus.CALLER_LEFT


def _hear_agent(transfer: Transfer, fact: LegFact) -> Heard:
    agent = transfer.agent
    if isinstance(fact, LegEnded):
        if not agent.is_live:
            return transfer, Stimulus.NOTED
        was_recalled = agent.presence in _NOT_YET_TAKEN
        transfer = _with_presence(transfer, Party.AGENT, Presence.GONE)
        if was_recalled:
            return transfer, Stimulus.AGENT_UNREACHED
        return _without_agent(transfer, fact.at, Stimulus.AGENT_LEFT)
    if isinstance(fact, LegAnswered | LegJoined) and agent.presence in _NOT_YET_TAKEN:
        back = replace(agent, presence=Presence.PRESENT, present_since=fact.at)
        return replace(transfer, agent=back), Stimulus.AGENT_BACK
    return transfer, Stimulus.NOTED


def _without_agent(transfer: Transfer, at: float, otherwise: Stimulus) -> Heard:
    """The agent is gone: is there a target for the caller, or the prospect of one?"""
    if not transfer.target.is_live:
        return transfer, alone(transfer, at)
    if transfer.state in _GIVING_BACK:
        # The target's leg is being ended: it is nobody to wait for.
        return target_gone(transfer, at, Cause.CANCELLED, is_doubtful=True)
    return transfer, otherwise


def _hear_target(transfer: Transfer, fact: LegFact) -> Heard:
    target = transfer.target
    if not target.is_live:
        is_alive = not isinstance(fact, LegEnded)
        is_stray = is_alive and target.is_doubtful
        return transfer, Stimulus.STRAY_LEG if is_stray else Stimulus.NOTED
    if isinstance(fact, LegEnded):
        return target_gone(transfer, fact.at, fact.cause)
    if isinstance(fact, LegRang):
        if target.presence is not Presence.DIALED:
            return transfer, Stimulus.NOTED
        transfer = _with_presence(transfer, Party.TARGET, Presence.RINGING)
        transfer = _with_attempt(transfer, rang_at=fact.at)
        return transfer, _progress(transfer, ReleaseAgent.ON_RINGING, Stimulus.TARGET_RANG)
    if target.presence not in _NOT_YET_TAKEN:
        return transfer, Stimulus.NOTED
    if isinstance(fact, LegAnswered):
        return _target_answered(transfer, fact)
    if isinstance(fact, LegScreened):
        return _target_screened(transfer, fact)
    if fact.conference_sid not in ("", transfer.conference_sid):
        # TwiML knows rooms by name only, and a name whose room has ended makes a new one.
        return _with_attempt(transfer, cause=Cause.FAILED), Stimulus.TARGET_UNWILLING
    return _target_taken(transfer, fact.at)


def _target_answered(transfer: Transfer, fact: LegAnswered) -> Heard:
    current = transfer.current_target
    if current is None or not current.is_screened:
        return _target_taken(transfer, fact.at)
    if transfer.target.presence is Presence.SCREENED:
        return transfer, Stimulus.NOTED
    return _with_presence(transfer, Party.TARGET, Presence.SCREENED), Stimulus.TARGET_PICKED_UP


def _target_screened(transfer: Transfer, fact: LegScreened) -> Heard:
    if not fact.willing:
        cause = Cause.REJECTED if fact.cause == Cause.REJECTED else Cause.MACHINE
        transfer = _with_presence(transfer, Party.TARGET, Presence.SCREENED)
        return _with_attempt(transfer, cause=cause), Stimulus.TARGET_UNWILLING
    current = transfer.current_target
    if current is not None and current.accept is Accept.PRESS_1:
        # A willing person who pressed the key is not in the room yet: the join says so.
        return _with_presence(transfer, Party.TARGET, Presence.SCREENED), Stimulus.NOTED
    return _target_taken(transfer, fact.at)


def _target_taken(transfer: Transfer, at: float) -> Heard:
    there = replace(transfer.target, presence=Presence.PRESENT, present_since=at)
    transfer = replace(transfer, target=there)
    return _with_attempt(transfer, answered_at=at), Stimulus.TARGET_ANSWERED


def target_gone(transfer: Transfer, at: float, cause: str, is_doubtful: bool = False) -> Heard:
    """The target's leg is over: which rung of the recovery ladder is next?"""
    had_taken = transfer.target.presence is Presence.PRESENT
    gone = replace(transfer.target, presence=Presence.GONE, held=False, is_doubtful=is_doubtful)
    transfer = replace(transfer, target=gone)
    if transfer.attempt is not None:
        known = transfer.attempt.cause or _cause(transfer, cause, had_taken)
        transfer = _with_attempt(transfer, ended_at=at, cause=known)
    if not transfer.agent.is_live:
        return transfer, alone(transfer, at)
    if had_taken:
        return transfer, Stimulus.TARGET_LEFT
    has_next = _has_next(transfer, at)
    return transfer, Stimulus.TARGET_LOST_NEXT if has_next else Stimulus.TARGET_LOST_LAST


def _cause(transfer: Transfer, told: str, had_taken: bool) -> Cause:
    if had_taken:
        return Cause.DROPPED
    if transfer.state in WINDING_UP:
        return Cause.CANCELLED
    if told in set(Cause):
        return Cause(told)
    is_screened = transfer.target.presence is Presence.SCREENED
    return Cause.REJECTED if is_screened else Cause.FAILED


def _awaits(transfer: Transfer, command: str) -> bool:
    """Whether the outcome of a command of this name is not known yet."""
    return any(key.endswith(f"-{command}") for key in transfer.pending)


def _has_next(transfer: Transfer, at: float) -> bool:
    is_in_budget = at - transfer.started_at < transfer.policy.budget_seconds
    # Who cancelled does not want another phone to ring, even if the agent is gone since.
    is_wanted = transfer.state is not State.CANCELLING
    return transfer.next_target is not None and is_in_budget and is_wanted


def alone(transfer: Transfer, at: float) -> Stimulus:
    """The next rung for a caller who has nobody."""
    if _has_next(transfer, at):
        return Stimulus.ALONE_NEXT
    can_recall = transfer.policy.recall and transfer.recalls == 0 and transfer.agent.address
    return Stimulus.ALONE_RECALL if can_recall else Stimulus.ALONE_DIVERT


def _progress(transfer: Transfer, due: ReleaseAgent, otherwise: Stimulus) -> Stimulus:
    """Whether a cold transfer has now come as far as its policy wants the agent kept."""
    is_cold = transfer.kind is Kind.COLD
    if is_cold and transfer.policy.release_agent is due and transfer.agent.is_here:
        return Stimulus.AGENT_MAY_GO
    return otherwise


def _hear_room_ended(transfer: Transfer, fact: RoomEnded) -> Heard:
    if fact.conference_sid not in ("", transfer.conference_sid):
        return transfer, Stimulus.NOTED
    if transfer.agent.presence in (Presence.PRESENT, Presence.LEAVING):
        transfer = _with_presence(transfer, Party.AGENT, Presence.GONE)
    return replace(transfer, caller=replace(transfer.caller, held=False)), Stimulus.ROOM_ENDED


# --- outcomes of commands -----------------------------------------------------------------------


def _hear_outcome(transfer: Transfer, outcome: CommandSucceeded | CommandFailed) -> Heard:
    if outcome.key not in transfer.pending:
        return transfer, Stimulus.NOTED
    still = tuple(key for key in transfer.pending if key != outcome.key)
    transfer = replace(transfer, pending=still)
    if isinstance(outcome, CommandSucceeded):
        heard = _hear_success(transfer, outcome)
    else:
        heard = _hear_failure(transfer, outcome)
    return _settled(*heard)


_UNSETTLING = frozenset(
    {
        Stimulus.CALLER_LEFT,
        Stimulus.CALLER_NOT_RESUMED,
        Stimulus.ROOM_UNAVAILABLE,
        Stimulus.ALONE_NEXT,
        Stimulus.ALONE_RECALL,
        Stimulus.ALONE_DIVERT,
    }
)


def _settled(transfer: Transfer, stimulus: Stimulus) -> Heard:
    """Refine an outcome after which nothing is under way into the end of the winding up."""
    is_last = transfer.state in WINDING_UP and not transfer.pending
    return transfer, Stimulus.SETTLED if is_last and stimulus not in _UNSETTLING else stimulus


def _hear_success(transfer: Transfer, done: CommandSucceeded) -> Heard:
    command = done.command
    if command in ("SecureCaller", "HoldCaller", "ResumeCaller", "GiveCallerBack"):
        return _caller_changed(transfer, done)
    if command in ("HoldTarget", "ResumeTarget"):
        return _target_changed(transfer, command)
    if command == "DialTarget":
        if not _is_current_dial(transfer, done.key):
            return _with_older_attempt(transfer, done.key, done.call_sid), Stimulus.NOTED
        if done.call_sid and not transfer.target.call_sid:
            transfer = _adopt(transfer, Party.TARGET, done.call_sid)
        due = _progress(transfer, ReleaseAgent.ON_DIAL, Stimulus.TARGET_DIALED)
        return transfer, due if transfer.target.is_live else Stimulus.NOTED
    if command == "EndTarget":
        if transfer.target.is_live:
            return target_gone(transfer, done.at, "")
    elif command == "FindTarget":
        return _still_silent(transfer)
    elif command in ("RemoveAgent", "LetAgentGo"):
        return _agent_removed(transfer, done.at)
    elif command == "RecallAgent":
        if done.call_sid and not transfer.agent.call_sid:
            transfer = _adopt(transfer, Party.AGENT, done.call_sid)
    elif command == "EndRecall":
        transfer = _with_presence(transfer, Party.AGENT, Presence.GONE)
    elif command == "DivertCaller":
        return transfer, Stimulus.CALLER_DIVERTED
    elif command == "ReadRoom" and done.reading is not None:
        return _room_read(transfer, done.reading)
    elif command == "EndRoom":
        for party in (Party.CALLER, Party.AGENT, Party.TARGET):
            transfer = _with_presence(transfer, party, Presence.GONE)
    return transfer, Stimulus.NOTED


def _caller_changed(transfer: Transfer, done: CommandSucceeded) -> Heard:
    if done.command == "SecureCaller" and done.reading is not None:
        transfer = _learn(transfer, done.reading)
    if not transfer.caller.is_live:
        return transfer, Stimulus.NOTED
    is_held = done.command in ("SecureCaller", "HoldCaller")
    caller = replace(transfer.caller, held=is_held, is_hold_doubtful=False)
    transfer = replace(transfer, caller=caller)
    if is_held:
        return transfer, Stimulus.CALLER_HELD
    if done.command == "ResumeCaller" and transfer.target.is_here and not transfer.target.held:
        return transfer, Stimulus.CALLER_MET_TARGET
    return transfer, Stimulus.CALLER_RESUMED


def _target_changed(transfer: Transfer, command: str) -> Heard:
    if not transfer.target.is_live:
        return transfer, Stimulus.NOTED
    is_held = command == "HoldTarget"
    target = replace(transfer.target, held=is_held, is_hold_doubtful=False)
    transfer = replace(transfer, target=target)
    if is_held:
        return transfer, Stimulus.TARGET_HELD
    has_met = transfer.caller.is_here and not transfer.caller.held
    return transfer, Stimulus.CALLER_MET_TARGET if has_met else Stimulus.TARGET_RESUMED


def _learn(transfer: Transfer, reading: RoomReading) -> Transfer:
    """Who is who, and the exit flags to be restored, from the reading that came with the claim."""
    transfer = replace(transfer, room_name=reading.room_name or transfer.room_name)
    agent, caller = transfer.agent, transfer.caller
    for seen in reading.legs:
        is_agent = seen.call_sid == agent.call_sid or (
            not agent.call_sid and seen.address == agent.address
        )
        if is_agent:
            agent = replace(agent, call_sid=seen.call_sid, exit_flag=seen.exit_flag)
        elif seen.call_sid == caller.call_sid or (not caller.call_sid and seen.held):
            caller = replace(
                caller,
                call_sid=seen.call_sid,
                address=caller.address or seen.address,
                exit_flag=seen.exit_flag,
            )
    return replace(transfer, agent=agent, caller=caller)


def _agent_removed(transfer: Transfer, at: float) -> Heard:
    if transfer.agent.presence is not Presence.LEAVING:
        return transfer, Stimulus.NOTED
    transfer = _with_presence(transfer, Party.AGENT, Presence.GONE)
    return _without_agent(transfer, at, Stimulus.AGENT_REMOVED)


def _still_silent(transfer: Transfer) -> Heard:
    if transfer.target.presence not in _NOT_YET_TAKEN:
        return transfer, Stimulus.NOTED
    return _with_attempt(transfer, cause=Cause.NO_ANSWER), Stimulus.TARGET_SILENT


def _room_read(transfer: Transfer, reading: RoomReading) -> Heard:
    if not reading.is_live:
        return transfer, Stimulus.ROOM_ENDED
    here = [leg for leg in reading.legs if leg.status == "connected"]
    caller = next((leg for leg in here if leg.call_sid == transfer.caller.call_sid), None)
    if caller is None:
        return _with_presence(transfer, Party.CALLER, Presence.GONE), Stimulus.CALLER_LEFT
    if len(here) > 1:
        return transfer, Stimulus.ROOM_FINE
    return transfer, Stimulus.CALLER_FORGOTTEN if caller.held else Stimulus.CALLER_ALONE


def _hear_failure(transfer: Transfer, failed: CommandFailed) -> Heard:
    command, failure = failed.command, failed.failure
    transfer = _doubting_hold(transfer, failed)
    if command in ("SecureCaller", "HoldCaller"):
        return _caller_not_held(transfer, failed)
    if command in ("ResumeCaller", "GiveCallerBack"):
        if failure == Failure.GONE:
            return _caller_gone(transfer)
        return transfer, Stimulus.CALLER_NOT_RESUMED
    if command == "DivertCaller":
        is_gone = failure == Failure.GONE
        return transfer, Stimulus.CALLER_UNREACHABLE if is_gone else Stimulus.CALLER_NOT_DIVERTED
    if command == "DialTarget":
        return _dial_failed(transfer, failed)
    if command in ("HoldTarget", "ResumeTarget"):
        if failure == Failure.GONE and transfer.target.is_live:
            return target_gone(transfer, failed.at, "")
        is_hold = command == "HoldTarget"
        return transfer, Stimulus.TARGET_NOT_HELD if is_hold else Stimulus.TARGET_NOT_RESUMED
    if command == "EndTarget" and transfer.target.is_live:
        return target_gone(transfer, failed.at, Cause.UNAVAILABLE, is_doubtful=True)
    if command == "FindTarget":
        return _still_silent(transfer)
    if command in ("RemoveAgent", "LetAgentGo") and transfer.agent.presence is Presence.LEAVING:
        back = _with_presence(transfer, Party.AGENT, Presence.PRESENT)
        return back, Stimulus.AGENT_NOT_REMOVED
    if command == "RecallAgent" and transfer.agent.is_live:
        gone = replace(transfer.agent, presence=Presence.GONE, is_doubtful=True)
        return replace(transfer, agent=gone), Stimulus.AGENT_UNREACHED
    if command in ("ReadRoom", "EndRoom"):
        return transfer, Stimulus.ROOM_UNAVAILABLE
    return transfer, Stimulus.NOTED


def _doubting_hold(transfer: Transfer, failed: CommandFailed) -> Transfer:
    """A change of hold whose answer could not be had may be in effect all the same."""
    if failed.failure != Failure.UNAVAILABLE:
        return transfer
    if failed.command in ("SecureCaller", "HoldCaller", "ResumeCaller", "GiveCallerBack"):
        caller = replace(transfer.caller, is_hold_doubtful=True)
        return replace(transfer, caller=caller)
    if failed.command in ("HoldTarget", "ResumeTarget"):
        return replace(transfer, target=replace(transfer.target, is_hold_doubtful=True))
    return transfer


def _caller_not_held(transfer: Transfer, failed: CommandFailed) -> Heard:
    if failed.failure == Failure.UNMET:
        return transfer, Stimulus.CALL_UNMET
    if failed.failure == Failure.GONE:
        if failed.command == "SecureCaller":
            return transfer, Stimulus.ROOM_ENDED
        return _caller_gone(transfer)
    return transfer, Stimulus.CALLER_NOT_HELD


def _is_current_dial(transfer: Transfer, key: str) -> bool:
    """Whether the dial with `key` is the one of the attempt under way."""
    attempt = transfer.attempt
    return attempt is None or attempt.dial_key in ("", key)


def _with_older_attempt(transfer: Transfer, key: str, call_sid: str) -> Transfer:
    """Learn the SID of a leg that was given up before its dial's outcome was known."""
    attempts = tuple(
        replace(each, call_sid=call_sid) if each.dial_key == key else each
        for each in transfer.attempts
    )
    return replace(transfer, attempts=attempts)


def _dial_failed(transfer: Transfer, failed: CommandFailed) -> Heard:
    if not transfer.target.is_live or not _is_current_dial(transfer, failed.key):
        return transfer, Stimulus.NOTED
    if failed.failure == Failure.GONE:
        gone = _with_presence(transfer, Party.TARGET, Presence.GONE)
        return gone, Stimulus.ROOM_ENDED
    if failed.failure == Failure.REFUSED:
        return target_gone(transfer, failed.at, failed.cause or Cause.FAILED)
    if transfer.target.presence is Presence.DIALED and not transfer.target.call_sid:
        doubtful = replace(transfer.target, is_doubtful=True)
        transfer = _with_attempt(replace(transfer, target=doubtful), cause=Cause.UNAVAILABLE)
        return transfer, Stimulus.TARGET_DOUBTFUL
    return transfer, Stimulus.NOTED
