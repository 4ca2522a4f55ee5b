"""A deployment in the middle (F27): every phase of a transfer is parked, all workers are stopped as
a supervisor stops them, workers of the next build are started, and everything goes on and ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.service import RPCError

from tests.chaos.checker import Bounds
from tests.chaos.links import Match, Trap
from tests.chaos.people import AGENT, BadDay
from tests.chaos.rig import Rig
from tests.e2e.processes import Process
from tests.e2e.stories import worker_of
from tests.e2e.telephones import until
from worker import DEPLOYMENT

STOP_SECONDS_MAX = 15.0
"""The worker's promise."""
STUCK_SECONDS = 4.0
"""How long a careless build is watched: a second is what a transfer needs."""
RING_SECONDS = 60.0
GUARD_SECONDS = 20.0
"""The deployment has to fit in."""
PRESS_SECONDS = 5.0
NONDETERMINISM = "ondeterminis"

Act = Callable[["Parked"], Awaitable[None]]


@dataclass
class Parked:
    """A transfer that waits in one phase."""

    phase: str
    day: BadDay
    act: Act
    """What people do once the next build is there, up to the transfer's end."""
    ends: tuple[str, str]


@dataclass
class Deployed:
    """What came of a deployment."""

    build: str
    phases: list[str] = field(default_factory=list)
    stop_seconds: float = 0.0
    """Until the last of the old workers was gone."""
    gap_seconds: float = 0.0
    """From the stop to the first of the next build at work."""
    problems: list[str] = field(default_factory=list)


async def deploy(build: str) -> Deployed:
    """Park, stop the old build, start the next one, and see everything to its end."""
    told = Deployed(build)
    async with Rig() as rig:
        parked = await _park(rig)
        told.phases = [each.phase for each in parked]
        began = time.monotonic()
        await _stop_old(rig, told)
        told.stop_seconds = time.monotonic() - began
        if build == "careless":
            await _careless(rig, parked, told)
            parked = []
        else:
            await _next(rig, build)
        told.gap_seconds = time.monotonic() - began
        for each in parked:
            await _see_to_its_end(each, told)
        if build != "careless":
            told.problems += _complaints(rig)
    return told


async def deploy_pinned() -> Deployed:
    """The other way: each transfer ends on the build it began with, so both builds run for a while.

    The next build's code is the careless one, which does no harm here.
    """
    told = Deployed("pinned")
    pinned = {"HANDOVER_VERSIONING": "true", "HANDOVER_BUILD_ID": "old"}
    async with Rig(pinned) as rig:
        await _make_current(rig, "old")
        parked = await _park(rig)
        told.phases = [each.phase for each in parked]
        began = time.monotonic()
        await _next(rig, "careless")
        await _make_current(rig, "next-careless")
        told.gap_seconds = time.monotonic() - began
        for each in parked:
            await _see_to_its_end(each, told)
        await _one_more(rig, told)
        began = time.monotonic()
        await _stop_old(rig, told)
        told.stop_seconds = time.monotonic() - began
        told.problems += _complaints(rig)
    return told


async def _make_current(rig: Rig, build_id: str) -> None:
    """What an operator does: new workflows begin on this build from now on."""
    client = await rig.temporal()
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build_id
    )

    async def look() -> bool | None:
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError:
            # Its workers have not asked for work yet.
            return None
        return True

    await until(look, f"build {build_id} to be current")


async def _one_more(rig: Rig, told: Deployed) -> None:
    """A transfer that begins after the deployment is the next build's."""
    day = BadDay(rig, "+15550179999", "client:target-after")
    await day.phones.behave(AGENT, "answer")
    await day.open()
    act, ends = await _consulting(day)
    if (name := await worker_of(day)) not in rig.processes or not name.startswith("next"):
        told.problems.append(f"a transfer after the deployment was carried out by {name}")
    await _see_to_its_end(Parked("begun after it", day, act, ends), told)


