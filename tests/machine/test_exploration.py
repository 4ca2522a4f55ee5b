"""Table and lines together, in every order, to a stated depth. `explore.py` says what that means.

The depth is chosen for a minute on two processes; a deeper search is asked for by
`HANDOVER_EXPLORE_DEPTH`, or on the command line: `python -m tests.machine.explore --depth 9`.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import pytest

from tests.machine.explore import Bounds, Figures, explore
from tests.machine.worlds import WORLDS

DEPTH = int(os.environ.get("HANDOVER_EXPLORE_DEPTH", "5"))
FAULTS = int(os.environ.get("HANDOVER_EXPLORE_FAULTS", "1"))
NAMES = [world.name for world in WORLDS]

Running = dict[str, Future[Figures]]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """Every exploration, begun at once on two processes."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        yield {name: pool.submit(explore, name, Bounds(DEPTH, FAULTS)) for name in NAMES}
        pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
def test_no_claim_breaks(
    running: Running, name: str, record_property: pytest.RecordProperty
) -> None:
    figures = running[name].result()
    record_property("states", figures.states)
    record_property("moves", figures.moves)
    record_property("depth", figures.depth)
    assert figures.states > 500, "so few states that nothing can have been explored"


@pytest.mark.timeout(1800)
def test_figures_are_told(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    """An exploration that meets nothing proves nothing: every end and state must have been met."""
    done = [future.result() for future in running.values()]
    states = {state for figures in done for state in figures.visited}
    ends = {end for figures in done for end in figures.ends}
    with capsys.disabled():
        total = Figures("exploration", DEPTH)
        total.states = sum(figures.states for figures in done)
        total.moves = sum(figures.moves for figures in done)
        total.seconds = sum(figures.seconds for figures in done)
        print(f"\n{total}, {FAULTS} fault(s) a path, {len(done)} worlds")  # noqa: T201
    live = {state for world in WORLDS for state in world.table.rows}
    assert live <= states, f"never met: {sorted(live - states)}"
    for end in ("completed: completed", "cancelled: cancelled_by_agent", "diverted: "):
        assert any(each.startswith(end) for each in ends), f"never ended as {end}: {sorted(ends)}"
