"""What became of a command: what it changes in our beliefs, and the stimulus it amounts to.

Success means that the effect is in place at Twilio. Failure means that it is not, but for
`unavailable`, after which it may be all the same: then the belief is marked as doubtful.
"""

from __future__ import annotations

from workflows.machine import recordings
from workflows.machine.beliefs import (
    NOT_YET_TAKEN,
    WINDING_UP,
    Heard,
    adopt,
    caller_gone,
    has_met_target,
    target_gone,
    with_attempt,
    with_presence,
    without_agent,
)
from workflows.machine.copies import replace
from workflows.machine.dials import (
    dial_failed,
    hear_dialed,
    hear_recalled,
    is_of_attempt,
    recall_failed,
)
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    Failure,
    LegReading,
    RoomReading,
)
from workflows.machine.holding import hear_reading, next_for_caller, with_word
from workflows.machine.labels import is_supervisor
from workflows.machine.model import Cause, Kind, Leg, Party, Presence, Transfer
from workflows.machine.offers import hear_accepted, hear_not_accepted, is_routed
from workflows.machine.recordings import ABOUT_RECORDINGS, names_under_way
from workflows.machine.stimuli import Stimulus
from workflows.machine.supervised import hear_no_supervision, learn_supervisors


def hear_outcome(transfer: Transfer, outcome: CommandSucceeded | CommandFailed) -> Heard:
    if outcome.key not in transfer.pending:
        return transfer, Stimulus.NOTED
    still = tuple(key for key in transfer.pending if key != outcome.key)
    transfer = with_word(replace(transfer, pending=still), outcome.key)
    if isinstance(outcome, CommandSucceeded):
        heard = _hear_success(transfer, outcome)
    else:
        heard = _hear_failure(transfer, outcome)
    if outcome.command in ABOUT_RECORDINGS:
        return heard  # people do not wait for it
    return _settled(*_last_word(*heard, outcome.command))


REMOVALS = frozenset({"RemoveAgent", "LetAgentGo"})
"""Commands that take the agent out of the room, and close the agent's task then."""

_HOLD_CHANGES: tuple[frozenset[str], ...] = (
    frozenset({"SecureCaller", "HoldCaller", "ResumeCaller", "GiveCallerBack"}),
    frozenset({"HoldTarget", "ResumeTarget"}),
)

_ABOUT_HOLD = frozenset(
    {
        Stimulus.CALLER_HELD,
        Stimulus.CALLER_NOT_HELD,
        Stimulus.CALLER_RESUMED,
        Stimulus.CALLER_NOT_RESUMED,
        Stimulus.CALLER_MET_TARGET,
        Stimulus.TARGET_HELD,
        Stimulus.TARGET_NOT_HELD,
        Stimulus.TARGET_RESUMED,
        Stimulus.TARGET_NOT_RESUMED,
    }
)


def _last_word(transfer: Transfer, stimulus: Stimulus, command: str) -> Heard:
    """While another change to the same leg's hold is under way, this one decides nothing."""
    mine = next((names for names in _HOLD_CHANGES if command in names), frozenset[str]())
    is_overtaken = any(key.rsplit("-", 1)[-1] in mine for key in transfer.pending)
    return transfer, Stimulus.NOTED if is_overtaken and stimulus in _ABOUT_HOLD else stimulus


_UNSETTLING = frozenset(
    {
        Stimulus.CALLER_LEFT,
        Stimulus.CALLER_NOT_RESUMED,
        Stimulus.STRAY_LEG,
        Stimulus.ROOM_UNAVAILABLE,
        Stimulus.AGENT_TASK_OPEN,
        Stimulus.OWNER_MISSING,
        Stimulus.ALONE_NEXT,
        Stimulus.ALONE_RECALL,
        Stimulus.ALONE_DIVERT,
    }
)
"""What may have to be seen to before the end, even by the last outcome. Where a row ignores it,
`step` takes it for the end."""


def _settled(transfer: Transfer, stimulus: Stimulus) -> Heard:
    """Refine an outcome after which nothing is under way into the end of the winding up."""
    is_end = is_wound_up(transfer) and stimulus not in _UNSETTLING
    return transfer, Stimulus.SETTLED if is_end else stimulus


