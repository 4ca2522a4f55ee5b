"""Many stories that have numbers: played on all cores, counted by flow, with progress.

What `make pairs` and `make races` have in common.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Protocol, TypeVar

from tests.simulation.play import Story, play
from tests.simulation.pool import spread
from tests.simulation.simulate import PROGRESS_SECONDS, be_quiet, say

CHUNK = 50


class Numbered(Protocol):
    """One story of a flow; its name is what it is repeated by."""

    @property
    def flow(self) -> str: ...

    @property
    def story(self) -> Story: ...


N = TypeVar("N", bound=Numbered)


def sampled(every: list[N], sample: int, flow: str, seed: int) -> list[N]:
    """All stories of a flow, or so many by chance, the same for the same seed."""
    if not sample or sample >= len(every):
        return every
    return Random(f"{seed} {flow}").sample(every, sample)


def played(every: Sequence[N], jobs: int) -> Iterator[tuple[N, str]]:
    """Each as it comes, with what it broke first; empty if nothing."""
    chunks = (every[at : at + CHUNK] for at in range(0, len(every), CHUNK))
    for some, broken in spread(_play, chunks, jobs):
        yield from zip(some, broken, strict=True)


def _play(some: Sequence[Numbered]) -> list[str]:
    be_quiet()
    broken = []
    for each in some:
        broken.append(str((play(each.story).violations or ("",))[0]))
        gc.collect(0)
    return broken


def told(one: Numbered) -> int:
    """One, with its ladder. Answers the exit code."""
    be_quiet()
    outcome = play(one.story, with_ladder=True)
    broken = [f"BROKEN {each}" for each in outcome.violations]
    ended = f"ended as {outcome.state} {outcome.reason}"
    say("\n".join([f"--- {one}", *outcome.story.lines(), *outcome.ladder, *broken, ended]))
    return int(bool(broken))


class Tally:
    """How many were played, and how many failed, by flow. `noun` is one of `every`, which the verb
    `make {noun}s` repeats by `--{noun}`; `known` are those of an earlier run, and what they broke.
    """

    def __init__(self, noun: str, every: Sequence[Numbered], known: Mapping[str, str]) -> None:
        before = [each for each in every if str(each) in known]
        self.played = Counter(each.flow for each in before)
        self.failed = Counter(each.flow for each in before if known[str(each)])
        self._noun = noun
        self._count = len(every)
        self._before = self.played.total()
        if before:
            say(f"{len(before)} of {self._count} {noun}s were played before, "
                f"{self.failed.total()} of them failed")  # fmt: skip

    def go(self, results: Iterator[tuple[N, str]], note: Callable[[N, str], None]) -> None:
        """Through all of `results`, with a word every few seconds; Ctrl-C ends it soon."""
        began = said = time.perf_counter()
        try:
            for each, broken in results:
                self.played[each.flow] += 1
                note(each, broken)
                if broken:
                    self.failed[each.flow] += 1
                    say(f'FAILED make {self._noun}s ARGS="--{self._noun} {each}": {broken}')
                if time.perf_counter() - said >= PROGRESS_SECONDS:
                    said = time.perf_counter()
                    self._progress(said - began)
        except KeyboardInterrupt:
            say("interrupted; what was played until now:")
        finally:
            results.close()  # type: ignore[attr-defined]
        self._seconds = time.perf_counter() - began

    def _progress(self, seconds: float) -> None:
        done = self.played.total()
        pace = (done - self._before) / seconds
        say(f"{done:7d} of {self._count} {self._noun}s, {pace:.1f}/s, {self.failed.total()} "
            f"failing, {(self._count - done) / pace / 60:.0f} min left")  # fmt: skip

    def sum_up(self) -> int:
        """How many in what time. Answers the exit code."""
        done = self.played.total() - self._before
        say(f"\n{done} {self._noun}s in {self._seconds:.0f} s, {done / self._seconds:.1f}/s")
        return int(bool(self.failed))
