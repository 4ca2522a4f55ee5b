"""Offers of TaskRouter that are over while the worker's leg lives on, and those that are taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.machine.harness import (
    Story,
    a_transfer,
    assert_no_one_left_over,
    assert_talking,
    assert_waiting,
)
from tests.machine.switchboard import decline
from tests.machine.test_scenarios import began, to_queue
from workflows.machine.commands import EndStray
from workflows.machine.events import (
    CancellationRequested,
    CommandSucceeded,
    LegAnswered,
    LegEnded,
    LegJoined,
    LegScreened,
    RoomEnded,
    WorkerDeclined,
    WorkerTimedOut,
)
from workflows.machine.model import Accept, Kind, Reason, State
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


def declines(story: Story, name: str = "t1") -> Story:
    """The worker declines on the desktop; the leg stays where it is."""
    story.lines = decline(story.lines, story.lines.by_label(f"CA{name}"))
    return story


def comes(kind: Kind = Kind.WARM) -> Story:
    """A worker is in the room, and the task is not accepted yet."""
    story = to_queue(kind).stall("AcceptTask")
    return story.answers(is_screened=True).accepts()


def test_task_is_proof_that_the_worker_has_come() -> None:
    """The report of the join is lost: whoever got the task in the room has the call."""
    story = to_queue().stall("AcceptTask").answers(is_screened=True).is_in(State.SCREENING)
    story.silence().accepts().is_in(State.SCREENING)
    story.flows().is_in(State.CONSULTING)
    assert began(story.speaks(), "AcceptTask") == 1


def test_worker_who_is_not_there_yet_gets_the_task_when_they_come() -> None:
    """A long whisper: the looks for the worker are over before."""
    story = to_queue().answers(is_screened=True).is_in(State.SCREENING)
    assert not story.transfer.pending
    story.accepts().is_in(State.CONSULTING)
    assert began(story, "AcceptTask") == 2
    assert "booked" in story.line("t1").was


def test_look_that_came_a_moment_too_early_is_repeated() -> None:
    """It saw an empty place, and is told after the worker has come."""
    story = comes().is_in(State.CONSULTING)
    story.fails("AcceptTask", "absent").flows().is_in(State.CONSULTING)
    assert began(story, "AcceptTask") == 2
    assert "booked" in story.line("t1").was


def test_worker_who_has_to_press_a_key_is_not_looked_for_before() -> None:
    story = to_queue().answers(is_screened=True)
    asked = to_queue(targets=1, accept=Accept.PRESS_1).answers(is_screened=True)
    assert (began(story, "AcceptTask"), began(asked, "AcceptTask")) == (1, 0)
    leg = asked.transfer.target
    asked.hear(LegScreened(asked.at, leg.call_sid, leg.label, willing=True))
    assert began(asked, "AcceptTask") == 1


@pytest.mark.parametrize("is_told", [True, False])
def test_worker_who_declines_in_the_room_does_not_keep_the_call(is_told: bool) -> None:
    story = comes().is_in(State.CONSULTING)
    story = story if is_told else story.silence()
    declines(story).flows().is_in(State.DIALING)
    assert story.line("t1").status == "gone"
    assert_waiting(story)
    story.speaks().is_offered_to("t2").answers("t2", is_screened=True).accepts("t2")
    story.is_in(State.CONSULTING)
    assert_talking(story, "agent", "t2")
    assert "booked" in story.line("t2").was
    story.asks("complete").waits(4.0).ended(State.COMPLETED, Reason.COMPLETED)
    assert_no_one_left_over(story)


def test_caller_who_met_a_worker_who_declines_waits_for_the_next() -> None:
    story = comes(Kind.COLD).is_in(State.SETTLING)
    assert_talking(story, "caller", "t1")
    declines(story).flows().is_in(State.AWAITING)
    assert_waiting(story)
    story.is_offered_to("t2").answers("t2", is_screened=True).accepts("t2").waits(4.0)
    story.ended(State.COMPLETED, Reason.COMPLETED)
    assert_talking(story, "caller", "t2")
    assert_no_one_left_over(story)


@pytest.mark.parametrize("verb", ["swap", "join"])
def test_agent_stays_with_the_caller_when_the_worker_declines(verb: str) -> None:
    story = declines(comes().asks(verb)).flows().is_in(State.DIALING_ASIDE)
    assert_talking(story, "caller", "agent")


def test_worker_who_could_not_be_booked_in_time_keeps_the_call_and_nobody_else_is_rung() -> None:
    """Twilio did not answer for longer than the offer lasts."""
    story = comes().is_in(State.CONSULTING).fails("AcceptTask").flows()
    leg = story.transfer.target
    story.hear(WorkerTimedOut(at=story.at, label=leg.label, call_sid=leg.call_sid))
    story.settle().is_in(State.CONSULTING)
    assert began(story, "EndTask") == 1


def test_worker_who_hangs_up_as_they_get_the_task_is_not_waited_for() -> None:
    """TaskRouter asks nobody else for a task that is accepted."""
    story = to_queue(targets=2).stall("AcceptTask").answers(is_screened=True)
    key = story.transfer.pending[-1]
    story.hangs_up("t1").is_in(State.DIALING)
    booked(story, key)
    assert began(story, "EndTask") == 1
    assert began(story, "DialTarget") == 2, "the next queue is asked"


def booked(story: Story, key: str) -> None:
    """The task was accepted before the worker was seen to be gone."""
    jobs = tuple(each for each in story.lines.jobs if each.key != key)
    story.lines = story.lines._replace(jobs=jobs)
    story.hear(CommandSucceeded(at=story.at, command="AcceptTask", key=key))
    story.settle()


@pytest.mark.parametrize("asked", ["cancel", "caller leaves", "room ends"])
def test_worker_who_picks_up_while_the_task_is_being_ended_is_let_go(asked: str) -> None:
    """The end of a task ends no leg that was picked up before it: seeds 203950 and 211911 left a
    worker alone in a room that the name of the ended one had made."""
    story = to_queue().is_in(State.DIALING).stall()
    transfer = story.transfer
    event = {
        "cancel": CancellationRequested(story.at),
        "caller leaves": LegEnded(story.at, transfer.caller.call_sid),
        "room ends": RoomEnded(story.at, transfer.conference_sid),
    }[asked]
    ending = step(story.table, transfer, event).transfer
    leg = LegAnswered(story.at, "CAlate", transfer.target.label)
    stepped = step(story.table, ending, leg)
    (command,) = stepped.commands
    assert isinstance(command, EndStray)
    assert command.call_sid == "CAlate"


def test_worker_who_picks_up_after_the_task_has_ended_is_let_go() -> None:
    story = to_queue().is_in(State.DIALING).stall("GiveCallerBack")
    leg = story.transfer.target
    story.asks("cancel").is_in(State.CANCELLING)
    assert not story.transfer.target.is_live
    stepped = step(story.table, story.transfer, LegAnswered(story.at, leg.call_sid, leg.label))
    assert [each.name for each in stepped.commands] == ["EndStray"]


def test_phone_that_is_picked_up_as_its_own_end_is_under_way_needs_no_second_request() -> None:
    story = Story(a_transfer(Kind.WARM)).settle().is_in(State.DIALING).stall()
    leg = story.transfer.target
    ending = step(story.table, story.transfer, CancellationRequested(story.at)).transfer
    stepped = step(story.table, ending, LegAnswered(story.at, leg.call_sid, leg.label))
    assert stepped.commands == ()
