"""The story of a transfer, in lines that a person can read and that name nobody."""

from __future__ import annotations

from dataclasses import replace

from tests.machine.harness import warm
from workflows.machine.events import TargetDropRequested
from workflows.machine.journal import ladder, line, waits_for
from workflows.machine.model import JOURNAL_ENTRIES_MAX, State
from workflows.machine.step import step


def test_a_line_has_the_shape_of_the_log() -> None:
    journal = warm().answers().transfer.journal
    assert line(journal[0]) == "< Started = HOLDING > SecureCaller"
    assert line(journal[1]) == "< CallerHeld = HOLDING->DIALING > DialTarget"
    assert line(journal[-1]) == "< TargetAnswered = DIALING->CONSULTING"


def test_the_ladder_shows_who_is_where() -> None:
    story = warm().answers().transfer
    last = ladder(story.journal, story.started_at).splitlines()[-1]
    assert last.split() == [
        "+1.20s", "holds", "talks", "talks", "<", "TargetAnswered", "=", "DIALING->CONSULTING",
    ]  # fmt: skip


def test_notes_tell_the_attempt_and_its_cause() -> None:
    story = warm(targets=2).hangs_up("t1", "busy")
    notes = [entry.note for entry in story.transfer.journal]
    assert "attempt 1 of 2: busy" in notes or "attempt 2 of 2" in " ".join(notes)


def test_no_address_is_in_the_journal() -> None:
    story = warm(targets=2).hangs_up("t1", "busy").answers("t2").asks("complete").waits(5)
    told = ladder(story.transfer.journal, 0.0) + repr(story.transfer.journal)
    assert "client:" not in told
    assert "CA" not in told.replace("CALL", "").replace("CANC", "")


def test_the_journal_is_bounded() -> None:
    story = warm()
    entry = story.transfer.journal[0]
    full = replace(story.transfer, journal=(entry,) * JOURNAL_ENTRIES_MAX)
    story.transfer = full
    story.answers()
    assert len(story.transfer.journal) == JOURNAL_ENTRIES_MAX
    assert story.transfer.journal[-1].state_to is State.CONSULTING


def test_a_refused_request_leaves_no_line() -> None:
    story = warm()
    stepped = step(story.table, story.transfer, TargetDropRequested(at=1.0))
    assert stepped.entry is None
    assert stepped.refusal


def test_what_is_waited_for() -> None:
    assert waits_for(("p-3-HoldCaller", "p-3-DialTarget"), 12.4).startswith(
        "HoldCaller, DialTarget; in 12 s"
    )
    assert waits_for((), 12.4).startswith("somebody to act; in 12 s")
    assert waits_for((), None) == ""
