"""`make pairs`: every two things that may go wrong in one call, flow by flow.

    python -m tests.simulation.pairs                                  all pairs of all flows: hours
    python -m tests.simulation.pairs --flow W --sample 500 --seed 3   some of one flow
    python -m tests.simulation.pairs --pair W-12-305                  one, with its ladder
    python -m tests.simulation.pairs --notes pairs.txt                goes on where it was stopped

A flow is a quiet story. It is played once, and what happens in it from the start of the transfer
(hold, supervision) to its end gives the moments: each request to Twilio, each callback, each state.
A point is one thing that goes wrong at one moment: every fault of a request at each request, every
fault of a callback at each callback, and at each state every process and way that can be gone, and
everybody who can hang up or cancel. A pair is two different points, at the same moment or at two;
left out are two faults of the same request or callback, of which only one can strike.

What must hold is what must hold in every history: the invariants after every step, the bounds with
the cost of both, and nothing left in the end. With `--notes` it is written down what has been
played, and a run that was stopped goes on from there, as long as the points are the same. Exit
codes: 0 all pairs that were played are good.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import TextIO

from tests.simulation.faults import (
    CALLBACK_FAULTS,
    PROCESS_FAULTS,
    REQUEST_FAULTS,
    Act,
    After,
    Entered,
    Fault,
    Moment,
    Request,
    Told,
)
from tests.simulation.play import Outcome, Story, play
from tests.simulation.scenarios import LATE_ROUTE, answers, plain
from tests.simulation.simulate import be_quiet, say, with_fixed_hashes
from tests.simulation.tally import Tally, played, sampled, told

MODULE = "tests.simulation.pairs"
SECONDS = {"late": 6.0, "slow": 1.5, "double": 0.3, "delay": 3.0, "worker_crash": 1.0,
           "api_crash": 2.0, "server_crash": 2.0, "twilio_down": 6.0, "cut_off": 4.0}  # fmt: skip
"""How long each lasts: longer than one request may, shorter than a story."""
PEOPLE = (("caller", "hang_up"), ("agent", "hang_up"), ("target", "hang_up"), ("agent", "cancel"))
_HAPPENED = re.compile(r"^ +(?:([\d.]+)  )?(REST|told) (\S+)")
_STATE = re.compile(r"^ +[\d.]+  (?:transfer|hold|supervision) -> (.+)$")
Point = Fault | Act


def _flows() -> dict[str, tuple[str, Story]]:
    complete = (Act(Entered("consulting", plus=3.0), "agent", "complete"),)
    watched = replace(plain("warm"), has_transfer=False, talk_seconds=12.0)
    resume = Act(Entered("held", plus=3.0), "agent", "resume")
    coach = (
        Act(After(0.1), "supervisor", "supervise", "monitor"),
        Act(Entered("v1 listening", plus=2.0), "supervisor", "whisper"),
        Act(Entered("v1 whispering", plus=2.0), "supervisor", "leave"),
    )
    seen = (*watched.phones, ("supervisor", (answers(1.0),)))
    return {
        "C": ("cold transfer", replace(plain("cold"), acts=())),
        "W": ("warm transfer", replace(plain("warm"), acts=complete)),
        "Q": ("warm to a queue", replace(plain("queue"), kind="warm", acts=complete)),
        "H": ("hold", replace(watched, acts=(Act(After(0.1), "agent", "hold"), resume))),
        "S": ("supervision", replace(watched, acts=coach, phones=seen)),
    }


FLOWS = _flows()
"""Letter, as in the fault matrix -> what it is, and its quiet story."""


@dataclass(frozen=True)
class Pair:
    """Two points of one flow, by their numbers."""

    flow: str
    one: int
    other: int

    def __str__(self) -> str:
        return f"{self.flow}-{self.one}-{self.other}"

    @property
    def story(self) -> Story:
        both = [points(self.flow)[self.one], points(self.flow)[self.other]]
        story = FLOWS[self.flow][1]
        return replace(
            story,
            faults=tuple(each for each in both if isinstance(each, Fault)),
            acts=(*story.acts, *(each for each in both if isinstance(each, Act))),
        )


@cache
def points(flow: str) -> tuple[Point, ...]:
    """Everything that may go wrong once in this flow, in the order in which it happens."""
    be_quiet()
    found: list[Point] = []
    for moment in moments(play(FLOWS[flow][1], with_ladder=True)):
        found += _at(moment)
    return tuple(found)


def moments(quiet: Outcome, of_set_up: bool = False) -> list[Moment]:
    """What happened in a quiet history from its transfer's start to its end, or, `of_set_up`, from
    the caller's ring until then, each counted from the beginning of the history, as moments are."""
    if quiet.violations:
        raise AssertionError(f"a quiet day is not clean: {quiet.violations}")
    seen: Counter[str] = Counter()
    found: list[Moment] = []
    is_called = not of_set_up
    for line in quiet.ladder:
        if "hangs up at last" in line:
            break
        is_called = is_called or "told call" in line
        if happened := _HAPPENED.match(line):
            since, what, name = happened.groups()
            seen[name] += 1
            if is_called and (since is None) == of_set_up:
                found.append((Request if what == "REST" else Told)(name, seen[name]))
        elif (state := _STATE.match(line)) and not of_set_up:
            seen[f"-> {state[1]}"] += 1
            found.append(Entered(state[1], seen[f"-> {state[1]}"]))
    return found


