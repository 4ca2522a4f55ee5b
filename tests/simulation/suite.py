"""A verb that plays the numbered stories of some flows: `make races`, `make outages`.

    --flow V --sample 500    some of one flow; --seed 3 chooses others
    --race V-1204            one, with its ladder

Exit codes: 0 all that were played are good.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from tests.simulation.simulate import say
from tests.simulation.tally import N, Tally, played, sampled, told


@dataclass(frozen=True)
class Suite(Generic[N]):
    """What the verb `make {noun}s` plays."""

    noun: str
    about: str
    flows: Mapping[str, str]
    """Letter -> what it is."""
    every: Callable[[str], list[N]]
    """All stories of a flow; the name of each is its letter and its place in this list."""

    def chosen(self, flow: str, sample: int, seed: int) -> list[N]:
        """All of a flow, or so many by chance, the same for the same seed."""
        return sampled(self.every(flow), sample, flow, seed)

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run it; answers the exit code."""
        noun, some = self.noun, "".join(self.flows)
        parser = argparse.ArgumentParser(prog=f"make {noun}s", description=self.about)
        parser.add_argument("--flow", default=some, help="letters of the flows to play")
        parser.add_argument("--sample", type=int, default=0, help="so many per flow; 0 is all")
        parser.add_argument("--seed", type=int, default=1, help="which of them are chosen")
        parser.add_argument(f"--{noun}", dest="one", default="",
                            help=f"one {noun}, with its ladder: {some[0]}-12")  # fmt: skip
        parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
        given = parser.parse_args(arguments)
        flow, _, number = given.one.partition("-")
        if unknown := (set(given.flow) | set(flow)) - set(self.flows):
            names = ", ".join(sorted(unknown))
            parser.error(f"there is no flow {names}; there are {', '.join(self.flows)}")
        if not given.one:
            wanted = {each: self.chosen(each, given.sample, given.seed) for each in given.flow}
            return self._run(wanted, given.jobs)
        every = self.every(flow)
        if not number.isdigit() or int(number) >= len(every):
            parser.error(
                f"{given.one}: {noun}s of flow {flow} are {flow}-0 to {flow}-{len(every) - 1}"
            )
        return told(every[int(number)])

    def _run(self, wanted: dict[str, list[N]], jobs: int) -> int:
        every = [each for flow in wanted.values() for each in flow]
        tally = Tally(self.noun, every, {})
        tally.go(played(every, jobs), lambda one, broken: None)
        say(f"\n| flow | {self.noun}s | played | passed |\n|---|---|---|---|")
        for flow in wanted:
            passed = tally.played[flow] - tally.failed[flow]
            say(f"| {flow}: {self.flows[flow]} | {len(self.every(flow))} | {tally.played[flow]} "
                f"| {passed} |")  # fmt: skip
        return tally.sum_up()
