"""`make simulate`: many seeded bad days, each checked after every step.

    python -m tests.simulation.simulate                  the short form
    python -m tests.simulation.simulate --runs 100000    the long one
    python -m tests.simulation.simulate --minutes 15     as many as fit
    python -m tests.simulation.simulate --seed 7         one history, with its ladder

Ctrl-C ends a run with the summary of what was played. Exit codes: 0 all good, 1 an invariant was
broken or a rare situation was never seen, 2 usage, 130 interrupted and good so far.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from tests.simulation.goals import GOALS, missing
from tests.simulation.play import Outcome, play
from tests.simulation.pool import is_stopping, spread
from tests.simulation.scenarios import SCENARIOS, story_of
from tests.simulation.shrink import shrunk

MODULE = "tests.simulation.simulate"
RUNS = 400
RUNS_MAX = 10**9
"""Where only the clock ends a run."""
CHUNK = 50
PROGRESS_SECONDS = 10.0
SHOWN_MAX = 3
"""So many failing seeds are shrunk and told in full; the others are named."""


@dataclass
class Tally:
    """What a number of histories showed."""

    histories: int = 0
    steps: int = 0
    turns: int = 0
    replays: int = 0
    requests: int = 0
    virtual_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    """The most that one process held."""
    memory_seed: int = 0
    """The history in which it came to hold that."""
    ends: Counter[str] = field(default_factory=Counter)
    goals: Counter[str] = field(default_factory=Counter)
    failing: dict[int, list[str]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """One more history."""
        self.histories += 1
        self.steps += outcome.steps
        self.turns += outcome.turns
        self.replays += outcome.replays
        self.requests += len(outcome.requests)
        self.virtual_seconds += outcome.virtual_seconds
        self.ends[f"{outcome.state} {outcome.reason}".strip()] += 1
        # A goal counts once per history: many of one kind in one history show no more than one.
        self.goals.update(outcome.goals.keys())
        if outcome.violations:
            self.failing[outcome.story.seed] = [str(each) for each in outcome.violations]

    def held(self, memory_mb: float, seed: int) -> None:
        """So much was held by a process that had played this seed."""
        if memory_mb > self.memory_mb:
            self.memory_mb, self.memory_seed = memory_mb, seed

    def merge(self, other: Tally) -> None:
        """What another process has seen."""
        for name in ("histories", "steps", "turns", "replays", "requests", "virtual_seconds",
                     "cpu_seconds"):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.held(other.memory_mb, other.memory_seed)
        self.ends.update(other.ends)
        self.goals.update(other.goals)
        self.failing.update(other.failing)


def be_quiet() -> None:
    """Histories say a lot that is of no interest here."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def some(seeds: Sequence[int], scenario: str = "") -> Tally:
    """Play these seeds, in this process."""
    be_quiet()
    tally = Tally()
    began = time.process_time()
    for seed in seeds:
        tally.add(play(story_of(seed, scenario)))
        gc.collect(0)  # where the collector is off that is all there is since the last time
        tally.held(_memory_mb(), seed)
        if is_stopping():
            break
    tally.cpu_seconds = time.process_time() - began
    return tally


