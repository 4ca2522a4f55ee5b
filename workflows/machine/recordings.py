"""What is recorded, who had it paused, and what a transfer owes when its consult is over.

Two words of people decide: the policy pauses the room's recordings while agent and target consult,
and whoever pauses them by hand keeps them paused until a person resumes them. So a transfer notes
which recordings it pauses itself, before it does so, and resumes none but these.
"""

from __future__ import annotations

from workflows.machine.copies import replace
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    Failure,
    RecordingsReading,
)
from workflows.machine.model import EVERY_RECORDING, Kind, Recordings, Transfer
from workflows.machine.stimuli import Stimulus

HOLDS = frozenset({"SecureCaller", "HoldCaller"})
"""Commands that pause the recordings before anybody is held."""
UNHOLDS = frozenset({"ResumeCaller", "GiveCallerBack"})
CHANGES = frozenset({"PauseRecordings", "ResumeRecordings"})
"""Commands about recordings alone."""
ABOUT_RECORDINGS = frozenset({"ReadRecordings", *CHANGES})

Heard = tuple[Transfer, Stimulus]


def is_private(transfer: Transfer) -> bool:
    """Whether the recordings pause while this transfer's agent and target consult."""
    return transfer.policy.pause_recordings and transfer.kind is Kind.WARM


def names_under_way(transfer: Transfer) -> list[str]:
    """The names of the commands whose outcome is not known, in their order."""
    return [key.rsplit("-", 1)[-1] for key in transfer.pending]


def is_changing(transfer: Transfer) -> bool:
    """Whether a change of the recordings is under way."""
    return any(name in CHANGES for name in names_under_way(transfer))


def to_wait_for(transfer: Transfer, name: str) -> tuple[str, ...]:
    """Keys of the commands under way that must be told before `name` may change a recording."""
    if name in HOLDS and is_private(transfer):
        before = ABOUT_RECORDINGS
    elif name in CHANGES:
        before = ABOUT_RECORDINGS | HOLDS
    else:
        return ()
    return tuple(key for key in transfer.pending if key.rsplit("-", 1)[-1] in before)


def may_resume(transfer: Transfer) -> bool:
    """Whether something is owed, and nobody talks in private."""
    known, caller = transfer.recordings, transfer.caller
    under_way = set(names_under_way(transfer))
    if not known.owed or known.by_person or "ResumeRecordings" in under_way:
        return False
    if caller.held or under_way & HOLDS:
        return False
    # While it is not certain that the caller hears them, agent and target may talk in private.
    is_certain = not caller.is_hold_doubtful and not under_way & UNHOLDS
    return is_certain or not transfer.agent.is_live


def owing(transfer: Transfer, sids: tuple[str, ...]) -> Transfer:
    """This transfer, with these recordings to be resumed: noted before they are paused, so that
    no crash can lose it. Not while a person wants them paused."""
    known = transfer.recordings
    if known.by_person:
        return transfer
    owed = tuple(dict.fromkeys((*known.owed, *sids)))
    return replace(transfer, recordings=replace(known, owed=owed))


def paused_by_person(transfer: Transfer) -> Transfer:
    """A person wants the recordings paused: from now on nothing is owed."""
    known = replace(transfer.recordings, owed=(), by_person=True)
    return replace(transfer, recordings=known)


def resumed_by_person(transfer: Transfer) -> Transfer:
    """A person wants the recordings back, whoever had them paused: now, or after the consult."""
    known = replace(transfer.recordings, owed=(EVERY_RECORDING,), by_person=False)
    return replace(transfer, recordings=known)


def learn(transfer: Transfer, reading: RecordingsReading, at: float) -> Transfer:
    """What is recorded now, as it was read."""
    known = replace(
        transfer.recordings,
        running=reading.running,
        paused=reading.paused,
        read_at=at,
        is_known=True,
        is_doubtful=False,
    )
    return replace(transfer, recordings=known)


def hear_done(transfer: Transfer, done: CommandSucceeded) -> Heard:
    """What became of a command about recordings."""
    if done.recordings is not None:
        transfer = learn(transfer, done.recordings, done.at)
    if done.command == "ReadRecordings":
        is_held_next = any(name in HOLDS for name in names_under_way(transfer))
        if is_held_next and is_private(transfer):
            transfer = owing(transfer, transfer.recordings.running)
        return transfer, Stimulus.NOTED
    if done.command == "PauseRecordings":
        return transfer, Stimulus.RECORDING_PAUSED
    known = transfer.recordings
    is_news = not any(name in CHANGES | HOLDS for name in names_under_way(transfer))
    if is_news:
        transfer = replace(transfer, recordings=replace(known, owed=()))
    return transfer, Stimulus.RECORDING_RESUMED


def learn_from_hold(transfer: Transfer, done: CommandSucceeded) -> Transfer:
    """What a hold that paused the recordings first says of them."""
    if done.recordings is None:
        return transfer
    transfer = learn(transfer, done.recordings, done.at)
    return owing(transfer, done.recordings.changed)


def doubting(transfer: Transfer, failed: CommandFailed) -> Transfer:
    """After a hold whose outcome is not known, so is what it did to the recordings before."""
    known = transfer.recordings
    is_touched = failed.command in HOLDS and is_private(transfer)
    is_unknown = is_touched and failed.failure == Failure.UNAVAILABLE
    if not is_unknown or (known.is_known and not known.running):
        return transfer
    return replace(transfer, recordings=replace(known, is_doubtful=True))


def hear_failed(transfer: Transfer, failed: CommandFailed) -> Heard:
    """A change of recordings that could not be had. Unless Twilio was asked and said no, it may be
    in effect all the same; what is not known counts as recording."""
    known = transfer.recordings
    if failed.failure == Failure.UNAVAILABLE:
        transfer = replace(transfer, recordings=replace(known, is_doubtful=True))
    if failed.command == "ReadRecordings":
        return transfer, Stimulus.NOTED
    is_pause = failed.command == "PauseRecordings"
    return transfer, Stimulus.RECORDING_NOT_PAUSED if is_pause else Stimulus.RECORDING_NOT_RESUMED


def is_recording(known: Recordings) -> bool:
    """Whether somebody may be recorded; on doubt they are."""
    return bool(known.running) or known.is_doubtful
