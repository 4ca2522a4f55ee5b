"""Two people in one moment: each state is reached, and a failing race is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.simulation import races, suite
from tests.simulation.play import play
from tests.simulation.races import APART_SECONDS, DEEDS, FLOWS, SUITE, Race
from tests.simulation.simulate import be_quiet

STATES = [(flow, state) for flow, (_, states, _) in FLOWS.items() for state in states]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    be_quiet()


@pytest.mark.parametrize("flow", FLOWS)
def test_races_are_all_deeds_of_all_states_at_all_distances(flow: str) -> None:
    every = races.races(flow)
    assert len({each.number for each in every}) == len(every)
    assert len(every) == len(FLOWS[flow][1]) * len(DEEDS) ** 2 * len(APART_SECONDS)
    assert SUITE.chosen(flow, 9, 2) == SUITE.chosen(flow, 9, 2) != SUITE.chosen(flow, 9, 3)


@pytest.mark.parametrize(("flow", "state"), STATES)
def test_both_act_in_the_state_that_the_race_names(flow: str, state: str) -> None:
    hang_up, apart = ("caller", "hang_up"), APART_SECONDS[-1]
    race = next(
        each
        for each in races.races(flow)
        if (each.state, each.first, each.second, each.apart)
        == (state, ("target", "hang_up"), hang_up, apart)
    )
    outcome = play(race.story, with_ladder=True)
    assert outcome.violations == []
    entered = next(line for line in outcome.ladder if line.endswith(f"-> {state}"))
    left = next(line for line in outcome.ladder if "call completed +15550109001" in line)
    between = float(left.split()[0]) - float(entered.split()[0])
    assert between == pytest.approx(races.BEFORE_SECONDS + apart, abs=0.1)


@pytest.mark.parametrize("flow", FLOWS)
def test_some_races_of_each_flow_are_clean(flow: str) -> None:
    for race in SUITE.chosen(flow, 8, 5):
        assert play(race.story).violations == [], str(race)


def test_failing_race_is_told_with_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def played(every: Sequence[Race], jobs: int) -> Iterator[tuple[Race, str]]:
        yield from ((race, "S1: alone" if race is every[0] else "") for race in every)

    monkeypatch.setattr(suite, "played", played)
    failing = SUITE.chosen("H", 3, 1)[0]
    assert SUITE.main(["--flow", "H", "--sample", "3"]) == 1
    said = capsys.readouterr().out
    assert f'FAILED make races ARGS="--race {failing}": S1: alone' in said
    assert "| 3 | 2 |" in said


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (["--race", "X-1"], "there is no flow X"),
        (["--race", "H-99999"], "races of flow H are H-0 to H-"),
        (["--race", "H"], "races of flow H are H-0 to H-"),
        (["--flow", "WX"], "there is no flow X"),
    ],
)
def test_unknown_race_or_flow_is_refused(
    wrong: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        SUITE.main(wrong)
    assert why in capsys.readouterr().err
