"""Many calls at once, and a worker that dies in the middle of them.

All transfers are started in the same moment, all targets pick up, all agents press `complete`; one
of the two workers is killed while the first requests are under way and comes back soon. The other
one has more to do than at any other time, and takes over half of the calls from their histories. A
workflow task that takes longer than its time-out is given out again, and then costs twice: how
often that happened is read from the histories.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from temporalio.api.enums.v1 import EventType, TimeoutType

from tests.chaos.checker import Bounds
from tests.chaos.people import AGENT, BadDay
from tests.chaos.rig import Rig
from tests.e2e.stack import CALLS_RUNNING
from tests.e2e.telephones import Json, NeverSeenError, until
from workflows.messages import transfer_workflow_id

OPENED_AT_A_TIME = 5
RING_SECONDS = 60.0
ANSWER_SECONDS = 0.5
LOOK_SECONDS = 0.5
"""Forty people who look all the time would be the load that is measured."""
KILL_SECONDS_MAX = 1.5
"""After the starts: the first dials are under way by then, the last starts are not."""
BACK_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
CLEAN_SECONDS_MAX = 60.0


@dataclass
class Crowd:
    """What came of it."""

    number: int
    seed: int
    is_killed: bool
    seconds: float = 0.0
    """From the first start to the last transfer's end."""
    clean_seconds: float = 0.0
    """Until no leg and no workflow was left after the callers had hung up."""
    tasks: int = 0
    """Workflow tasks that were completed, of the transfers."""
    overdue: int = 0
    """Workflow tasks that were given to a worker and not answered in time."""
    passed_on: int = 0
    """Workflow tasks that waited too long for the worker that had the workflow in memory."""
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> Json:
        """For the report."""
        return dict(self.__dict__)


async def crowd(number: int, seed: int, is_killed: bool = True) -> Crowd:
    """So many calls at once. With `is_killed` a worker dies in the middle."""
    told, chance = Crowd(number, seed, is_killed), Random(seed)
    async with Rig() as rig:
        days = [
            BadDay(rig, f"+1555016{each:04d}", f"client:target-{each}")
            for each in range(1, number + 1)
        ]
        await _pick_up(days)
        await _some_at_a_time(days, BadDay.open)
        began = time.monotonic()
        killing = asyncio.create_task(_kill_one(rig, chance)) if is_killed else None
        await asyncio.gather(*(_one(day, told) for day in days))
        told.seconds = time.monotonic() - began
        if killing:
            await killing
        await rig.heal()
        await _end(rig, days, told)
        await _count(rig, days, told)
    return told


async def _pick_up(days: Sequence[BadDay]) -> None:
    """The agent picks up at once, targets in a moment."""
    await days[0].phones.behave(AGENT, "answer")
    for day in days:
        target = day.people["target"]
        await day.phones.behave(target, "answer", after_seconds=ANSWER_SECONDS)


async def _some_at_a_time(days: Sequence[BadDay], act: Callable[[BadDay], Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(OPENED_AT_A_TIME)

    async def one(day: BadDay) -> None:
        async with gate:
            await act(day)

    await asyncio.gather(*(one(day) for day in days))


async def _kill_one(rig: Rig, chance: Random) -> None:
    await asyncio.sleep(chance.uniform(0.0, KILL_SECONDS_MAX))
    victim = chance.choice(rig.workers)
    rig.kill(victim)
    rig.bring_back(victim, BACK_SECONDS)


async def _one(day: BadDay, told: Crowd) -> None:
    """A warm transfer without a pause, to its end."""
    try:
        await day.transfer("warm", "target", ring_seconds=RING_SECONDS)
        await _reaches(day, lambda view: view["state"] == "consulting" or view["is_over"])
        await day.press("complete")
        view = await _reaches(day, lambda view: view["is_over"])
        if view["state"] != "completed":
            told.problems.append(f"{day.transfer_id} ended as {view['state']} ({view['reason']})")
    except Exception as error:
        where = day.transfer_id or day.people["caller"]
        told.problems.append(f"{where}: {type(error).__name__}: {error}")


async def _reaches(day: BadDay, is_there: Callable[[Json], bool]) -> Json:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not is_there(view := await day.desk.read(day.transfer_id)):
        if time.monotonic() > give_up_at:
            raise NeverSeenError(f"in vain, it is {view['state']}")
        await asyncio.sleep(LOOK_SECONDS)
    return view


async def _end(rig: Rig, days: Sequence[BadDay], told: Crowd) -> None:
    """Every caller hangs up; then nothing may be left for long."""
    phones, bounds = days[0].phones, Bounds()
    client = await rig.temporal()
    live = await phones.live_legs()
    began = time.monotonic()
    for day in days:
        if day.people["caller"] in live:
            await day.hangs_up("caller")

    async def look() -> bool | None:
        running = await client.count_workflows(CALLS_RUNNING)
        return True if not running.count and not await phones.live_legs() else None

    try:
        await until(look, "nothing to be left", CLEAN_SECONDS_MAX)
    except NeverSeenError:
        running = [each.id async for each in client.list_workflows(CALLS_RUNNING)]
        told.problems.append(f"left over: legs {await phones.live_legs()}, workflows {running}")
    told.clean_seconds = time.monotonic() - began
    for day in days:
        found = await day.findings(bounds)
        told.problems += [f"{day.people['target']}: {each}" for each in found]


async def _count(rig: Rig, days: Sequence[BadDay], told: Crowd) -> None:
    client, counted = await rig.temporal(), Counter[str]()
    for day in days:
        handle = client.get_workflow_handle(transfer_workflow_id(day.conference_sid))
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                counted["completed"] += 1
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
                kind = event.workflow_task_timed_out_event_attributes.timeout_type
                counted[TimeoutType.Name(kind)] += 1
    told.tasks = counted["completed"]
    told.overdue = counted["TIMEOUT_TYPE_START_TO_CLOSE"]
    told.passed_on = counted["TIMEOUT_TYPE_SCHEDULE_TO_START"]
