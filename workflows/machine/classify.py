"""(transfer, event) -> (what we now believe, stimulus): who is this about, and is it news?

Beliefs about a leg only move forward, so duplicates, late news and news in the wrong order change
nothing. What a fact means for the people (is another target left? is the agent still there?) is
settled here, so that rows need no conditions. Nothing here chooses a state.
"""

from __future__ import annotations

from enum import StrEnum

from workflows.machine.beliefs import (
    NOT_YET_TAKEN,
    Heard,
    adopt,
    awaits,
    caller_gone,
    progress,
    recall_lost,
    target_gone,
    target_taken,
    with_attempt,
    with_presence,
    without_agent,
)
from workflows.machine.beliefs import WINDING_UP as WINDING_UP
from workflows.machine.commands import SecureCaller
from workflows.machine.copies import replace
from workflows.machine.events import (
    AgentReplaced,
    CancellationRequested,
    CommandFailed,
    CommandSucceeded,
    DeadlinePassed,
    Event,
    HoldFound,
    HoldReported,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegRang,
    LegScreened,
    OwnerEnded,
    OwnerSought,
    RecordingPausedByPerson,
    RecordingPauseRequested,
    RecordingResumeRequested,
    Request,
    RoomEnded,
    SupervisorStays,
    TaskEnded,
    TransferReported,
    TransferStarted,
    WorkerDeclined,
    WorkerTimedOut,
)
from workflows.machine.holding import DUE, hear_hold_fact
from workflows.machine.labels import is_supervisor
from workflows.machine.model import (
    DECIDED_BY_PEOPLE,
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
from workflows.machine.offers import hear_task, is_routed, outlives_task, passed_on
from workflows.machine.outcomes import hear_hold, hear_outcome, still_silent
from workflows.machine.readings import news_in as news_in
from workflows.machine.recordings import paused_by_person, resumed_by_person
from workflows.machine.stimuli import Stimulus
from workflows.machine.supervised import hear_heir

_DONE_WITH_TARGET = frozenset({State.DROPPING, State.FORGOING, State.DIALING_ASIDE})
"""States in which a leg that is being ended is only waited for to see what comes next."""

_RINGING = frozenset(
    {State.DIALING, State.SCREENING, State.DIALING_ASIDE, State.AWAITING, State.VETTING}
)
"""States in which the target's phone is waited for."""

_REQUESTED: dict[str, Stimulus] = {
    "completion_requested": Stimulus.COMPLETE,
    "cancellation_requested": Stimulus.CANCEL,
    "swap_requested": Stimulus.SWAP,
    "join_requested": Stimulus.JOIN,
    "target_drop_requested": Stimulus.DROP_TARGET,
    "recording_pause_requested": Stimulus.PAUSE_RECORDING,
    "recording_resume_requested": Stimulus.RESUME_RECORDING,
    "resume_requested": Stimulus.RESUME,
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
        return hear_outcome(transfer, event)
    if isinstance(event, DeadlinePassed):
        return _hear_deadline(transfer, event)
    if isinstance(event, RoomEnded):
        return _hear_room_ended(transfer, event)
    if isinstance(event, LegRang | LegAnswered | LegJoined | LegScreened | LegEnded):
        return _hear_leg(transfer, event)
    if isinstance(event, TaskEnded | WorkerTimedOut | WorkerDeclined):
        return hear_task(transfer, event)
    if isinstance(event, HoldFound):
        party = whose(transfer, event.call_sid, event.label)
        if not isinstance(party, Party):
            return transfer, Stimulus.NOTED
        return hear_hold(transfer, party, event.held)
    if isinstance(event, TransferStarted | HoldReported | OwnerSought | OwnerEnded):
        return hear_hold_fact(transfer, event)
    if isinstance(event, SupervisorStays):
        return _hear_supervisor(transfer)
    if isinstance(event, TransferReported):
        return transfer, Stimulus.NOTED  # what a transfer says is for the supervision alone
    if isinstance(event, AgentReplaced):
        return _hear_replaced(transfer, event)
    if isinstance(event, RecordingPausedByPerson):
        return paused_by_person(transfer), Stimulus.RECORDING_PAUSED_BY_PERSON
    if isinstance(event, RecordingPauseRequested):
        transfer = paused_by_person(transfer)
    elif isinstance(event, RecordingResumeRequested):
        transfer = resumed_by_person(transfer)
    if transfer.kind is Kind.HOLD and isinstance(event, CancellationRequested):
        # An operator who cancels a hold wants the caller off hold.
        return transfer, Stimulus.RESUME
    return transfer, stimulus_of(event)


def stimulus_of(request: Request) -> Stimulus:
    """The column of a request."""
    return _REQUESTED[request.kind]


def _hear_deadline(transfer: Transfer, passed: DeadlinePassed) -> Heard:
    if passed.step != transfer.deadline_step or transfer.deadline_at is None:
        return transfer, Stimulus.NOTED
    if transfer.due:
        return transfer, DUE[transfer.due]
    if transfer.state in _DONE_WITH_TARGET and awaits(transfer, "EndTarget"):
        # The end of the leg cannot be had in time. Nobody must wait for it.
        return target_gone(transfer, passed.at, Cause.UNAVAILABLE, is_doubtful=True)
    if transfer.state is State.SETTLING and transfer.agent.presence is Presence.LEAVING:
        # Let go while the caller was on hold, and not heard of since: it may not be done any more
        # by a request that looks for a caller on hold.
        back = with_presence(transfer, Party.AGENT, Presence.PRESENT)
        return back, Stimulus.AGENT_NOT_REMOVED
    if transfer.state is State.RECALLING:
        return _hear_recall_overdue(transfer, passed.at)
    if transfer.state in _RINGING and awaits(transfer, "FindTarget"):
        # Asked already, and the time for an answer is over, too.
        heard, stimulus = still_silent(transfer)
        return heard, Stimulus.DEADLINE if stimulus is Stimulus.NOTED else stimulus
    return transfer, Stimulus.DEADLINE


def _hear_recall_overdue(transfer: Transfer, at: float) -> Heard:
    """The agent lets it ring. With a queue in reserve the recall is given up: should its leg still
    turn up, nobody waits for it."""
    gone = replace(transfer.agent, presence=Presence.GONE, is_doubtful=True)
    given_up = replace(transfer, agent=gone)
    if recall_lost(given_up, at) is Stimulus.AGENT_UNREACHED_NEXT:
        return given_up, Stimulus.AGENT_UNREACHED_NEXT
    return transfer, Stimulus.DEADLINE


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
                is_new_offer = party is Party.TARGET and is_routed(transfer)
                is_same = not leg.call_sid or not call_sid
                return party if is_same or is_new_offer else Whose.STRAY
        if label.startswith(transfer.part):
            return Whose.STRAY
        if label == transfer.caller.label and not transfer.caller.call_sid:
            return Party.CALLER
    return Whose.STRANGER


def _hear_leg(transfer: Transfer, fact: LegFact) -> Heard:
    if isinstance(fact, LegEnded) and fact.call_sid and fact.call_sid == transfer.heir.call_sid:
        return replace(transfer, heir=Leg()), Stimulus.NOTED
    party = whose(transfer, fact.call_sid, fact.label)
    if party is Whose.STRAY:
        is_alive = not isinstance(fact, LegEnded)
        return transfer, Stimulus.STRAY_LEG if is_alive else Stimulus.NOTED
    if not isinstance(party, Party):
        # A supervisor is nobody with the caller: its leaving changes nothing.
        has_left = isinstance(fact, LegEnded) and not is_supervisor(fact.label)
        if not has_left:
            return transfer, Stimulus.NOTED
        return _with_departed(transfer, fact.call_sid), Stimulus.STRANGER_LEFT
    leg = transfer.leg(party)
    if fact.call_sid and leg.call_sid and leg.call_sid != fact.call_sid:
        if not leg.is_live and not isinstance(fact, LegEnded):
            return transfer, Stimulus.STRAY_LEG  # a later offer, made before the task's end
        if isinstance(fact, LegEnded) or leg.presence not in NOT_YET_TAKEN:
            return transfer, Stimulus.NOTED  # an earlier offer of the same task
        transfer = adopt(transfer, party, fact.call_sid)
    elif fact.call_sid and not leg.call_sid:
        transfer = adopt(transfer, party, fact.call_sid)
    if party is Party.CALLER:
        return caller_gone(transfer) if isinstance(fact, LegEnded) else (transfer, Stimulus.NOTED)
    if party is Party.AGENT:
        return _hear_agent(transfer, fact)
    return _hear_target(transfer, fact)


def _with_departed(transfer: Transfer, call_sid: str) -> Transfer:
    """Whoever it was may be told by the answer that is awaited, which may be older than this."""
    is_known = not call_sid or call_sid in transfer.departed
    if is_known or not awaits(transfer, SecureCaller.__name__):
        return transfer
    return replace(transfer, departed=(*transfer.departed, call_sid))


def _hear_agent(transfer: Transfer, fact: LegFact) -> Heard:
    agent = transfer.agent
    if isinstance(fact, LegEnded):
        if not agent.is_live:
            return transfer, Stimulus.NOTED
        was_recalled = agent.presence in NOT_YET_TAKEN
        transfer = with_presence(transfer, Party.AGENT, Presence.GONE)
        if was_recalled:
            return transfer, recall_lost(transfer, fact.at)
        return without_agent(transfer, fact.at, Stimulus.AGENT_LEFT)
    if isinstance(fact, LegAnswered | LegJoined) and agent.presence in NOT_YET_TAKEN:
        back = replace(agent, presence=Presence.PRESENT, present_since=fact.at)
        is_asked = transfer.reason in DECIDED_BY_PEOPLE
        stimulus = Stimulus.AGENT_BACK_AS_ASKED if is_asked else Stimulus.AGENT_BACK
        return replace(transfer, agent=back), stimulus
    return transfer, Stimulus.NOTED


def _hear_target(transfer: Transfer, fact: LegFact) -> Heard:
    target = transfer.target
    if not target.is_live:
        is_alive = not isinstance(fact, LegEnded)
        is_stray = is_alive and (target.is_doubtful or outlives_task(transfer))
        return transfer, Stimulus.STRAY_LEG if is_stray else Stimulus.NOTED
    if isinstance(fact, LegEnded):
        if is_routed(transfer) and target.presence in NOT_YET_TAKEN:
            return passed_on(transfer)
        return target_gone(transfer, fact.at, fact.cause)
    if isinstance(fact, LegRang):
        if target.presence is not Presence.DIALED:
            return transfer, Stimulus.NOTED
        transfer = with_presence(transfer, Party.TARGET, Presence.RINGING)
        transfer = with_attempt(transfer, rang_at=fact.at)
        return transfer, progress(transfer, ReleaseAgent.ON_RINGING, Stimulus.TARGET_RANG)
    if target.presence not in NOT_YET_TAKEN:
        return transfer, Stimulus.NOTED
    if isinstance(fact, LegAnswered):
        return _target_answered(transfer, fact)
    if isinstance(fact, LegScreened):
        return _target_screened(transfer, fact)
    if fact.conference_sid not in ("", transfer.conference_sid):
        # TwiML knows rooms by name only, and a name whose room has ended makes a new one.
        return with_attempt(transfer, cause=Cause.FAILED), Stimulus.TARGET_UNWILLING
    return _target_joined(transfer, fact)


def _target_joined(transfer: Transfer, fact: LegJoined) -> Heard:
    current = transfer.current_target
    is_judged_inside = current is not None and current.detect_machine
    if is_judged_inside and current is not None and current.accept is Accept.NONE:
        # The leg enters the room at once; whether a person is on it is told later.
        return _target_answered(transfer, LegAnswered(at=fact.at))
    return target_taken(transfer, fact.at)


def _target_answered(transfer: Transfer, fact: LegAnswered) -> Heard:
    current = transfer.current_target
    if current is not None and current.is_routed and fact.address:
        transfer = replace(transfer, target=replace(transfer.target, address=fact.address))
    if fact.reservation_sid:
        transfer = with_attempt(transfer, reservation_sid=fact.reservation_sid)
    if current is None or not current.is_screened:
        return target_taken(transfer, fact.at)
    if transfer.target.presence is Presence.SCREENED:
        return transfer, Stimulus.NOTED
    transfer = with_presence(transfer, Party.TARGET, Presence.SCREENED)
    is_put_through = current.is_routed and current.accept is Accept.NONE
    return transfer, Stimulus.TARGET_COMING if is_put_through else Stimulus.TARGET_PICKED_UP


def _target_screened(transfer: Transfer, fact: LegScreened) -> Heard:
    if not fact.willing and is_routed(transfer):
        return passed_on(transfer)
    if not fact.willing:
        cause = Cause.REJECTED if fact.cause == Cause.REJECTED else Cause.MACHINE
        transfer = with_presence(transfer, Party.TARGET, Presence.SCREENED)
        return with_attempt(transfer, cause=cause), Stimulus.TARGET_UNWILLING
    current = transfer.current_target
    if current is not None and (current.accept is Accept.PRESS_1 or current.is_routed):
        # A willing person who pressed the key is not in the room yet: the join says so.
        transfer = with_presence(transfer, Party.TARGET, Presence.SCREENED)
        return transfer, Stimulus.TARGET_COMING if current.is_routed else Stimulus.NOTED
    return target_taken(transfer, fact.at)


def _hear_supervisor(transfer: Transfer) -> Heard:
    """A transfer is told that it is supervised; a call or a hold has no consult to tell of."""
    if transfer.kind not in (Kind.WARM, Kind.COLD):
        return transfer, Stimulus.NOTED
    told = replace(transfer, is_supervised=True, told_supervision="")
    return told, Stimulus.SUPERVISOR_STAYS


def _hear_replaced(transfer: Transfer, fact: AgentReplaced) -> Heard:
    """The owner of a call learns who is the agent now; in its table that is the target's place. So
    does a hold or a transfer that began in the same moment."""
    agent = Leg(fact.address, fact.call_sid, fact.label, Presence.PRESENT, fact.at)
    if transfer.kind in (Kind.WARM, Kind.COLD, Kind.HOLD):
        return hear_heir(transfer, agent, fact.former, fact.at)
    return replace(transfer, target=agent), Stimulus.AGENT_REPLACED


def _hear_room_ended(transfer: Transfer, fact: RoomEnded) -> Heard:
    if fact.conference_sid not in ("", transfer.conference_sid):
        return transfer, Stimulus.NOTED
    if transfer.agent.presence in (Presence.PRESENT, Presence.LEAVING):
        transfer = with_presence(transfer, Party.AGENT, Presence.GONE)
    return replace(transfer, caller=replace(transfer.caller, held=False)), Stimulus.ROOM_ENDED
