"""What every step does the same way: keys, deadlines, sums, refusals, the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.machine.harness import TABLES, a_transfer, cold, just_begun, warm
from workflows.machine.events import CancellationRequested, CompletionRequested, LegAnswered
from workflows.machine.model import Kind, Party, ReleaseAgent, State
from workflows.machine.people import hears, where
from workflows.machine.step import allowed, refusal_of, start, step
from workflows.views import view_of

WARM, COLD = TABLES[Kind.WARM], TABLES[Kind.COLD]


def test_the_same_arguments_give_the_same_step() -> None:
    transfer = warm().transfer
    event = LegAnswered(at=1010.0, call_sid="CAt1")
    assert step(WARM, transfer, event) == step(WARM, transfer, event)


def test_a_command_has_a_key_of_its_own() -> None:
    story = warm().answers().asks("swap").asks("swap").asks("swap")
    assert start(WARM, a_transfer()).commands[0].key == "p-1-SecureCaller"
    keys = [name for entry in story.transfer.journal for name in entry.began]
    assert len(keys) == len(set(zip(keys, range(len(keys)), strict=True)))
    assert story.transfer.pending == ()


def test_a_refused_request_changes_nothing() -> None:
    story = just_begun()
    assert story.refuses("complete") == "the target is not being rung yet"
    assert story.refuses("swap") == "this makes no sense while holding"
    assert refusal_of(WARM, story.transfer, CompletionRequested()) == story.refuses("complete")
    assert refusal_of(WARM, story.transfer, CancellationRequested()) == ""


def test_the_buttons_that_make_sense() -> None:
    assert allowed(WARM, just_begun().transfer) == ("cancel",)
    consult = warm().answers()
    assert allowed(WARM, consult.transfer) == ("complete", "cancel", "swap", "join", "drop-target")
    assert allowed(WARM, consult.asks("cancel").transfer) == ()


def test_the_ring_clock_runs_from_the_dial() -> None:
    """Swapping does not make a phone ring longer."""
    story = warm()
    due = story.transfer.deadline_at
    story.at += 5.0
    story.asks("swap")
    assert story.transfer.deadline_at == pytest.approx(due)


def test_staying_restarts_no_clock() -> None:
    story = warm()
    due = story.transfer.deadline_at
    story.hear(LegAnswered(at=1005.0, call_sid="CAother", label="p-t1"))
    assert story.transfer.deadline_at == due


def test_seconds_on_hold_are_summed() -> None:
    story = warm().answers().waits(10.0).asks("swap").waits(30.0).asks("swap").waits(5.0)
    story.asks("cancel")
    assert 16.0 < story.transfer.hold_seconds < 20.0
    assert story.transfer.held_since is None


def test_caller_and_target_meet_once() -> None:
    story = warm().answers().asks("join")
    met = story.transfer.met_at
    assert met is not None
    story.asks("complete").waits(5)
    assert story.transfer.met_at == met


@pytest.mark.parametrize(("how", "have_met"), [("", False), ("unavailable", True)])
def test_target_who_is_being_held_has_not_met_the_caller(how: str, have_met: bool) -> None:
    """Seed 2502136: the caller came off hold while the target's hold was under way. Its outcome
    tells whether they met."""
    story = warm().stall().asks("swap").answers().stall("HoldTarget").settle()
    assert (story.transfer.caller.held, story.transfer.target.held) == (False, False)
    assert story.transfer.met_at is None
    story.fails("HoldTarget", how).flows()
    assert (story.transfer.met_at is not None) is have_met


def test_target_who_comes_to_a_caller_off_hold_has_met_them() -> None:
    """Seed 2503: they hear each other until the target's hold, which begins in the same step."""
    story = warm().asks("swap").is_in(State.DIALING_ASIDE).stall("HoldTarget").answers()
    assert story.transfer.met_at is not None


@pytest.mark.parametrize(("pending", "is_doubtful", "have_met"), [
    ((), False, True),
    (("p-9-HoldCaller",), False, False),
    ((), True, False),
])  # fmt: skip
def test_caller_whose_hold_is_in_doubt_has_met_nobody_yet(
    pending: tuple[str, ...], is_doubtful: bool, have_met: bool
) -> None:
    """Seed 64502: the agent hung up as the caller was put on hold, Twilio was away, and the target
    had come and gone before that hold was known."""
    ringing = cold(ReleaseAgent.ON_DIAL).is_in(State.AWAITING).transfer
    caller = replace(ringing.caller, held=False, is_hold_doubtful=is_doubtful)
    ringing = replace(ringing, caller=caller, pending=(*ringing.pending, *pending))
    answered = LegAnswered(at=1010.0, call_sid="CAt1", label=ringing.target.label)
    after = step(COLD, ringing, answered).transfer
    assert after.state is State.CONNECTING
    assert (after.met_at is not None) is have_met


def test_whoever_may_be_heard_is_told_to_be_heard() -> None:
    """Seed 3029640: the caller came off hold for all three, unheard by us, and the agent was told
    that the consult was private."""
    story = warm().answers().stall("HoldCaller").fails("ResumeCaller", "lost").asks("join")
    story.is_in(State.CONSULTING)
    told = {each.party: each for each in view_of(story.transfer, story.at).people}
    assert (told["caller"].held, told["caller"].is_hold_doubtful) == (True, True)
    assert "caller" in told["agent"].hears
    assert "target" in told["caller"].hears
    told = {each.party: each for each in view_of(story.flows().transfer, story.at).people}
    assert (told["caller"].held, told["caller"].is_hold_doubtful) == (True, False)
    assert "caller" not in told["agent"].hears


def test_attempts_are_told() -> None:
    story = cold(ReleaseAgent.ON_ANSWER, targets=2).hangs_up("t1", "busy").answers("t2").waits(5)
    first, second = story.transfer.attempts
    assert (first.number, first.cause, first.label) == (1, "busy", "p-t1")
    assert first.ring_seconds == pytest.approx(0.9, abs=0.3)
    assert second.answered_at is not None


def test_outcomes_after_the_end_are_awaited() -> None:
    """The shell stays until nothing is pending: an ended transfer must take its outcomes in."""
    story = just_begun().waits(61.0).waits(181.0).waits(121.0).is_in(State.FAILED)
    assert story.transfer.pending
    story.flows()
    assert story.transfer.pending == ()
    assert story.transfer.state is State.FAILED


def test_nothing_is_begun_that_has_nothing_to_act_on() -> None:
    story = warm().answers().asks("join").asks("complete")
    begun = story.transfer.journal[-2].began
    assert begun == ("RemoveAgent",)


def test_who_hears_whom() -> None:
    consult = warm().answers().transfer
    assert hears(consult, Party.AGENT) == (Party.TARGET,)
    assert hears(consult, Party.CALLER) == ()
    assert where(consult.caller) == "holds"


def test_cancel_stays_the_reason_when_the_agent_hangs_up_at_once() -> None:
    """Stranger's find: the target's end, which the cancel brings about, is not why."""
    story = warm().answers().stall("EndTarget").asks("cancel").hangs_up("agent").flows()
    assert story.transfer.reason == "cancelled_by_agent"
    assert story.transfer.decided_by == "agent"


def test_hold_that_goes_on_is_counted_in_the_view() -> None:
    transfer = warm().answers().transfer
    assert transfer.held_since is not None
    assert view_of(transfer, transfer.held_since + 7.0).hold_seconds == 7.0
