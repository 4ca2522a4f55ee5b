"""The stories, told in `docs/stories.md` under the same names.

In brackets the cells of the fault matrix that a story covers: C for cold, W for warm, the step's
number, and the fault.
"""

from __future__ import annotations

from typing import Any

from tests.machine.harness import (
    Story,
    a_transfer,
    assert_no_one_left_over,
    assert_talking,
    assert_waiting,
    cold,
    inbound,
    just_begun,
    warm,
)
from workflows.machine.events import LegJoined, TaskEnded, WorkerTimedOut
from workflows.machine.model import Accept, Kind, Policy, Reason, ReleaseAgent, State

# --- warm ---------------------------------------------------------------------------------------


def test_agent_consults_then_completes() -> None:
    story = warm()
    assert_waiting(story)
    story.answers()
    assert_talking(story, "agent", "t1")
    story.asks("complete").waits(5)
    assert_talking(story, "caller", "t1")
    story.ended(State.COMPLETED, Reason.COMPLETED, by="agent")
    assert_no_one_left_over(story)


def test_agent_swaps_between_caller_and_target() -> None:
    story = warm().answers().asks("swap")
    assert_talking(story, "caller", "agent")
    assert_waiting(story, "t1")
    story.asks("swap")
    assert_talking(story, "agent", "t1")
    assert_waiting(story)
    story.asks("cancel").ended(State.CANCELLED, Reason.CANCELLED_BY_AGENT)
    assert_no_one_left_over(story)


def test_agent_talks_to_caller_while_target_rings() -> None:
    story = warm().asks("swap").is_in(State.DIALING_ASIDE)
    assert_talking(story, "caller", "agent")
    story.answers().is_in(State.REVISITING)
    assert_talking(story, "caller", "agent")
    assert_waiting(story, "t1")
    story.asks("complete").waits(5).ended(State.COMPLETED, Reason.COMPLETED)
    assert_no_one_left_over(story)


def test_all_three_talk_then_agent_leaves() -> None:
    story = warm().answers().asks("join")
    assert_talking(story, "caller", "agent", "t1")
    story.asks("complete").waits(5).ended(State.COMPLETED, Reason.COMPLETED)
    assert_talking(story, "caller", "t1")
    assert_no_one_left_over(story)


def test_agent_drops_target_and_stays() -> None:
    story = warm().answers().asks("join").asks("drop-target")
    assert_talking(story, "caller", "agent")
    story.ended(State.CANCELLED, Reason.TARGET_DROPPED_BY_AGENT)
    assert_no_one_left_over(story)


def test_agent_leaves_while_target_rings() -> None:
    """The agent asks to complete before the answer."""
    story = warm().asks("complete").is_in(State.AWAITING)
    assert_waiting(story)
    story.answers().waits(5).ended(State.COMPLETED, Reason.COMPLETED)
    assert_talking(story, "caller", "t1")
    assert_no_one_left_over(story)


def test_agent_cancels_while_target_rings() -> None:
    """[W4-F24, W5-F24]"""
    story = warm().asks("cancel").ended(State.CANCELLED, Reason.CANCELLED_BY_AGENT, by="agent")
    assert_talking(story, "caller", "agent")
    assert story.line("agent").exit_flag
    assert_no_one_left_over(story)


def test_agent_cancels_before_target_is_rung() -> None:
    """[W2-F24, W3-F24, C2-F24, C3-F24]"""
    story = just_begun().asks("cancel").flows()
    story.ended(State.CANCELLED, Reason.CANCELLED_BY_AGENT)
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_agent_cancels_while_the_dials_outcome_is_unknown() -> None:
    """[W4-F24 with F09] The agent has the caller at once; what rings under our label is ended."""
    story = just_begun().stall("DialTarget").settle().asks("cancel")
    assert_talking(story, "caller", "agent")
    story.is_in(State.CANCELLING)
    story.fails("DialTarget", "lost").flows().ended(State.CANCELLED, Reason.CANCELLED_BY_AGENT)
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_operator_cancels() -> None:
    story = warm().answers().asks("cancel", by="operator")
    story.ended(State.CANCELLED, Reason.CANCELLED_BY_OPERATOR, by="operator")
    assert_no_one_left_over(story)


