"""How calls that come through TaskRouter are parked: callers who wait, offers, transfers to workers
and queues, and tasks in wrap-up.

A transfer to a worker is parked as one to a phone is: only the target's address is another. Which
states there are is told in `phases_queues.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.chaos.parked import (
    RING_SECONDS,
    Looks,
    Park,
    Plan,
    answered_and_completed,
    answers,
    call_looks,
    dialing,
    presses,
    transfer_looks,
)
from tests.chaos.people import BadDay, PatientDesk
from tests.chaos.rig import Rig
from tests.e2e.centre import Centre
from tests.e2e.queue_scene import name_of
from tests.e2e.stack import Options
from tests.e2e.telephones import Json, addresses, until

AGENT_NAME = "agent-"
TARGET_NAME = "target-"
LATE = "client:late"
"""Alone in the queue Late, and away until somebody is looked for there."""
OFFER_SECONDS = 170
"""Nobody's offer passes while workers are exchanged."""
SHORT_RING_SECONDS = 5.0

_HEAD = """
[workspace]
timeout_activity = "Offline"

[activities]
Offline = false
Available = true

[queues.Support]
skills = ["support"]

[queues.Late]
skills = ["late"]

[workflow]
default_queue = "Support"
reservation_seconds = {seconds}
"""
_WORKER = """
[workers.{name}]
contact_uri = "client:{name}"
skills = ["{skill}"]
activity = "{activity}"
"""


def centre_of(calls: int) -> Options:
    """A contact centre with an agent and a target of its own for each of so many calls."""
    numbers = range(1, calls + 1)
    people = [(f"{AGENT_NAME}{each}", "support", "Available") for each in numbers]
    people += [(f"{TARGET_NAME}{each}", "targets", "Available") for each in numbers]
    people += [(name_of(LATE), "late", "Offline")]
    tables = [_WORKER.format(name=name, skill=skill, activity=at) for name, skill, at in people]
    return Options(
        mode="taskrouter",
        agents=tuple(f"client:{name}" for name, _, _ in people),
        centre=_HEAD.format(seconds=OFFER_SECONDS) + "".join(tables),
    )


