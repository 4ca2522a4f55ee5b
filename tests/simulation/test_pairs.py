"""The pairs of faults: what is a point, what is a pair, and that a failing one is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.simulation import pairs
from tests.simulation.faults import Entered, Fault, Request, Told
from tests.simulation.mutants import MUTANTS
from tests.simulation.pairs import FLOWS, Pair, chosen, main, points
from tests.simulation.play import play
from tests.simulation.simulate import be_quiet


def test_points_are_every_fault_at_every_moment_of_the_quiet_story() -> None:
    at = {point.at for point in points("W")}
    assert Request("participants.create", 2) in at
    assert Told("answered", 2) in at
    assert Entered("consulting") in at
    assert Request("participants.create", 1) not in at, "that one rang the agent, before it"
    create = {each.kind for each in points("W") if isinstance(each, Fault)
              and each.at == Request("participants.create", 2)}  # fmt: skip
    assert {"429", "timeout_after", "late"} <= create


@pytest.mark.parametrize("flow", FLOWS)
def test_pairs_are_all_that_can_both_strike(flow: str) -> None:
    count = len(points(flow))
    found = {(each.one, each.other) for each in pairs.pairs(flow)}
    assert all(one < other for one, other in found)
    left_out = count * (count - 1) // 2 - len(found)
    same = [
        (one, other)
        for other in range(count)
        for one in range(other)
        if points(flow)[one].at == points(flow)[other].at
        and isinstance(points(flow)[one].at, Request | Told)
    ]
    assert left_out == len(same) > 0


def test_both_points_of_a_pair_are_in_its_story() -> None:
    pair = chosen("C", 5, 1)[0]
    told = "\n".join(pair.story.lines())
    for number in (pair.one, pair.other):
        assert str(points("C")[number]) in told


def test_same_seed_chooses_the_same_pairs() -> None:
    assert chosen("H", 40, 3) == chosen("H", 40, 3) != chosen("H", 40, 4)
    assert chosen("H", 10**9, 3) == pairs.pairs("H")


@pytest.mark.parametrize("flow", FLOWS)
def test_some_pairs_of_each_flow_are_clean(flow: str) -> None:
    be_quiet()
    for pair in chosen(flow, 6, 7):
        assert play(pair.story).violations == [], str(pair)


def test_failing_pair_is_told_with_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def played(every: Sequence[Pair], jobs: int) -> Iterator[tuple[Pair, str]]:
        yield from ((pair, "S1: alone" if pair is every[0] else "") for pair in every)

    monkeypatch.setattr(pairs, "played", played)
    failing = chosen("H", 3, 1)[0]
    assert main(["--flow", "H", "--sample", "3"]) == 1
    said = capsys.readouterr().out
    assert f'FAILED make pairs ARGS="--pair {failing}": S1: alone' in said
    assert "| 3 | 2 |" in said


def test_stopped_run_goes_on_from_its_notes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    begun: list[Pair] = []

    def played(every: Sequence[Pair], jobs: int) -> Iterator[tuple[Pair, str]]:
        for pair in every:
            if len(begun) == 3:
                raise KeyboardInterrupt
            begun.append(pair)
            yield pair, "S1: alone" if pair == chosen("H", 5, 1)[1] else ""

    monkeypatch.setattr(pairs, "played", played)
    notes = ["--notes", str(tmp_path / "notes")]
    assert main(["--flow", "H", "--sample", "5", *notes]) == 1
    first = list(begun)
    begun.clear()
    assert main(["--flow", "H", "--sample", "5", *notes]) == 1, "one has failed before"
    assert first + begun == chosen("H", 5, 1)
    said = capsys.readouterr().out
    assert "3 of 5 pairs were played before, 1 of them failed" in said
    assert "| 5 | 4 |" in said


def test_run_in_which_nothing_failed_is_told_so_also_with_notes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def played(every: Sequence[Pair], jobs: int) -> Iterator[tuple[Pair, str]]:
        yield from ((pair, "") for pair in every)

    monkeypatch.setattr(pairs, "played", played)
    for _ in range(2):
        assert main(["--flow", "H", "--sample", "3", "--notes", str(tmp_path / "notes")]) == 0


def test_notes_about_other_points_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").write_text("points 0000000000000000\nH-1-2\n")
    with pytest.raises(SystemExit):
        main(["--flow", "H", "--sample", "3", "--notes", str(tmp_path / "notes")])
    assert "the code has changed since" in capsys.readouterr().err


def test_bug_in_the_engine_fails_a_pair(capsys: pytest.CaptureFixture[str]) -> None:
    """M27: a ringing leg is ended by canceled."""
    told = [str(each) for each in points("W")]
    cancel = told.index("agent: cancel in dialing")
    double = told.index("double for 0.30 s at callback 1 of completed")
    pair = f"W-{min(cancel, double)}-{max(cancel, double)}"
    assert main(["--pair", pair]) == 0
    with MUTANTS["M27"].patch():
        assert main(["--pair", pair]) == 1
    assert "BROKEN S29" in capsys.readouterr().out


def test_one_pair_is_played_with_its_ladder(capsys: pytest.CaptureFixture[str]) -> None:
    pair = Pair("C", 0, 60)
    assert main(["--pair", str(pair)]) == 0
    said = capsys.readouterr().out
    assert f"--- {pair}" in said
    assert "REST participants.create" in said
