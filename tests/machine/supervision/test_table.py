"""The table is whole, no voice leads to another one but through silence, and codes stay codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflows.machine.supervision import draw, table
from workflows.machine.supervision.commands import COMMANDS
from workflows.machine.supervision.model import TERMINAL, State
from workflows.machine.supervision.stimuli import FACTS, REQUESTS, On
from workflows.machine.table import Verdict

VOICES = {State.WHISPERING, State.BARGING, State.OPENING, State.TAKING_OVER}


def test_every_fact_has_a_square_in_every_live_state() -> None:
    assert list(table.problems()) == []
    assert set(table.ROWS) == set(State) - TERMINAL


@pytest.mark.parametrize("state", table.ROWS)
def test_a_hole_is_told(state: State) -> None:
    row = {key: cell for key, cell in table.ROWS[state].items() if key is not On.GONE}
    assert any(On.GONE in told for told in table.problems({**table.ROWS, state: row}))


def test_no_voice_leads_to_another_voice() -> None:
    """The privacy of the table, read off the squares: only silence and the last look open one."""
    for state in (State.WHISPERING, State.BARGING):
        for on, cell in table.ROWS[state].items():
            if cell.to in VOICES:
                assert (state, on) == (State.BARGING, On.TAKE_OVER)
    for on, cell in table.ROWS[State.OPENING].items():
        if cell.to in VOICES:
            assert on in (On.HEARD_BY_AGENT, On.HEARD_BY_ALL, On.HEARD_TO_TAKE_OVER)


def test_only_silence_is_left_by_a_voice() -> None:
    opens = {
        state
        for state, row in table.ROWS.items()
        for cell in row.values()
        if any(each.__name__ in ("Whisper", "Barge") for each in cell.commands)
    }
    assert opens == {State.SILENCING, State.LISTENING}


def test_every_command_is_used() -> None:
    begun = {
        each.__name__
        for row in table.ROWS.values()
        for cell in row.values()
        for each in cell.commands
    }
    assert begun | {each.__name__ for each in table.FIRST} == set(COMMANDS)


def test_every_stimulus_matters_somewhere() -> None:
    for on in FACTS | REQUESTS - table.IMPOSSIBLE.keys():
        assert any(
            row[on].verdict in (Verdict.GO, Verdict.STAY)
            for row in table.ROWS.values()
            if on in row
        ), on


def test_every_stimulus_is_drawn() -> None:
    assert draw.left_out() == set()
    page = Path("docs/state-machine.md").read_text(encoding="utf-8")
    assert all(f"`{state.upper()}`" in page for state in State)