class QueueDay(BadDay):
    """One call that came through the queue Support. The agent is whoever TaskRouter found."""

    def __init__(self, rig: Rig, caller: str, target: str) -> None:
        super().__init__(rig, caller, target, agent=f"client:{AGENT_NAME}1")
        self.centre = Centre(rig)
        self.task_sid = ""
        self.search_sid = ""
        """The task that was made to find the target, where it is parked in that."""

    async def open(self) -> None:
        """The caller dials us, and talks with the agent whom TaskRouter has found."""
        await self.dial()
        await self.is_taken()

    async def dial(self) -> None:
        """The caller dials us, and waits in the queue."""
        await self.begin()
        await self.phones.call_us(self.people["caller"])

        async def look() -> str | None:
            tasks = (await self.taskrouter("GET", "Tasks?PageSize=1000"))["tasks"]
            callers = {str(json.loads(each["attributes"]).get("from")): each for each in tasks}
            found = callers.get(self.people["caller"])
            return str(found["sid"]) if found else None

        self.task_sid = await until(look, "the caller to be in the queue")

    async def is_taken(self) -> None:
        """Wait until an agent has the call."""

        async def look() -> Json | None:
            phone = await self.phones.phone(self.people["caller"])
            return phone if _agents(phone["can_hear"]) else None

        phone = await until(look, f"{self.people['caller']} to hear an agent")
        (self.people["agent"],) = _agents(phone["can_hear"])
        (call,) = phone["calls"]
        name = name_of(self.people["agent"])
        self.desk = PatientDesk(self.stack, name)
        self.conference_sid = await self.desk.live_call(call["call_sid"])
        await self.centre.accepted(name, self.task_sid)

    async def transfer_to(self, kind: str, *to: str, **wishes: Any) -> Json:
        """To the worker with this phone, instead of to the phone."""
        workers = [each.replace("client:", "worker:") for each in to]
        return await super().transfer_to(kind, *workers, **wishes)

    async def is_offered(self) -> None:
        """Wait until an agent's phone rings for the caller who waits."""

        async def look() -> str | None:
            for worker in await self.workers():
                if self.task_sid in {each["task_sid"] for each in worker["offered"]}:
                    return str(worker["contact_uri"])
            return None

        self.people["agent"] = await until(look, "the caller to be offered to an agent")
        (call,) = (await self.phones.ringing(self.people["agent"]))["calls"]
        self.conference_sid = call["conference_sid"]

    async def workers(self) -> list[Json]:
        """All of them, as each sees their own desktop."""
        found: list[Json] = (await self.phones.ask("GET", "/workers"))["workers"]
        return found

    async def somebody_comes(self) -> None:
        """An agent without a call, who was away, is there from now on."""

        async def look() -> str | None:
            for worker in await self.workers():
                is_agent = worker["worker"].startswith(AGENT_NAME)
                if is_agent and not (worker["accepted"] or worker["offered"]):
                    return str(worker["contact_uri"])
            return None

        await self.goes(await until(look, "an agent without a call"), "Available")

    async def goes(self, address: str, activity: str) -> None:
        """A worker's own word: Available, or Offline."""
        path = f"/workers/{name_of(address)}/activity"
        await self.phones.ask("POST", path, {"activity": activity})

    async def task_status(self, task_sid: str) -> str:
        """In TaskRouter's words."""
        return str((await self.taskrouter("GET", f"Tasks/{task_sid}"))["assignment_status"])

    async def search_status(self, status: str) -> None:
        """Wait until the task that looks for the target has this status."""

        async def look() -> bool | None:
            attempts = (await self.desk.read(self.transfer_id))["attempts"]
            self.search_sid = attempts[-1]["task_sid"] if attempts else ""
            is_there = self.search_sid and await self.task_status(self.search_sid) == status
            return True if is_there else None

        await until(look, f"the search for {self.people['target']} to be {status}")

    async def taskrouter(self, method: str, path: str, **form: str) -> Json:
        """One request with the account's key, as a worker's desktop would make it."""
        settings = self.stack.settings
        answer = await self.stack.http.request(
            method,
            f"{self.stack.simulator_url}/v1/Workspaces/{settings['TWILIO_WORKSPACE_SID']}/{path}",
            data=form or None,
            auth=(settings["TWILIO_API_KEY_SID"], settings["TWILIO_API_KEY_SECRET"]),
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        found: Json = answer.json()
        return found


def _agents(heard: list[Json]) -> set[str]:
    return {each for each in addresses(heard) if each.startswith(f"client:{AGENT_NAME}")}


def _of(day: BadDay) -> QueueDay:
    assert isinstance(day, QueueDay)
    return day


# --- what is seen ---


async def task_looks(day: BadDay) -> tuple[str, str]:
    """Of the caller's own task."""
    return await _of(day).task_status(_of(day).task_sid), ""


async def search_looks(day: BadDay) -> tuple[str, str]:
    """Of the task that looks for the target, as long as the transfer is not over."""
    state, reason = await transfer_looks(day)
    return (state, reason) if reason else (await _of(day).task_status(_of(day).search_sid), "")


QUEUE_LOOKS: Mapping[str, Looks] = {
    "warm to worker": transfer_looks,
    "cold to worker": transfer_looks,
    "enqueued": task_looks,
    "looked for": search_looks,
    "routed": call_looks,
}


# --- callers in the queue, and their agents' tasks ---


async def waiting(day: BadDay) -> Plan:
    """A caller for whom nobody is there."""
    await _of(day).dial()

    async def act(day: BadDay) -> None:
        await _of(day).somebody_comes()
        await _of(day).is_offered()
        await _talked(day)

    return Plan(act, ("completed", ""))


async def offered_to_agent(_: BadDay) -> Plan:
    """A caller who has been offered to an agent, whose phone rings."""
    return Plan(_talked, ("completed", ""))


async def _talked(day: BadDay) -> None:
    """The agent whose phone rings takes the call, and it ends."""
    await day.answers("agent")
    await _of(day).is_taken()
    await day.hangs_up("caller")


async def wrapping_up(day: BadDay) -> Plan:
    """The agent has handed the caller over, and has something to write down."""
    await dialing("warm", Plan(), wrap_up=True)(day)
    await day.answers("target")
    await day.until("consulting")
    await day.press("complete")
    await day.over()

    async def look() -> bool | None:
        return True if (await task_looks(day))[0] == "wrapping" else None

    await until(look, "the agent to wrap up")

    async def act(day: BadDay) -> None:
        task = f"Tasks/{_of(day).task_sid}"
        await _of(day).taskrouter("POST", task, AssignmentStatus="completed", Reason="written")

    return Plan(act, ("completed", ""))


# --- the search for a target ---


async def nobody_there(day: BadDay) -> Plan:
    """The only worker of a queue is away: the task looks for somebody, and the caller has a place
    in the queue."""
    day.people["target"] = LATE
    await day.phones.behave(LATE, "ring")
    await day.transfer_to("warm", "queue:Late", ring_seconds=RING_SECONDS)
    await day.until("dialing")
    await _of(day).search_status("pending")

    async def act(day: BadDay) -> None:
        await _of(day).goes(LATE, "Available")
        await answered_and_completed(day)

    return Plan(act)


async def accepting(day: BadDay) -> Plan:
    """The worker has picked up, and the offer is being accepted for them."""
    await dialing("warm", Plan())(day)
    await _of(day).search_status("reserved")
    return Plan(
        presses("complete"), trigger=answers("target"),
        caught=("POST", (("ReservationStatus", "accepted"),)),
        about=lambda day: f"/Tasks/{_of(day).search_sid}/Reservations/WR",
    )  # fmt: skip


def unanswered(kind: str, **policy: Any) -> Park:
    """The agent has gone, and is rung: the worker did not pick up."""

    async def park(day: BadDay) -> Plan:
        await day.transfer(
            kind, "target", ring_seconds=SHORT_RING_SECONDS, recall_ring_seconds=RING_SECONDS,
            **policy,
        )  # fmt: skip
        if kind == "warm":
            await day.rings("target")
            await day.press("complete")
        await day.until("recalling")
        await day.rings("agent")
        return Plan(answers("agent"), ("failed", "target_no_answer"))

    return park


# --- the call itself ---


async def routed(_: BadDay) -> Plan:
    """A call with its agent, whose owner watches it."""
    return Plan(lambda day: day.hangs_up("caller"), ("ended", ""))


async def caller_gone(_: BadDay) -> Plan:
    """The caller has hung up, and the agent's task is being closed."""
    return Plan(
        ends=("ended", ""), trigger=lambda day: day.hangs_up("caller"),
        caught=("POST", (("AssignmentStatus", "completed"),)),
        about=lambda day: f"/Tasks/{_of(day).task_sid}",
    )  # fmt: skip
