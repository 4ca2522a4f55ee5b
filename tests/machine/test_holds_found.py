"""Somebody else changes who is on hold, a look finds it, and the same squares mend it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.machine.harness import (
    Story,
    assert_talking,
    assert_waiting,
    cold,
    inbound,
    just_begun,
    somebody_else_changes,
    warm,
)
from workflows.machine.classify import hear
from workflows.machine.events import HoldFound
from workflows.machine.model import Reason, State
from workflows.machine.stimuli import Stimulus

AT = 1050.0

PHASES: dict[State, Callable[[], Story]] = {
    State.DIALING: warm,
    State.CONSULTING: lambda: warm().answers(),
    State.REVISITING: lambda: warm().answers().asks("swap"),
    State.CONFERRING: lambda: warm().answers().asks("join"),
    State.AWAITING: lambda: warm().asks("complete"),
    State.SETTLING: lambda: cold().answers(),
}


@pytest.mark.parametrize("state", PHASES, ids=str)
def test_caller_is_as_the_state_says_again(state: State) -> None:
    story = PHASES[state]().is_in(state)
    was = story.line("caller").held
    somebody_else_changes(story, "caller", held=not was).is_in(state)
    assert story.line("caller").held is was
    assert story.transfer.caller.held is was


@pytest.mark.parametrize("state", [State.CONSULTING, State.REVISITING, State.SETTLING], ids=str)
def test_target_is_as_the_state_says_again(state: State) -> None:
    story = PHASES[state]().is_in(state)
    was = story.line("t1").held
    somebody_else_changes(story, "t1", held=not was).is_in(state)
    assert story.line("t1").held is was


def test_caller_held_while_the_target_rings_aside_is_as_after_a_swap() -> None:
    story = somebody_else_changes(
        warm().asks("swap").is_in(State.DIALING_ASIDE), "caller", held=True
    )
    assert story.is_in(State.DIALING).transfer.caller.held


def test_target_held_while_all_three_talk_is_with_nobody_as_after_a_swap() -> None:
    story = somebody_else_changes(PHASES[State.CONFERRING](), "t1", held=True)
    assert story.is_in(State.REVISITING).transfer.target.held


@pytest.mark.parametrize("state", PHASES, ids=str)
@pytest.mark.parametrize("name", ["caller", "agent", "t1"])
def test_what_is_believed_already_is_no_news(state: State, name: str) -> None:
    story = PHASES[state]()
    line = story.line(name)
    event = HoldFound(at=AT, call_sid=line.sid, held=line.held)
    assert hear(story.transfer, event) == (story.transfer, Stimulus.NOTED)


def test_while_a_change_is_under_way_its_outcome_decides() -> None:
    story = just_begun().stall("SecureCaller")
    event = HoldFound(at=AT, call_sid=story.line("caller").sid, held=True)
    assert hear(story.transfer, event)[1] is Stimulus.NOTED


def test_call_between_transfers_leaves_holds_alone() -> None:
    story = inbound().answers("t1")
    before = story.transfer.state
    held = somebody_else_changes(story, "caller", held=True)
    assert (held.transfer.state, held.line("caller").held) == (before, True)


def test_strangers_hold_is_no_news() -> None:
    story = warm()
    event = HoldFound(at=AT, call_sid="CA" + "9" * 32, held=True)
    assert hear(story.transfer, event) == (story.transfer, Stimulus.NOTED)


@pytest.mark.parametrize("name", ["caller", "t1"])
def test_late_news_of_a_hold_keeps_the_end_waiting(name: str) -> None:
    story = PHASES[State.SETTLING]().is_in(State.SETTLING)
    resume = "ResumeCaller" if name == "caller" else "ResumeTarget"
    story.stall(resume)
    somebody_else_changes(story, name, held=True)
    story.waits(10.0).is_in(State.CONNECTING)
    story.flows().is_in(State.SETTLING)
    story.waits(5.0).ended(State.COMPLETED, Reason.COMPLETED)


def test_target_waits_until_the_caller_of_a_swap_that_failed_is_on_hold_again() -> None:
    """Seed 1300810: the un-hold took effect unheard, and the hold that was to undo it failed."""
    story = warm().answers().fails("ResumeCaller", "lost").fails("HoldCaller").asks("swap")
    story.is_in(State.CONSULTING)
    assert_talking(story, "agent", "t1")
    assert_waiting(story)
    heard = [entry.heard for entry in story.transfer.journal if "ResumeTarget" in entry.began]
    assert heard == ["CallerHeld"]
