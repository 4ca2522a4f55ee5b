"""How calls are brought into a state and left there, for a deployment to find.

Most states wait for a person. In the others a request to Twilio is on its way: it is caught by a
trap, and let go when the stop was asked for. Which states there are is told in `phases.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.chaos.links import Match
from tests.chaos.people import BadDay, PatientDesk
from tests.chaos.rig import Rig
from tests.e2e.hold_stories import Holding
from tests.e2e.supervision_stories import Ears
from tests.e2e.telephones import until
from workflows.messages import MEMO_VIEW, call_workflow_id

RING_SECONDS = 110.0
GUARD_SECONDS = 30.0
"""The deployment has to fit in."""
ANSWER_SECONDS = 3.0
PRESS_SECONDS = 9.0
BOSS_SECONDS = 20.0
"""A phone that is asked for a key answers and presses by itself, while workers are exchanged."""
HOLD_SECONDS = 300.0
REMINDER_SECONDS = HOLD_SECONDS - 2.0
"""Before the end of it: the agent is reminded after two."""
REACHED_SECONDS = 40.0
HOLD = (("Hold", "true"),)
UNHOLD = (("Hold", "false"),)

Phase = tuple[str, str]
"""(whose table, state)."""
Act = Callable[[BadDay], Awaitable[Any]]
Looks = Callable[[BadDay], Awaitable[tuple[str, str]]]
"""Reads the state, and the reason if it is over."""


async def transfer_looks(day: BadDay) -> tuple[str, str]:
    """Of the transfer."""
    view = await day.desk.read(day.transfer_id)
    return view["state"], view["reason"] if view["is_over"] else ""


async def hold_looks(day: BadDay) -> tuple[str, str]:
    """Of the hold."""
    view = await Holding(day).read()
    return view["state"], view["reason"] if view["is_over"] else ""


async def supervisor_looks(day: BadDay) -> tuple[str, str]:
    """Of the only supervisor."""
    view = await _ears(day).view()
    return view["supervisors"][-1]["state"], ""


async def call_looks(day: BadDay) -> tuple[str, str]:
    """Of the owner of the call."""
    client = await day.stack.temporal()
    found = await client.get_workflow_handle(call_workflow_id(day.conference_sid)).describe()
    return (await found.memo_value(MEMO_VIEW, {}))["state"], ""


LOOKS: Mapping[str, Looks] = {
    "warm": transfer_looks,
    "cold": transfer_looks,
    "hold": hold_looks,
    "supervisor": supervisor_looks,
    "inbound": call_looks,
}


async def nothing(_: BadDay) -> None:
    """It goes on by itself."""


def participant(day: BadDay) -> str:
    """One of the call's participants."""
    return rf"/{day.conference_sid}/Participants/CA"


@dataclass(frozen=True)
class Plan:
    """How a call that is parked goes on."""

    act: Act = nothing
    """What people do once the next build is there, up to the end."""
    ends: tuple[str, str] = ("completed", "completed")
    trigger: Act = nothing
    """What leads to the request that the trap is for."""
    caught: tuple[str, tuple[tuple[str, str], ...]] | None = None
    """Method and fields of a request: it is parked in that."""
    about: Callable[[BadDay], str] = participant
    """What that request's path looks like."""

    def match(self, day: BadDay) -> Match | None:
        """What the trap catches."""
        if self.caught is None:
            return None
        method, fields = self.caught
        return Match(method, self.about(day), fields)


Park = Callable[[BadDay], Awaitable[Plan]]


# --- what people do ---


def presses(verb: str) -> Act:
    """The agent presses a button."""

    async def act(day: BadDay) -> None:
        await day.press(verb)

    return act


def answers(part: str) -> Act:
    """Somebody picks up."""

    async def act(day: BadDay) -> None:
        await day.answers(part)

    return act


def completes_when(*states: str) -> Act:
    """The agent completes as soon as that can be."""

    async def act(day: BadDay) -> None:
        await day.until(*states)
        await day.press("complete")

    return act


