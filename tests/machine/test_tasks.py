"""With TaskRouter: every task is closed when its worker leaves, and no task twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.machine.harness import (
    Story,
    a_transfer,
    cold,
    warm,
)
from workflows.machine.commands import EndTask
from workflows.machine.events import (
    CommandSucceeded,
    DeadlinePassed,
    LegEnded,
    LegScreened,
    TaskReading,
    WorkerDeclined,
)
from workflows.machine.inbound import ROUTED
from workflows.machine.model import Kind, Leg, Presence, Reason, State, Transfer
from workflows.machine.step import ends_at, step

TASK = "WTagent"


def began(story: Story, command: str) -> int:
    """How often a command was begun."""
    return sum(entry.began.count(command) for entry in story.transfer.journal)


def test_offer_that_comes_to_nothing_is_no_lost_target() -> None:
    """Another worker is offered the same task; nobody is dialled by us."""
    story = warm(who="queue:Q", task_sid=TASK).hangs_up("t1", cause="busy")
    story.is_in(State.DIALING)
    assert began(story, "DialTarget") == 1
    assert story.transfer.target.is_live


def test_worker_who_hangs_up_while_the_agent_is_removed_is_not_left_busy() -> None:
    story = cold(who="queue:Q", task_sid=TASK, targets=2)
    story.answers(is_screened=True).accepts().is_in(State.SETTLING).hangs_up("t1")
    assert began(story, "EndTask") == 1
    assert began(story, "DialTarget") == 2, "the next queue is asked"


def test_phone_that_hangs_up_has_no_task() -> None:
    story = warm().answers().hangs_up("t1").ended(State.FAILED, Reason.TARGET_HUNG_UP)
    assert began(story, "EndTask") == 0


@pytest.mark.parametrize(("label", "task_sid", "commands"), [
    ("0a1b-t1s", "", (EndTask(label="0a1b-t1s"),)),
    ("0a1b-t1s", "WT1", (EndTask(task_sid="WT1", label="0a1b-t1s"),)),
    ("0a1b-t1", "", ()),
    ("", "", ()),
])  # fmt: skip
def test_between_transfers_a_leg_tells_its_task_by_its_label(
    label: str, task_sid: str, commands: tuple[EndTask, ...]
) -> None:
    event = LegEnded(at=2000.0, call_sid="CAdave", label=label, task_sid=task_sid)
    begun = step(ROUTED, talking(), event).commands
    ends = [each for each in begun if isinstance(each, EndTask)]
    assert [(each.task_sid, each.label) for each in ends] == [
        (each.task_sid, each.label) for each in commands
    ]


def talking() -> Transfer:
    """A call that TaskRouter set up, some time after it was set up."""
    transfer = a_transfer(Kind.ROUTED, targets=0, task_sid=TASK)
    alice = Leg(address="client:alice", call_sid="CAalice", presence=Presence.PRESENT)
    return replace(transfer, state=State.TALKING, agent=Leg(), target=alice)


def test_worker_who_presses_another_key_has_the_offer_rejected() -> None:
    story = warm(who="queue:Q", task_sid=TASK).answers(is_screened=True).is_in(State.SCREENING)
    label = story.transfer.target.label
    offer = {"call_sid": "CAt1", "label": label, "reservation_sid": "WR1"}
    story.hear(LegScreened(at=story.at, willing=False, cause="rejected", **offer))
    story.is_in(State.DIALING)
    assert began(story, "RejectTask") == 1
    story.settle().hear(LegEnded(at=story.at, **offer))
    assert began(story.settle(), "RejectTask") == 1, "the end of that leg is no news"


def test_worker_who_hangs_up_when_asked_has_the_offer_rejected() -> None:
    story = warm(who="queue:Q", task_sid=TASK).answers(is_screened=True)
    label = story.transfer.target.label
    story.hear(LegEnded(at=story.at, call_sid="CAt1", label=label, reservation_sid="WR1"))
    assert began(story.settle(), "RejectTask") == 1
    story.is_in(State.DIALING)


def test_offer_whose_phone_was_not_picked_up_is_ended_by_taskrouter() -> None:
    story = warm(who="queue:Q", task_sid=TASK)
    label, cause = story.transfer.target.label, "no_answer"
    given = {"call_sid": "CAt1", "label": label, "reservation_sid": "WR1", "cause": cause}
    story.hear(LegEnded(at=story.at, **given))
    assert began(story.settle(), "RejectTask") == 0


def leaving() -> Story:
    """The agent has completed; the removal is under way, with the task that it is to close."""
    story = warm(who="queue:Q", task_sid=TASK).answers(is_screened=True).accepts()
    return story.stall("RemoveAgent").asks("complete").is_in(State.LEAVING)


def test_agent_who_is_heard_to_leave_during_the_removal_has_one_task_closed_once() -> None:
    story = leaving().hangs_up("agent").is_in(State.SETTLING)
    assert began(story.flows(), "CloseTask") == 0, "the removal closes it"
    assert story.transfer.is_task_closed
    story.waits(4.0).ended(State.COMPLETED, Reason.COMPLETED)


def test_task_that_a_removal_closed_is_not_closed_again_on_the_ladder() -> None:
    story = leaving().flows().is_in(State.SETTLING).hangs_up("t1").is_in(State.RECALLING)
    assert began(story, "CloseTask") == 0


def test_removal_that_fails_after_the_agent_has_left_leaves_no_task_open() -> None:
    story = leaving().fails("RemoveAgent").hangs_up("agent")
    assert began(story, "CloseTask") == 0
    assert began(story.flows(), "CloseTask") == 1
    story.waits(4.0).ended(State.COMPLETED, Reason.COMPLETED)


def test_caller_who_leaves_during_the_removal_leaves_no_task_open() -> None:
    """The removal looks for the caller first, and may not be carried out at all."""
    story = leaving().hangs_up("caller").flows()
    assert began(story, "CloseTask") == 1
    assert story.settle().transfer.state is State.ABANDONED


def test_removal_that_fails_while_everything_is_wound_up_still_closes_the_task() -> None:
    story = leaving().hangs_up("agent").fails("RemoveAgent").hangs_up("caller")
    story.is_in(State.RELEASING).flows()
    assert began(story, "CloseTask") == 1
    story.ended(State.ABANDONED, Reason.CALLER_HUNG_UP)


def test_place_in_the_queue_is_told_at_once() -> None:
    """A step of its own: what is shown of a transfer is written after a step."""
    story = Story(a_transfer(Kind.WARM, who="queue:Q", task_sid=TASK)).stall("ReadQueue").settle()
    (key,) = (each for each in story.transfer.pending if each.endswith("-ReadQueue"))
    place = TaskReading(task_sid="WT1", position=3, longest_wait_seconds=40)
    done = CommandSucceeded(at=story.at, command="ReadQueue", key=key, task=place)
    stepped = step(story.table, story.transfer, done)
    assert stepped.entry is not None
    assert (stepped.transfer.queue_position, stepped.transfer.queue_seconds) == (3, 40)
    assert stepped.transfer.state is State.DIALING


def queued(**changes: Any) -> Story:
    """A caller who waits in a queue for up to a minute."""
    transfer = a_transfer(Kind.WARM, who="queue:Q", task_sid=TASK)
    waits = replace(transfer.targets[0], ring_seconds=60.0)
    story = Story(replace(transfer, targets=(waits,), **changes)).silence()
    return story.settle().is_in(State.DIALING)


def test_place_in_the_queue_is_asked_for_again_with_the_timer_that_runs() -> None:
    story = queued()
    began_at, running = story.transfer.started_at, story.transfer.deadline_at
    first = story.table.deadlines[State.HOLDING].seconds
    assert running == began_at + first, "the deadline of the hold: no timer of its own"
    assert began(story, "ReadQueue") == 1
    story.waits(31.0)
    assert began(story, "ReadQueue") == 2
    assert story.transfer.deadline_at == began_at + 45.0
    story.waits(16.0).waits(15.0)
    assert began(story, "ReadQueue") == 4
    assert began(story, "FindTarget") == 0
    story.is_in(State.DIALING)
    assert story.transfer.due == "", "the task has no minute left"
    story.waits(20.0)
    assert began(story, "FindTarget") == 1


def test_offer_that_came_to_nothing_needs_no_timer_of_its_own() -> None:
    """Nor does a queue that is left before the first timer fires."""
    story = queued()
    running, label = story.transfer.deadline_at, story.transfer.target.label
    story.hear(WorkerDeclined(at=story.at, label=label, call_sid="CA" + "9" * 32))
    assert story.is_in(State.DIALING).transfer.deadline_at == running
    short = Story(a_transfer(Kind.WARM, who="queue:Q")).silence().settle()
    ends = short.transfer.deadline_at
    short.hear(WorkerDeclined(at=short.at, label=label, call_sid="CA" + "9" * 32))
    assert (short.transfer.due, short.transfer.deadline_at) == ("", ends)


def test_looks_at_the_queue_move_neither_the_end_that_is_shown_nor_the_end() -> None:
    story = queued()
    shown = ends_at(story.table, story.transfer)
    dialed_at = story.transfer.attempts[0].dialed_at
    assert shown == dialed_at + 70.0
    assert ends_at(story.table, story.waits(31.0).transfer) == shown
    story.stall("ReadQueue").waits(30.0)
    assert began(story, "ReadQueue") == 3, "a look that does not end is not begun twice"
    assert ends_at(story.table, story.transfer) == shown


def test_place_that_has_not_moved_is_no_news() -> None:
    story = queued()
    place = TaskReading(task_sid="WT1", position=3, longest_wait_seconds=40)
    steps = []
    for _ in range(2):
        story.stall("ReadQueue").hear(DeadlinePassed(story.at, story.transfer.deadline_step))
        key = next(each for each in story.transfer.pending if each.endswith("-ReadQueue"))
        jobs = tuple(each for each in story.lines.jobs if each.key != key)
        story.lines = story.lines._replace(jobs=jobs)
        done = CommandSucceeded(at=story.at, command="ReadQueue", key=key, task=place)
        stepped = step(story.table, story.transfer, done)
        story.transfer = stepped.transfer
        steps.append(stepped.entry is not None)
    assert steps == [True, False]


def test_task_that_is_seen_to_be_over_is_waited_for_no_longer() -> None:
    story = queued().stall("ReadQueue")
    story.hear(DeadlinePassed(story.at, story.transfer.deadline_step))
    key = next(each for each in story.transfer.pending if each.endswith("-ReadQueue"))
    over = TaskReading(task_sid="WT1", is_over=True)
    story.hear(CommandSucceeded(at=story.at, command="ReadQueue", key=key, task=over))
    story.is_in(State.RETURNING)


def test_nobody_reads_the_queue_when_the_agent_has_gone() -> None:
    story = queued()
    story.hear(LegEnded(at=story.at, call_sid="CAagent"))
    story.settle().is_in(State.AWAITING).waits(50.0)
    assert began(story, "ReadQueue") == 1
