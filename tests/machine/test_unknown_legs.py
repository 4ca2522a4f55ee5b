"""A call that another application has set up: whose leg is whose tells the hold's answer alone, and
somebody may have left while it was on its way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.machine.harness import a_transfer
from workflows.machine.commands import Command
from workflows.machine.dials import unwanted
from workflows.machine.events import CommandSucceeded, LegEnded, LegReading, RoomReading
from workflows.machine.model import Kind, Leg, Presence, State, Transfer
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


def to_be_begun(value: Transfer, commands: tuple[Command, ...]) -> set[str]:
    return {command.name for command in commands if command.key not in unwanted(value)}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_caller_who_left_as_the_hold_was_answered_is_not_believed_to_be_there(kind: Kind) -> None:
    """Seed 4002563: the target's phone rang for nobody until the guardian found it."""
    rules, value = begun(kind)
    value = rules.step(value, LegEnded(at=AT, call_sid="CAcaller")).value
    turn = rules.step(value, held(value))
    assert turn.value.caller.presence is Presence.GONE
    assert turn.value.state is State.RELEASING
    assert "DialTarget" not in to_be_begun(turn.value, turn.commands)
    assert [entry.heard for entry in turn.entries][-1] == "CallerLeft"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_agent_who_left_as_the_hold_was_answered_is_not_believed_to_be_there(kind: Kind) -> None:
    rules, value = begun(kind)
    value = rules.step(value, LegEnded(at=AT, call_sid="CAagent")).value
    turn = rules.step(value, held(value))
    assert turn.value.agent.presence is Presence.GONE
    assert turn.value.state is State.AWAITING
    assert "DialTarget" in to_be_begun(turn.value, turn.commands)


def test_stranger_who_left_meanwhile_is_nobody() -> None:
    rules, value = begun(Kind.WARM)
    value = rules.step(value, LegEnded(at=AT, call_sid="CAother")).value
    turn = rules.step(value, held(value))
    assert turn.value.state is State.DIALING
    assert turn.value.caller.is_here
    assert turn.value.agent.is_here


def test_who_leaves_once_everybody_is_known_is_not_remembered() -> None:
    rules, value = begun(Kind.WARM)
    value = rules.step(value, held(value)).value
    assert rules.step(value, LegEnded(at=AT, call_sid="CAother")).value.departed == ()
