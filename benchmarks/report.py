"""All figures of one run as tables: on the terminal, as JSON, and as a page of the docs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.counts import REQUESTS_MAX, Cost
from benchmarks.latency import Latency
from benchmarks.memory import Memory
from benchmarks.processes import SERVER
from benchmarks.queues import ANSWER_SECONDS_MAX, Assignments
from benchmarks.supervision import Effect
from benchmarks.throughput import AT_A_TIME, Throughput

MEDIAN_AIM, P95_AIM = 1.5, 2.0


@dataclass(frozen=True)
class Table:
    """One table, and the sentence above it."""

    title: str
    about: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass
class Run:
    """Everything that one run measured."""

    date: str
    command: str
    machine: str
    seconds: float = 0.0
    latencies: list[Latency] = field(default_factory=list)
    throughputs: list[Throughput] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    assignments: Assignments | None = None
    effects: list[Effect] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Exact counts that miss their aim. Times depend on the machine and fail nothing."""
        missed = [f"{cost.title}: {each}" for cost in self.costs for each in cost.problems]
        if self.assignments is not None:
            missed += [f"assignment: {each}" for each in self.assignments.problems]
        return missed

    def tables(self) -> list[Table]:
        """What was measured, as tables."""
        drawn = []
        if self.costs:
            drawn.append(cost_table(self.costs))
        if self.effects:
            drawn.append(effect_table(self.effects))
        if self.assignments is not None:
            drawn.append(assignment_table(self.assignments))
        if self.latencies:
            drawn.append(latency_table(self.latencies))
        if self.throughputs:
            drawn.append(throughput_table(self.throughputs))
        if self.memories:
            drawn.append(memory_table(self.memories))
        return drawn


