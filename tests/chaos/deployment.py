"""A deployment in the middle (F27): a call is parked in every state of every table, all workers are
stopped as a supervisor stops them, workers of the next build are started, and everything goes on
and ends.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.service import RPCError

from tests.chaos.checker import Bounds
from tests.chaos.links import Trap
from tests.chaos.parked import Phase, Plan, consulting
from tests.chaos.people import AGENT, BadDay
from tests.chaos.rig import Rig
from tests.chaos.stages import AT_A_TIME, Stage
from tests.e2e.processes import Process
from tests.e2e.stories import worker_of
from tests.e2e.telephones import NeverSeenError, until
from worker import DEPLOYMENT

STOP_SECONDS_MAX = 15.0
"""The worker's promise."""
STUCK_SECONDS = 4.0
"""How long a careless build is watched: a second is what a transfer needs."""
LET_GO_SECONDS = 1.0
"""A request that is caught goes on so long after the stop was asked for, and before its own time is
up."""
CATCH_SECONDS = 15.0
RESCUED = ("failed", "engine_fault")
END_SECONDS = 40.0
HOLD_SECONDS_MAX = 300.0
"""So many calls need so long to be seen to their ends, one after the other."""
NONDETERMINISM = "ondeterminis"


@dataclass
class Parked:
    """A call that waits in one state."""

    stage: Stage
    state: Phase
    day: BadDay
    plan: Plan
    trap: Trap | None = None
    triggered: asyncio.Task[None] | None = None

    @property
    def phase(self) -> str:
        """For people: `warm consulting`."""
        return " ".join(self.state).replace("_", " ")

    async def looks(self) -> tuple[str, str]:
        """The state now, and the reason if it is over."""
        return await self.stage.looks[self.state[0]](self.day)


@dataclass
class Deployed:
    """What came of a deployment."""

    build: str
    mode: str
    phases: list[str] = field(default_factory=list)
    stop_seconds: float = 0.0
    """Until the last of the old workers was gone."""
    gap_seconds: float = 0.0
    """From the stop to the first of the next build at work."""
    rescued: list[str] = field(default_factory=list)
    """Parked in mid-request, and ended by the guardian because the next build failed at it."""
    problems: list[str] = field(default_factory=list)


async def deploy(stage: Stage, build: str) -> Deployed:
    """Park, stop the old build, start the next one, and see everything to its end."""
    told = Deployed(build, stage.name)
    async with stage.rig() as rig:
        without = stage.passing if build == "careless" else frozenset()
        parked = await _park(stage, rig, told, without)
        began = time.monotonic()
        await _stop_old(rig, told, parked)
        told.stop_seconds = time.monotonic() - began
        if build == "careless":
            first = await _careless(rig, parked, told)
            parked.remove(first)
        else:
            await _next(rig, build)
        told.gap_seconds = time.monotonic() - began
        for each in parked:
            await _see_to_its_end(each, told)
        told.problems += await stage.left_over(rig)
        if build != "careless":
            told.problems += _complaints(rig)
    return told


async def deploy_pinned(stage: Stage) -> Deployed:
    """The other way: each transfer ends on the build it began with, so both builds run for a while.

    The next build's code is the careless one, which does no harm here.
    """
    told = Deployed("pinned", stage.name)
    async with stage.rig({"HANDOVER_VERSIONING": "true", "HANDOVER_BUILD_ID": "old"}) as rig:
        await _make_current(rig, "old")
        parked = await _park(stage, rig, told)
        began = time.monotonic()
        _let_go_soon(parked)
        await _next(rig, "careless")
        await _make_current(rig, "next-careless")
        told.gap_seconds = time.monotonic() - began
        for each in parked:
            await _see_to_its_end(each, told)
        await _one_more(stage, rig, told)
        began = time.monotonic()
        await _stop_old(rig, told)
        told.stop_seconds = time.monotonic() - began
        told.problems += await stage.left_over(rig)
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


async def _one_more(stage: Stage, rig: Rig, told: Deployed) -> None:
    """A transfer that begins after the deployment is the next build's."""
    day = await stage.one_more(rig)
    plan = await consulting(day)
    if (name := await worker_of(day)) not in rig.processes or not name.startswith("next"):
        told.problems.append(f"a transfer after the deployment was carried out by {name}")
    after = Parked(stage, (stage.first[0], "begun after it"), day, plan)
    await _see_to_its_end(after, told)


def _complaints(rig: Rig) -> list[str]:
    return [
        f"{name}: {line}"
        for name, process in rig.processes.items()
        for line in process.complaints()
        if NONDETERMINISM in line
    ]


def _let_go_soon(parked: list[Parked]) -> None:
    for each in parked:
        if each.trap:
            asyncio.get_running_loop().call_later(LET_GO_SECONDS, each.trap.let_go)


async def _stop_old(rig: Rig, told: Deployed, parked: list[Parked] | None = None) -> None:
    """SIGTERM to all at once: what is under way ends, nothing new is begun."""
    olds = [rig.processes[name] for name in rig.workers if name.startswith("worker-")]
    _let_go_soon(parked or [])
    await asyncio.gather(*(process.stop() for process in olds))
    for process in olds:
        if process.returncode != 0:
            told.problems.append(f"{process.name} left with {process.returncode}")


