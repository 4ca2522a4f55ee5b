"""`make bench`: every figure of the README, engine beside floor, in one run.

Takes some minutes; `--quick` takes less than one and proves that the benchmarks run and that the
exact counts are within their aims. Ends with 1 if an exact count misses its aim.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import counts, latency, memory, queues, report, supervision, throughput
from benchmarks.processes import Bench, bench
from tests.e2e.processes import ROOT

DATA = ROOT / "benchmarks" / "last.json"
PAGE = ROOT / "docs" / "benchmarks.md"
PARTS = ("counts", "supervision", "queues", "latency", "throughput", "memory")


class Step(Protocol):
    """Tells that something is done."""

    def __call__(self, steps: int = 1) -> None:
        """One step, or several."""


@dataclass(frozen=True)
class Size:
    """How much of each is measured."""

    rounds: int
    blocks: int
    transfers: int
    waiting: tuple[int, ...]
    warm_up: int
    """Rounds that do not count."""
    calls: int
    """Calls through a queue, one assignment each."""


FULL = Size(rounds=30, blocks=2, transfers=120, waiting=(2000, 5000), warm_up=2, calls=100)
QUICK = Size(rounds=2, blocks=1, transfers=40, waiting=(100,), warm_up=1, calls=5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show, write; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less than a minute, writes no page")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone, no page")
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen = parser.parse_args(given)
    run = report.Run(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=" ".join(["python -m benchmarks", *given]),
        machine=report.machine(),
    )
    console = Console()
    size = QUICK if chosen.quick else FULL
    began = time.monotonic()
    try:
        asyncio.run(_measure(run, size, chosen.only or PARTS))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    run.seconds = time.monotonic() - began
    report.show(console, run)
    if not chosen.quick and not chosen.only:
        report.write(run, DATA, PAGE)
        print(f"\nWritten: {_shown(DATA)} and {_shown(PAGE)}")
    for problem in run.problems:
        print(f"missed: {problem}", file=sys.stderr)
    return 1 if run.problems else 0


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


async def _measure(run: report.Run, size: Size, parts: Sequence[str]) -> None:
    """SIGTERM ends it as Ctrl-C does: every process goes down with it."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    bars = Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    with bars:

        def bar(name: str, total: int) -> Step:
            task = bars.add_task(name, total=total)
            return lambda steps=1: bars.advance(task, steps)

        if "queues" in parts:
            # Before the other stack is up: the two would take each other's time.
            ahead = bar("queues", len(queues.STORIES) + size.calls)
            run.costs, run.assignments = await queues.measure(size.calls, ahead)
        up = bar("processes", 1)
        async with bench() as stage:
            up()
            try:
                await _parts(run, size, parts, stage, bar)
            except Exception:
                bars.console.print(stage.stack.log_tails())
                raise


async def _parts(
    run: report.Run,
    size: Size,
    parts: Sequence[str],
    stage: Bench,
    bar: Callable[[str, int], Step],
) -> None:
    """The stories first: later parts empty the network. Memory last: it ends the workers."""
    if "counts" in parts:
        run.costs[:0] = await counts.measure(stage, bar("cost of each story", len(counts.AIMS)))
    if "supervision" in parts:
        ahead = bar("supervision", supervision.STORIES_PLAYED + size.rounds)
        costs, run.effects = await supervision.measure(stage, size.rounds, ahead)
        run.costs += costs
    if "latency" in parts:
        ahead = bar("latency", size.rounds + size.warm_up)
        run.latencies = await latency.measure(stage, size.rounds, size.warm_up, ahead)
    if "throughput" in parts:
        ahead = bar("throughput", size.blocks * 2)
        run.throughputs = await throughput.measure(stage, size.blocks, size.transfers, ahead)
    if "memory" in parts:
        ahead = bar("memory", 2 * max(size.waiting))
        run.memories = await memory.measure(stage, size.waiting, ahead)


if __name__ == "__main__":
    sys.exit(main())
