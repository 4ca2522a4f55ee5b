"""Stories of holds that bad days have brought to light: whose the caller is as a hold ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from simulator.core.phones import Behavior
from tests.simulation.faults import Act, After, Entered, Fault, Request
from tests.simulation.play import play
from tests.simulation.scenarios import plain
from tests.simulation.simulate import be_quiet

HOLD = Act(After(0.1), "agent", "hold")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    be_quiet()


def test_agent_who_hangs_up_as_the_hold_ends_does_not_leave_the_caller_in_silence() -> None:
    """Pair H-65-102: the call asked for an owner, and found the hold, which had decided all."""
    resume = Act(Entered("held", plus=3.0), "agent", "resume")
    leave = Act(Entered("resumed"), "agent", "hang_up")
    outcome = play(replace(plain("held"), acts=(HOLD, resume, leave)))
    assert outcome.violations == []
    assert (outcome.state, outcome.reason) == ("resumed", "resumed_by_agent")


@pytest.mark.parametrize("seconds", [6.1, 6.12, 6.14, 6.16])
def test_hold_that_a_transfer_overtakes_is_not_given_back(seconds: float) -> None:
    """Seed 205622: the agent took the caller back and transferred them in the same moment. The
    checker wanted caller and agent to talk, against decision 11."""
    resume = Act(Entered("held", plus=6.13 - 0.5), "agent", "resume")
    story = replace(plain("warm"), acts=(HOLD, resume), talk_seconds=seconds)
    outcome = play(story)
    assert outcome.violations == []


@pytest.mark.parametrize("seconds", [2.13, 2.14, 2.15, 2.16])
def test_hold_whose_agent_left_as_a_transfer_began_is_told_of_it(seconds: float) -> None:
    """Seed 715259: the transfer had the caller, and the hold showed them on hold for ten seconds
    more: only a transfer that had held the caller told the hold."""
    hold = Act(After(2.0), "agent", "hold")
    leave = Act(Entered("holding", plus=0.05), "agent", "hang_up")
    outcome = play(replace(plain("cold"), acts=(hold, leave), talk_seconds=seconds))
    assert (outcome.violations, outcome.state) == ([], "completed")


@pytest.mark.parametrize("seconds", [6.16, 6.172, 6.176, 6.18, 6.188, 6.2, 6.26, 6.3])
def test_hold_that_is_ending_as_a_transfer_begins_lets_nobody_meet(seconds: float) -> None:
    """Seed 2001148: the hold tried its un-hold again when the transfer had the caller already, and
    its word that the caller was off hold came half a second late: the target, who picked up at
    once, heard the caller, or was said to have met them."""
    resume = Act(Entered("held", plus=5.63), "agent", "resume")
    story = plain("warm")
    others = tuple(each for each in story.phones if each[0] != "target")
    phones = (*others, ("target", (Behavior("answer", 0.3),)))
    outcome = play(replace(story, acts=(HOLD, resume), talk_seconds=seconds, phones=phones))
    assert outcome.violations == []
    assert "+15550109001 client:bob" not in outcome.talked


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("fault", ["timeout_after", "500_after"])
@pytest.mark.parametrize("seconds", [15.0, 26.0, 40.0, 80.0, 160.0])
def test_caller_nobody_has_named_is_given_back_after_an_outage(
    number: int, fault: str, seconds: float
) -> None:
    """On a call of another application's, a hold or the agent's exit flag had changed unheard, and
    nobody knew whose leg to give back: that nobody was there under no name was taken for the
    caller's hang-up, and everybody was put down. Found by hand."""
    moment = Request("participants.update", number)
    down = Fault(replace(moment, plus=0.01), "twilio_down", seconds)
    outcome = play(plain("elsewhere", lasts=True), faults=[Fault(moment, fault), down])
    assert outcome.violations == []
    assert outcome.reason in ("cancelled_by_agent", "caller_not_held")


@pytest.mark.parametrize("who", ["agent", "caller"])
@pytest.mark.parametrize("flags", [("agent",), ("agent", "caller"), ()], ids=str)
@pytest.mark.parametrize("fault", ["timeout_after", "500_after", "500"])
@pytest.mark.parametrize("route", ["participants.update", "participants.list"])
def test_who_hangs_up_as_an_unnamed_call_is_taken_over_strands_nobody(
    route: str, fault: str, flags: tuple[str, ...], who: str
) -> None:
    """Seeds 58226 and 58534: nobody knew yet who is who on a call of another application's. The
    caller stayed on hold, or heard nothing, for five minutes."""
    for number, plus, cancels in product((1, 2), (0.1, 1.0, 2.6), (False, True)):
        moment = Request(route, number)
        acts = [Act(replace(moment, plus=plus), who, "hang_up")]
        if cancels:
            acts.append(Act(replace(moment, plus=plus + 0.2), "agent", "cancel"))
        story = replace(plain("elsewhere"), elsewhere=flags, acts=tuple(acts))
        outcome = play(replace(story, faults=(Fault(moment, fault),)))
        assert outcome.violations == [], (number, plus, cancels)


@pytest.mark.parametrize("seconds", [25.0, 90.0])
@pytest.mark.parametrize("number", range(1, 6))
def test_exit_flag_that_went_off_while_temporal_was_away_is_restored(
    number: int, seconds: float
) -> None:
    """Outages X-2709 and X-3133: the hold and its memory were lost with Temporal."""
    away = Fault(Request("*", number), "server_crash", seconds)
    story = replace(plain("elsewhere", lasts=True), kind="warm", faults=(away,))
    assert play(story).violations == []
