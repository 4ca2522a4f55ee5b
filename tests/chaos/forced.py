"""Workflows ended by force: all workers are killed, every owner of every call is terminated. The
guardian of the workers that come back has to leave nobody on hold, no phone ringing, and no
supervisor on a call for whom nobody answers.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle

from tests.chaos.checker import Bounds
from tests.chaos.people import AGENT, BadDay
from tests.chaos.rig import Rig
from tests.e2e.evidence import Hearing
from tests.e2e.stack import CALLS_RUNNING
from tests.e2e.supervision_stories import Ears
from tests.e2e.telephones import Json, NeverSeenError, until
from workflows.messages import MEMO_VIEW

LOOKED_AFTER_SECONDS_MAX = 60.0
"""The aim, from the moment the workers are back."""
RING_SECONDS = 120.0
"""Longer than the aim: no phone may stop ringing by itself."""


@dataclass
class Forced:
    """What came of it."""

    number: int
    phases: tuple[str, ...] = ("ringing", "consulting", "talking", "supervised")
    ended: int = 0
    """Workflows that were terminated."""
    seconds: float = 0.0
    """Until nobody was on hold and no phone rang."""
    clean_seconds: float = 0.0
    """Until no leg and no workflow was left after the callers had hung up."""
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> Json:
        """For the report."""
        return dict(self.__dict__)


async def forced(number: int) -> Forced:
    """So many calls, in turn ringing, consulting, just talking, and talking with a supervisor who
    whispers."""
    told = Forced(number)
    async with Rig() as rig:
        days = [await _parked(rig, each, phase) for each, phase in _phases(number)]
        for name in rig.workers:
            rig.kill(name)
        client = await rig.temporal()
        async for each in client.list_workflows(CALLS_RUNNING):
            await client.get_workflow_handle(each.id, run_id=each.run_id).terminate("by force")
            told.ended += 1
        began = time.monotonic()
        await rig.heal()
        told.seconds = await _seconds(
            "nobody to be on hold", lambda: _all_looked_after(days), told, began
        )
        for day in days:
            told.problems += await day.findings(Bounds())
            told.problems += await _overheard(day)
            if day.people["caller"] in await day.phones.live_legs():
                await day.hangs_up("caller")

        async def is_clean() -> bool:
            running = await client.count_workflows(CALLS_RUNNING)
            return not running.count and not await days[0].phones.live_legs()

        told.clean_seconds = await _seconds("nothing to be left", is_clean, told, time.monotonic())
        if told.problems:
            running = [
                (each.id, (await each.memo_value(MEMO_VIEW, {})).get("state"))
                async for each in client.list_workflows(CALLS_RUNNING)
            ]
            legs = await days[0].phones.live_legs()
            told.problems.append(f"left over: legs {legs}, workflows {running}")
    return told


def _phases(number: int) -> list[tuple[int, str]]:
    return list(
        zip(
            range(1, number + 1),
            cycle(Forced(number).phases),
            strict=False,
        )
    )


async def _parked(rig: Rig, number: int, phase: str) -> BadDay:
    day = BadDay(rig, f"+1555016{number:04d}", f"client:target-{number}")
    await day.phones.behave(AGENT, "answer")
    await day.phones.behave(day.people["target"], "ring")
    await day.open()
    if phase == "supervised":
        await _whispers(day, number)
    if phase in ("ringing", "consulting"):
        await day.transfer("warm", "target", ring_seconds=RING_SECONDS)
        await day.rings("target")
    if phase == "consulting":
        await day.answers("target")
        await day.until("consulting")
    return day


async def _whispers(day: BadDay, number: int) -> None:
    """A supervisor joins, and is heard by the agent."""
    day.people["supervisor"] = f"client:boss-{number}"
    await Ears(day).join("whisper")


async def _all_looked_after(days: list[BadDay]) -> bool:
    """Each caller hears a person, or has gone; no target is rung for nobody; no supervisor is left,
    and none was heard by a caller."""
    for day in days:
        caller = await day.phones.phone(day.people["caller"])
        if caller["calls"] and not caller["can_hear"]:
            return False
        target = await day.phones.phone(day.people["target"])
        if any(call["can_answer"] for call in target["calls"]):
            return False
        boss = day.people.get("supervisor")
        if boss and (await day.phones.phone(boss))["calls"]:
            return False
    return True


async def _overheard(day: BadDay) -> list[str]:
    """What a caller heard of a supervisor who only whispered."""
    boss = day.people.get("supervisor", "")
    heard = Hearing(await day.phones.ledger(day.conference_sid)).heard(day.people["caller"], boss)
    return [f"the caller heard the supervisor, who whispered: {span}" for span in heard]


async def _seconds(
    what: str, check: Callable[[], Awaitable[bool]], told: Forced, began: float
) -> float:
    async def look() -> bool | None:
        return True if await check() else None

    try:
        await until(look, what, LOOKED_AFTER_SECONDS_MAX)
    except NeverSeenError as error:
        told.problems.append(str(error))
    return time.monotonic() - began