def _complaints(rig: Rig) -> list[str]:
    return [
        f"{name}: {line}"
        for name, process in rig.processes.items()
        for line in process.complaints()
        if NONDETERMINISM in line
    ]


async def _stop_old(rig: Rig, told: Deployed) -> None:
    """SIGTERM to all at once: what is under way ends, nothing new is begun."""
    olds = [rig.processes[name] for name in rig.workers if name.startswith("worker-")]
    await asyncio.gather(*(process.stop() for process in olds))
    for process in olds:
        if process.returncode != 0:
            told.problems.append(f"{process.name} left with {process.returncode}")


async def _next(rig: Rig, build: str) -> list[Process]:
    """Two workers of the next build."""
    names = [await rig.start_next(build) for _ in range(2)]
    return [rig.processes[name] for name in names]


async def _careless(rig: Rig, parked: list[Parked], told: Deployed) -> None:
    """A build that does not replay must be noticed, must harm nobody, and can be taken back."""
    bad = await _next(rig, "careless")
    consulting = next(each for each in parked if each.phase == "consulting")
    acting = asyncio.create_task(consulting.act(consulting))
    await asyncio.wait({acting}, timeout=STUCK_SECONDS)
    if acting.done():
        told.problems.append("a build that does not replay went on as if nothing were")
    if not any(process.said(NONDETERMINISM) for process in bad):
        told.problems.append("a build that does not replay did not say so")
    await asyncio.gather(*(process.stop() for process in bad))
    for name in [name for name in rig.processes if name.startswith("worker-")]:
        await rig.start_again(name)
    await acting
    await _ended_well(consulting, told)
    for each in parked:
        if each is not consulting:
            await _see_to_its_end(each, told)


async def _see_to_its_end(parked: Parked, told: Deployed) -> None:
    try:
        await parked.act(parked)
        await _ended_well(parked, told)
    except Exception as error:
        told.problems.append(f"{parked.phase}: {type(error).__name__}: {error}")


async def _ended_well(parked: Parked, told: Deployed) -> None:
    day, bounds = parked.day, Bounds(on_hold=180.0)
    view = await day.desk.over(day.transfer_id)
    if (view["state"], view["reason"]) != parked.ends:
        told.problems.append(f"{parked.phase}: ended as {view['state']} ({view['reason']})")
    if day.people["caller"] in await day.phones.live_legs():
        await day.hangs_up("caller")
    await day.phones.idle(day.people["caller"], day.people["target"])
    told.problems += [f"{parked.phase}: {each}" for each in await day.findings(bounds)]


# --- the phases ---


async def _park(rig: Rig) -> list[Parked]:
    """One transfer in each phase, and one caught in the middle of a request."""
    parked = []
    for number, (phase, park) in enumerate(PHASES.items(), 1):
        day = BadDay(rig, f"+1555017{number:04d}", f"client:target-{number}")
        await day.phones.behave(AGENT, "answer", "ring")
        await day.phones.behave(day.people["target"], "ring")
        await day.open()
        act, ends = await park(day)
        parked.append(Parked(phase, day, act, ends))
    return parked


COMPLETED = ("completed", "completed")
Park = Callable[[BadDay], Awaitable[tuple[Act, tuple[str, str]]]]


async def _complete(parked: Parked) -> None:
    await parked.day.press("complete")


async def _cancel(parked: Parked) -> None:
    await parked.day.press("cancel")


async def _nothing(_: Parked) -> None:
    return


async def _answer_and_complete(parked: Parked) -> None:
    await parked.day.answers("target")
    await parked.day.until("consulting")
    await parked.day.press("complete")


async def _dialing(day: BadDay) -> tuple[Act, tuple[str, str]]:
    await day.transfer("warm", "target", ring_seconds=RING_SECONDS)
    await day.rings("target")
    await day.until("dialing")
    return _answer_and_complete, COMPLETED


