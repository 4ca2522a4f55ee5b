"""Privacy in every order and in every gap; and that the search can fail, by seeded bugs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from activities import voices
from activities.room import RoomLeg
from tests.machine.supervision.claims import BrokenClaimError
from tests.machine.supervision.explore import RIGS, STARTS, Figures, explore
from tests.machine.supervision.moves import asked_and_settled, moves
from tests.machine.supervision.worlds import Rig, beginning
from workflows.machine.invariants import BrokenInvariantError
from workflows.machine.supervision import classify, readings, table
from workflows.machine.supervision import step as stepping
from workflows.machine.supervision.commands import Barge, ReleaseAgent, Whisper
from workflows.machine.supervision.model import State
from workflows.machine.supervision.stimuli import On

DEPTH = int(os.environ.get("HANDOVER_EXPLORE_DEPTH", "4"))
BROKEN = (BrokenClaimError, BrokenInvariantError)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", RIGS)
def test_no_claim_breaks(name: str, record_property: pytest.RecordProperty) -> None:
    """All orders of requests, people, holds, facts, faults and single requests to Twilio."""
    rig = RIGS[name]
    figures = [explore(rig, DEPTH, asked_and_settled(rig, verb)) for verb in STARTS]
    record_property("states", sum(each.states for each in figures))
    assert sum(each.states for each in figures) > 1000, "too few to prove anything"
    visited = {state for each in figures for state in each.visited}
    assert visited >= {State.WHISPERING, State.SILENCING, State.LEAVING, State.LEFT}


# --- bugs that it must find -----------------------------------------------------------------------

Seed = Callable[[pytest.MonkeyPatch], Rig]
Change = dict[str, Any] | None


def _rows(monkeypatch: pytest.MonkeyPatch, state: State, on: On, cell: table.Cell) -> None:
    rows = {**table.ROWS, state: {**table.ROWS[state], on: cell}}
    monkeypatch.setattr(table, "ROWS", rows)


def unmutes_before_it_aims(_: pytest.MonkeyPatch) -> Rig:
    """M09, the first half."""

    def change(leg: RoomLeg, voice: str, coach: str = "") -> Change:
        if voice == voices.WHISPER and leg.muted:
            return {"muted": False}
        return voices.next_change(leg, voice, coach)

    return Rig(next_change=change)


def aims_and_unmutes_at_once(_: pytest.MonkeyPatch) -> Rig:
    """Which of the fields of one request takes effect first is not documented."""

    def change(leg: RoomLeg, voice: str, coach: str = "") -> Change:
        wish = voices.next_change(leg, voice, coach)
        if voice == voices.WHISPER and wish and "coaching" in wish:
            return {"muted": False, **wish}
        return wish

    return Rig(next_change=change)


def unmutes_a_whisper_without_its_listener(_: pytest.MonkeyPatch) -> Rig:
    """The agent may have gone since the look; then Twilio must refuse, not let everybody hear."""

    def change(leg: RoomLeg, voice: str, coach: str = "") -> Change:
        wish = voices.next_change(leg, voice, coach)
        return {"muted": False} if wish and wish.get("muted") is False else wish

    return Rig(next_change=change, verbs=("whisper", "leave"), faults=0)


def unaims_before_it_mutes(_: pytest.MonkeyPatch) -> Rig:
    """From whisper to silence by way of everybody."""

    def change(leg: RoomLeg, voice: str, coach: str = "") -> Change:
        if voice == voices.BARGE and leg.coaching:
            return {"coaching": False}
        return voices.next_change(leg, voice, coach)

    _rows(_, State.WHISPERING, On.BARGE, table.go(State.OPENING, Barge))
    return Rig(next_change=change)


def leaves_it_when_the_agent_leaves(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """M09, the second half."""
    _rows(monkeypatch, State.WHISPERING, On.AGENT_LOST, table.ignore("nothing to do"))
    _rows(monkeypatch, State.WHISPERING, On.FOUND_AUDIBLE, table.ignore("nothing to do"))
    return Rig()


def aims_at_the_next_agent_without_silence(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A whisper re-aimed while it can be heard: the next agent hears the middle of a sentence."""
    _rows(monkeypatch, State.WHISPERING, On.AGENT_LOST, table.go(State.WHISPERING, Whisper))
    return Rig(then="stays_coaching")