def test_target_busy_gives_caller_back() -> None:
    """[W4-F18, W5-F18, C4-F18]"""
    for story in (warm(), cold()):
        story.hangs_up("t1", "busy").ended(State.FAILED, Reason.TARGET_BUSY, by="target")
        assert_talking(story, "caller", "agent")
        assert_no_one_left_over(story)


def test_target_not_answering_gives_caller_back() -> None:
    """[W5-F19, C4-F19]"""
    story = warm().hangs_up("t1", "no_answer").ended(State.FAILED, Reason.TARGET_NO_ANSWER)
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_target_never_heard_of_gives_caller_back() -> None:
    """[W5-F19 with F11] No callback at all: after the ring time we ask, and end the leg."""
    story = warm().silence().waits(120).ended(State.FAILED, Reason.TARGET_NO_ANSWER)
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_guardian_tells_what_no_callback_told() -> None:
    story = warm().silence().answers().is_in(State.DIALING)
    story.hear(LegJoined(at=story.at, call_sid=story.line("t1").sid))
    story.settle().is_in(State.CONSULTING).asks("complete").waits(5).ended(
        State.COMPLETED, Reason.COMPLETED
    )
    assert_talking(story, "caller", "t1")
    assert_no_one_left_over(story)


def test_target_refused_by_twilio_gives_caller_back() -> None:
    """[W4-F20, C4-F20]"""
    story = just_begun().fails("DialTarget", "refused").flows()
    story.ended(State.FAILED, Reason.TARGET_BLOCKED)
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_target_rejecting_gives_caller_back() -> None:
    """[W4-F22, W5-F22, C4-F22]"""
    story = warm().hangs_up("t1", "rejected").ended(State.FAILED, Reason.TARGET_REJECTED)
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_target_busy_then_next_target_answers() -> None:
    story = warm(targets=2).hangs_up("t1", "busy").is_in(State.DIALING)
    story.answers("t2").asks("complete").waits(5).ended(State.COMPLETED, Reason.COMPLETED)
    assert [each.cause for each in story.transfer.attempts] == ["busy", None]
    assert_talking(story, "caller", "t2")
    assert_no_one_left_over(story)


def test_voicemail_is_not_a_person() -> None:
    """[W5-F21, W6-F21] The leg joins the room before it is known that a machine answers."""
    story = warm(detect_machine=True).answers().is_in(State.SCREENING)
    story.is_a_machine().ended(State.FAILED, Reason.TARGET_MACHINE)
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_target_presses_1_to_accept() -> None:
    story = warm(accept=Accept.PRESS_1).answers(is_screened=True).is_in(State.SCREENING)
    assert_waiting(story)
    story.accepts().is_in(State.CONSULTING)
    assert_talking(story, "agent", "t1")
    story.asks("cancel")
    assert_no_one_left_over(story)


def test_target_hangs_up_in_consult() -> None:
    """[W6-F23, W7-F23]"""
    story = warm().answers().hangs_up("t1").ended(State.FAILED, Reason.TARGET_HUNG_UP, by="target")
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_target_hangs_up_during_handover() -> None:
    """[W8-F23, W9-F23] The agent is not removed."""
    story = warm().answers().stall().asks("complete").hangs_up("t1").flows()
    story.ended(State.FAILED, Reason.TARGET_HUNG_UP)
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_target_hangs_up_as_agent_is_removed() -> None:
    """[W10-F23] The removal has happened: the agent is rung to take the caller back."""
    story = warm().answers().asks("complete").hangs_up("t1").is_in(State.RECALLING)
    assert_waiting(story)
    story.answers("r1").ended(State.FAILED, Reason.TARGET_DROPPED)
    assert_talking(story, "caller", "r1")
    assert_no_one_left_over(story)


def test_target_hangs_up_after_the_first_seconds() -> None:
    """[W11-F23, C8-F23] Later than the guard it is a call that ended."""
    story = warm().answers().asks("complete").waits(4).hangs_up("t1")
    story.ended(State.COMPLETED, Reason.COMPLETED)


