"""What is recorded through a transfer: the rules by example, and seeded bugs that the exploration
finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.machine.explore import Bounds, Search
from tests.machine.harness import Story, a_transfer
from tests.machine.tape import KEPT, RECORDED, RECORDING, Tape
from tests.machine.worlds import World
from workflows.machine import events, objects, outcomes, recordings
from workflows.machine import step as stepping
from workflows.machine.commands import ResumeRecordings
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    RecordingPausedByPerson,
    RecordingPauseRequested,
    RecordingResumeRequested,
)
from workflows.machine.model import Kind, Policy, Reason, State, Transfer
from workflows.machine.stimuli import Stimulus
from workflows.machine.warm import WARM

PRIVATE = Policy(pause_recordings=True)


class Taped(Story):
    """A story with something that records the room."""

    def __init__(
        self, kind: Kind = Kind.WARM, policy: Policy = PRIVATE, tape: Tape = RECORDED
    ) -> None:
        super().__init__(a_transfer(kind, policy=policy))
        pauses = policy.pause_recordings and kind is Kind.WARM
        self.lines = self.lines._replace(tape=tape._replace(pauses=pauses))
        self.settle()

    @property
    def tape(self) -> str:
        return self.lines.tape.status

    def pauses_recording(self) -> Taped:
        self.hear(RecordingPauseRequested(at=self.at))
        self.settle()
        return self

    def resumes_recording(self) -> Taped:
        tape = self.lines.tape._replace(is_kept=False, is_wanted=True)
        self.lines = self.lines._replace(tape=tape)
        self.hear(RecordingResumeRequested(at=self.at))
        self.settle()
        return self


def begun(story: Story) -> list[str]:
    """The commands about recordings, in the order in which they were begun."""
    names = [name for entry in story.transfer.journal for name in entry.began]
    return [name for name in names if name.endswith("Recordings")]


def test_consult_is_not_recorded_and_the_conversation_is() -> None:
    story = Taped()
    assert story.tape == "paused", "before the phone rings"
    story.answers()
    assert (story.transfer.state, story.tape) == (State.CONSULTING, "paused")
    story.asks("swap")
    assert (story.transfer.state, story.tape) == (State.REVISITING, "running")
    story.asks("swap")
    assert (story.transfer.state, story.tape) == (State.CONSULTING, "paused")
    story.asks("complete")
    assert story.tape == "running"
    story.waits(10)
    assert story.transfer.state is State.COMPLETED


@pytest.mark.parametrize("how", ["cancel", "join", "hang up", "target gone", "while ringing"])
def test_recording_goes_on_however_the_consult_ends(how: str) -> None:
    story = Taped()
    if how == "while ringing":
        story.asks("cancel")
    else:
        story.answers()
        if how == "hang up":
            story.hangs_up("agent")
        elif how == "target gone":
            story.hangs_up("t1")
        else:
            story.asks(how)
    assert story.tape == "running"


def test_recording_runs_while_the_agent_is_back_with_the_caller_and_the_phone_rings() -> None:
    story = Taped()
    story.asks("swap")
    assert (story.transfer.state, story.tape) == (State.DIALING_ASIDE, "running")
    story.asks("swap")
    assert (story.transfer.state, story.tape) == (State.DIALING, "paused")


def test_what_a_person_paused_before_stays_paused() -> None:
    story = Taped(tape=KEPT)
    story.answers()
    story.asks("complete")
    story.waits(10)
    assert (story.transfer.state, story.tape) == (State.COMPLETED, "paused")
    assert "ResumeRecordings" not in begun(story)


def test_what_a_person_paused_in_the_consult_stays_paused() -> None:
    story = Taped()
    story.answers()
    story.pauses_recording()
    story.asks("complete")
    story.waits(10)
    assert (story.transfer.state, story.tape) == (State.COMPLETED, "paused")


def test_what_a_person_wants_back_in_the_consult_comes_back_after_it() -> None:
    story = Taped(tape=KEPT)
    story.answers()
    story.resumes_recording()
    assert story.tape == "paused", "not in the consult"
    story.asks("complete")
    assert story.tape == "running"


def test_the_last_word_counts() -> None:
    story = Taped()
    story.answers()
    story.asks("swap")
    story.pauses_recording()
    assert story.tape == "paused"
    story.resumes_recording()
    assert story.tape == "running"
    story.pauses_recording()
    story.asks("swap")
    story.asks("complete")
    assert story.tape == "paused"


def test_recording_waits_until_it_is_certain_that_the_caller_hears() -> None:
    """The hold of a swap took effect without an answer. Found by the exploration."""
    story = Taped()
    story.answers()
    story.asks("swap")
    story.fails("HoldCaller", "lost").stalled = ("ResumeCaller", "RemoveAgent")
    story.asks("swap")
    story.asks("complete")
    assert story.line("caller").held
    assert story.tape == "paused", "agent and target talk, and the caller is on hold"
    story.flows().waits(10)
    assert (story.transfer.state, story.tape) == (State.COMPLETED, "running")


def test_a_pause_past_the_transfer_is_kept() -> None:
    """A pause that was asked of the call in the moment in which the transfer began."""
    story = Taped()
    story.answers()
    story.hear(RecordingPausedByPerson(at=story.at))
    story.settle()
    story.asks("complete")
    assert story.tape == "paused"


def test_nothing_is_asked_where_the_policy_does_not_record() -> None:
    story = Taped(policy=Policy())
    story.answers()
    assert story.tape == "running", "the consult is allowed to be recorded"
    story.asks("complete")
    story.waits(10)
    assert begun(story) == []


def test_cold_transfer_has_no_consult_to_pause_for() -> None:
    story = Taped(Kind.COLD)
    story.answers()
    story.waits(10)
    assert story.transfer.state is State.COMPLETED
    assert begun(story) == []


def test_what_cannot_be_paused_ends_the_transfer_before_the_phone_rings() -> None:
    transfer = replace(a_transfer(policy=PRIVATE))
    story = Story(transfer)
    secure = next(job for job in story.lines.jobs if job.command == "SecureCaller")
    read = next(job for job in story.lines.jobs if job.command == "ReadRecordings")
    assert read.key in secure.waits_for, "what runs is known before it is paused"
    cause = events.RECORDED
    failed = CommandFailed(at=story.at, command="SecureCaller", key=secure.key, cause=cause)
    after = stepping.step(story.table, story.transfer, failed).transfer
    assert after.state is State.RETURNING
    assert after.reason is Reason.RECORDING_NOT_PAUSED
    assert after.journal[-1].note == "the recording could not be paused"
    assert not after.attempts


def test_a_recording_whose_change_is_not_known_counts_as_recording() -> None:
    story = Taped()
    assert not recordings.is_recording(story.transfer.recordings)
    story.fails("ResumeRecordings", "lost")
    story.stall("ResumeRecordings")
    story.asks("cancel")
    doubtful = replace(story.transfer.recordings, is_doubtful=True, running=())
    assert recordings.is_recording(doubtful)


def test_the_owed_is_noted_before_it_is_paused() -> None:
    """So that no crash between the pause and its outcome can lose it."""
    story = Story(a_transfer(policy=PRIVATE))
    story.lines = story.lines._replace(tape=RECORDED)
    story.stall("SecureCaller")
    story.settle()
    assert story.transfer.recordings.owed == (RECORDING,)
    assert story.transfer.recordings.running == (RECORDING,)


# --- seeded bugs: the exploration must find each --------------------------------------------------


def _always_resumes(transfer: Transfer) -> bool:
    return bool(transfer.recordings.owed) and "ResumeRecordings" not in (
        recordings.names_under_way(transfer)
    )


def _owes_everything(transfer: Transfer, done: CommandSucceeded) -> Transfer:
    found = done.recordings
    if found is None:
        return transfer
    transfer = recordings.learn(transfer, found, 0.0)
    return recordings.owing(transfer, found.paused)


_hear_done = recordings.hear_done


def _forgets(transfer: Transfer, done: CommandSucceeded) -> tuple[Transfer, Stimulus]:
    transfer, stimulus = _hear_done(transfer, done)
    if done.command == "PauseRecordings":
        known = transfer.recordings
        known = replace(known, by_person=False, owed=known.paused)
        transfer = replace(transfer, recordings=known)
    return transfer, stimulus


BUGS: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "a person's pause is forgotten once it is in effect": (
        "resumed, though a person had it paused",
        lambda patch: patch.setattr(outcomes.recordings, "hear_done", _forgets),
    ),
    "what was paused before counts as ours": (
        "resumed, though a person had it paused",
        lambda patch: patch.setattr(outcomes.recordings, "learn_from_hold", _owes_everything),
    ),
    "resumed while the caller is on hold": (
        "the consult is recorded",
        lambda patch: patch.setitem(objects._NEEDS_RECORDINGS, ResumeRecordings, _always_resumes),
    ),
    "never resumed": (
        "the recording was not resumed",
        lambda patch: patch.setitem(
            objects._NEEDS_RECORDINGS, ResumeRecordings, lambda transfer: False
        ),
    ),
}


_DONE = ("{} takes effect", "{} is told: ok")
_CONSULT = (
    *(
        move.format(name)
        for name in ("ReadRecordings", "SecureCaller", "DialTarget")
        for move in _DONE
    ),
    "t1 answers",
    "reported: t1 answered",
)
_PAUSED = ("the agent pauses the recording", *(move.format("PauseRecordings") for move in _DONE))
_SWAPPED = ("the agent asks: swap", *(move.format("HoldTarget") for move in _DONE))
_GIVEN = ("the agent asks: complete",)


@pytest.mark.parametrize("bug", BUGS)
def test_exploration_finds_the_seeded_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words, seed = BUGS[bug]
    seed(monkeypatch)
    worlds = (
        World("kept", WARM, tape=KEPT, played=(*_CONSULT, *_GIVEN)),
        World("paused in the consult", WARM, tape=RECORDED, played=(*_CONSULT, *_PAUSED, *_GIVEN)),
        World("swapping", WARM, tape=RECORDED, played=(*_CONSULT, *_SWAPPED)),
    )

    def explore() -> None:
        for world in worlds:
            Search(world, Bounds(depth=4, faults=0, sample=10**9)).run()

    with pytest.raises(AssertionError, match=f"S21: {words}"):
        explore()


def test_without_a_bug_the_same_exploration_finds_nothing() -> None:
    world = World("kept", WARM, tape=KEPT, played=(*_CONSULT, *_GIVEN))
    assert Search(world, Bounds(depth=4, faults=0)).run().states > 100
