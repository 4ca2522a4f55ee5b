"""The tables of a run: what misses its aim is told, and the page holds every figure."""

from __future__ import annotations

from benchmarks.counts import Cost
from benchmarks.latency import Latency
from benchmarks.memory import Memory
from benchmarks.queues import Assignments
from benchmarks.report import Run, markdown
from benchmarks.spread import ratio, spread
from benchmarks.supervision import Effect
from benchmarks.throughput import Throughput


def a_run() -> Run:
    engine, floor = spread([20.0, 30.0]), spread([10.0, 20.0])
    return Run(
        date="2026-01-02",
        command="python -m benchmarks",
        machine="two cores",
        latencies=[Latency("click", engine, floor, ratio(engine, floor))],
        throughputs=[
            Throughput("engine", 10, 2.0, {"temporal": 80.0, "api": 9.0, "worker-1": 40.0}),
            Throughput("floor", 10, 1.0, {"temporal": 50.0, "floor-api": 3.0, "floor-worker": 2.5}),
        ],
        memories=[Memory("engine", 100_000_000, ((2000, 300_000_000),))],
        assignments=Assignments(120, 4.0, 9.5, 12.25),
        effects=[Effect("whisper", "agent hears", 30, 41.0, 66.5, 52.0)],
        costs=[Cost("warm", 9, 57, 12, {"start": 1, "activity": 4}, 10, ("12 actions",))],
    )


def test_an_aim_that_is_missed_is_told() -> None:
    assert a_run().problems == ["warm: 12 actions"]
    page = markdown(a_run())
    assert "| 10 (missed) |" in page
    assert "1.67 (missed)" in page


def test_page_holds_every_table() -> None:
    page = markdown(a_run())
    assert page.count("# Benchmarks") == 1
    for figure in ("20.0", "| 5.0 |", "| 10.0 |", "40.0", "100.0", "1 start, 4 activity"):
        assert figure in page, figure
    assert "| 120 | 4.0 | 9.5 | 12.2 |" in page
    assert "| whisper | agent hears | 30 | 41.0 | 66.5 | 52.0 |" in page
    for title in ("Assignment callbacks", "Latency", "Throughput", "Memory", "Cost of a transfer"):
        assert f"## {title}" in page


def test_blocks_add_up_to_one_throughput() -> None:
    told = Throughput("engine")
    told.add(10, 2.0, {"worker": 400.0})
    told.add(30, 6.0, {"worker": 2000.0})
    assert (told.transfers, told.per_second, told.cpu_ms) == (40, 5.0, {"worker": 60.0})


def test_memory_counts_from_the_empty_worker() -> None:
    assert Memory("floor", 100, ((10, 600),)).per_transfer(10) == 50.0


def test_an_answer_that_taskrouter_would_not_wait_for_is_told() -> None:
    run = a_run()
    run.assignments = Assignments(1, 4.0, 4.0, 5000.0)
    assert run.problems[-1] == "assignment: 5000 ms, at most 5000"
