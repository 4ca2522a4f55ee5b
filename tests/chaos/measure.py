"""How long the engine is gone after a fault: from the fault, or its end, to its next request.

A caller waits on hold in a consult, the agent presses `complete`, and what is timed ends when the
request that takes the caller off hold reaches Twilio. The time in the middle of a request is to the
next request about the call, whatever it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count

from tests.chaos.cells import STEPS, Step
from tests.chaos.checker import Bounds
from tests.chaos.faults import AWAY_SECONDS
from tests.chaos.links import Link, Moment, Trap
from tests.chaos.people import AGENT, BadDay
from tests.chaos.rig import Rig
from tests.e2e.stories import worker_of
from tests.e2e.telephones import Json, until

MOMENTS: tuple[Moment, ...] = ("asked", "applied", "answered")
TOGETHER = 3
"""Calls that wait at the same time, so that one outage is measured several times."""
IN_REQUEST: tuple[tuple[str, Moment], ...] = (
    *(("W3", moment) for moment in MOMENTS),
    *(("W4", moment) for moment in MOMENTS),
    *(("W8", moment) for moment in MOMENTS),
    *(("C7", moment) for moment in MOMENTS),
    ("C4", "asked"),
    ("W10", "asked"),
    ("WX", "asked"),
)
"""Where a worker is killed: requests after which the transfer itself has something to ask."""
SEEN_SECONDS = 40.0
START_SECONDS = 0.8
"""What the development server needs on a quiet machine."""
_numbers = count(1)


@dataclass
class Row:
    """One fault: how long the engine was gone, each time, and what is aimed at."""

    name: str
    since: str
    aim: float | None
    """Seconds at p99. Without one the row is for information."""
    seconds: list[float] = field(default_factory=list)
    away: list[float] = field(default_factory=list)
    """How long what was killed was away, where that is not the test's to say."""
    problems: list[str] = field(default_factory=list)

    @property
    def is_met(self) -> bool:
        """Whether nothing was wrong, and the aim was met."""
        return not self.problems and (self.aim is None or self.at(0.99) <= self.aim)

    def at(self, share: float) -> float:
        """The nearest-rank percentile."""
        ordered = sorted(self.seconds)
        rank = max(1, -(-int(share * 1000) * len(ordered) // 1000))
        return ordered[min(len(ordered), rank) - 1] if ordered else float("inf")

    def as_dict(self) -> Json:
        """For the report."""
        percentiles = {"p50": self.at(0.5), "p99": self.at(0.99), "max": self.at(1.0)}
        return {**asdict(self), **percentiles, "n": len(self.seconds), "met": self.is_met}


Measure = Callable[[Rig, Row, int], Awaitable[None]]


async def waiting_worker_killed(rig: Rig, row: Row, number: int) -> None:
    """kill -9 of the worker that holds the transfer, while it waits."""
    for _ in range(number):
        (day,) = await _consulting(rig, 1)
        since = time.time()
        name = await worker_of(day)
        since = time.time()
        rig.kill(name)
        await _completes(rig, row, [day], since)


async def waiting_worker_frozen(rig: Rig, row: Row, number: int) -> None:
    """SIGSTOP of the worker that holds the transfer: Temporal still believes in it."""
    for _ in range(number):
        (day,) = await _consulting(rig, 1)
        name = await worker_of(day)
        since = time.time()
        rig.processes[name].freeze()
        await _completes(rig, row, [day], since)


async def busy_worker_killed(rig: Rig, row: Row, number: int) -> None:
    """kill -9 in the middle of a request: before it left, after its effect, after its answer."""
    steps = {step.id: step for step in STEPS}
    for each in range(number):
        name, moment = IN_REQUEST[each % len(IN_REQUEST)]
        await _killed_in(rig, row, steps[name], moment)


async def _killed_in(rig: Rig, row: Row, step: Step, moment: Moment) -> None:
    (day,) = await _talking(rig, 1)
    struck: list[float] = []

    async def strike(trap: Trap) -> None:
        victim = await trap.caught
        since = time.time()
        rig.kill(victim)
        seen = await day.phones.ask("GET", "/requests", since=10**12)
        struck.extend((since, seen["last"]))
        trap.let_go()

    async def no_cue(_: str) -> None:
        return

    assert step.match is not None
    trap = Trap(step.match, moment, after=step.after)
    with rig.trapped(trap):
        striking = asyncio.create_task(strike(trap))
        playing = asyncio.create_task(step.story.play(day, no_cue))
        await striking
        since, last = struck

        async def look() -> float | None:
            made = (await day.phones.ask("GET", "/requests", since=int(last)))["requests"]
            mine = [each["at"] for each in made if _is_about(each, day)]
            return mine[0] - since if mine else None

        seconds = await until(look, "the next request", SEEN_SECONDS)
        row.seconds.append(seconds)
        await playing
    print(f"      {step.id} {moment}: {seconds:.2f} s", flush=True)
    await _over(rig, row, [day])


def _is_about(request: Json, day: BadDay) -> bool:
    """Whether the transfer asked for it: a change, or a look by its own label. The guardian reads
    rooms and calls too, and neither."""
    if request["method"] != "GET":
        return day.conference_sid in request["path"] or "/Calls/CA" in request["path"]
    last = request["path"].rpartition("/")[2]
    return f"{day.conference_sid}/Participants/" in request["path"] and not last.startswith("CA")


async def temporal_restarted(rig: Rig, row: Row, number: int) -> None:
    """kill -9 of Temporal's server, and a start as soon as the machine can; timed from the moment
    it answers again. How long it was away is told beside."""
    while len(row.seconds) < number:
        days = await _consulting(rig, TOGETHER)
        killed_at = time.time()
        rig.kill("temporal")
        pressing = [asyncio.create_task(day.press("complete")) for day in days]
        await asyncio.sleep(max(0.0, AWAY_SECONDS - START_SECONDS))
        await rig.start_again("temporal")
        since = time.time()
        row.away.append(since - killed_at)
        await _completes(rig, row, days, since, pressing)


async def temporal_cut_off(rig: Rig, row: Row, number: int) -> None:
    """Nobody reaches Temporal for two seconds, packets are lost; timed from the end of it."""
    await _cut_off(rig, row, number, [*rig.to_temporal.values()], press_first=True)


async def twilio_cut_off(rig: Rig, row: Row, number: int) -> None:
    """No worker reaches Twilio for two seconds; timed from the end of it."""
    await _cut_off(rig, row, number, [*rig.to_twilio.values()], press_first=True)


async def api_killed(rig: Rig, row: Row, number: int) -> None:
    """kill -9 of one of two apis; the press goes to the other."""
    while len(row.seconds) < number:
        for name in list(rig.api_ports):
            days = await _consulting(rig, TOGETHER)
            since = time.time()
            rig.kill(name)
            await _completes(rig, row, days, since)


async def _cut_off(
    rig: Rig, row: Row, number: int, links: Sequence[Link], press_first: bool
) -> None:
    while len(row.seconds) < number:
        days = await _consulting(rig, TOGETHER)
        for link in links:
            link.silence()
        pressing = [asyncio.create_task(day.press("complete")) for day in days]
        await asyncio.sleep(AWAY_SECONDS)
        since = time.time()
        for link in links:
            link.mend()
        await _completes(rig, row, days, since, pressing)


async def _talking(rig: Rig, number: int) -> list[BadDay]:
    """Calls in which caller and agent talk."""
    days = []
    for _ in range(number):
        each = next(_numbers)
        day = BadDay(rig, f"+1555019{each:04d}", f"client:target-{each}")
        await day.phones.behave(AGENT, "answer")
        await day.phones.behave(day.people["target"], "ring")
        await day.open()
        days.append(day)
    return days


async def _consulting(rig: Rig, number: int) -> list[BadDay]:
    """Calls whose caller waits on hold while agent and target talk."""
    days = await _talking(rig, number)
    for day in days:
        await day.transfer("warm", "target")
        await day.answers("target")
        await day.until("consulting")
    return days


async def _completes(
    rig: Rig,
    row: Row,
    days: Sequence[BadDay],
    since: float,
    pressing: Sequence[asyncio.Task[Json]] = (),
) -> None:
    """Press, wait for the caller to be taken off hold, and take the time of that."""
    pressing = pressing or [asyncio.create_task(day.press("complete")) for day in days]
    for day in days:

        async def look(day: BadDay = day) -> float | None:
            made = (await day.phones.ask("GET", "/requests", since=day.since_request))["requests"]
            for each in made:
                is_mine = day.conference_sid in each["path"] and each["effect"]
                if is_mine and each["params"].get("Hold") == "false":
                    return float(each["at"])
            return None

        row.seconds.append(max(0.0, await until(look, "the un-hold", SEEN_SECONDS) - since))
    print(f"      {', '.join(f'{each:.2f} s' for each in row.seconds[-len(days) :])}", flush=True)
    await asyncio.gather(*pressing)
    for day in days:
        await day.over()
    await _over(rig, row, days)


async def _over(rig: Rig, row: Row, days: Sequence[BadDay]) -> None:
    await rig.heal()
    for day in days:
        if day.people["caller"] in await day.phones.live_legs():
            await day.hangs_up("caller")
    for day in days:
        row.problems += await day.curtain(Bounds())
        row.problems += await day.findings(Bounds())


ROWS: tuple[tuple[str, str, float | None, Measure], ...] = (
    ("worker kill -9 while waiting", "the kill", 2.0, waiting_worker_killed),
    ("worker kill -9 in a request", "the kill", 5.0, busy_worker_killed),
    ("Temporal kill -9 and started again", "its first answer", 3.0, temporal_restarted),
    ("Temporal cut off for 2 s", "the end of it", 3.0, temporal_cut_off),
    ("Twilio cut off for 2 s", "the end of it", 3.0, twilio_cut_off),
    ("api kill -9, one of two", "the kill", 2.0, api_killed),
    ("worker stopped while waiting", "the stop", None, waiting_worker_frozen),
)


async def measure(number: int, only: str = "") -> list[Row]:
    """Every row, each with so many samples."""
    rows = []
    async with Rig() as rig:
        for name, since, aim, take in ROWS:
            if only in name:
                print(f"   {name}", flush=True)
                row = Row(name, since, aim)
                rows.append(row)
                try:
                    await take(rig, row, number)
                except Exception as error:
                    row.problems.append(f"{type(error).__name__}: {error}")
                    return rows
    return rows