def test_agent_hangs_up_in_consult_and_thereby_completes() -> None:
    """[W6-F17]"""
    story = warm().answers().hangs_up("agent").waits(5)
    story.ended(State.COMPLETED, Reason.COMPLETED_BY_HANGUP, by="agent")
    assert_talking(story, "caller", "t1")
    assert_no_one_left_over(story)


def test_agent_hangs_up_during_handover() -> None:
    """[W7-F17, W8-F17, W9-F17] One un-hold, one end."""
    story = warm().answers().stall().asks("complete").hangs_up("agent").flows().waits(5)
    story.ended(State.COMPLETED, Reason.COMPLETED_BY_HANGUP)
    began = [name for entry in story.transfer.journal for name in entry.began]
    assert began.count("ResumeCaller") == 1
    assert_no_one_left_over(story)


def test_agent_hangs_up_while_target_rings() -> None:
    """[W4-F17, W5-F17, C4-F17]"""
    for story in (warm(), cold()):
        story.hangs_up("agent").is_in(State.AWAITING)
        assert_waiting(story)
        story.answers().waits(5)
        assert_talking(story, "caller", "t1")
        assert story.transfer.state is State.COMPLETED
        assert_no_one_left_over(story)


def test_agent_hangs_up_before_the_hold() -> None:
    """[W1-F17, W2-F17, W3-F17] The target is dialled for the caller alone."""
    story = just_begun()
    story.lines = story.lines._replace(
        lines=(story.lines.lines[0], story.lines.lines[1]._replace(exit_flag=False))
    )
    story.hangs_up("agent").flows().is_in(State.AWAITING)
    assert_waiting(story)
    story.answers().waits(5)
    assert_talking(story, "caller", "t1")
    assert_no_one_left_over(story)


def test_agent_hangs_up_after_cancelling() -> None:
    """[WX-F17] No further target is rung: who cancelled does not want one. The agent is."""
    story = warm(targets=2).stall().asks("cancel").hangs_up("agent").flows()
    story.is_in(State.RECALLING)
    assert_waiting(story)
    story.hangs_up("r1", "no_answer").ended(State.DIVERTED, Reason.NOBODY_ANSWERED)
    assert_no_one_left_over(story)
    story = warm().stall().asks("cancel").hangs_up("agent").flows().answers("r1")
    story.ended(State.CANCELLED, Reason.CANCELLED_BY_AGENT)
    assert_talking(story, "caller", "r1")
    assert_no_one_left_over(story)


def test_nobody_answers_and_the_agent_is_gone() -> None:
    """The whole ladder: next target, the agent, the apology."""
    story = warm(targets=2).hangs_up("agent").hangs_up("t1", "busy").hangs_up("t2", "busy")
    story.is_in(State.RECALLING).hangs_up("r1", "no_answer")
    story.ended(State.DIVERTED, Reason.NOBODY_ANSWERED)
    assert story.line("caller").status == "diverted"
    assert_no_one_left_over(story)


def test_caller_hangs_up_at_any_moment() -> None:
    """[W2-F16 … WX-F16, C2-F16 … C8-F16] Every leg is ended, and the end says who hung up."""
    moments = (
        warm,
        lambda: warm().answers(),
        lambda: warm().answers().asks("swap"),
        lambda: warm().answers().asks("join"),
        lambda: warm().answers().asks("complete"),
        lambda: warm().asks("complete"),
        lambda: warm().asks("swap"),
        cold,
        lambda: cold(ReleaseAgent.ON_DIAL),
        lambda: cold(ReleaseAgent.ON_DIAL).hangs_up("t1", "busy"),
    )
    for moment in moments:
        story = moment().hangs_up("caller")
        story.ended(State.ABANDONED, Reason.CALLER_HUNG_UP, by="caller")
        assert_no_one_left_over(story)


def test_caller_hangs_up_before_the_dials_outcome() -> None:
    """[W4-F16 with F09, C4-F16] The end waits until it is known what rings, and ends it."""
    story = just_begun().stall("DialTarget").settle().hangs_up("caller").is_in(State.RELEASING)
    story.fails("DialTarget", "lost").flows().ended(State.ABANDONED, Reason.CALLER_HUNG_UP)
    assert_no_one_left_over(story)


