"""`make chaos`: real processes are killed, frozen and cut off in the middle of transfers.

make chaos                              every cell, and the figures
make chaos ARGS="--cells 8"             eight cells by the seed
make chaos ARGS="--cell FM-W4-F01-applied --seed 7"
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.cells import STEPS
from tests.chaos.checker import Bounds
from tests.chaos.faults import FAULTS
from tests.chaos.play import Cell, Played, play
from tests.chaos.rig import Rig


def every_cell() -> list[Cell]:
    """Every step with every fault at every moment."""
    return [
        Cell(step, fault, moment)
        for step in STEPS
        for fault in FAULTS
        for moment in (step.moments if step.match else (None,))
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print, answer the exit code."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    parser.add_argument("--cells", type=int, metavar="N", help="only N cells, drawn by the seed")
    parser.add_argument("--cell", help="only cells whose name contains this", default="")
    options = parser.parse_args(arguments)
    cells = [cell for cell in every_cell() if options.cell in cell.name]
    if not cells:
        parser.error(f"no cell's name contains {options.cell}")
    Random(options.seed).shuffle(cells)
    print(f"seed {options.seed}", flush=True)
    return asyncio.run(stoppable(_cells(cells[: options.cells], options.seed)))


async def stoppable(work: Coroutine[Any, Any, int]) -> int:
    """Ends what was started when it is asked to stop, too."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return 130


async def _cells(cells: Sequence[Cell], seed: int) -> int:
    failed: list[Played] = []
    async with Rig() as rig:
        for number, cell in enumerate(cells, 1):
            # A cell's chance is its own, so that it can be repeated alone.
            played = await play(rig, cell, Random(f"{seed} {cell.name}"), Bounds())
            mark = "ok" if not played.problems else "FAILED"
            print(f"{number:4d}/{len(cells)}  {played.cell:<24} {played.seconds:5.1f} s  {mark}",
                  flush=True)  # fmt: skip
            if played.problems:
                failed.append(played)
                _tell(played, rig, seed)
    print(f"{len(cells) - len(failed)} of {len(cells)} cells passed (seed {seed})")
    return 1 if failed else 0


def _tell(played: Played, rig: Rig, seed: int) -> None:
    kept = Path(tempfile.mkdtemp(prefix=f"handover-{played.cell}-"))
    for log in rig.folder.glob("*.log"):
        shutil.copy(log, kept)
    for problem in played.problems:
        print(f"        {problem}")
    print(f"        logs: {kept}")
    print(f'        again: make chaos ARGS="--seed {seed} --cell {played.cell}"', flush=True)


if __name__ == "__main__":
    sys.exit(main())
