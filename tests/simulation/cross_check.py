"""The same stories on real processes: the stand-ins must not flatter.

    python -m tests.simulation.cross_check --seeds 8

Plays seeds without faults both in the simulation and on the whole stack (a real Temporal server,
real workers, real HTTP), and compares what each leg was asked to do, in order, and how the transfer
ended. What two legs are asked at the same time has no order between them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, islice
from typing import Any

from tests.e2e.desk import Desk
from tests.e2e.stack import Options, Stack
from tests.e2e.telephones import Json, Telephones
from tests.simulation.checker import AFTERWARDS, _shown
from tests.simulation.director import BUTTONS
from tests.simulation.faults import Act, Entered, Rings
from tests.simulation.play import Outcome, Story, play
from tests.simulation.scenarios import story_of
from tests.simulation.simulate import be_quiet
from tests.simulation.stage import address_of

SCENARIOS = frozenset({"warm", "warm-next", "blond", "cold", "cold-next"})
SEEDS = 6
REAL_SECONDS_MAX = 15.0
"""How long a real desk waits for the end of a transfer."""
QUIET = Options(settings={"HANDOVER_GUARDIAN": "false"})
"""The guardian looks around by the clock, and its looks are nobody's story."""


@dataclass
class Compared:
    """One seed, both ways."""

    seed: int
    story: Story
    simulated: dict[str, list[str]]
    real: dict[str, list[str]]
    ends: tuple[str, str]

    @property
    def is_same(self) -> bool:
        return self.simulated == self.real and self.ends[0] == self.ends[1]


def stories() -> Iterator[Story]:
    """The seeds that can be played in both worlds: nothing goes wrong, nobody interferes."""
    for seed in count(1):
        story = story_of(seed)
        is_plain = not story.faults and story.scenario in SCENARIOS
        if is_plain and all(_is_playable(act) for act in story.acts):
            yield replace(story, switches=())


def _is_playable(act: Act) -> bool:
    return isinstance(act.at, Entered | Rings) and act.verb in (*BUTTONS, "hang_up")


def _is_within(seconds: float, outcome: Outcome) -> bool:
    """Whether the transfer ends so soon."""
    view = outcome.views[-1]
    return bool(view["ended_at"] - view["started_at"] < seconds)


async def compare(stack: Stack, simulated: Outcome) -> Compared:
    """A story that was simulated, now on real processes."""
    story = simulated.story
    view, real = await _perform(stack, story)
    ends = (f"{simulated.state} {simulated.reason}", f"{view['state']} {view['reason']}")
    return Compared(story.seed, story, simulated.asked, real, ends)


async def _perform(stack: Stack, story: Story) -> tuple[Json, dict[str, list[str]]]:
    """The story on real processes: how the transfer ended, and what the legs were asked to do."""
    phones, desk = Telephones(stack), Desk(stack, "alice")
    await phones.ask("PUT", "/switches", {"calls_per_second": 0.0})
    for who, behaviors in story.phones:
        path = f"/phones/{address_of(who)}/behavior"
        await phones.ask("PUT", path, [each.as_dict() for each in behaviors])
    conference_sid = await desk.live_call(await phones.call_us(address_of("caller")))
    targets = [{"address": address_of(who), **options} for who, options in story.targets]
    view = await desk.start({"conference_sid": conference_sid}, story.kind, targets,
                            **dict(story.policy))  # fmt: skip
    acting = [asyncio.create_task(_act(phones, desk, view["id"], act)) for act in story.acts]
    view = await desk.over(view["id"])
    for task in acting:
        task.cancel()
    await asyncio.gather(*acting, return_exceptions=True)
    await asyncio.sleep(AFTERWARDS)
    asked = await _asked(phones, conference_sid, view)
    with suppress(AssertionError):  # a caller who was told that nobody is there may be gone
        await phones.hang_up(address_of("caller"))
    await phones.idle(*(address_of(who) for who, _ in story.phones))
    return view, asked


async def _act(phones: Telephones, desk: Desk, transfer_id: str, act: Act) -> None:
    """One thing that somebody does when its moment has come."""
    if isinstance(act.at, Entered):
        # A state that comes a second time: the first one has to be left before.
        for visit in range(act.at.k):
            if visit:
                await desk.until(transfer_id, "revisiting", "conferring")
            await desk.until(transfer_id, act.at.state)
    elif isinstance(act.at, Rings):
        await phones.ringing(address_of(act.at.who))
    await asyncio.sleep(act.at.plus)  # type: ignore[union-attr]
    if act.verb in BUTTONS:
        await desk.request("POST", f"/v1/transfers/{transfer_id}/{act.verb}", key="once" * 4)
    elif act.verb == "hang_up":
        await phones.hang_up(address_of(act.who))


async def _asked(phones: Telephones, conference_sid: str, view: Json) -> dict[str, list[str]]:
    """The writes of the transfer, per phone and in their order."""
    known = {
        str(entry["call_sid"]): str(entry["address"])
        for entry in await phones.ledger(conference_sid)
        if entry.get("call_sid") and entry.get("address")
    }
    made: list[dict[str, Any]] = (await phones.ask("GET", "/requests"))["requests"]
    found: dict[str, list[str]] = {}
    for each in made:
        is_of_it = view["started_at"] <= each["at"] <= view["ended_at"] + AFTERWARDS
        if each["method"] == "GET" or not is_of_it:
            continue
        sid = each["path"].rpartition("/")[2].removesuffix(".json")
        phone = known.get(sid, str(each["params"].get("To", "")))
        found.setdefault(phone, []).append(f"{each['route']} {_shown(each['params'])}")
    return found


def run(seeds: int, seconds_max: float = REAL_SECONDS_MAX) -> list[Compared]:
    """All of them: first in the simulation, then one after the other for real. Only transfers that
    end within `seconds_max`, for so long a real desk would have to wait for each."""
    be_quiet()
    short = filter(partial(_is_within, seconds_max), map(play, stories()))
    simulated = list(islice(short, seeds))

    async def for_real() -> list[Compared]:
        async with Stack(QUIET) as stack:
            return [await compare(stack, outcome) for outcome in simulated]

    return asyncio.run(for_real())


def lines(compared: Compared) -> Iterator[str]:
    """What is to be said of one seed."""
    verdict = "same" if compared.is_same else "DIFFERENT"
    count = sum(map(len, compared.real.values()))
    yield f"seed {compared.seed} ({compared.story.scenario}): {verdict}, {count} writes, " + (
        f"ended as {compared.ends[1]}"
    )
    if not compared.is_same:
        yield f"  simulated: {compared.ends[0]} {compared.simulated}"
        yield f"  real:      {compared.ends[1]} {compared.real}"


def main() -> int:
    """Run it; answers the exit code."""
    parser = argparse.ArgumentParser(description="The same seeds in the simulation and for real.")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    found = run(parser.parse_args().seeds)
    for each in found:
        sys.stdout.write("\n".join(lines(each)) + "\n")
    return int(not all(each.is_same for each in found))


if __name__ == "__main__":
    sys.exit(main())
