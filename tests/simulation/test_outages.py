"""Long outages: each begins at its moment and lasts as long as it says, and somebody acts then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.simulation import outages, suite
from tests.simulation.faults import Entered, Fault, Request, Told
from tests.simulation.outages import FLOWS, GONE, SECONDS, SUITE, Outage
from tests.simulation.play import play
from tests.simulation.simulate import be_quiet


@pytest.fixture(autouse=True)
def _quiet() -> None:
    be_quiet()


@pytest.mark.parametrize("flow", FLOWS)
def test_outages_are_all_that_can_be_gone_at_all_moments_with_all_deeds(flow: str) -> None:
    every = outages.outages(flow)
    at = {each.at for each in every}
    assert len(every) == len(at) * len(GONE) * len(SECONDS) * (1 + 2 * len(FLOWS[flow].deeds))
    assert [each.number for each in every] == list(range(len(every)))
    assert any(isinstance(each, Entered) for each in at) is not FLOWS[flow].is_set_up


def test_outages_of_the_set_up_begin_before_anybody_talks() -> None:
    at = {each.at for each in outages.outages("I")}
    assert {Request("participants.create"), Told("call"), Told("answered")} <= at
    assert Request("participants.create", 2) not in at, "that one rings the target"
    assert not any(name.event.startswith("work") for name in at if isinstance(name, Told))


def test_outage_lasts_as_long_as_it_says_though_the_transfer_is_over() -> None:
    """What it hides is not healed by the end of the story."""
    one = next(
        each
        for each in outages.outages("W")
        if (each.at, each.gone, each.seconds, each.deed)
        == (Entered("completed"), ("twilio_down",), 45.0, ())
    )
    outcome = play(one.story, with_ladder=True)
    begins = next(line for line in outcome.ladder if "FAULT" in line)
    leaves = next(line for line in outcome.ladder if "hangs up at last" in line)
    assert float(leaves.split()[0]) - float(begins.split()[0]) >= 45.0


def test_both_ends_are_gone_and_the_deed_is_done_in_its_middle() -> None:
    one = next(
        each
        for each in outages.outages("W")
        if each.gone == ("twilio_down", "deaf") and each.deed and each.after < 1
    )
    faults = {fault.kind: fault.seconds for fault in one.story.faults if isinstance(fault, Fault)}
    assert faults == {"twilio_down": one.seconds, "cut_off": outages.DEAF_SECONDS}
    act = one.story.acts[-1]
    assert act.at.plus == outages.MIDDLE * one.seconds  # type: ignore[union-attr]


@pytest.mark.parametrize("flow", FLOWS)
def test_some_outages_of_each_flow_are_clean(flow: str) -> None:
    for one in SUITE.chosen(flow, 10, 5):
        assert play(one.story).violations == [], str(one)


def test_failing_outage_is_told_with_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def played(every: Sequence[Outage], jobs: int) -> Iterator[tuple[Outage, str]]:
        yield from ((one, "S1: alone" if one is every[0] else "") for one in every)

    monkeypatch.setattr(suite, "played", played)
    failing = SUITE.chosen("H", 3, 1)[0]
    assert SUITE.main(["--flow", "H", "--sample", "3"]) == 1
    said = capsys.readouterr().out
    assert f'FAILED make outages ARGS="--outage {failing}": S1: alone' in said
    assert "| 3 | 2 |" in said
