"""When only winding up is left, the last outcome is the end of it, whatever it tells."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tests.machine.harness import TABLES, a_transfer
from workflows.machine.beliefs import WINDING_UP
from workflows.machine.commands import COMMANDS
from workflows.machine.events import (
    CommandFailed,
    CommandSucceeded,
    Failure,
    LegReading,
    RoomReading,
)
from workflows.machine.model import Kind, Leg, Presence, State, Transfer
from workflows.machine.outcomes import is_wound_up
from workflows.machine.recordings import ABOUT_RECORDINGS
from workflows.machine.step import step
from workflows.machine.table import Table

FAILURES = (Failure.GONE, Failure.REFUSED, Failure.UNAVAILABLE, Failure.UNMET)
KEY = "p-7-"
READINGS = (
    None,
    RoomReading(conference_sid="CFroom", is_live=False),
    RoomReading(conference_sid="CFroom", is_live=True),
    RoomReading(
        conference_sid="CFroom",
        is_live=True,
        legs=(LegReading(call_sid="CAagent", status="connected"),),
    ),
    RoomReading(
        conference_sid="CFroom",
        is_live=True,
        legs=(LegReading(call_sid="CAcaller", status="connected", held=True),),
    ),
)
CASES = [
    pytest.param(table, state, id=f"{kind}-{state}")
    for kind, table in TABLES.items()
    for state in sorted(WINDING_UP & table.rows.keys())
]


@pytest.mark.parametrize(("table", "state"), CASES)
@pytest.mark.parametrize("agent", [Presence.PRESENT, Presence.GONE])
def test_last_outcome_never_leaves_it_waiting(table: Table, state: State, agent: Presence) -> None:
    for command in sorted(COMMANDS.keys() - ABOUT_RECORDINGS):
        for before in _stands_in(table.kind, state, agent, command):
            for outcome in _outcomes(command):
                after = step(table, before, outcome).transfer
                told = f"{command}: {outcome} leaves {after.state} waiting for its deadline"
                assert not is_wound_up(after), told


def _stands_in(kind: Kind, state: State, agent: Presence, command: str) -> list[Transfer]:
    begun = a_transfer(kind)
    caller = Presence.GONE if state is State.RELEASING else Presence.PRESENT
    return [
        replace(
            begun,
            state=state,
            caller=replace(begun.caller, presence=caller),
            agent=replace(begun.agent, call_sid="CAagent", presence=agent),
            target=Leg(address="client:t1", call_sid="CAt1", presence=target),
            pending=(KEY + command,),
        )
        for target in (Presence.GONE, Presence.RINGING, Presence.PRESENT)
    ]


def _outcomes(command: str) -> list[CommandSucceeded | CommandFailed]:
    key = KEY + command
    done = [
        CommandSucceeded(at=1010.0, command=command, key=key, reading=reading)
        for reading in READINGS
    ]
    failed = [
        CommandFailed(at=1010.0, command=command, key=key, failure=failure, reading=reading)
        for failure, reading in itertools.product(FAILURES, READINGS)
    ]
    return [*done, *failed]
