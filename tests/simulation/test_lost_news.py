"""L4: what befalls callbacks does not matter: a seed ends the same with all news lost, ten times
over, in any order and two minutes late as with none of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.bounds import LOST
from tests.simulation.director import BUTTONS
from tests.simulation.faults import Entered, Fault, Told
from tests.simulation.guardian import LOOK_SECONDS
from tests.simulation.play import Outcome, Story, play
from tests.simulation.scenarios import SCENARIOS, plain, story_of
from tests.simulation.simulate import be_quiet
from tests.simulation.stage import CALLER
from tests.simulation.wire import WEATHER

BRIEF = "answer_then_hangup"
"""Of a leg that is there for a moment only one end of it is seen, if nothing is told."""


def _unhurried(seed: int) -> Story:
    """A seed's call in which nothing goes wrong, and people press buttons when the transfer shows
    them: who acts within seconds of what is not told makes another story of it."""
    story = story_of(seed)
    shown = (act for act in story.acts if act.verb in BUTTONS and isinstance(act.at, Entered))
    return replace(story, faults=(), acts=tuple(shown))


def _is_brief(story: Story) -> bool:
    return any(each.kind == BRIEF for _, kinds in story.phones for each in kinds)


SEEDS = [seed for seed in range(1, 41) if not _is_brief(_unhurried(seed))][:18]
NAYS = {"target_busy": "target_declined", "target_rejected": "target_declined"}
"""Both end the leg as busy; whether the phone rang before is told by callbacks alone."""


@pytest.fixture(autouse=True)
def _quiet() -> None:
    be_quiet()


def _same_in(weather: str, story: Story) -> None:
    fair, foul = play(story), play(replace(story, weather=weather))
    assert fair.violations == []
    assert foul.violations == []
    assert _end(foul) == _end(fair)


def _end(outcome: Outcome) -> tuple[str, str, set[str]]:
    """How it ended, and who ever talked with the caller. An agent who is to leave is heard by the
    target for as long as it is not told that the target has come."""
    with_caller = {pair for pair in outcome.talked if CALLER in pair}
    return outcome.state, NAYS.get(outcome.reason, outcome.reason), with_caller


@pytest.mark.parametrize(
    ("weather", "seed"),
    [(each, seed) for each in WEATHER for seed in (SEEDS if each == "lost" else SEEDS[:8])],
)
def test_whatever_befalls_all_news_a_seed_ends_the_same(weather: str, seed: int) -> None:
    _same_in(weather, _unhurried(seed))


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("weather", WEATHER)
def test_whatever_befalls_all_news_a_plain_call_ends_the_same(weather: str, name: str) -> None:
    story = plain(name)
    # Who declines on the desktop after picking up is put through if that is told to nobody.
    acts = tuple(act for act in story.acts if act.verb != "reject_offer")
    _same_in(weather, replace(story, acts=acts))


def test_without_the_guardian_it_does_matter() -> None:
    deaf = play(replace(plain("warm"), weather="lost", has_guardian=False))
    assert [violation.name for violation in deaf.violations] == ["S2"]


@pytest.mark.parametrize("event", ["answered", "participant-join", "completed"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_one_lost_piece_of_news_costs_what_is_promised(event: str, k: int) -> None:
    usual, late = play("cold-next"), play("cold-next", faults=[Fault(Told(event, k), "lose")])
    assert late.violations == []
    assert _end(late) == _end(usual)
    assert _seconds(late) - _seconds(usual) <= LOST


def _seconds(outcome: Outcome) -> float:
    view = outcome.views[-1]
    return float(view["ended_at"] - view["started_at"])


def test_while_nothing_happens_no_look_is_made() -> None:
    story = replace(plain("warm"), acts=())  # they talk until the consult's time is up
    outcome = play(story)
    assert (outcome.state, outcome.violations) == ("failed", [])
    assert 5 <= outcome.looks < outcome.virtual_seconds / LOOK_SECONDS / 2
