"""A call that another application has set up: whose leg is whose tells the hold's answer alone, and
somebody may have left while it was on its way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.machine.harness import a_transfer
from workflows.dispatch import order_for
from workflows.machine.classify import hear
from workflows.machine.commands import Command, ReadRoom
from workflows.machine.dials import unwanted
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    Failure,
    LegEnded,
    LegReading,
    RoomReading,
)
from workflows.machine.model import Kind, Leg, Presence, State, Transfer
from workflows.machine.stimuli import Stimulus
from workflows.shell_rules import Turn
from workflows.shell_transfers import TransferRules, rules_of

AT = 1001.0
KINDS = (Kind.WARM, Kind.COLD)


def begun(kind: Kind) -> tuple[TransferRules, Transfer]:
    """A transfer that waits for the outcome of its first hold, and knows no SID yet."""
    legs = {"caller": Leg(presence=Presence.PRESENT), "agent": Leg("client:agent")}
    legs["agent"] = replace(legs["agent"], presence=Presence.PRESENT)
    transfer = a_transfer(kind, **legs)
    rules = rules_of(transfer)
    value = rules.start(transfer, AT).value
    for key in value.pending:
        if not key.endswith("SecureCaller"):
            value = rules.step(value, CommandSucceeded(at=AT, command=name_in(key), key=key)).value
    return rules, value


def name_in(key: str) -> str:
    return key.rsplit("-", 1)[-1]


def held(value: Transfer) -> CommandSucceeded:
    """The outcome of that hold, with the room as it was when it was asked."""
    legs = (
        LegReading(call_sid="CAcaller", address="+15550109001", held=True),
        LegReading(call_sid="CAagent", address="client:agent"),
    )
    key = next(each for each in value.pending if each.endswith("SecureCaller"))
    reading = RoomReading(conference_sid="CFroom", legs=legs)
    return CommandSucceeded(at=AT, command="SecureCaller", key=key, reading=reading)


def told_of_the_hold_after(kind: Kind, call_sid: str) -> Turn[Transfer]:
    """Somebody leaves, and then the hold's outcome comes, which still shows them."""
    rules, value = begun(kind)
    value = rules.step(value, LegEnded(at=AT, call_sid=call_sid)).value
    return rules.step(value, held(value))


def to_be_begun(value: Transfer, commands: tuple[Command, ...]) -> set[str]:
    return {command.name for command in commands if command.key not in unwanted(value)}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_caller_who_left_as_the_hold_was_answered_is_not_believed_to_be_there(kind: Kind) -> None:
    """Seed 4002563: the target's phone rang for nobody until the guardian found it."""
    turn = told_of_the_hold_after(kind, "CAcaller")
    assert turn.value.caller.presence is Presence.GONE
    assert turn.value.state is State.RELEASING
    assert "DialTarget" not in to_be_begun(turn.value, turn.commands)
    assert [entry.heard for entry in turn.entries][-1] == "CallerLeft"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_agent_who_left_as_the_hold_was_answered_is_not_believed_to_be_there(kind: Kind) -> None:
    turn = told_of_the_hold_after(kind, "CAagent")
    assert turn.value.agent.presence is Presence.GONE
    assert turn.value.state is State.AWAITING
    assert "DialTarget" in to_be_begun(turn.value, turn.commands)


def test_stranger_who_left_meanwhile_is_nobody() -> None:
    turn = told_of_the_hold_after(Kind.WARM, "CAother")
    assert turn.value.state is State.DIALING
    assert turn.value.caller.is_here
    assert turn.value.agent.is_here


def test_who_leaves_once_everybody_is_known_is_not_remembered() -> None:
    rules, value = begun(Kind.WARM)
    value = rules.step(value, held(value)).value
    assert rules.step(value, LegEnded(at=AT, call_sid="CAother")).value.departed == ()


CALLER = LegReading(call_sid="CAcaller")
WORKER = LegReading(call_sid="CAworker")


@pytest.mark.parametrize(
    ("legs", "told", "expected"),
    [
        ((CALLER, WORKER), "", Stimulus.ROOM_FINE),
        ((CALLER, WORKER), "CAcaller", Stimulus.ROOM_FINE),
        ((WORKER,), "CAcaller", Stimulus.CALLER_LEFT),
        ((CALLER,), "", Stimulus.CALLER_ALONE),
        ((replace(CALLER, held=True),), "", Stimulus.CALLER_FORGOTTEN),
        ((), "", Stimulus.CALLER_LEFT),
    ],
)
def test_caller_of_whom_only_the_task_knows_is_not_gone_because_nobody_knows_them(
    legs: tuple[LegReading, ...], told: str, expected: Stimulus
) -> None:
    """Seed 7006743: a call of TaskRouter's that began as Twilio could not be had."""
    call = a_transfer(Kind.INBOUND, caller=Leg(presence=Presence.PRESENT), task_sid="WT1")
    call = replace(call, kind=Kind.ROUTED, state=State.CHECKING, pending=("p-1-ReadRoom",))
    reading = RoomReading(conference_sid="CFroom", legs=legs, caller_call_sid=told)
    done = CommandSucceeded(at=AT, command="ReadRoom", key="p-1-ReadRoom", reading=reading)
    after, stimulus = hear(call, done)
    assert stimulus is expected
    assert after.caller.call_sid == told


@pytest.mark.parametrize(("sid", "asked"), [("", "WT1"), ("CAcaller", "")])
def test_task_is_asked_who_the_caller_is_until_that_is_known(sid: str, asked: str) -> None:
    caller = Leg(call_sid=sid, presence=Presence.PRESENT)
    call = replace(a_transfer(Kind.INBOUND, caller=caller, task_sid="WT1"), kind=Kind.ROUTED)
    given = order_for(ReadRoom(key="k"), call, call).given
    assert given.task_sid == asked


@pytest.mark.parametrize("command", ["ResumeCaller", "GiveCallerBack", "HoldCaller"])
@pytest.mark.parametrize("is_read", [True, False], ids=["room read", "nothing read"])
def test_caller_whose_leg_was_never_found_has_gone_only_if_the_room_tells_so(
    command: str, is_read: bool
) -> None:
    key = f"p-9-{command}"
    transfer = a_transfer(caller=Leg(presence=Presence.PRESENT), pending=(key,))
    room = RoomReading(conference_sid="CFroom", legs=(WORKER,)) if is_read else None
    gone = CommandFailed(at=AT, command=command, key=key, failure=Failure.GONE, reading=room)
    assert (hear(transfer, gone)[1] is Stimulus.CALLER_LEFT) is is_read


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("is_alone", [True, False])
def test_agent_who_is_not_in_the_room_with_a_caller_nobody_named_has_hung_up(
    kind: Kind, is_alone: bool
) -> None:
    """Seed 58534: nobody had learnt whose leg it was that had left as the hold began."""
    _, value = begun(kind)
    key = "p-1-GiveCallerBack"
    value = replace(value, pending=(key,))
    legs = (CALLER,) if is_alone else (CALLER, WORKER)
    reading = RoomReading(conference_sid="CFroom", legs=legs, caller_call_sid="CAcaller")
    given = CommandSucceeded(at=AT, command="GiveCallerBack", key=key, reading=reading)
    after, stimulus = hear(value, given)
    assert after.caller.call_sid == "CAcaller"
    assert after.agent.is_here is not is_alone
    assert (stimulus is Stimulus.CALLER_RESUMED) is not is_alone
