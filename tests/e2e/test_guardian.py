"""Not one callback arrives, workflows are ended by force, and still nobody is forgotten.

L4, L7 and S2 of the promises: a wait for lost news is later by one look and a second.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus

from tests.e2e.desk import Desk
from tests.e2e.guardians import guardian_of, nothing_runs
from tests.e2e.scene import Scene
from tests.e2e.stack import AGENTS, CALLS_RUNNING, Options, Stack
from tests.e2e.stories import every_callback_lost
from tests.e2e.telephones import Telephones, until
from workflows.messages import GUARDIAN_TASK_QUEUE, GuardianInput

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

LOOK_SECONDS = 1
"""Looks come four times as often as by default, so that these tests wait less. The demo plays the
story of the lost callbacks with the default."""
LATE_SECONDS_MAX = LOOK_SECONDS + 2.0
"""A look, a second of grace, and one for everything else."""
ABANDONED_SECONDS_MAX = 10.0
RESCUED_SECONDS_MAX = 15.0
"""A look, a second of grace, the rescue, and one more look that finds nothing left."""

Phase = Callable[[Scene], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def deaf() -> AsyncIterator[Stack]:
    """A stack that no callback reaches."""
    often = {"HANDOVER_GUARDIAN_SECONDS": str(LOOK_SECONDS)}
    async with Stack(Options(workers=1, settings=often)) as running:
        await Telephones(running).ask("POST", "/faults", {"on": "callback", "kind": "drop"})
        yield running


async def opened(stack: Stack, caller: str, target: str) -> Scene:
    """A caller talks with the first agent."""
    scene = Scene(stack, caller, AGENTS[0], target=target)
    await scene.phones.behave(AGENTS[0], "answer")
    await scene.open()
    return scene


async def heard(scene: Scene, what: str) -> float:
    """When the transfer heard of something, by its journal."""
    view = await scene.desk.read(scene.transfer_id)
    return next(float(each["at"]) for each in view["journal"] if each["heard"] == what)


async def test_warm_transfer_goes_through_though_no_callback_arrives(deaf: Stack) -> None:
    scene = await opened(deaf, "+15550107001", "client:bob")
    await scene.transfer("warm", "target")
    await scene.answers("target")
    answered_at = time.time()
    await scene.until("consulting")
    assert await heard(scene, "TargetAnswered") - answered_at < LATE_SECONDS_MAX
    await scene.press("complete")
    await scene.over()
    await scene.phones.hears(scene.people["caller"], scene.people["target"])
    await scene.hangs_up("caller")
    gone_at = time.time()
    await scene.phones.idle(*scene.people.values())
    assert time.time() - gone_at < ABANDONED_SECONDS_MAX
    await nothing_runs(deaf)


async def test_new_agent_has_the_call_once_the_guardian_has_told_that_the_old_one_went(
    deaf: Stack,
) -> None:
    scene = await opened(deaf, "+15550107011", "client:bob")
    await scene.transfer("cold", "target")
    await scene.answers("target")
    await scene.over()
    bob, path = Desk(deaf, "bob"), f"/v1/calls/{scene.conference_sid}"

    async def is_told() -> bool | None:
        call = (await bob.request("GET", path)).json()["call"]
        known = {each["address"] for each in call["people"] if each["presence"] == "present"}
        # Whom it then finds in the room it knows by the SID alone.
        return True if scene.people["agent"] not in known else None

    await until(is_told, "the call's own workflow to hear that its agent has gone")
    held = await bob.request("POST", f"{path}/hold", key="bobs-hold")
    assert (held.status_code, held.json()["agent_address"]) == (202, "client:bob")
    await scene.everybody_goes()
    await nothing_runs(deaf)


async def test_person_is_not_dropped_because_a_machines_verdict_is_lost(deaf: Stack) -> None:
    scene = await opened(deaf, "+15550107005", "+15550100701")
    view = await scene.desk.start(
        scene.call, "warm", [{"address": scene.people["target"], "detect_machine": True}]
    )
    scene.transfer_id = view["id"]
    await scene.answers("target")
    await scene.until("consulting")
    await scene.press("cancel")
    await scene.over()
    await scene.everybody_goes()
    await nothing_runs(deaf)


async def test_target_who_presses_1_is_heard_though_no_callback_arrives(deaf: Stack) -> None:
    scene = await opened(deaf, "+15550107006", "+15550100702")
    await scene.transfer_to("warm", scene.people["target"], accept="press_1")
    await scene.answers("target")

    async def look() -> bool | None:
        heard = str((await scene.phones.phone(scene.people["target"]))["hears"])
        return True if "press 1" in heard else None

    await until(look, "the target to be asked for a key")
    await scene.phones.press(scene.people["target"], "1")
    await scene.until("consulting")
    await scene.press("complete")
    await scene.over()
    await scene.everybody_goes()
    await nothing_runs(deaf)


async def test_busy_target_is_followed_by_the_next_though_no_callback_arrives(deaf: Stack) -> None:
    scene = await opened(deaf, "+15550107007", "+15550100703")
    scene.people["next"] = "+15550100704"
    await scene.phones.behave(scene.people["target"], "busy")
    await scene.transfer("cold", "target", "next")
    await scene.answers("next")
    view = await scene.over()
    assert [each["cause"] for each in view["attempts"]] == ["busy", ""]
    await scene.phones.hears(scene.people["caller"], scene.people["next"])
    await scene.everybody_goes()
    await nothing_runs(deaf)


async def dialing(scene: Scene) -> None:
    await scene.transfer("warm", "target")
    await scene.rings("target")
    await scene.until("dialing")


async def consulting(scene: Scene) -> None:
    await dialing(scene)
    await scene.answers("target")
    await scene.until("consulting")


async def conferring(scene: Scene) -> None:
    await consulting(scene)
    await scene.press("join")
    await scene.until("conferring")
    await scene.phones.hears(scene.people["caller"], scene.people["target"])


async def revisiting(scene: Scene) -> None:
    await consulting(scene)
    await scene.press("swap")
    await scene.until("revisiting")


async def awaiting(scene: Scene) -> None:
    await dialing(scene)
    await scene.press("complete")
    await scene.until("awaiting")
    await scene.phones.idle(scene.people["agent"])


WITH_AGENT = {("caller", "agent")}
ALL_THREE = {("caller", "agent"), ("caller", "target"), ("agent", "target")}
PHASES: dict[Phase, set[tuple[str, str]]] = {
    dialing: WITH_AGENT,
    consulting: WITH_AGENT,
    revisiting: WITH_AGENT,
    conferring: ALL_THREE,
    awaiting: set(),
}
"""Where a transfer is when its workflow is ended by force -> who talks with whom after."""


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
async def test_workflow_ended_by_force_strands_nobody(deaf: Stack, phase: Phase) -> None:
    scene = await opened(deaf, "+15550107002", "client:bob")
    await phase(scene)
    client = await deaf.temporal()
    await client.get_workflow_handle(f"transfer/{scene.conference_sid}").terminate()
    ended_at = time.time()
    people = scene.people
    together = {frozenset(people[part] for part in pair) for pair in PHASES[phase]}
    up = {people[part] for pair in PHASES[phase] for part in pair}

    async def look() -> bool | None:
        pairs = await scene.phones.pairs(scene.conference_sid)
        legs = set(await scene.phones.live_legs())
        if up:
            return True if (pairs, legs) == (together, up) else None
        heard = str((await scene.phones.phone(people["caller"]))["hears"])
        is_alone = not pairs and legs == {people["caller"]}
        return True if is_alone and "sorry" in heard else None

    what = f"{together} to talk" if up else "the caller to hear the apology"
    await until(look, f"{what}, and nobody else to have a call", 60.0)
    assert time.time() - ended_at < RESCUED_SECONDS_MAX
    await scene.hangs_up("caller")
    await scene.phones.idle(*people.values())
    await nothing_runs(deaf)


async def test_call_whose_owner_was_ended_by_force_is_watched_again(deaf: Stack) -> None:
    scene = await opened(deaf, "+15550107003", "client:bob")
    client = await deaf.temporal()
    handle = client.get_workflow_handle(f"call/{scene.conference_sid}")
    await handle.terminate()

    async def look() -> bool | None:
        call = await handle.describe()
        return True if call.status is WorkflowExecutionStatus.RUNNING else None

    await until(look, "the call to have an owner again", RESCUED_SECONDS_MAX)
    await scene.phones.hears(scene.people["caller"], scene.people["agent"])
    await scene.hangs_up("agent")
    await scene.phones.idle(*scene.people.values())
    await nothing_runs(deaf)


async def test_caller_whose_set_up_was_ended_by_force_hears_the_apology(deaf: Stack) -> None:
    """The agents' phones ring, and whoever rings them is ended."""
    phones = Telephones(deaf)
    caller, agent = "+15550107004", AGENTS[0]
    await phones.behave(agent, "ring")
    await phones.call_us(caller)
    await phones.ringing(agent)
    client = await deaf.temporal()
    async for call in client.list_workflows(CALLS_RUNNING):
        if call.id.startswith("call/"):
            await client.get_workflow_handle(call.id).terminate()

    async def look() -> bool | None:
        return True if "sorry" in str((await phones.phone(caller))["hears"]) else None

    await until(look, "the caller to hear the apology", RESCUED_SECONDS_MAX)
    await phones.idle(agent)
    await phones.hang_up(caller)
    await nothing_runs(deaf)