def is_wound_up(transfer: Transfer) -> bool:
    """Whether only winding up was left, and no command that people wait for is under way."""
    return transfer.state in WINDING_UP and not set(names_under_way(transfer)) - ABOUT_RECORDINGS


def _hear_success(transfer: Transfer, done: CommandSucceeded) -> Heard:
    command = done.command
    if command in ABOUT_RECORDINGS:
        return recordings.hear_done(transfer, done)
    if command in ("SecureCaller", "HoldCaller", "ResumeCaller", "GiveCallerBack"):
        return _caller_changed(recordings.learn_from_hold(transfer, done), done)
    if command in ("HoldTarget", "ResumeTarget"):
        return _target_changed(transfer, command)
    if command == "DialTarget":
        return hear_dialed(transfer, done)
    if command == "EndTarget":
        if transfer.target.is_live and is_of_attempt(transfer, done.key):
            return target_gone(transfer, done.at, "")
    elif command == "FindTarget":
        if done.task is not None and done.task.is_over and _is_waited_for(transfer):
            return target_gone(transfer, done.at, Cause.NO_ANSWER)
        return _looked_for(transfer)
    elif command == "ReadQueue" and done.task is not None:
        if done.task.is_over and _is_waited_for(transfer):
            return target_gone(transfer, done.at, Cause.NO_ANSWER)
        position, wait = done.task.position, done.task.longest_wait_seconds
        is_news = (position, wait) != (transfer.queue_position, transfer.queue_seconds)
        if position is None or not is_news or not _is_waited_for(transfer):
            return transfer, Stimulus.NOTED
        transfer = replace(transfer, queue_position=position, queue_seconds=wait)
        return transfer, Stimulus.TARGET_QUEUED
    elif command == "AcceptTask":
        return hear_accepted(transfer, done)
    elif command in REMOVALS:
        return _agent_removed(transfer, done.at)
    elif command == "RecallAgent":
        return hear_recalled(transfer, done)
    elif command == "EndRecall" and not is_supervisor(transfer.agent.label):
        transfer = with_presence(transfer, Party.AGENT, Presence.GONE)
    elif command == "DivertCaller":
        caller = replace(transfer.caller, held=False)
        is_left_behind = transfer.kind is Kind.HOLD and transfer.agent.is_here
        return replace(transfer, caller=caller), (
            Stimulus.CALLER_DIVERTED_FROM_AGENT if is_left_behind else Stimulus.CALLER_DIVERTED
        )
    elif command == "ReadRoom" and done.reading is not None:
        if transfer.kind is Kind.HOLD:
            return hear_reading(transfer, done.reading, done.at)
        return _room_read(transfer, done.reading)
    elif command in _QUESTIONS:
        return transfer, Stimulus.OWNER_FOUND
    elif command == "EndRoom":
        for party in (Party.CALLER, Party.AGENT, Party.TARGET):
            transfer = with_presence(transfer, party, Presence.GONE)
    return transfer, Stimulus.NOTED


_QUESTIONS = frozenset({"AskTransfer", "AskCall", "AskOwners", "ReportHold"})
"""Commands whose arrival at another workflow shows that it lives."""


def _nobody_heard(transfer: Transfer, failed: CommandFailed) -> Heard:
    """A question found no workflow to answer it."""
    is_asked_again = any(key.endswith(f"-{failed.command}") for key in transfer.pending)
    if failed.failure != Failure.GONE or failed.command == "ReportHold" or is_asked_again:
        return transfer, Stimulus.NOTED
    if failed.command == "AskTransfer":
        return transfer, next_for_caller(transfer)
    if failed.command == "AskOwners" and not transfer.caller.held:
        return transfer, Stimulus.OWNER_MISSING_OFF_HOLD
    return transfer, Stimulus.OWNER_MISSING


