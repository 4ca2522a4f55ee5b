"""A supervisor's leg is nobody with the caller, for transfers and for the owner of a call."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.room import RoomLeg
from tests.machine.harness import Story, a_transfer, cold, warm
from workflows.machine.commands import Command, TellSupervision
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    LegEnded,
    LegReading,
    RoomReading,
    SupervisorStays,
)
from workflows.machine.inbound import ROUTED
from workflows.machine.labels import is_supervisor, supervisor_label
from workflows.machine.model import Kind, Leg, Presence, State, Transfer
from workflows.machine.outcomes import hear_outcome
from workflows.machine.step import step
from workflows.machine.stimuli import Stimulus
from workflows.machine.warm import WARM

LABEL = supervisor_label("0123456789abcdef", 1)
CALLER = "CAcaller"
SUPERVISOR = LegReading(call_sid="CAsue", label=LABEL, muted=True)


def a_call() -> Transfer:
    call = a_transfer(Kind.ROUTED, targets=0)
    alice = Leg(address="client:alice", call_sid="CAalice", presence=Presence.PRESENT)
    caller = replace(call.caller, call_sid=CALLER, presence=Presence.PRESENT)
    return replace(call, state=State.TALKING, agent=Leg(), target=alice, caller=caller)


def checked(call: Transfer, *legs: LegReading) -> str:
    """What the owner of the call makes of a reading."""
    asked = replace(call, state=State.CHECKING, pending=("p-1-ReadRoom",))
    reading = RoomReading(conference_sid="CFroom", legs=(LegReading(call_sid=CALLER), *legs))
    done = CommandSucceeded(at=9.0, command="ReadRoom", key="p-1-ReadRoom", reading=reading)
    return hear_outcome(asked, done)[1]


@pytest.mark.parametrize(("label", "is_one"), [
    (LABEL, True),
    ("0123456789abcdef-v12", True),
    ("0123456789abcdef-t1", False),
    ("0123456789abcdef-r1", False),
    ("x-v1", False),
    ("caller", False),
    ("", False),
])  # fmt: skip
def test_labels_tell_supervisors_from_others(label: str, is_one: bool) -> None:
    assert is_supervisor(label) is is_one
    assert RoomLeg(label=label).is_supervisor is is_one, "activities have the rule once more"


def test_caller_with_a_supervisor_only_is_alone() -> None:
    assert checked(a_call(), SUPERVISOR) == Stimulus.CALLER_ALONE
    bob = LegReading(call_sid="CAbob", label="0123456789abcdef-t1")
    assert checked(a_call(), SUPERVISOR, bob) == Stimulus.ROOM_FINE


def test_supervisor_who_took_the_call_over_is_with_the_caller() -> None:
    call = a_call()
    sue = replace(call.target, call_sid=SUPERVISOR.call_sid)
    assert checked(replace(call, target=sue), SUPERVISOR) == Stimulus.ROOM_FINE


def test_supervisor_who_leaves_is_no_news_to_the_call() -> None:
    call = a_call()
    gone = step(ROUTED, call, LegEnded(at=9.0, call_sid="CAsue", label=LABEL))
    assert gone.transfer.state is State.TALKING
    assert gone.entry is None
    other = step(ROUTED, call, LegEnded(at=9.0, call_sid="CAbob"))
    assert other.transfer.state is State.CHECKING


def test_held_supervisor_is_not_learnt_as_the_caller() -> None:
    transfer = a_transfer(Kind.WARM)
    unknown = replace(
        transfer, caller=replace(transfer.caller, call_sid=""), pending=("p-1-SecureCaller",)
    )
    legs = (replace(SUPERVISOR, held=True), LegReading(call_sid=CALLER, held=True))
    reading = RoomReading(conference_sid="CFroom", legs=legs)
    done = CommandSucceeded(at=9.0, command="SecureCaller", key="p-1-SecureCaller", reading=reading)
    assert hear_outcome(unknown, done)[0].caller.call_sid == CALLER


# --- what a transfer tells the supervision -------------------------------------------------------


def words(story: Story) -> list[str]:
    """Where the transfer told the supervision something, and what."""
    return [entry.state_to for entry in story.transfer.journal if "TellSupervision" in entry.began]


def supervised(story: Story) -> Story:
    """A supervisor who stays with the caller comes onto the call."""
    story.lines = story.lines._replace(alive=story.lines.alive | {"supervision"})
    story.hear(SupervisorStays(at=story.at))
    return story.settle()


def test_transfer_without_supervisors_tells_nobody() -> None:
    story = warm().answers().asks("swap").asks("swap").asks("complete").waits(5)
    assert words(story) == []


def test_supervision_is_told_before_the_target_answers_and_at_each_swap() -> None:
    """From the hold on the caller is kept apart; at a swap the word goes with the hold, and the
    other way once the caller is back with the agent."""
    story = supervised(warm()).answers()
    assert (words(story), story.transfer.told_supervision) == ([State.DIALING], "on")
    story.asks("swap").is_in(State.REVISITING)
    assert (words(story)[1:], story.transfer.told_supervision) == ([State.REVISITING], "off")
    story.stall("HoldCaller").asks("swap")
    assert story.transfer.told_supervision == "on", "with the hold, not after it"
    story.flows().is_in(State.CONSULTING)
    assert words(story)[2:] == [State.SWAPPING_FORTH]
    story.asks("complete").waits(5)
    assert words(story)[3:] == [State.LEAVING], "once the caller hears them"


@pytest.mark.parametrize(("verb", "last"), [
    ("cancel", State.CANCELLED), ("join", State.CONFERRING), ("drop-target", State.CANCELLED),
])  # fmt: skip
def test_supervision_is_told_when_the_caller_is_back(verb: str, last: State) -> None:
    story = supervised(warm()).answers().asks(verb)
    assert words(story) == [State.DIALING, last]
    assert story.transfer.told_supervision == "off"


def test_supervision_is_told_once_the_agent_has_gone() -> None:
    """Nobody talks behind the caller's back any more, though the caller still waits."""
    story = supervised(warm()).asks("complete").is_in(State.AWAITING)
    assert story.transfer.told_supervision == "off"


