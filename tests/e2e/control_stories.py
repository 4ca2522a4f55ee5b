"""A story of what is done to a call without moving anybody: mute, un-mute, announcements.

Who heard whom, and to whom a text was spoken, is found in the network's ledger.
"""

from __future__ import annotations

import time
from typing import Any

from tests.e2e.evidence import Hearing
from tests.e2e.scene import Ending, Scene
from tests.e2e.stories import CALLER_WITH_AGENT, Story
from tests.e2e.telephones import Json, until
from workflows.messages import announce_workflow_id, control_workflow_id

TO_CALLER = "Your number in the queue is kept."
TO_ALL = "This call is being recorded."


class Controls:
    """The buttons of a scene's agent that move nobody."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._path = f"/v1/calls/{scene.conference_sid}"
        self._lines: list[str] = []
        scene.begun_at = time.time()
        scene.workflow_id_of = control_workflow_id

    async def mute(self, verb: str) -> None:
        """Mute or un-mute the agent; the answer is what was read back."""
        answer = await self._press(verb, 200)
        assert answer["muted"] is (verb == "mute"), answer

    async def announce(self, text: str, to: str) -> set[str]:
        """Have a text spoken; answers who heard it, once it has been said to its end."""
        answer = await self._press("announce", 202, {"text": text, "to": to})
        await self.costs(announce_workflow_id(self._scene.conference_sid, answer["id"]))

        async def look() -> set[str] | None:
            phones = [await self._scene.phones.phone(x) for x in self._scene.people.values()]
            is_spoken = any(text in str(call["hears"]) for x in phones for call in x["calls"])
            heard = await self._heard(text)
            return heard if heard and not is_spoken else None

        return await until(look, f"{text!r} to be spoken")

    async def costs(self, workflow_id: str) -> None:
        """What this workflow cost is the story's."""
        client = await self._scene.stack.temporal()
        handle = client.get_workflow_handle(workflow_id)
        await handle.result()
        self._scene.spent += [event async for event in handle.fetch_history_events()]

    def tell(self, what: str) -> None:
        """A line for whoever reads the story."""
        self._lines.append(f"{time.time() - self._scene.begun_at:>+8.2f}s  {what}")
        self._scene.journal = "\n".join(self._lines)

    async def _press(self, verb: str, status: int, body: Any = None) -> Json:
        answer = await self._scene.desk.request("POST", f"{self._path}/{verb}", body)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    async def _heard(self, text: str) -> set[str]:
        """Whose legs have heard a text, by the ledger."""
        entries = await self._scene.phones.ledger(self._scene.conference_sid, kind="audio")
        parts = {address: part for part, address in self._scene.people.items()}
        return {parts[each["address"]] for each in entries if text in each["what"]}


async def muted_and_announced(scene: Scene) -> Ending:
    """Announcements to one and to all; then the agent is muted, and un-muted."""
    controls, people = Controls(scene), scene.people
    assert await controls.announce(TO_CALLER, "caller") == {"caller"}
    controls.tell("a text for the caller is heard by the caller alone")
    assert await controls.announce(TO_ALL, "all") == {"caller", "agent"}
    controls.tell("a text for all is heard by caller and agent")
    await scene.phones.hears(people["caller"], people["agent"])
    await controls.mute("mute")
    room = await scene.phones.ask("GET", f"/conferences/{scene.conference_sid}/hearing")
    who = {each["call_sid"]: each["address"] for each in room["participants"]}
    ways = {(who[speaker], who[listener]) for speaker, listener in room["pairs"]}
    assert ways == {(people["caller"], people["agent"])}, "heard by the agent, and by nobody else"
    controls.tell("muted: the agent hears the caller, the caller hears nobody")
    await controls.costs(control_workflow_id(scene.conference_sid))
    await controls.mute("unmute")
    await scene.phones.hears(people["caller"], people["agent"])
    controls.tell("un-muted: the two talk")
    heard = Hearing(await scene.phones.ledger(scene.conference_sid)).heard(
        people["caller"], people["agent"]
    )
    assert len(heard) == 2, f"the caller heard the agent, then did not, then did: {heard}"
    scene.outcome = {"reason": "un-muted"}
    return Ending(
        "", "", together=CALLER_WITH_AGENT, up=("caller", "agent"), talked=CALLER_WITH_AGENT
    )


CONTROL_STORIES: tuple[Story, ...] = (
    Story(
        "muted-and-announced",
        "The agent is muted, and spoken texts reach those they are meant for",
        muted_and_announced,
        target="client:bob",
    ),
)
