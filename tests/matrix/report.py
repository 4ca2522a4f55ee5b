"""Plays the fault matrix and prints how much of it passes: `make matrix`.

`--flow W` plays one flow, `--cell FM-W4-F09` one cell with its ladder. The exit code is 1 if a cell
fails of which that was not known.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from fnmatch import fnmatchcase
from multiprocessing import Pool

import structlog

from tests.matrix.cells import complaints_about
from tests.matrix.open_cells import OPEN
from tests.matrix.table import Cell, flows

Result = tuple[Cell, list[str], float]


def judged(cell: Cell) -> Result:
    """A cell, what is wrong with it, and the seconds of one core that it took."""
    began = time.process_time()
    return cell, complaints_about(cell), time.process_time() - began


def quiet() -> None:
    """What the engine logs is not what is asked here."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def main() -> int:
    """Answers the exit code."""
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.add_argument("--flow", default="", help="letters of the flows to play")
    parser.add_argument("--cell", default="", help="a cell's id, or a pattern")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    chosen = [
        cell
        for flow in flows().values()
        for cell in flow.applicable
        if (not given.flow or flow.letter in given.flow)
        and (not given.cell or fnmatchcase(cell.id, given.cell))
    ]
    began = time.perf_counter()
    with Pool(given.workers, initializer=quiet) as pool:
        results = list(pool.imap(judged, chosen, chunksize=8))
    for cell, wrong, _ in results:
        if wrong and (given.cell or cell.id not in OPEN):
            _say(f"{cell.id} ({cell.code})")
            _say("\n".join(wrong if given.cell else [each for each in wrong if "\n" not in each]))
    _say("")
    _table(results)
    cpu, wall = sum(each[2] for each in results), time.perf_counter() - began
    _say(f"\n{cpu:.0f} s of one core, {wall:.0f} s on {given.workers}")
    return int(any(wrong and cell.id not in OPEN for cell, wrong, _ in results))


def _table(results: list[Result]) -> None:
    _say("| flow | cells passed | applicable |")
    _say("|---|---|---|")
    sums = [0, 0]
    for flow in flows().values():
        played = [wrong for cell, wrong, _ in results if cell.flow == flow.letter]
        if not played:
            continue
        passed = sum(not wrong for wrong in played)
        sums = [sums[0] + passed, sums[1] + len(played)]
        _say(f"| {flow.letter}: {flow.title} | {passed} | {len(played)} |")
    _say(f"| all | {sums[0]} | {sums[1]} |")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