def _memory_mb() -> float:
    """The most memory that this process has held. Linux counts in `ru_maxrss` what whoever started
    it had held, so its own high-water mark is read where there is one."""
    status = Path("/proc/self/status")
    marks = status.read_text().split("VmHWM:") if status.exists() else []
    if len(marks) == 2:
        return int(marks[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def many(first: int, runs: int, jobs: int, scenario: str = "") -> Iterator[Tally]:
    """Play so many seeds in so many processes; yields as they come. Closing it ends it soon."""
    last = first + runs
    chunks = (range(at, min(at + CHUNK, last)) for at in range(first, last, CHUNK))
    before = _children_seconds()
    parts = spread(partial(some, scenario=scenario), chunks, jobs)
    try:
        for _, tally in parts:
            # With what it costs to begin and to end such a process.
            now = _children_seconds()
            tally.cpu_seconds, before = now - before, now
            yield tally
    finally:
        parts.close()  # type: ignore[attr-defined]


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(options: argparse.Namespace) -> tuple[Tally, float, bool]:
    """All of it, or as much as time and patience allow: what was seen, in how many seconds, and
    whether it was interrupted."""
    tally, began, said = Tally(), time.perf_counter(), 0.0
    parts = many(options.first, options.runs, options.jobs, options.scenario)
    is_interrupted = False
    try:
        for part in parts:
            tally.merge(part)
            for seed, broken in part.failing.items():
                say(f"FAILED {_again(seed, options.scenario)}: {broken[0]}")
            seconds = time.perf_counter() - began
            if time.perf_counter() - said >= PROGRESS_SECONDS:
                said = time.perf_counter()
                say(_progress(tally, seconds, options))
            if options.minutes and seconds >= options.minutes * 60:
                break
    except KeyboardInterrupt:
        is_interrupted = True
        say("interrupted; what was played until now:")
    finally:
        parts.close()  # type: ignore[attr-defined]
    return tally, time.perf_counter() - began, is_interrupted


def _progress(tally: Tally, seconds: float, options: argparse.Namespace) -> str:
    pace = tally.histories / seconds
    left = (options.runs - tally.histories) / pace / 60
    if options.minutes:
        left = min(left, options.minutes - seconds / 60)
    of = "" if options.runs == RUNS_MAX else f" of {options.runs}"
    return (
        f"{tally.histories:7d}{of} histories, {pace:.1f}/s, {len(tally.failing)} failing, "
        f"{max(0.0, left):.0f} min left"
    )


def _again(seed: int, scenario: str) -> str:
    """The command that repeats a seed."""
    return f"make simulate SEED={seed}" + (f' ARGS="--scenario {scenario}"' if scenario else "")


def told(seed: int, scenario: str, with_shrinking: bool) -> list[str]:
    """A failing seed: the command, the smallest story that still fails, and its ladder."""
    be_quiet()
    outcome = play(story_of(seed, scenario))
    if with_shrinking and outcome.violations:
        outcome = shrunk(outcome)
    outcome = play(outcome.story, with_ladder=True)
    return [
        f"--- seed {seed}: {_again(seed, scenario)}",
        *outcome.story.lines(),
        *outcome.ladder,
        *(f"BROKEN {violation}" for violation in outcome.violations),
        f"ended as {outcome.state} {outcome.reason}",
    ]


def say(text: str) -> None:
    """One line for whoever runs it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def report(tally: Tally, seconds: float) -> list[str]:
    """The figures of a run."""
    each = max(tally.cpu_seconds, 1e-6) / max(1, tally.histories)
    return [
        f"{tally.histories} histories in {seconds:.0f} s ({tally.histories / seconds:.1f}/s; "
        f"{1 / each:.1f}/s per core by CPU time), at most {tally.memory_mb:.0f} MB per process "
        f"(seed {tally.memory_seed})",
        f"{tally.virtual_seconds / 3600:.1f} h of virtual time, {tally.steps} steps checked, "
        f"{tally.turns} workflow tasks, {tally.replays} made again from their history, "
        f"{tally.requests} REST requests",
        "",
        "how transfers ended:",
        *(f"  {number:7d}  {end}" for end, number in tally.ends.most_common()),
        "",
        "rare situations, in how many histories:",
        *(f"  {tally.goals.get(name, 0):7d}  {name}: {meaning}" for name, meaning in GOALS.items()),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; answers the exit code."""
    parser = argparse.ArgumentParser(description="Seeded bad days, checked after every step.")
    parser.add_argument("--seed", type=int, help="play this one, and tell its story")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after so long")
    parser.add_argument("--first", type=int, default=1, help="the first seed of many")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--scenario", default="", choices=("", *SCENARIOS))
    parser.add_argument("--shrink", action="store_true", help="with --seed: shrink it first")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        lines = told(options.seed, options.scenario, options.shrink)
        say("\n".join(lines))
        return int(any(line.startswith("BROKEN") for line in lines))
    if options.minutes and options.runs == RUNS:
        options.runs = RUNS_MAX
    tally, seconds, is_interrupted = run(options)
    say("\n".join(report(tally, seconds)))
    unseen = [] if options.scenario else missing(tally.goals, tally.histories)
    for name in unseen:
        say(f"NEVER SEEN: {name}")
    for seed in sorted(tally.failing)[:SHOWN_MAX]:
        say("\n".join(["", *told(seed, options.scenario, with_shrinking=True)]))
    for seed in sorted(tally.failing):
        say(f"FAILED {_again(seed, options.scenario)}: {tally.failing[seed][0]}")
    if tally.failing or unseen:
        return 1
    say("\nno invariant was broken")
    return 130 if is_interrupted else 0


def with_fixed_hashes(module: str) -> None:
    """Start `module` anew unless the order of sets of words is the same each time: else a story
    would not repeat."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    with_fixed_hashes(MODULE)
    sys.exit(main())
