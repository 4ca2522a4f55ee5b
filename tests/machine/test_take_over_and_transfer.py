"""A take-over and a transfer of one call, in every order; and bugs that the search must find."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.machine.takeovers import PLAYS, FoundError, explore
from workflows.machine import classify, outcomes
from workflows.machine import step as stepping
from workflows.machine.stimuli import Stimulus

DEPTH = int(os.environ.get("HANDOVER_EXPLORE_DEPTH", "5"))
NOTED = Stimulus.NOTED


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PLAYS)
def test_take_over_and_transfer_in_every_order(
    name: str, record_property: pytest.RecordProperty
) -> None:
    play = PLAYS[name]
    count, ends = explore(play, DEPTH + play.deeper)
    record_property("states", count)
    assert count > 100, "so few states that nothing can have been explored"
    assert ("took_over", "taken_over") in ends, "the race was never lost by the transfer"


# --- bugs that it must find ----------------------------------------------------------------------


def knows_only_its_own_people(monkeypatch: pytest.MonkeyPatch) -> str:
    """As it was: a transfer goes on as if its agent had hung up."""
    monkeypatch.setattr(classify, "hear_heir", lambda transfer, *_: (transfer, NOTED))
    return "warm, agent being released"


def sees_no_supervisor_in_the_room(monkeypatch: pytest.MonkeyPatch) -> str:
    """Nobody is left to tell a transfer that begins when the supervision is over."""
    monkeypatch.setattr(outcomes, "learn_supervisors", lambda transfer, _reading: transfer)
    return "warm, agent gone"


def forgets_the_recall(monkeypatch: pytest.MonkeyPatch) -> str:
    """The agent's phone goes on ringing though the caller is with the supervisor."""
    monkeypatch.setattr(stepping, "stray", lambda _transfer, _event: None)
    return "warm, too late"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("seed", "told"), [
    (knows_only_its_own_people, "the caller is diverted"),
    (sees_no_supervisor_in_the_room, "the caller is diverted"),
    (forgets_the_recall, "S2: r1 is left over"),
])  # fmt: skip
def test_seeded_bug_is_found(
    seed: Callable[[pytest.MonkeyPatch], str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = PLAYS[seed(monkeypatch)]
    with pytest.raises(FoundError, match=told):
        explore(play, 9)