def machine() -> str:
    """What the figures were taken on: processors, system, Python."""
    names = [
        line.partition(":")[2].strip()
        for line in _lines("/proc/cpuinfo")
        if line.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return (
        f"{cores} cores ({names[0] if names else platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}, load {load:.1f} before the run"
    )


def _lines(path: str) -> Iterable[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return ()


def latency_table(latencies: list[Latency]) -> Table:
    """Milliseconds, engine and floor, and the ratios."""
    return Table(
        "Latency",
        f"Milliseconds. Aim: {MEDIAN_AIM} × the floor at the median, {P95_AIM} × at p95. Engine "
        f"and floor in turns, in one run. Server: {SERVER}.",
        (
            "case",
            "n",
            "engine median",
            "p95",
            "min",
            "floor median",
            "p95",
            "min",
            "× median",
            "× p95",
        ),
        [
            (
                each.case,
                str(each.engine.n),
                *(f"{one:.1f}" for one in (each.engine.median, each.engine.p95, each.engine.least)),
                *(f"{one:.1f}" for one in (each.floor.median, each.floor.p95, each.floor.least)),
                _held_against(each.ratio.median, MEDIAN_AIM),
                _held_against(each.ratio.p95, P95_AIM),
            )
            for each in latencies
        ],
    )


def _held_against(value: float, aim: float) -> str:
    return f"{value:.2f}" + ("" if value <= aim else " (missed)")


def throughput_table(throughputs: list[Throughput]) -> Table:
    """Transfers per second, and processor time."""
    roles = ("temporal", "simulator", "api", "worker")
    return Table(
        "Throughput",
        f"Cold transfers, {AT_A_TIME} at a time, one worker process, phones answer at once; "
        "processor milliseconds per transfer. All processes share this machine's cores. "
        f"Server: {SERVER}.",
        (
            *("side", "transfers", "per second", "activities", "signals", "starts repeated"),
            *(f"{role} CPU ms" for role in roles),
        ),
        [
            (
                *(each.name, str(each.transfers), f"{each.per_second:.1f}"),
                *(str(each.activities), str(each.signals), str(each.repeated)),
                *(f"{_of_role(each.cpu_ms, role):.1f}" for role in roles),
            )
            for each in throughputs
        ],
    )


def _of_role(cpu_ms: dict[str, float], role: str) -> float:
    return next((spent for name, spent in cpu_ms.items() if role in name.split("-")), 0.0)


def memory_table(memories: list[Memory]) -> Table:
    """Resident memory with so many transfers waiting."""
    numbers = [number for number, _ in memories[0].waiting]
    return Table(
        "Memory",
        "Resident memory of one worker process (VmRSS). Transfers wait while the "
        "target's phone rings; their activities were answered inside the worker. The floor's "
        f"workflows wait for their first signal. Server: {SERVER}.",
        (
            *("side", "empty MB"),
            *(f"{number} waiting {unit}" for number in numbers for unit in ("MB", "kB each")),
        ),
        [
            (
                *(each.name, f"{each.empty / 1e6:.0f}"),
                *(
                    shown
                    for number, held in each.waiting
                    for shown in (f"{held / 1e6:.0f}", f"{each.per_transfer(number) / 1e3:.1f}")
                ),
            )
            for each in memories
        ],
    )


def cost_table(costs: list[Cost]) -> Table:
    """Exact counts per story."""
    return Table(
        "Cost of a transfer",
        "Exact counts of the transfer's own workflow, from the click to the end. Billable actions "
        f"are Temporal Cloud's. Aim: at most {REQUESTS_MAX} requests in any story.",
        ("story", "Twilio requests", "history events", "billable actions", "made of", "aim"),
        [
            (
                *(each.title, str(each.requests), str(each.events), str(each.actions)),
                ", ".join(f"{number} {kind}" for kind, number in each.made_of.items()),
                _aim(each),
            )
            for each in costs
        ],
    )


def effect_table(effects: Iterable[Effect]) -> Table:
    """How soon a supervisor's change of mode is heard."""
    return Table(
        "Supervisors",
        "From a supervisor's click to its effect at the simulator, in milliseconds: when somebody "
        "begins, or ceases, to hear the supervisor. The answer comes after it has been read back.",
        ("mode", "effect", "changes", "median", "p95", "answered, median"),
        [
            (
                each.mode,
                each.effect,
                str(each.n),
                f"{each.p50:.1f}",
                f"{each.p95:.1f}",
                f"{each.answered:.1f}",
            )
            for each in effects
        ],
    )


def assignment_table(took: Assignments) -> Table:
    """Milliseconds of TaskRouter's patience."""
    return Table(
        "Assignment callbacks",
        "Milliseconds from TaskRouter's assignment callback to our answer, with everything else on "
        f"the same machine. TaskRouter waits for {ANSWER_SECONDS_MAX * 1000:.0f}.",
        ("n", "p50", "p99", "slowest"),
        [(str(took.n), f"{took.p50:.1f}", f"{took.p99:.1f}", f"{took.slowest:.1f}")],
    )


def _aim(cost: Cost) -> str:
    if cost.actions_max is None:
        return "-"
    return f"{cost.actions_max}" + ("" if cost.actions <= cost.actions_max else " (missed)")


def show(console: Console, run: Run) -> None:
    """The tables on a terminal; tab-separated lines in a pipe."""
    for table in run.tables():
        if not console.is_terminal:
            print(f"\n{table.title}. {table.about}")
            for row in (table.head, *table.rows):
                print("\t".join(row))
            continue
        drawn = RichTable(*table.head, title=table.title, caption=table.about)
        for row in table.rows:
            drawn.add_row(*row)
        console.print(drawn)


def write(run: Run, data: Path, page: Path) -> None:
    """The same figures for programs and for readers."""
    data.write_text(json.dumps(_plain(run), indent=2) + "\n", encoding="utf-8")
    page.write_text(markdown(run), encoding="utf-8")


def _plain(run: Run) -> dict[str, Any]:
    return {"server": SERVER, **asdict(run)}


def markdown(run: Run) -> str:
    """The page: when, where, with which command, and the tables."""
    parts = [
        "# Benchmarks",
        "",
        "The figures of one run, beside the floor: the barest Temporal workflow that makes the "
        "same round trips (`benchmarks/floor.py`). This page is written by the command; compare "
        "ratios, not milliseconds, with other machines.",
        "",
        f"- Date: {run.date}",
        f"- Command: `{run.command}`",
        f"- Machine: {run.machine}",
        f"- Took: {run.seconds:.0f} s",
    ]
    for table in run.tables():
        parts += ["", f"## {table.title}", "", table.about, "", _line(table.head)]
        parts.append(_line("---" if not number else "---:" for number in range(len(table.head))))
        parts += [_line(row) for row in table.rows]
    return "\n".join(parts) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