async def answered_and_completed(day: BadDay) -> None:
    """The target picks up, and after the consult the agent completes."""
    await day.answers("target")
    await completes_when("consulting")(day)


# --- transfers that wait ---


def dialing(kind: str, plan: Plan, **policy: Any) -> Park:
    """The target's phone rings."""

    async def park(day: BadDay) -> Plan:
        await day.transfer(kind, "target", ring_seconds=RING_SECONDS, **policy)
        await day.rings("target")
        await day.until("dialing", "awaiting")
        return plan

    return park


def pressed(before: Park, verb: str, state: str, plan: Plan) -> Park:
    """A button more, and what comes of it."""

    async def park(day: BadDay) -> Plan:
        await before(day)
        await day.press(verb)
        await day.until(state)
        return plan

    return park


def then(before: Park, plan: Plan) -> Park:
    """Parked like another, and goes on in another way."""

    async def park(day: BadDay) -> Plan:
        await before(day)
        return plan

    return park


async def consulting(day: BadDay) -> Plan:
    """Agent and target talk."""
    await dialing("warm", Plan())(day)
    await day.answers("target")
    await day.until("consulting")
    return Plan(presses("complete"))


def asked_for_a_key(kind: str, plan: Plan) -> Park:
    """The target has picked up and is asked for a key."""

    async def park(day: BadDay) -> Plan:
        address = day.people["target"]
        await day.phones.behave(
            address, "answer", digits="1", digits_after_seconds=PRESS_SECONDS
        )  # fmt: skip
        await day.transfer_to(kind, address, ring_seconds=RING_SECONDS, accept="press_1")
        await day.until("screening")
        return plan

    return park


async def vetting(day: BadDay) -> Plan:
    """The agent has gone when the target picks up and is asked for a key."""
    address = day.people["target"]
    await day.phones.behave(
        address, "answer", after_seconds=ANSWER_SECONDS, digits="1",
        digits_after_seconds=PRESS_SECONDS,
    )  # fmt: skip
    await day.transfer_to("warm", address, ring_seconds=RING_SECONDS, accept="press_1")
    await day.until("dialing")
    await day.press("complete")
    await day.until("vetting")
    return Plan()


async def cold_vetting(day: BadDay) -> Plan:
    """The agent went at once; the target picks up and is asked for a key."""
    address = day.people["target"]
    await day.phones.behave(address, "answer", digits="1", digits_after_seconds=PRESS_SECONDS)
    await day.transfer_to(
        "cold", address, ring_seconds=RING_SECONDS, accept="press_1", release_agent="on_dial"
    )
    await day.until("vetting")
    return Plan()


async def recalling(day: BadDay) -> Plan:
    """The agent, who has gone, is rung: the target declined."""
    policy = {"release_agent": "on_dial", "recall_ring_seconds": RING_SECONDS}
    await dialing("cold", Plan(), **policy)(day)
    await day.until("awaiting")
    await day.hangs_up("target")
    await day.until("recalling")
    await day.rings("agent")
    return Plan(answers("agent"), ("failed", "target_rejected"))


async def warm_recalling(day: BadDay) -> Plan:
    """The agent completed while it rang, and is rung: the target declined."""
    await dialing("warm", Plan(), recall_ring_seconds=RING_SECONDS)(day)
    await day.press("complete")
    await day.until("awaiting")
    await day.hangs_up("target")
    await day.until("recalling")
    await day.rings("agent")
    return Plan(answers("agent"), ("failed", "target_rejected"))


async def settling(day: BadDay) -> Plan:
    """Caller and target talk, and are watched."""
    await day.transfer("warm", "target", ring_seconds=RING_SECONDS, guard_seconds=GUARD_SECONDS)
    await day.answers("target")
    await completes_when("consulting")(day)
    await day.until("settling")
    return Plan()


async def cold_settling(day: BadDay) -> Plan:
    """The same after a cold transfer."""
    await day.transfer("cold", "target", ring_seconds=RING_SECONDS, guard_seconds=GUARD_SECONDS)
    await day.answers("target")
    await day.until("settling")
    return Plan()


