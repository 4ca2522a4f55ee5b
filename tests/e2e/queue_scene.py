"""One call that came through a queue: the caller, the worker who was found, and the task."""

from __future__ import annotations

from benchmarks.actions import actions_of
from tests.e2e.centre import Centre
from tests.e2e.desk import Desk
from tests.e2e.evidence import Hearing, call_sids
from tests.e2e.provisioning import FIRST
from tests.e2e.scene import Ending, Scene, Told, differences
from tests.e2e.stack import Stack
from tests.e2e.telephones import Json, until
from workflows.messages import MEMO_ENTRY, call_workflow_id, split_public_id


class QueueScene(Scene):
    """The agent is whoever TaskRouter found for the caller."""

    is_alone = True

    def __init__(self, stack: Stack, caller: str) -> None:
        super().__init__(stack, caller, FIRST)
        self.centre = Centre(stack)
        self.task_sid = ""
        self.names_the_task = False
        """Whether the agent names the task instead of the conference when transferring."""
        self.goes_first = "caller"
        """Who hangs up first in the end."""

    async def open(self) -> None:
        """The caller dials us, waits in the queue, and talks with the agent."""
        await self.phones.behave(FIRST, "answer")
        await super().open()
        (held,) = (await self.centre.worker(name_of(FIRST)))["accepted"]
        self.task_sid = held["task_sid"]

    @property
    def call(self) -> Json:
        return {"task_sid": self.task_sid} if self.names_the_task else super().call

    def further_sids(self, view: Json) -> set[str]:
        """The tasks, and the beginning of all labels."""
        split = split_public_id(view["id"])
        tasks = {each["task_sid"] for each in view["attempts"] if each["task_sid"]}
        return {self.task_sid, *tasks} | ({split[1]} if split else set())

    async def everybody_goes(self) -> None:
        if self.goes_first != "caller":
            await self.hangs_up(self.goes_first)
            # Whoever is left alone is not left waiting.
            await self.phones.idle(self.people["caller"])
        await super().everybody_goes()

    async def answers_as(self, part: str, name: str) -> None:
        """This worker plays that part from now on, and picks up."""
        self.people[part] = f"client:{name}"
        await self.answers(part)

    async def is_told_its_place(self) -> None:
        """While somebody is looked for, the transfer shows how many wait before the caller."""

        async def look() -> bool | None:
            view = await self.desk.read(self.transfer_id)
            assert not view["is_over"], "nobody was told the place in the queue"
            return True if view["queue_position"] == 0 else None

        await until(look, "the place in the queue to show")

    async def target_is_now_agent(self) -> None:
        """Whoever took the call has it on the desk, and may transfer it."""
        self.people["first agent"] = self.people.pop("agent")
        self.people["agent"] = self.people.pop("target")
        self.desk = Desk(self.stack, name_of(self.people["agent"]))
        caller = await self.phones.phone(self.people["caller"])
        await self.desk.live_call(caller["calls"][0]["call_sid"])

    async def has_task(self, name: str) -> str:
        """Wait until a worker has a task of their own, accepted; answers its SID."""

        async def look() -> str | None:
            held = (await self.centre.worker(name))["accepted"]
            return str(held[0]["task_sid"]) if held else None

        return await until(look, f"{name} to have a task")

    async def has_no_task(self, name: str) -> None:
        """Wait until a worker has none any more."""

        async def look() -> bool | None:
            return None if (await self.centre.worker(name))["accepted"] else True

        await until(look, f"{name} to have no task")

    async def presses(self, part: str, digit: str) -> None:
        """Wait until somebody is asked for a key, and press it."""

        async def look() -> bool | None:
            heard = str((await self.phones.phone(self.people[part]))["hears"])
            return True if "press 1" in heard else None

        await until(look, f"{part} to be asked for a key")
        await self.phones.press(self.people[part], digit)

    async def told_of_call(self, name: str, title: str, ending: Ending) -> Told:
        """What is to be said of a call without a transfer, once it is over."""
        told = Told(name, title, dict(self.people), asides=list(self.asides))
        client = await self.stack.temporal()
        handle = client.get_workflow_handle(call_workflow_id(self.conference_sid))
        told.view = await handle.result()
        memo = await (await handle.describe()).memo()
        told.view["journal"] = [memo[each] for each in sorted(memo) if each.startswith(MEMO_ENTRY)]
        told.seconds = told.view["since"] - told.view["started_at"]
        entries = await self.phones.ledger(self.conference_sid)
        caller, agent = self.people["caller"], self.people["agent"]
        seconds = Hearing(entries).seconds(caller, agent, told.view["since"])
        told.talked = {("caller", "agent"): seconds}
        sids = call_sids(entries) | {self.conference_sid, self.task_sid}
        told.requests = len(await self.phones.requests_about(sids, 0.0))
        history = [event async for event in handle.fetch_history_events()]
        told.events, told.actions = len(history), actions_of(history).total()
        told.problems = differences(told, ending)
        return told


def name_of(address: str) -> str:
    """A worker's name; each has a phone of that name."""
    return address.partition(":")[2]