def removes_an_agent_without_muting_the_coach(_: pytest.MonkeyPatch) -> Rig:
    return Rig(mutes_coaches=False)


def joins_audible(_: pytest.MonkeyPatch) -> Rig:
    return Rig(joins_muted=False)


def reports_doubt_as_silence(monkeypatch: pytest.MonkeyPatch) -> Rig:
    _rows(monkeypatch, State.OPENING, On.VOICE_DOUBTFUL, table.go(State.LISTENING))
    return Rig()


def believes_old_readings(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A look begun before the last change tells nothing of it."""
    real = readings.news_of

    def news(value: Any, each: Any, reading: Any, at: float, begun_step: int) -> On:
        return real(value, each, reading, at, begun_step + 1000)

    monkeypatch.setattr("workflows.machine.supervision.classify.news_of", news)
    return Rig()


def removes_the_agent_before_the_owner_knows(monkeypatch: pytest.MonkeyPatch) -> Rig:
    cell = table.go(State.TAKING_OVER, ReleaseAgent)
    _rows(monkeypatch, State.BARGING, On.TAKE_OVER, cell)
    return Rig()


def does_not_look_again(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Callbacks are hints: without a look, whoever is muted by others is believed to be heard."""
    for state in (State.WHISPERING, State.LISTENING, State.BARGING):
        _rows(monkeypatch, state, On.DEADLINE, table.stay())
        monkeypatch.setattr(table, "ROWS", table.ROWS)
    monkeypatch.setattr(stepping, "_with_reading", lambda turn, _must: turn)
    return Rig(faults=0)


def does_not_hear_the_transfer(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A swap begins a consult anew without anybody coming or leaving."""
    monkeypatch.setattr(classify, "_hear_transfer", lambda value, _told: classify.Heard(value))
    return RIGS["one supervisor, told of the consult"]


SEEDS: tuple[tuple[Seed, str, str], ...] = (
    (unmutes_before_it_aims, "monitor", "S7: the caller hears"),
    (aims_and_unmutes_at_once, "monitor", "S7: the caller hears"),
    (unmutes_a_whisper_without_its_listener, "as a target comes", "S7: the caller hears"),
    (unaims_before_it_mutes, "whisper", "middle of a sentence"),
    (leaves_it_when_the_agent_leaves, "whisper", "heard by frozenset.*'caller'"),
    (aims_at_the_next_agent_without_silence, "whisper", "whisper_has_one_listener"),
    (removes_an_agent_without_muting_the_coach, "whisper", "S7: the caller hears"),
    (joins_audible, "dialing", "S7: the caller hears"),
    (reports_doubt_as_silence, "monitor", "reported as"),
    (believes_old_readings, "monitor", "reported as silent"),
    (removes_the_agent_before_the_owner_knows, "barge", "the owner was not told"),
    (does_not_look_again, "whisper", "does not follow"),
    (does_not_hear_the_transfer, "monitor", "S6: v1 hears the consult"),
)


TARGET_COMES = ("bob answers", "transfer looks", "v1 asks to whisper")
_MODES = {"as a target comes": "monitor"}


def _search(rig: Rig, verb: str) -> None:
    """From where a supervisor rings, or has the mode `verb`, or asks to whisper while a transfer is
    about to remove the agent."""
    first = beginning(rig) if verb == "dialing" else asked_and_settled(rig, _MODES.get(verb, verb))
    for what in TARGET_COMES if verb in _MODES else ():
        first = next(move.to for move in moves(first, rig) if move.what == what)
    explore(replace(rig, verbs=rig.verbs[:-1]), 7, first)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("seed", "verb", "told"), SEEDS, ids=lambda each: getattr(each, "__name__", each)
)
def test_seeded_bug_is_found(
    seed: Seed, verb: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = seed(monkeypatch)
    with pytest.raises(BROKEN, match=told):
        _search(rig, verb)


def test_a_search_without_a_bug_finds_none() -> None:
    """The seeds are found by their bug, not by their start."""
    figures: Figures = explore(Rig(), 2, asked_and_settled(Rig(), "whisper"))
    assert figures.states > 20
