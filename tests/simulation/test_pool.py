"""Chunks of histories in processes of their own: each comes back, and one that dies is told."""

from __future__ import annotations

import os
import signal

import pytest

from tests.simulation.pool import is_stopping, spread
from tests.simulation.simulate import Tally, be_quiet


@pytest.fixture(autouse=True)
def _quiet() -> None:
    be_quiet()


def _process(chunk: int) -> tuple[int, int]:
    return chunk, os.getpid()


def _die(chunk: int) -> int:
    os._exit(chunk)


def _play_until_stopped(chunk: int) -> bool:
    while chunk and not is_stopping():
        pass
    return is_stopping()


def test_each_chunk_is_played_in_a_process_of_its_own() -> None:
    found = dict(spread(_process, range(1, 6), jobs=2))
    assert {chunk: played for chunk, (played, _) in found.items()} == {n: n for n in range(1, 6)}
    assert len({pid for _, pid in found.values()} | {os.getpid()}) == 6


class _Finalised:
    """Ctrl-C comes while Python does away with this, and drops what is raised there."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_that_meets_a_finaliser_is_heard_all_the_same() -> None:
    before = signal.getsignal(signal.SIGINT)
    played: list[int] = []

    def play_on() -> None:
        for chunk, _ in spread(_process, range(1, 100), jobs=1):
            played.append(chunk)
            _Finalised()

    with pytest.raises(KeyboardInterrupt):
        play_on()
    assert played == [1]
    assert signal.getsignal(signal.SIGINT) is before


def test_process_that_dies_is_told_with_its_chunk() -> None:
    with pytest.raises(RuntimeError, match="died over 3"):
        list(spread(_die, [3], jobs=2))


@pytest.mark.timeout(60)
def test_processes_end_soon_where_nobody_waits_for_them_any_more() -> None:
    parts = spread(_play_until_stopped, [0, 1], jobs=2)
    assert next(parts) == (0, False)
    parts.close()  # type: ignore[attr-defined]
    assert not is_stopping()


def test_seed_in_which_a_process_held_most_is_named() -> None:
    tally, other = Tally(), Tally()
    tally.held(100.0, 7)
    other.held(120.0, 11)
    other.held(110.0, 12)
    tally.merge(other)
    assert (tally.memory_mb, tally.memory_seed) == (120.0, 11)