def _caller_changed(transfer: Transfer, done: CommandSucceeded) -> Heard:
    if done.command == "SecureCaller" and done.reading is not None:
        transfer = _learn(transfer, done.reading)
    if not transfer.caller.call_sid and done.reading is not None:
        transfer = adopt(transfer, Party.CALLER, done.reading.caller_call_sid)
        if _is_alone_with_nobody(transfer, done.reading):
            caller = replace(transfer.caller, held=False, is_hold_doubtful=False)
            transfer = with_presence(replace(transfer, caller=caller), Party.AGENT, Presence.GONE)
            return without_agent(transfer, done.at, Stimulus.AGENT_LEFT)
    if not transfer.caller.is_live:
        return transfer, Stimulus.NOTED
    is_held = done.command in ("SecureCaller", "HoldCaller")
    caller = replace(transfer.caller, held=is_held, is_hold_doubtful=False)
    if caller.is_hold_contested:
        # The agent's hold did the opposite at the same time, and may have had the last word.
        caller = replace(caller, is_hold_contested=False, is_hold_doubtful=True, held=not is_held)
        transfer = replace(transfer, caller=caller)
        return transfer, Stimulus.CALLER_RESUMED if is_held else Stimulus.CALLER_HELD
    transfer = replace(transfer, caller=caller)
    if is_held:
        return transfer, Stimulus.CALLER_HELD
    if done.command == "ResumeCaller" and transfer.target.is_here and not transfer.target.held:
        is_missing = _is_missing(transfer, done.reading)
        return transfer, Stimulus.TARGET_DOUBTFUL if is_missing else Stimulus.CALLER_MET_TARGET
    return transfer, Stimulus.CALLER_RESUMED


def _is_alone_with_nobody(transfer: Transfer, reading: RoomReading) -> bool:
    """Whether the room shows the caller alone, and nobody has ever known their agent by a SID: they
    have hung up, and their leg's end was not known for theirs."""
    here = {leg.call_sid for leg in reading.legs if not is_supervisor(leg.label)}
    is_unknown = transfer.agent.is_here and not transfer.agent.call_sid
    return is_unknown and here == {transfer.caller.call_sid}


def _is_missing(transfer: Transfer, reading: RoomReading | None) -> bool:
    """Whether the room that was read does not show the target, for whom the agent has gone. Where
    the agent is still there, nobody is removed before a look that caller and target talk."""
    target = transfer.target
    if reading is None or transfer.agent.is_live or not target.call_sid or is_routed(transfer):
        return False
    return all(leg.call_sid != target.call_sid for leg in reading.legs)


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


_HOLD_FOUND: dict[tuple[Party, bool], Stimulus] = {
    (Party.CALLER, True): Stimulus.CALLER_HELD,
    (Party.CALLER, False): Stimulus.CALLER_RESUMED,
    (Party.TARGET, True): Stimulus.TARGET_HELD,
    (Party.TARGET, False): Stimulus.TARGET_RESUMED,
}


def hear_hold(transfer: Transfer, party: Party, is_held: bool) -> Heard:
    """Somebody else has put a leg on hold or taken it off, or a change of ours that was given up
    took effect: as if a command had done it that nobody gave, so that the same squares mend it."""
    leg = transfer.leg(party)
    changes = _HOLD_CHANGES[party is Party.TARGET]
    is_changing = any(key.rsplit("-", 1)[-1] in changes for key in transfer.pending)
    is_news = leg.held is not is_held or leg.is_hold_doubtful
    if party is Party.AGENT or not leg.is_here or not is_news or is_changing:
        return transfer, Stimulus.NOTED
    leg = replace(leg, held=is_held, is_hold_doubtful=False)
    return transfer.with_leg(party, leg), _HOLD_FOUND[party, is_held]


def _learn(transfer: Transfer, reading: RoomReading) -> Transfer:
    """Who is who, and the exit flags to be restored, from the reading that came with the claim, be
    it that it failed."""
    transfer = replace(
        transfer,
        room_name=reading.room_name or transfer.room_name,
        takes_hold_over=transfer.takes_hold_over or reading.was_held,
    )
    agent, caller = transfer.agent, transfer.caller
    for seen in reading.legs:
        is_agent = seen.call_sid == agent.call_sid or (
            not agent.call_sid and seen.address == agent.address
        )
        if is_agent:
            agent = replace(agent, call_sid=seen.call_sid, exit_flag=seen.exit_flag, held=seen.held)
        elif is_supervisor(seen.label):
            continue
        elif seen.call_sid == caller.call_sid or (not caller.call_sid and seen.held):
            caller = replace(
                caller,
                call_sid=seen.call_sid,
                address=caller.address or seen.address,
                exit_flag=seen.exit_flag,
            )
    transfer = replace(transfer, agent=agent, caller=caller)
    if transfer.kind is Kind.HOLD:
        return transfer  # a hold has no consult to tell of
    return learn_supervisors(transfer, reading)


