"""A supervisor's leg is nobody with the caller, for transfers and for the owner of a call."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.room import RoomLeg
from tests.machine.harness import a_transfer
from workflows.machine.events import CommandSucceeded, LegEnded, LegReading, RoomReading
from workflows.machine.inbound import ROUTED
from workflows.machine.labels import is_supervisor, supervisor_label
from workflows.machine.model import Kind, Leg, Presence, State, Transfer
from workflows.machine.outcomes import hear_outcome
from workflows.machine.step import step
from workflows.machine.stimuli import Stimulus

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