def test_cold_transfer_has_no_consult_and_says_that_it_lives() -> None:
    story = supervised(cold())
    assert (words(story), story.transfer.told_supervision) == ([State.DIALING], "off")
    assert words(story.answers().waits(5)) == [State.DIALING]


def test_supervisor_in_the_room_is_found_with_the_first_hold() -> None:
    """Whoever supervised before the transfer began told nobody of it."""
    transfer = replace(a_transfer(Kind.WARM), pending=("p-1-SecureCaller",))
    legs = (SUPERVISOR, LegReading(call_sid=CALLER, held=True), LegReading(call_sid="CAagent"))
    reading = RoomReading(conference_sid="CFroom", legs=legs)
    done = CommandSucceeded(at=9.0, command="SecureCaller", key="p-1-SecureCaller", reading=reading)
    stepped = step(WARM, transfer, done)
    assert _word(stepped.commands).consult == "on"
    bare = replace(done, reading=replace(reading, legs=legs[1:]))
    assert "TellSupervision" not in {each.name for each in step(WARM, transfer, bare).commands}


def test_nobody_is_told_any_more_once_nobody_supervises() -> None:
    story = supervised(warm())
    key = "p-9-TellSupervision"
    told = replace(story.transfer, pending=(*story.transfer.pending, key))
    gone = CommandFailed(at=9.0, command="TellSupervision", key=key, failure="gone")
    after = step(WARM, told, gone).transfer
    assert not after.is_supervised
    back = step(WARM, after, SupervisorStays(at=10.0))
    assert _word(back.commands).consult == "on", "who comes anew is told how it stands"


def test_words_for_supervisors_are_nothing_to_a_call() -> None:
    call = a_call()
    assert step(ROUTED, call, SupervisorStays(at=9.0)).commands == ()


def _word(commands: tuple[Command, ...]) -> TellSupervision:
    (word,) = (each for each in commands if isinstance(each, TellSupervision))
    assert word.lane == "supervision", "words keep their order"
    return word