async def test_two_guardians_at_once_do_no_harm(deaf: Stack) -> None:
    client = await deaf.temporal()
    second = await client.start_workflow(
        "GuardianWorkflow", GuardianInput(), id="guardian-2", task_queue=GUARDIAN_TASK_QUEUE
    )
    scene = await opened(deaf, "+15550107009", "client:bob")
    await consulting(scene)
    await client.get_workflow_handle(f"transfer/{scene.conference_sid}").terminate()
    await scene.phones.idle(scene.people["target"])
    await scene.phones.hears(scene.people["caller"], scene.people["agent"])
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    await scene.press("complete")
    await scene.over()
    await scene.phones.hears(scene.people["caller"], scene.people["target"])
    await scene.everybody_goes()
    await nothing_runs(deaf)
    await second.terminate()


async def test_guardian_itself_had_nothing_to_complain_of(deaf: Stack) -> None:
    """After all the stories above: its activities neither failed nor ran out of time."""
    client = await deaf.temporal()
    async for run in client.list_workflows('WorkflowType = "GuardianWorkflow"'):
        handle = client.get_workflow_handle(run.id, run_id=run.run_id)
        async for event in handle.fetch_history_events():
            assert event.event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
            assert event.activity_task_started_event_attributes.attempt <= 1
    found = await guardian_of(deaf)
    said = {name: process.complaints() for name, process in deaf.processes.items()}
    assert (found.looks_failed, found.looks > 0) == (0, True), said


