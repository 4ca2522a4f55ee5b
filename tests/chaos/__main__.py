"""`make chaos`: real processes are killed, frozen and cut off in the middle of transfers.

make chaos                                  all parts: cells, figures, deployment, storm
make chaos ARGS=--short                     a few minutes' worth of each, for every change
make chaos ARGS="--cells 20 --seed 7"       twenty cells by the seed; --cells 0 is all of them
make chaos ARGS="--cell FM-W4-F01-applied"  cells by name
make chaos ARGS=--measure                   how long the engine is gone after each fault
make chaos ARGS=--deployment                a deployment in the middle
make chaos ARGS="--idempotency 1000 100"    so many keys, each posted so many times at once
make chaos ARGS="--crowd 40"                so many calls at once, and a worker that dies
make soak MINUTES=2                         steady load and random faults
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

from tests.chaos import report
from tests.chaos.cells import STEPS
from tests.chaos.checker import Bounds
from tests.chaos.crowd import crowd
from tests.chaos.deployment import Deployed, deploy, deploy_pinned
from tests.chaos.faults import FAULTS
from tests.chaos.forced import forced
from tests.chaos.measure import measure
from tests.chaos.play import Cell, Played, play
from tests.chaos.rig import Rig
from tests.chaos.soak import Soak, soak
from tests.chaos.stages import STAGES
from tests.chaos.storm import Storm, storm

CELLS, CELLS_SHORT = 60, 6
SAMPLES = 30
CALLS = 50
CROWD = 40
KEYS, POSTS = 100, 100
SHORT_KEYS, SHORT_POSTS = 10, 20
SOAK_MINUTES = 60.0
INTERRUPTED = 130


def every_cell() -> list[Cell]:
    """Every step with every fault at every moment."""
    return [
        Cell(step, fault, moment)
        for step in STEPS
        for fault in FAULTS
        if not (fault.at_cues and step.match)
        for moment in (step.moments if step.match else (None,))
    ]


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for. Without a part: all of them but the soak."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--seed", type=int, default=int(time.time()) % 1_000_000)
    add("--short", action="store_true", help="all parts, in about a minute and a half")
    add("--cells", type=int, metavar="N", help="N cells, drawn by the seed; 0: all")
    add("--cell", default="", metavar="NAME", help="cells whose name contains this")
    add("--measure", type=int, nargs="?", const=SAMPLES, metavar="N", help="N samples per fault")
    add("--deployment", action="store_true", help="exchange the workers in mid-transfer")
    add("--idempotency", type=int, nargs="*", metavar="N", help="keys, and posts of each")
    add("--terminated", type=int, nargs="?", const=CALLS, metavar="N", help="N calls by force")
    add("--crowd", type=int, nargs="?", const=CROWD, metavar="N", help="N calls at once")
    add("--soak", type=float, nargs="?", const=SOAK_MINUTES, metavar="MINUTES")
    add("--keep", action="store_true", help="write the figures into docs and README")
    options = parser.parse_args(arguments)
    if options.cell and options.cells is None:
        options.cells = 0
    parts = (options.cells, options.measure, options.idempotency, options.terminated)
    parts = (*parts, options.crowd, options.soak)
    if options.deployment or any(each is not None for each in parts):
        return options
    options.cells = CELLS_SHORT if options.short else CELLS
    options.measure = None if options.short else SAMPLES
    options.idempotency = [SHORT_KEYS, SHORT_POSTS] if options.short else [KEYS, POSTS]
    options.terminated = None if options.short else CALLS
    options.crowd = None if options.short else CROWD
    options.deployment = True
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print, answer the exit code."""
    options = options_of(arguments)
    print(f"seed {options.seed}", flush=True)
    return asyncio.run(_stoppable(_parts(options)))


async def _stoppable(work: Coroutine[Any, Any, int]) -> int:
    """Ends what was started when it is asked to stop, too."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED


async def _parts(options: argparse.Namespace) -> int:
    told: dict[str, Any] = {}
    is_bad = False
    if options.cells is not None:
        told["cells"] = await _cells(options)
        is_bad |= bool(told["cells"]["failed"])
    if options.measure is not None:
        rows = [row.as_dict() for row in await measure(options.measure)]
        told["measure"] = rows
        is_bad |= not all(row["met"] for row in rows)
    if options.deployment:
        told["deployment"] = [vars(each) for each in await _deployments(options.short)]
        is_bad |= any(each["problems"] for each in told["deployment"])
    if options.idempotency is not None:
        keys, posts = [*options.idempotency, *(KEYS, POSTS)[len(options.idempotency) :]]
        told["storm"] = (await storm(keys, posts, options.seed, _storming)).as_dict()
        is_bad |= bool(told["storm"]["problems"])
    if options.terminated is not None:
        told["forced"] = (await forced(options.terminated)).as_dict()
        is_bad |= bool(told["forced"]["problems"])
    if options.crowd is not None:
        told["crowd"] = (await crowd(options.crowd, options.seed)).as_dict()
        is_bad |= bool(told["crowd"]["problems"])
    if options.soak is not None:
        told["soak"] = (await soak(options.seed, options.soak, _soaking)).as_dict()
        is_bad |= bool(told["soak"]["problems"])
    print(report.text(told))
    if options.keep:
        report.keep(told)
    return 1 if is_bad else 0


async def _deployments(is_short: bool) -> list[Deployed]:
    if is_short:
        return [await deploy(STAGES[0], "patched")]
    told = []
    for stage in STAGES:
        told += [await deploy(stage, "patched"), await deploy(stage, "careless")]
        told.append(await deploy_pinned(stage))
    return told


def _soaking(told: Soak) -> None:
    if told.calls % 50 == 0:
        print(f"   {told.calls} calls, {sum(told.faults.values())} faults, "
              f"{len(told.problems)} problems", flush=True)  # fmt: skip


def _storming(told: Storm) -> None:
    if told.played % 25 == 0:
        print(f"   {told.played} of {told.keys} keys, {told.sent} posts, {told.kills} kills, "
              f"{len(told.problems)} problems, {told.seconds:.0f} s", flush=True)  # fmt: skip


async def _cells(options: argparse.Namespace) -> dict[str, Any]:
    cells = [cell for cell in every_cell() if options.cell in cell.name]
    applicable = len(cells)
    Random(options.seed).shuffle(cells)
    cells = cells[: options.cells or None]
    failed: list[Played] = []
    async with Rig() as rig:
        for number, cell in enumerate(cells, 1):
            # A cell's chance is its own, so that it can be repeated alone.
            played = await play(rig, cell, Random(f"{options.seed} {cell.name}"), Bounds())
            mark = "ok" if not played.problems else "FAILED"
            print(
                f"{number:4d}/{len(cells)}  {played.cell:<24} {played.seconds:5.1f} s  {mark}",
                flush=True,
            )
            if played.problems:
                failed.append(played)
                _tell(played, rig, options.seed)
    return {
        **{"seed": options.seed, "applicable": applicable, "played": len(cells)},
        "failed": [played.cell for played in failed],
    }


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