def _agent_removed(transfer: Transfer, at: float) -> Heard:
    transfer = replace(transfer, is_task_closed=bool(transfer.task_sid))
    if transfer.agent.presence is not Presence.LEAVING:
        return transfer, Stimulus.NOTED
    transfer = with_presence(transfer, Party.AGENT, Presence.GONE)
    return without_agent(transfer, at, Stimulus.AGENT_REMOVED)


def _is_waited_for(transfer: Transfer) -> bool:
    return transfer.target.presence in NOT_YET_TAKEN


def _looked_for(transfer: Transfer) -> Heard:
    """The target was looked for, and what was seen has been told before this outcome. Who had taken
    the call, and is not seen to have gone, is there."""
    if has_met_target(transfer) and not transfer.agent.is_live:
        return transfer, Stimulus.CALLER_MET_TARGET
    return still_silent(transfer)


def still_silent(transfer: Transfer) -> Heard:
    if transfer.target.presence not in NOT_YET_TAKEN:
        return transfer, Stimulus.NOTED
    return with_attempt(transfer, cause=Cause.NO_ANSWER), Stimulus.TARGET_SILENT


def _room_read(transfer: Transfer, reading: RoomReading) -> Heard:
    if not reading.is_live:
        return transfer, Stimulus.ROOM_ENDED
    here = [leg for leg in reading.legs if leg.status == "connected" and _counts(transfer, leg)]
    if not transfer.caller.call_sid and reading.caller_call_sid:
        transfer = adopt(transfer, Party.CALLER, reading.caller_call_sid)
    if not transfer.caller.call_sid and here:
        return transfer, _room_of_unknown(here)
    caller = next((leg for leg in here if leg.call_sid == transfer.caller.call_sid), None)
    if caller is not None:
        transfer = replace(transfer, caller=replace(transfer.caller, held=caller.held))
    if caller is None:
        return with_presence(transfer, Party.CALLER, Presence.GONE), Stimulus.CALLER_LEFT
    if len(here) > 1:
        return _with_company(transfer, caller, here), Stimulus.ROOM_FINE
    return transfer, Stimulus.CALLER_FORGOTTEN if caller.held else Stimulus.CALLER_ALONE


def _room_of_unknown(here: list[LegReading]) -> Stimulus:
    """Who the caller is could not be had from the task yet: not seen is not gone, and who is alone
    may be the caller."""
    if len(here) > 1:
        return Stimulus.ROOM_FINE
    return Stimulus.CALLER_FORGOTTEN if here[0].held else Stimulus.CALLER_ALONE


def _counts(transfer: Transfer, leg: LegReading) -> bool:
    """Whether the leg can be somebody with the caller. A supervisor is not, unless this one has
    taken the call over and is known as the agent."""
    return not is_supervisor(leg.label) or leg.call_sid == transfer.target.call_sid


def _with_company(transfer: Transfer, caller: LegReading, here: list[LegReading]) -> Transfer:
    """Who is with the caller now: after a transfer it is somebody else than before."""
    known = transfer.target.call_sid
    others = [leg for leg in here if leg.call_sid != caller.call_sid]
    other = next((leg for leg in others if leg.call_sid == known), others[0])
    target = Leg(
        address=other.address or _address_known(transfer, other),
        call_sid=other.call_sid,
        label=other.label,
        presence=Presence.PRESENT,
        held=other.held,
    )
    address = transfer.caller.address or caller.address
    return replace(transfer, target=target, caller=replace(transfer.caller, address=address))


def _address_known(transfer: Transfer, leg: LegReading) -> str:
    """The address of somebody whom the call rang, or was told of; a room's list shows none."""
    if leg.call_sid == transfer.target.call_sid:
        return transfer.target.address
    dials = transfer.attempts
    # A leg of which nothing was heard, in an outage, is known by its label alone.
    mine = (each for each in dials if leg.call_sid == each.call_sid or leg.label == each.label)
    return next((each.address for each in mine), "")


