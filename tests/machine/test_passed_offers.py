"""Offers of TaskRouter that are over while the worker's leg lives on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.machine.harness import assert_no_one_left_over, assert_talking
from tests.machine.test_scenarios import began, to_queue
from workflows.machine.events import LegJoined, WorkerDeclined, WorkerTimedOut
from workflows.machine.model import Reason, State
from workflows.machine.step import step


@pytest.mark.parametrize("over", [WorkerTimedOut, WorkerDeclined])
def test_leg_that_was_picked_up_does_not_outlive_its_offer(
    over: type[WorkerTimedOut | WorkerDeclined],
) -> None:
    """Nobody heard that the worker had come, or the worker declined on the desktop."""
    story = to_queue().answers(is_screened=True).is_in(State.SCREENING)
    leg = story.transfer.target
    story.hear(over(at=story.at, label=leg.label, call_sid=leg.call_sid))
    story.settle()
    story.is_in(State.DIALING)
    assert began(story, "EndStray") == 1
    assert [line.status for line in story.lines.dialled()] == ["gone"]
    story.is_offered_to("t2").answers("t2", is_screened=True).accepts("t2")
    story.asks("complete").waits(4.0).ended(State.COMPLETED, Reason.COMPLETED)
    assert_talking(story, "caller", "t2")
    assert_no_one_left_over(story)


def test_older_offer_that_passes_late_leaves_the_next_worker_alone() -> None:
    story = to_queue().hangs_up("t1", cause="busy").is_in(State.DIALING)
    story.is_offered_to("t2").answers("t2", is_screened=True).is_in(State.SCREENING)
    label = story.transfer.target.label
    story.hear(WorkerTimedOut(at=story.at, label=label, call_sid="CA" + "9" * 32))
    story.settle()
    story.accepts("t2").is_in(State.CONSULTING)
    assert_talking(story, "agent", "t2")


def test_offer_that_we_declined_is_not_declined_twice() -> None:
    """TaskRouter tells of our own rejection, too."""
    story = to_queue().answers(is_screened=True)
    leg = story.transfer.target
    story.hangs_up("t1").is_in(State.DIALING)
    story.hear(WorkerDeclined(at=story.at, label=leg.label, call_sid=leg.call_sid))
    story.settle()
    story.is_in(State.DIALING)
    assert began(story, "EndStray") == 0


def test_worker_who_is_faster_than_the_answer_about_the_task_has_it_all_the_same() -> None:
    """Only the outcome of the dial tells the task's SID: the acceptance waits for it."""
    story = to_queue().answers(is_screened=True)
    dial = f"{story.transfer.part}-9-DialTarget"
    waiting = replace(story.transfer, pending=(*story.transfer.pending, dial))
    leg = waiting.target
    joined = LegJoined(story.at, leg.call_sid, leg.label, waiting.conference_sid)
    begun = step(story.table, waiting, joined).commands
    assert [(each.name, each.after) for each in begun] == [("AcceptTask", (dial,))]