async def test_story_of_the_demo_ends_as_told(deaf: Stack) -> None:
    """Played here, because its warnings would be complaints elsewhere."""
    scene = await opened(deaf, "+15550107008", "client:bob")
    ending = await every_callback_lost(scene)
    told = await scene.told("every-callback-lost", "as the demo plays it", ending)
    assert not told.problems, f"{told.problems}\n{told.ladder}"
    await scene.everybody_goes()
    await nothing_runs(deaf)


async def test_guardian_killed_in_the_middle_of_a_rescue_is_made_up_for(deaf: Stack) -> None:
    await Telephones(deaf).ask("POST", "/faults", {"on": "callback", "kind": "drop"})
    scene = await opened(deaf, "+15550107010", "client:bob")
    await consulting(scene)
    before = (await guardian_of(deaf)).findings.get("owner_cut_off", 0)
    client = await deaf.temporal()
    await client.get_workflow_handle(f"transfer/{scene.conference_sid}").terminate()

    async def found() -> bool | None:
        now = (await guardian_of(deaf)).findings.get("owner_cut_off", 0)
        return True if now > before else None

    await until(found, "the guardian to find it")
    deaf.processes["worker-1"].kill()
    await deaf.start_again("worker-1")

    async def look() -> bool | None:
        pairs = await scene.phones.pairs(scene.conference_sid)
        return (
            True if pairs == {frozenset((scene.people["caller"], scene.people["agent"]))} else None
        )

    await until(look, "caller and agent to talk, and nobody else", 60.0)
    await scene.phones.idle(scene.people["target"])
    await scene.hangs_up("caller")
    await until(lambda: _all_idle(scene), "every leg to end", 60.0)
    await nothing_runs(deaf, 60.0)


async def _all_idle(scene: Scene) -> bool | None:
    return None if await scene.phones.live_legs() else True