def test_room_ends_under_a_waiting_caller() -> None:
    """[W5-F31, C6-F31] The caller's own call goes on, and is sent to the apology."""
    story = warm().room_ends().ended(State.DIVERTED, Reason.CALL_ENDED)
    assert story.line("caller").status == "diverted"
    assert_no_one_left_over(story)


def test_hold_that_cannot_be_had_gives_caller_back() -> None:
    """[W3-F32, C3-F32]"""
    story = just_begun().fails("SecureCaller").flows()
    story.ended(State.FAILED, Reason.CALLER_NOT_HELD)
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_consult_has_a_limit() -> None:
    story = warm().answers().waits(601).ended(State.FAILED, Reason.CONSULT_TIMEOUT, by="deadline")
    assert_talking(story, "caller", "agent")
    assert_no_one_left_over(story)


def test_swap_that_fails_keeps_the_consult_private() -> None:
    story = warm().answers().asks("swap").fails("ResumeTarget", "lost").asks("swap")
    story.is_in(State.REVISITING)
    assert_talking(story, "caller", "agent")
    story.asks("cancel")
    assert_no_one_left_over(story)


# --- cold ---------------------------------------------------------------------------------------


def test_agent_is_released_on_answer() -> None:
    story = cold()
    assert_waiting(story)
    assert story.line("agent").is_live
    story.answers().waits(5).ended(State.COMPLETED, Reason.COMPLETED, by="target")
    assert_talking(story, "caller", "t1")
    assert_no_one_left_over(story)


def test_agent_is_released_on_dial() -> None:
    """[C5-F17] From the dial on the caller waits alone."""
    story = cold(ReleaseAgent.ON_DIAL)
    assert not story.line("agent").is_live
    assert_waiting(story)
    assert story.refuses("cancel") == "the agent has left the call"
    story.answers().waits(5).ended(State.COMPLETED, Reason.COMPLETED)
    assert_no_one_left_over(story)


def test_agent_is_released_on_ringing() -> None:
    story = cold(ReleaseAgent.ON_RINGING).is_in(State.AWAITING)
    assert not story.line("agent").is_live
    story.answers().waits(5).ended(State.COMPLETED, Reason.COMPLETED)
    assert_no_one_left_over(story)


def test_target_busy_after_the_agent_was_released() -> None:
    """[C5-F18, C6-F18 … C6-F22] The agent is rung to take the caller back."""
    for cause in ("busy", "no_answer", "failed", "rejected"):
        story = cold(ReleaseAgent.ON_DIAL).hangs_up("t1", cause).is_in(State.RECALLING)
        assert_waiting(story)
        story.answers("r1")
        assert story.transfer.state is State.FAILED
        assert story.transfer.reason == f"target_{cause}"
        assert_talking(story, "caller", "r1")
        assert_no_one_left_over(story)


def test_voicemail_after_the_agent_was_released() -> None:
    """[C5-F21, C6-F21]"""
    story = cold(ReleaseAgent.ON_DIAL, detect_machine=True).answers().is_in(State.VETTING)
    story.is_a_machine().is_in(State.RECALLING)
    story.answers("r1").ended(State.FAILED, Reason.TARGET_MACHINE)
    assert_no_one_left_over(story)


def test_target_drops_in_the_first_seconds() -> None:
    """[C5-F23, C6-F23, C7-F23, C8-F23]"""
    story = cold(targets=2).answers().hangs_up("t1").is_in(State.AWAITING)
    assert_waiting(story)
    story.answers("t2").waits(5).ended(State.COMPLETED, Reason.COMPLETED)
    assert_talking(story, "caller", "t2")
    assert_no_one_left_over(story)


def test_budget_ends_the_list_of_targets() -> None:
    story = cold(targets=3, policy=Policy(budget_seconds=0.05))
    story.hangs_up("t1", "busy").ended(State.FAILED, Reason.TARGET_BUSY)
    assert len(story.transfer.attempts) == 1
    assert_no_one_left_over(story)


def test_without_recall_the_caller_hears_the_apology() -> None:
    policy = Policy(recall=False, release_agent=ReleaseAgent.ON_DIAL)
    story = cold(policy=policy).hangs_up("t1", "busy")
    story.ended(State.DIVERTED, Reason.NOBODY_ANSWERED)
    assert_no_one_left_over(story)