async def _next(rig: Rig, build: str) -> list[Process]:
    """Two workers of the next build."""
    names = [await rig.start_next(build) for _ in range(2)]
    return [rig.processes[name] for name in names]


async def _careless(rig: Rig, parked: list[Parked], told: Deployed) -> Parked:
    """A build that does not replay must be noticed, must harm nobody, and can be taken back.
    Answers the transfer that it was tried with, which has ended."""
    bad = await _next(rig, "careless")
    first = next(each for each in parked if each.state == each.stage.first)
    acting = asyncio.ensure_future(first.plan.act(first.day))
    await asyncio.wait({acting}, timeout=STUCK_SECONDS)
    if acting.done():
        told.problems.append("a build that does not replay went on as if nothing were")
    if not any(process.said(NONDETERMINISM) for process in bad):
        told.problems.append("a build that does not replay did not say so")
    await asyncio.gather(*(process.stop() for process in bad))
    for name in [name for name in rig.processes if name.startswith("worker-")]:
        await rig.start_again(name)
    await acting
    await _ended_well(first, told)
    return first


async def _see_to_its_end(parked: Parked, told: Deployed) -> None:
    try:
        await _act(parked, told)
        await _ended_well(parked, told)
    except Exception as error:
        told.problems.append(f"{parked.phase}: {type(error).__name__}: {error}")


async def _act(parked: Parked, told: Deployed) -> None:
    """What people do, who have nothing to do any more if the transfer was ended for them."""
    try:
        if parked.triggered:
            await parked.triggered
        await parked.plan.act(parked.day)
    except Exception:
        if not await _was_rescued(parked, told):
            raise


async def _was_rescued(parked: Parked, told: Deployed) -> bool:
    """Whether the guardian has ended a transfer whose step failed again and again. It may, but only
    under a build that cannot take the step, and only where somebody waits for it."""
    if told.build != "careless" or not parked.trap or await parked.looks() != RESCUED:
        return False
    if parked.phase not in told.rescued:
        told.rescued.append(parked.phase)
    return True


async def _ended_well(parked: Parked, told: Deployed) -> None:
    day, plan, bounds = parked.day, parked.plan, Bounds(on_hold=HOLD_SECONDS_MAX)

    async def look() -> bool | None:
        is_over = await parked.looks() == plan.ends or await _was_rescued(parked, told)
        return True if is_over else None

    try:
        await until(look, "the end", END_SECONDS)
    except NeverSeenError:
        told.problems.append(f"{parked.phase}: ended as {await parked.looks()}, not {plan.ends}")
    if day.people["caller"] in await day.phones.live_legs():
        await day.hangs_up("caller")
    others = [part for part in day.people.values() if part != AGENT]
    await day.phones.idle(*others)
    told.problems += [f"{parked.phase}: {each}" for each in await day.findings(bounds)]


# --- parking ---


async def _park(
    stage: Stage, rig: Rig, told: Deployed, without: frozenset[Phase] = frozenset()
) -> list[Parked]:
    """A call in each state. Whoever opens one is answered at once; then phones just ring."""
    days = await stage.open(rig, [each for each in stage.phases if each not in without])
    gate = asyncio.Semaphore(AT_A_TIME)

    async def park(phase: Phase, day: BadDay) -> Parked:
        async with gate:
            try:
                return Parked(stage, phase, day, await stage.phases[phase](day))
            except Exception as error:
                raise AssertionError(f"{' '.join(phase)} was not reached: {error}") from error

    parked: list[Parked] = []
    for is_passing in (False, True):
        chosen = [each for each in days.items() if (each[0] in stage.passing) is is_passing]
        parked += await asyncio.gather(*(park(*each) for each in chosen))
    told.problems += await _catch(rig, parked)
    told.phases = [each.phase for each in parked]
    looks = await asyncio.gather(*(_state_of(each) for each in parked))
    told.problems += [
        f"{each.phase}: parked while {state.replace('_', ' ')}"
        for each, state in zip(parked, looks, strict=True)
        if state != each.state[1]
    ]
    return parked


async def _state_of(parked: Parked) -> str:
    return (await parked.looks())[0]


async def _catch(rig: Rig, parked: list[Parked]) -> list[str]:
    """Bring the requests about that are to be under way when the stop comes, all at once: none of
    them may wait for long. Answers which of them did not come."""
    trapped = {}
    for each in parked:
        if match := each.plan.match(each.day):
            trapped[each.phase] = each.trap = Trap(match, "asked")
            for link in rig.to_twilio.values():
                link.traps.append(each.trap)
    for each in parked:
        if each.trap:
            each.triggered = asyncio.ensure_future(each.plan.trigger(each.day))
    if trapped:
        await asyncio.wait([trap.caught for trap in trapped.values()], timeout=CATCH_SECONDS)
    return [f"{phase}: no such request" for phase, trap in trapped.items() if trap.is_armed]