def _hear_failure(transfer: Transfer, failed: CommandFailed) -> Heard:
    command, failure = failed.command, failed.failure
    if command in ABOUT_RECORDINGS:
        return recordings.hear_failed(transfer, failed)
    transfer = recordings.doubting(transfer, failed)
    transfer = _doubting_hold(transfer, failed)
    if failure == Failure.GONE and failed.reading is not None and not failed.reading.is_live:
        # Not this leg is gone, but the room it was in; the caller's own call may go on.
        return transfer, Stimulus.ROOM_ENDED
    if command in ("SecureCaller", "HoldCaller"):
        return _caller_not_held(transfer, failed)
    if command in ("ResumeCaller", "GiveCallerBack"):
        if failure == Failure.GONE and _is_told_of_caller(transfer, failed):
            return caller_gone(transfer)
        return transfer, Stimulus.CALLER_NOT_RESUMED
    if command == "DivertCaller":
        return _caller_not_diverted(transfer, failure)
    if command == "DialTarget":
        return dial_failed(transfer, failed)
    if command in ("HoldTarget", "ResumeTarget"):
        if failure == Failure.GONE and transfer.target.is_live:
            return target_gone(transfer, failed.at, "")
        is_hold = command == "HoldTarget"
        return transfer, Stimulus.TARGET_NOT_HELD if is_hold else Stimulus.TARGET_NOT_RESUMED
    if command == "EndTarget" and transfer.target.is_live:
        if not is_of_attempt(transfer, failed.key):
            return transfer, Stimulus.NOTED
        return target_gone(transfer, failed.at, Cause.UNAVAILABLE, is_doubtful=True)
    if command == "FindTarget":
        return _looked_for(transfer)
    if command == "AcceptTask":
        return hear_not_accepted(transfer, failed)
    if command in REMOVALS:
        return _agent_not_removed(transfer)
    if command == "RecallAgent":
        return recall_failed(transfer, failed)
    if command in _QUESTIONS:
        return _nobody_heard(transfer, failed)
    if command in ("ReadRoom", "EndRoom"):
        return transfer, Stimulus.ROOM_UNAVAILABLE
    if command == "CloseRoomTasks" and failure == Failure.UNAVAILABLE:
        return transfer, Stimulus.AGENT_TASK_OPEN
    if command == "TellSupervision":
        return hear_no_supervision(transfer, failed.at)
    return transfer, Stimulus.NOTED


def _caller_not_diverted(transfer: Transfer, failure: str) -> Heard:
    if failure == Failure.UNMET:
        caller = replace(transfer.caller, held=False, is_hold_doubtful=False)
        return replace(transfer, caller=caller), Stimulus.CALLER_WITH_AGENT
    # Of a caller whose leg was never found, that Twilio knows no such call says nothing by itself.
    is_told = bool(transfer.caller.call_sid) or not transfer.caller.is_live
    if failure != Failure.GONE or not is_told:
        return transfer, Stimulus.CALLER_NOT_DIVERTED
    return with_presence(transfer, Party.CALLER, Presence.GONE), Stimulus.CALLER_UNREACHABLE


def _agent_not_removed(transfer: Transfer) -> Heard:
    if transfer.agent.presence is Presence.LEAVING:
        back = with_presence(transfer, Party.AGENT, Presence.PRESENT)
        return back, Stimulus.AGENT_NOT_REMOVED
    return transfer, Stimulus.AGENT_TASK_OPEN if transfer.has_open_task else Stimulus.NOTED


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


def _is_told_of_caller(transfer: Transfer, failed: CommandFailed) -> bool:
    """Of a caller whose leg was never found only the room can tell that they have gone."""
    return bool(transfer.caller.call_sid) or failed.reading is not None


def _caller_not_held(transfer: Transfer, failed: CommandFailed) -> Heard:
    if failed.failure == Failure.UNMET:
        return learn_supervisors(transfer, failed.reading), Stimulus.CALL_UNMET
    if failed.failure == Failure.GONE:
        if failed.command == "SecureCaller":
            return transfer, Stimulus.ROOM_ENDED
        if _is_told_of_caller(transfer, failed):
            return caller_gone(transfer)
    if failed.command == "SecureCaller" and failed.reading is not None:
        transfer = _learn(transfer, failed.reading)
    return transfer, Stimulus.CALLER_NOT_HELD