# --- inbound ------------------------------------------------------------------------------------


def test_first_agent_does_not_answer_the_second_does() -> None:
    story = inbound(targets=2).hangs_up("t1", "no_answer").answers("t2").is_in(State.TALKING)
    assert_talking(story, "caller", "t2")
    story.hangs_up("t2")
    story.ended(State.ENDED, Reason.CALL_ENDED)


def test_no_agent_answers_and_the_caller_hears_the_apology() -> None:
    story = inbound().hangs_up("t1", "busy").ended(State.DIVERTED, Reason.NOBODY_ANSWERED)
    assert story.line("caller").status == "diverted"


def test_caller_of_a_new_call_hangs_up() -> None:
    story = inbound().hangs_up("caller").ended(State.ENDED, Reason.CALLER_HUNG_UP)
    assert not any(line.is_live for line in story.lines.dialled())


# --- workers and queues ---------------------------------------------------------------------------


def began(story: Story, command: str) -> int:
    """How often a command was begun."""
    return sum(entry.began.count(command) for entry in story.transfer.journal)


def to_queue(kind: Kind = Kind.WARM, **changes: Any) -> Story:
    """A transfer to a queue: the first worker's phone rings, and the agent has a task."""
    transfer = a_transfer(kind, who="queue:Q", task_sid="WTagent", **changes)
    return Story(transfer).settle()


def test_worker_of_a_queue_consults_and_takes_the_call() -> None:
    story = to_queue().stall("AcceptTask").answers(is_screened=True).is_in(State.SCREENING)
    assert began(story, "AcceptTask") == 1, "the task waits for the worker in the room"
    story.accepts().is_in(State.CONSULTING)
    assert_talking(story, "agent", "t1")
    assert began(story.flows(), "AcceptTask") == 1
    story.asks("complete").waits(4.0).ended(State.COMPLETED, Reason.COMPLETED)
    assert_talking(story, "caller", "t1")
    assert_no_one_left_over(story)


def test_worker_declines_and_the_next_one_takes_the_call() -> None:
    story = to_queue(Kind.COLD).hangs_up("t1", cause="busy").is_in(State.DIALING)
    assert_waiting(story)
    story.is_offered_to("t2").answers("t2", is_screened=True).accepts("t2").waits(4.0)
    story.ended(State.COMPLETED, Reason.COMPLETED)
    assert_talking(story, "caller", "t2")
    assert began(story, "DialTarget") == 1
    assert_no_one_left_over(story)


def test_nobody_in_the_queue_answers_and_the_caller_is_back() -> None:
    story = to_queue().hangs_up("t1", cause="no_answer").is_in(State.DIALING)
    label = story.transfer.target.label
    story.hear(TaskEnded(at=story.at, label=label, cause="no_answer"))
    story.settle().ended(State.FAILED, Reason.TARGET_NO_ANSWER)
    assert_talking(story, "caller", "agent")
    assert began(story, "CloseTask") == 0, "the agent still has the call, and the task"
    assert_no_one_left_over(story)


def test_worker_lets_the_offer_pass_and_is_put_back() -> None:
    story = to_queue()
    label = story.transfer.target.label
    story.hear(WorkerTimedOut(at=story.at, label=label, worker_sid="WK1", activity_sid="WA1"))
    assert began(story.settle(), "RestoreWorker") == 1
    story.is_in(State.DIALING)


def test_worker_hangs_up_in_consult_and_is_not_left_busy() -> None:
    story = to_queue().answers(is_screened=True).accepts().hangs_up("t1")
    story.ended(State.FAILED, Reason.TARGET_HUNG_UP)
    assert_talking(story, "caller", "agent")
    assert began(story, "EndTask") == 1
    assert_no_one_left_over(story)


def test_agent_hangs_up_in_consult_and_has_no_task_left() -> None:
    story = to_queue().answers(is_screened=True).accepts().hangs_up("agent").waits(4.0)
    story.ended(State.COMPLETED, Reason.COMPLETED_BY_HANGUP)
    assert_talking(story, "caller", "t1")
    assert began(story, "CloseTask") == 1
    assert_no_one_left_over(story)