def starts(kind: str) -> Act:
    """The agent begins a transfer."""

    async def act(day: BadDay) -> None:
        await day.transfer(kind, "target", ring_seconds=RING_SECONDS)

    return act


async def talking(_: BadDay) -> Plan:
    """Nothing but a call."""
    return Plan()


# --- holds, supervisors, a call that comes in ---


async def resumes(day: BadDay) -> None:
    """The agent takes the caller off hold."""
    answer = await day.desk.request("POST", f"/v1/calls/{day.conference_sid}/resume")
    assert answer.status_code < 300, answer.text


async def held(day: BadDay) -> Plan:
    """The caller is on hold, as the agent asked."""
    await Holding(day).begin(seconds_max=HOLD_SECONDS)
    return Plan(resumes, ("resumed", "resumed_by_agent"))


async def reminded(day: BadDay) -> Plan:
    """And the agent was told that it has been long."""
    hold = Holding(day)
    await hold.begin(seconds_max=HOLD_SECONDS, reminder_seconds=REMINDER_SECONDS)
    await hold.reaches("reminded", REACHED_SECONDS)
    return Plan(resumes, ("resumed", "resumed_by_agent"))


async def hold_recalling(day: BadDay) -> Plan:
    """And the agent's phone went dead, and rings."""
    hold = Holding(day)
    await hold.begin(seconds_max=HOLD_SECONDS, recall_ring_seconds=RING_SECONDS)
    agent = await day.phones.phone(day.people["agent"])
    (leg,) = [each for each in agent["calls"] if each["conference_sid"] == day.conference_sid]
    path = f"/phones/{day.people['agent']}/hangup"
    await day.phones.ask("POST", path, {"call_sid": leg["call_sid"]})
    await hold.reaches("recalling", REACHED_SECONDS)
    await day.rings("agent")
    return Plan(answers("agent"), ("resumed", "agent_hung_up"))


async def supervisor_dialing(day: BadDay) -> Plan:
    """The supervisor's phone rings, not for as long as others may: it is picked up meanwhile."""
    ears = _ears(day)
    boss = day.people["supervisor"]
    await day.phones.behave(boss, "answer", after_seconds=BOSS_SECONDS)
    body = {"mode": "monitor", "supervisor": day.people["supervisor"]}
    answer = await ears.desk.request("POST", ears.path, body, key=ears.path)
    assert answer.status_code == 202, answer.text
    await day.rings("supervisor")
    return Plan(ends=("listening", ""))


def supervised(mode: str, wish: str, ends: str) -> Park:
    """A supervisor is there, and wants to be something else later."""

    async def park(day: BadDay) -> Plan:
        ears = await _joined(day, mode)

        async def act(_: BadDay) -> None:
            await ears.mode(wish)

        return Plan(act, (ends, ""))

    return park


async def apart(day: BadDay) -> Plan:
    """The supervisor stays with the caller while agent and target consult."""
    await _joined(day, "monitor", "stays")
    await consulting(day)
    await _reaches(day, supervisor_looks, "apart")

    async def act(day: BadDay) -> None:
        await day.press("complete")
        await day.over()

    return Plan(act, ("listening", ""))


def _ears(day: BadDay) -> Ears:
    """Of a supervisor who tries again as everybody does."""
    day.people["supervisor"] = f"client:boss-{day.conference_sid[-8:]}"
    ears = Ears(day)
    assert isinstance(day.stack, Rig)
    ears.desk = PatientDesk(day.stack, "supervisor")
    return ears


async def _joined(day: BadDay, mode: str, consult: str = "hears") -> Ears:
    ears = _ears(day)
    await ears.join(mode, consult)
    return ears


async def _reaches(day: BadDay, looks: Looks, state: str) -> None:
    async def look() -> bool | None:
        return True if (await looks(day))[0] == state else None

    await until(look, f"the state {state}")


async def offered(_: BadDay) -> Plan:
    """A caller waits for the first agent to pick up."""
    return Plan(answers("agent"), ("talking", ""))
