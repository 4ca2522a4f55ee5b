"""Table and lines together, in every order, to a stated depth. `explore.py` says what that means.

The depth is chosen for a minute on two processes; a deeper search is asked for by
`HANDOVER_EXPLORE_DEPTH`, or on the command line: `python -m tests.machine.explore --depth 9`.
"""

from __future__ import annotations

import os
import pickle
import time
from pathlib import Path

import pytest

from tests.machine.explore import Bounds, Figures, explore
from tests.machine.worlds import WORLDS

DEPTH = int(os.environ.get("HANDOVER_EXPLORE_DEPTH", "5"))
FAULTS = int(os.environ.get("HANDOVER_EXPLORE_FAULTS", "1"))
NAMES = [world.name for world in WORLDS]


class Expedition:
    """What was found in each world, explored once, by the first of pytest's processes to come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def figures(self, name: str) -> Figures:
        """Explore a world, or wait for the process that does. Raises what exploring raised."""
        number = NAMES.index(name)
        found = self._folder / f"{number}.found"
        try:
            (self._folder / f"{number}.claimed").touch(exist_ok=False)
        except FileExistsError:
            while not found.exists():
                time.sleep(0.1)
        else:
            told = self._folder / f"{number}.told"
            told.write_bytes(pickle.dumps(_explored(name)))
            told.rename(found)
        figures = pickle.loads(found.read_bytes())  # noqa: S301 - written by this very test
        if isinstance(figures, Exception):
            raise figures
        return figures


def _explored(name: str) -> Figures | Exception:
    try:
        return explore(name, Bounds(DEPTH, FAULTS))
    except Exception as broken:
        return broken


@pytest.fixture(scope="module")
def expedition(tmp_path_factory: pytest.TempPathFactory) -> Expedition:
    """All of pytest's processes share one."""
    base = tmp_path_factory.getbasetemp()
    is_one_of_several = "PYTEST_XDIST_WORKER" in os.environ
    return Expedition((base.parent if is_one_of_several else base) / "expedition")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
def test_no_claim_breaks(
    expedition: Expedition, name: str, record_property: pytest.RecordProperty
) -> None:
    figures = expedition.figures(name)
    record_property("states", figures.states)
    record_property("moves", figures.moves)
    record_property("depth", figures.depth)
    assert figures.states > 500, "so few states that nothing can have been explored"


@pytest.mark.timeout(1800)
def test_figures_are_told(expedition: Expedition, capsys: pytest.CaptureFixture[str]) -> None:
    """An exploration that meets nothing proves nothing: every end and state must have been met."""
    done = [expedition.figures(name) for name in NAMES]
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