async def _dialing_cold(day: BadDay) -> tuple[Act, tuple[str, str]]:
    await day.transfer("cold", "target", ring_seconds=RING_SECONDS)
    await day.rings("target")

    async def act(parked: Parked) -> None:
        await parked.day.answers("target")

    return act, COMPLETED


async def _screening(day: BadDay) -> tuple[Act, tuple[str, str]]:
    """The key is pressed while the workers are being exchanged: the question waits for seconds."""
    address = day.people["target"]
    await day.phones.behave(address, "answer", digits="1", digits_after_seconds=PRESS_SECONDS)
    await day.transfer_to("warm", address, ring_seconds=RING_SECONDS, accept="press_1")
    await day.until("screening")

    async def act(parked: Parked) -> None:
        await parked.day.until("consulting")
        await parked.day.press("complete")

    return act, COMPLETED


async def _dialing_aside(day: BadDay) -> tuple[Act, tuple[str, str]]:
    await _dialing(day)
    await day.press("swap")
    await day.until("dialing_aside")
    return _cancel, ("cancelled", "cancelled_by_agent")


async def _consulting(day: BadDay) -> tuple[Act, tuple[str, str]]:
    await day.transfer("warm", "target")
    await day.answers("target")
    await day.until("consulting")
    return _complete, COMPLETED


async def _revisiting(day: BadDay) -> tuple[Act, tuple[str, str]]:
    await _consulting(day)
    await day.press("swap")
    await day.until("revisiting")
    return _complete, COMPLETED


async def _conferring(day: BadDay) -> tuple[Act, tuple[str, str]]:
    await _consulting(day)
    await day.press("join")
    await day.until("conferring")
    return _complete, COMPLETED


async def _awaiting(day: BadDay) -> tuple[Act, tuple[str, str]]:
    await _dialing(day)
    await day.press("complete")
    await day.until("awaiting")

    async def act(parked: Parked) -> None:
        await parked.day.answers("target")

    return act, COMPLETED


async def _recalling(day: BadDay) -> tuple[Act, tuple[str, str]]:
    policy = {"release_agent": "on_dial", "recall_ring_seconds": RING_SECONDS}
    await day.transfer("cold", "target", ring_seconds=RING_SECONDS, **policy)
    await day.rings("target")
    await day.until("awaiting")
    await day.hangs_up("target")
    await day.until("recalling")
    await day.rings("agent")

    async def act(parked: Parked) -> None:
        await parked.day.answers("agent")

    return act, ("failed", "target_rejected")


async def _settling(day: BadDay) -> tuple[Act, tuple[str, str]]:
    await day.transfer("warm", "target", guard_seconds=GUARD_SECONDS)
    await day.answers("target")
    await day.until("consulting")
    await day.press("complete")
    await day.until("settling")
    return _nothing, COMPLETED


async def _holding(day: BadDay) -> tuple[Act, tuple[str, str]]:
    """The stop comes while the request that holds the caller is on its way, and it may end."""
    rig = day.stack
    assert isinstance(rig, Rig)
    trap = Trap(Match("POST", r"/Participants/CA", (("Hold", "true"),)), "asked")
    for link in rig.to_twilio.values():
        link.traps.append(trap)
    await day.transfer("warm", "target", ring_seconds=RING_SECONDS)
    await trap.caught
    asyncio.get_running_loop().call_later(LET_GO_SECONDS, trap.let_go)
    return _answer_and_complete, COMPLETED


LET_GO_SECONDS = 1.0
"""After the stop was asked for, and before the request's own time is up."""

PHASES: dict[str, Park] = {
    "dialing": _dialing,
    "dialing, cold": _dialing_cold,
    "dialing aside": _dialing_aside,
    "consulting": _consulting,
    "revisiting": _revisiting,
    "conferring": _conferring,
    "awaiting": _awaiting,
    "recalling": _recalling,
    "settling": _settling,
    "screening": _screening,
    "holding": _holding,
}
"""The last two are parked last: something is under way in them when the stop comes."""
