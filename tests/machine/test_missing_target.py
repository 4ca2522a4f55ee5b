"""A target who is believed to be with the caller, and whom the room does not show."""

from __future__ import annotations

from tests.machine.harness import Story, assert_waiting, cold
from tests.machine.test_scenarios import began
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    Failure,
    LegReading,
    RoomReading,
)
from workflows.machine.model import ReleaseAgent, State


def connecting() -> Story:
    """The agent has gone, the target has picked up, and the caller is about to come off hold."""
    story = cold(ReleaseAgent.ON_DIAL).is_in(State.AWAITING).stall("ResumeCaller")
    return story.answers("t1").is_in(State.CONNECTING)


def test_target_who_has_gone_unheard_has_not_taken_the_call() -> None:
    """Seed 302032: the transfer was complete, and the caller in silence."""
    story = connecting().silence().hangs_up("t1").flows()
    assert began(story, "FindTarget") == 1
    story.speaks().is_in(State.RECALLING)
    assert_waiting(story)


def test_target_who_cannot_be_looked_for_either_is_believed() -> None:
    story = connecting()
    (resume,) = (key for key in story.transfer.pending if key.endswith("-ResumeCaller"))
    here = LegReading(call_sid=story.transfer.caller.call_sid, status="connected")
    reading = RoomReading(story.transfer.conference_sid, is_live=True, legs=(here,))
    story.hear(CommandSucceeded(story.at, "ResumeCaller", resume, reading=reading))
    story.is_in(State.CONNECTING)
    (find,) = (key for key in story.transfer.pending if key.endswith("-FindTarget"))
    story.hear(CommandFailed(story.at, "FindTarget", find, failure=Failure.UNAVAILABLE))
    story.is_in(State.SETTLING)
