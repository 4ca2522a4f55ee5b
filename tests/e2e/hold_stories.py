"""Stories of callers on hold, held against the network: who hears what, and who is back."""

from __future__ import annotations

import time
from typing import Any

from tests.e2e.scene import Ending, Scene, entries_of
from tests.e2e.stories import CALLER_WITH_AGENT, Story
from tests.e2e.telephones import Json, until
from workflows.machine.journal import ladder
from workflows.messages import hold_workflow_id, transfer_workflow_id

REMINDER = "A caller is still on hold."


class Holding:
    """The agent's hold of a scene's call."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._path = f"/v1/calls/{scene.conference_sid}"

    async def begin(self, **policy: Any) -> None:
        """The agent presses hold; the caller is on hold at the network, and shown as such."""
        self._scene.begun_at = time.time()
        self._scene.workflow_id_of = hold_workflow_id
        desk = self._scene.desk
        answer = await desk.request("POST", f"{self._path}/hold", {"policy": policy})
        assert answer.status_code == 202, answer.text

        async def look() -> bool | None:
            return True if (await self.read())["is_held"] else None

        await until(look, "the caller to be read back as held")
        assert await self._scene.phones.pairs(self._scene.conference_sid) == set()

    async def read(self) -> Json:
        """The hold as the agent's desktop shows it."""
        answer = await self._scene.desk.request("GET", f"{self._path}/hold")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def reaches(self, state: str, seconds: float = 20.0) -> Json:
        """Wait for a state of the hold; its story is told with the scene's."""

        async def look() -> Json | None:
            view = await self.read()
            return view if view["state"] == state else None

        view = await until(look, f"the hold to be {state}", seconds)
        self._scene.journal = ladder(entries_of(view), view["started_at"])
        self._scene.outcome = {
            "reason": view["reason"] or view["state"],
            "hold_seconds": view["hold_seconds"],
        }
        return view


async def hold_to_maximum(scene: Scene) -> Ending:
    """The agent forgets the caller: a reminder, and then the two talk again."""
    hold = Holding(scene)
    await hold.begin(seconds_max=10.0, reminder_seconds=4.0)
    first = await hold.read()
    await hold.reaches("reminded")

    async def is_reminded() -> bool | None:
        phone = await scene.phones.phone(scene.people["agent"])
        return True if any(REMINDER in str(call["hears"]) for call in phone["calls"]) else None

    await until(is_reminded, "the agent to hear the reminder", 4.0)
    later = await hold.read()
    assert later["hold_seconds"] > first["hold_seconds"], "the timer runs"
    assert later["limit_at"] == first["limit_at"], "and its limit stays"
    over = await hold.reaches("resumed")
    assert over["reason"] == "hold_timeout"
    await scene.phones.hears(scene.people["caller"], scene.people["agent"])
    scene.asides.append(f"on hold for {over['hold_seconds']:.1f} s, of 10 allowed")
    return Ending(
        "", "", together=CALLER_WITH_AGENT, up=("caller", "agent"), talked=CALLER_WITH_AGENT
    )


async def agent_crashes_on_hold(scene: Scene) -> Ending:
    """The agent's phone goes dead with a caller on hold: it is rung, and has the caller back."""
    hold = Holding(scene)
    await hold.begin()
    await scene.phones.behave(scene.people["agent"], "ring")
    await scene.hangs_up("agent")
    await hold.reaches("recalling")
    await scene.rings("agent")
    assert (await hold.read())["is_held"], "the caller hears music meanwhile"
    await scene.answers("agent")
    over = await hold.reaches("resumed")
    assert over["reason"] == "agent_hung_up"
    await scene.phones.behave(scene.people["agent"], "busy")
    await scene.phones.hears(scene.people["caller"], scene.people["agent"])
    return Ending(
        "", "", together=CALLER_WITH_AGENT, up=("caller", "agent"), talked=CALLER_WITH_AGENT
    )


async def transfer_from_hold_fails(scene: Scene) -> Ending:
    """The agent transfers from hold to somebody who is busy: the caller is back, off hold."""
    hold = Holding(scene)
    await hold.begin()
    await scene.phones.behave(scene.people["target"], "busy")
    scene.workflow_id_of = transfer_workflow_id
    await scene.transfer("warm", "target")
    await scene.over()
    over = await hold.reaches("taken_over")
    scene.journal = ""
    scene.asides.append(f"the hold had ended as {over['state']}, without touching the caller")
    return Ending(
        "failed", "target_busy", together=CALLER_WITH_AGENT, up=("caller", "agent"),
        talked=CALLER_WITH_AGENT, never_talked=(("caller", "target"),),
    )  # fmt: skip


HOLD_STORIES: tuple[Story, ...] = (
    Story(
        "hold-to-maximum",
        "A caller is forgotten on hold: the agent is reminded, and then has the caller back",
        hold_to_maximum,
        target="client:bob",
    ),
    Story(
        "hold-agent-crashes",
        "The agent's phone goes dead with a caller on hold, is rung, and has the caller back",
        agent_crashes_on_hold,
        target="client:bob",
        rings_agent=True,
    ),
    Story(
        "hold-transfer-fails",
        "A transfer from hold comes to nothing, and the caller is back with the agent, off hold",
        transfer_from_hold_fails,
        target="+15550100122",
    ),
)
