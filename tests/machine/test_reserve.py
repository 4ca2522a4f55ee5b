"""The queue in reserve: rung when targets and agent could not be had, before the apology."""

from __future__ import annotations

from dataclasses import replace

from tests.machine.harness import Story, a_transfer, assert_no_one_left_over, assert_talking
from workflows.machine.model import Kind, Policy, Reason, ReleaseAgent, State, Target

RESERVE = Target("queue:Support", is_reserve=True)


def sent_away(policy: Policy | None = None, kind: Kind = Kind.COLD) -> Story:
    """The agent has gone, and the only phone of the list rings."""
    transfer = a_transfer(kind, policy=policy or Policy(release_agent=ReleaseAgent.ON_DIAL))
    return Story(replace(transfer, targets=(*transfer.targets, RESERVE))).settle()


def takes_call(story: Story, name: str) -> Story:
    return story.answers(name, is_screened=True).accepts(name)


def test_queue_is_rung_after_the_agent() -> None:
    story = sent_away().hangs_up("t1", "busy").is_in(State.RECALLING)
    story.hangs_up("r1", "no_answer").is_in(State.AWAITING)
    assert story.line("caller").held
    takes_call(story, "t2").waits(5)
    story.ended(State.COMPLETED, Reason.COMPLETED)
    assert_talking(story, "caller", "t2")
    assert_no_one_left_over(story)


def test_agent_who_lets_it_ring_is_let_be_and_the_queue_is_rung() -> None:
    story = sent_away().hangs_up("t1", "busy").is_in(State.RECALLING)
    story.waits(40).is_in(State.AWAITING)
    assert story.line("r1").status == "gone", "nobody lets two phones ring for one caller"
    takes_call(story, "t2").waits(5)
    story.ended(State.COMPLETED, Reason.COMPLETED)
    assert_no_one_left_over(story)


def test_recall_that_cannot_be_made_leads_to_the_queue() -> None:
    story = sent_away().fails("RecallAgent", "refused").hangs_up("t1", "busy")
    story.is_in(State.AWAITING)
    takes_call(story, "t2").waits(5)
    story.ended(State.COMPLETED, Reason.COMPLETED)


def test_agent_who_answers_has_the_caller_and_no_queue_is_rung() -> None:
    story = sent_away().hangs_up("t1", "busy").answers("r1")
    story.ended(State.FAILED, Reason.TARGET_BUSY)
    assert_talking(story, "caller", "r1")
    assert len(story.transfer.attempts) == 1


def test_without_recall_the_queue_is_next() -> None:
    policy = Policy(recall=False, release_agent=ReleaseAgent.ON_DIAL)
    story = sent_away(policy).hangs_up("t1", "busy").is_in(State.AWAITING)
    assert story.transfer.current_target is RESERVE
    assert story.transfer.recalls == 0


def test_agent_who_is_still_there_gets_the_caller_and_no_queue_is_rung() -> None:
    story = sent_away(Policy(), Kind.WARM).hangs_up("t1", "busy")
    story.ended(State.FAILED, Reason.TARGET_BUSY)
    assert_talking(story, "caller", "agent")
    assert len(story.transfer.attempts) == 1


def test_nobody_in_the_queue_leads_to_the_apology() -> None:
    story = sent_away().hangs_up("t1", "busy").hangs_up("r1", "no_answer")
    story.is_in(State.AWAITING).waits(300)
    story.ended(State.DIVERTED, Reason.NOBODY_ANSWERED)
    assert_no_one_left_over(story)


def test_past_the_budget_the_caller_hears_the_apology() -> None:
    policy = Policy(release_agent=ReleaseAgent.ON_DIAL, budget_seconds=20.0)
    story = sent_away(policy).hangs_up("t1", "busy").waits(40)
    story.ended(State.DIVERTED, Reason.NOBODY_ANSWERED)
    assert len(story.transfer.attempts) == 1


def test_who_cancelled_and_cannot_be_had_does_not_leave_the_caller_to_the_apology() -> None:
    transfer = a_transfer(Kind.WARM)
    story = Story(replace(transfer, targets=(*transfer.targets, RESERVE))).settle()
    story.stall().asks("cancel").hangs_up("agent").flows().is_in(State.RECALLING)
    story.hangs_up("r1", "no_answer").is_in(State.AWAITING)
    takes_call(story, "t2").waits(5)
    story.ended(State.COMPLETED, Reason.COMPLETED)
    assert_no_one_left_over(story)
