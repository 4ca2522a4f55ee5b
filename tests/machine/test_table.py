"""The tables are whole: no square is empty, every state is reached, everything ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.machine.harness import just_begun
from workflows.machine.cold import COLD
from workflows.machine.commands import COMMANDS, HoldCaller
from workflows.machine.events import DeadlinePassed
from workflows.machine.fragments import QUIET
from workflows.machine.inbound import INBOUND
from workflows.machine.model import TERMINAL, Kind, Presence, State, Transfer
from workflows.machine.step import is_over, step
from workflows.machine.stimuli import FACTS, REQUESTS, Stimulus
from workflows.machine.table import (
    Cell,
    Deadline,
    Table,
    Then,
    Verdict,
    go,
    ignore,
    reject,
    row,
    stay,
    then,
)
from workflows.machine.warm import WARM

TABLES = (WARM, COLD, INBOUND)
RINGING = {State.DIALING, State.SCREENING, State.DIALING_ASIDE, State.AWAITING, State.VETTING}
BY_TABLE = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind.value)


@BY_TABLE
def test_every_square_of_a_fact_is_written(table: Table) -> None:
    for state, squares in table.rows.items():
        assert squares.keys() >= FACTS, f"{state} leaves squares empty"
        assert Stimulus.NOTED not in squares


@BY_TABLE
def test_every_square_that_does_nothing_says_why(table: Table) -> None:
    for state, squares in table.rows.items():
        for stimulus, cell in squares.items():
            if cell.verdict in (Verdict.IGNORE, Verdict.REJECT):
                assert cell.why, f"{state} on {stimulus}"
                assert not cell.commands


@BY_TABLE
def test_every_state_is_reached_and_leads_to_an_end(table: Table) -> None:
    ways = {
        state: {cell.to for cell in squares.values() if cell.to}
        for state, squares in table.rows.items()
    }
    assert _reached({table.initial}, ways) >= set(table.rows)
    for state in table.rows:
        assert _reached({state}, ways) & TERMINAL, f"{state} leads nowhere"


def _reached(found: set[State], ways: dict[State, set[State]]) -> set[State]:
    while more := {to for state in found for to in ways.get(state, set())} - found:
        found = found | more
    return found


@BY_TABLE
def test_every_live_state_has_a_deadline(table: Table) -> None:
    assert table.deadlines.keys() == table.rows.keys()
    for state in table.rows:
        assert table.cell(state, Stimulus.DEADLINE).verdict is not Verdict.REJECT


@pytest.mark.parametrize("table", TABLES[:2], ids=lambda table: table.kind.value)
@pytest.mark.parametrize("agent", [Presence.PRESENT, Presence.LEAVING, Presence.GONE])
@pytest.mark.parametrize("target", [Presence.NONE, Presence.RINGING, Presence.PRESENT])
def test_deadlines_alone_lead_to_an_end(table: Table, agent: Presence, target: Presence) -> None:
    for state in table.rows:
        if state in RINGING and target is not Presence.RINGING:
            continue  # in these states a phone rings
        transfer = _stands_in(table, state, agent, target)
        for _ in range(20):
            if is_over(transfer):
                break
            event = DeadlinePassed(at=1100.0, step=transfer.deadline_step)
            transfer = step(table, transfer, event).transfer
        assert is_over(transfer), f"from {state} deadlines lead to {transfer.state} for ever"


def _stands_in(table: Table, state: State, agent: Presence, target: Presence) -> Transfer:
    begun = just_begun(table.kind).stall("DialTarget").silence().settle().transfer
    return replace(
        begun,
        state=state,
        agent=replace(begun.agent, presence=agent),
        target=replace(begun.target, call_sid="CAt1", presence=target),
        recalls=1,
    )


def test_ended_transfers_refuse_everything() -> None:
    for table in TABLES:
        for state in TERMINAL:
            assert table.cell(state, Stimulus.COMPLETE).verdict is Verdict.REJECT


@BY_TABLE
def test_every_command_of_a_table_is_known(table: Table) -> None:
    used = {
        each.command if isinstance(each, Then) else each
        for squares in table.rows.values()
        for cell in squares.values()
        for each in cell.commands
    }
    assert {each.__name__ for each in used} <= COMMANDS.keys()


def test_requests_are_rejected_unless_written() -> None:
    for table in TABLES:
        for state, squares in table.rows.items():
            for request in REQUESTS - squares.keys():
                assert state.replace("_", " ") in table.cell(state, request).why


# --- tables that are refused ---------------------------------------------------------------------


def a_table(squares: dict[Stimulus, Cell] | None = None, **changes: object) -> Table:
    whole = {fact: ignore("nothing") for fact in FACTS} | {Stimulus.DEADLINE: go(State.FAILED)}
    given: dict[str, object] = {
        "kind": Kind.WARM,
        "initial": State.HOLDING,
        "first": (HoldCaller,),
        "rows": {State.HOLDING: whole | (squares or {})},
        "deadlines": {State.HOLDING: Deadline(1.0)},
    }
    return Table(**(given | changes))  # type: ignore[arg-type]


def test_a_whole_table_is_taken() -> None:
    assert a_table().live == (State.HOLDING,)


@pytest.mark.parametrize(
    ("squares", "changes", "word"),
    [
        ({}, {"deadlines": {}}, "no deadline"),
        ({}, {"initial": State.DIALING}, "initial"),
        ({Stimulus.CALLER_LEFT: go(State.DIALING)}, {}, "no row"),
        ({Stimulus.CALLER_LEFT: ignore("")}, {}, "without saying why"),
        ({Stimulus.CALLER_LEFT: reject("no")}, {}, "cannot be refused"),
        ({}, {"rows": {State.HOLDING: {}}}, "does not say"),
        ({}, {"rows": {State.FAILED: {}}}, "cannot have a row"),
    ],
)
def test_an_unsound_table_is_refused(
    squares: dict[Stimulus, Cell], changes: dict[str, object], word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        a_table(squares, **changes)


def test_overlapping_fragments_are_refused() -> None:
    with pytest.raises(ValueError, match="same squares"):
        row(*QUIET, QUIET[0], own={})


def test_a_rows_own_squares_win() -> None:
    squares = row({Stimulus.CALLER_LEFT: stay()}, own={Stimulus.CALLER_LEFT: ignore("mine")})
    assert squares[Stimulus.CALLER_LEFT].why == "mine"
    assert then(HoldCaller).command is HoldCaller