def _at(moment: Moment) -> list[Point]:
    if isinstance(moment, Request):
        kinds = [k for k in REQUEST_FAULTS if k != "late" or moment.route == LATE_ROUTE]
        return [Fault(moment, kind, SECONDS.get(kind, 0.0)) for kind in kinds]
    if isinstance(moment, Told):
        return [Fault(moment, kind, SECONDS.get(kind, 0.0)) for kind in CALLBACK_FAULTS]
    gone = [Fault(moment, kind, SECONDS[kind]) for kind in PROCESS_FAULTS]
    return [*gone, *(Act(moment, who, verb) for who, verb in PEOPLE)]  # type: ignore[arg-type]


def pairs(flow: str) -> list[Pair]:
    """All of them."""
    numbered = list(enumerate(points(flow)))
    return [
        Pair(flow, one, other)
        for (one, first), (other, second) in combinations(numbered, 2)
        if first.at != second.at or not isinstance(first.at, Request | Told)
    ]


def chosen(flow: str, sample: int, seed: int) -> list[Pair]:
    """All pairs of a flow, or so many by chance, the same for the same seed."""
    every = pairs(flow)
    some = sampled(every, sample, flow, seed)
    return every if some is every else sorted(some, key=str)


class Notes:
    """What has been played, a line for each pair, below a line that says which points were meant.
    A path of "" keeps nothing. Raises `ValueError` for notes about other points."""

    def __init__(self, path: str, flows: Iterable[str]) -> None:
        told = repr([(flow, points(flow)) for flow in FLOWS]).encode()
        head = f"points {sha256(told).hexdigest()[:16]}"
        self.known: dict[str, str] = {}
        self._file: TextIO | None = None
        if not path:
            return
        lines = Path(path).read_text().splitlines() if Path(path).exists() else []
        if lines and lines[0] != head:
            raise ValueError(f"{path} is about other points: the code has changed since")
        for line in lines[1:]:
            name, _, broken = line.partition(" ")
            if name[:1] in flows:
                self.known[name] = broken
        self._file = Path(path).open("a", buffering=1)  # noqa: SIM115 - as long as the run
        if not lines:
            self._file.write(head + "\n")

    def add(self, pair: Pair, broken: str) -> None:
        """One more was played."""
        if self._file is not None:
            self._file.write(f"{pair} {broken}".strip().replace("\n", " ") + "\n")


def _run(wanted: dict[str, list[Pair]], jobs: int, notes: Notes) -> int:
    every = [pair for flow in wanted.values() for pair in flow]
    tally = Tally("pair", every, notes.known)
    tally.go(played([pair for pair in every if str(pair) not in notes.known], jobs), notes.add)
    say("\n| flow | points | pairs | played | passed |\n|---|---|---|---|---|")
    for flow, (title, _) in FLOWS.items():
        if flow in wanted:
            passed = tally.played[flow] - tally.failed[flow]
            say(f"| {flow}: {title} | {len(points(flow))} | {len(pairs(flow))} "
                f"| {tally.played[flow]} | {passed} |")  # fmt: skip
    return tally.sum_up()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; answers the exit code."""
    parser = argparse.ArgumentParser(prog="make pairs", description="All pairs of faults per flow.")
    parser.add_argument("--flow", default="".join(FLOWS), help="letters of the flows to play")
    parser.add_argument("--sample", type=int, default=0, help="so many pairs per flow; 0 is all")
    parser.add_argument("--seed", type=int, default=1, help="which of them are chosen")
    parser.add_argument("--pair", default="", help="one pair, with its ladder: W-12-305")
    parser.add_argument("--notes", default="", help="a file of what has been played, to go on from")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    given = parser.parse_args(arguments)
    if given.pair:
        flow, one, other = given.pair.split("-")
        return told(Pair(flow, int(one), int(other)))
    if unknown := set(given.flow) - set(FLOWS):
        parser.error(f"there is no flow {', '.join(sorted(unknown))}; there are {', '.join(FLOWS)}")
    try:
        notes = Notes(given.notes, given.flow)
    except ValueError as error:
        parser.error(str(error))
    wanted = {flow: chosen(flow, given.sample, given.seed) for flow in given.flow}
    return _run(wanted, given.jobs, notes)


if __name__ == "__main__":
    with_fixed_hashes(MODULE)
    sys.exit(main())
