"""Supervisors and help over HTTP, on the real supervision with a room in memory."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from tests.api.conftest import Site, auth, new_conference, site_with, start_body
from tests.api.fakes import LEFT_BY_AGENT, FakeCompanion
from tests.api.rooms import ROOMS
from tests.api.test_auth import token
from tests.workflows.room import AGENT, FakeRoom
from workflows.messages import TASK_QUEUE, hold_workflow_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEAMS = "sales=client:alice,sales=key:sue,support=client:bob"


def keyed(name: str, key: str) -> dict[str, str]:
    return {**auth(name), **({"Idempotency-Key": key} if key else {})}


class Floor:
    """What the tests do on a call of alice's."""

    def __init__(self, site: Site, call: str) -> None:
        self.site, self.call = site, call
        self.path = f"/v1/calls/{call}/supervisors"

    @property
    def room(self) -> FakeRoom:
        return ROOMS.rooms[self.call]

    async def join(
        self, mode: str = "monitor", name: str = "sue", key: str = "", **more: Any
    ) -> httpx.Response:
        headers = {**auth(name), "Idempotency-Key": key or uuid.uuid4().hex}
        body = {"mode": mode, "supervisor": "client:sue", **more}
        return await self.site.http.post(self.path, json=body, headers=headers)

    async def joined(self, mode: str = "monitor", **more: Any) -> str:
        """The id of a supervisor who has picked up, in the mode that was asked for."""
        response = await self.join(mode, **more)
        assert response.status_code == 202, response.text
        label = str(response.json()["id"])
        leg = await self.room.ringing(label)
        self.room.legs[leg.call_sid] = replace(leg, status="connected")
        path = f"/twilio/status/supervision/{self.call}/{label}"
        fields = {"CallSid": leg.call_sid, "CallStatus": "in-progress"}
        assert (await self.site.webhook(path, fields)).status_code == 204
        voice = {"monitor": "listening", "whisper": "whispering", "barge": "barging"}[mode]
        await self.until(label, voice)
        return label

    async def until(self, label: str, state: str) -> dict[str, Any]:
        for _ in range(400):
            people = (await self.read()).json()["supervisors"]
            mine = next((each for each in people if each["id"] == label), {})
            if mine.get("state") == state:
                return dict(mine)
            await asyncio.sleep(0.02)
        raise AssertionError(f"never {state}: {people}")

    async def read(self, name: str = "sue") -> httpx.Response:
        return await self.site.http.get(self.path, headers=auth(name))

    async def mode(self, label: str, mode: str, name: str = "sue", key: str = "") -> httpx.Response:
        path, headers = f"{self.path}/{label}", keyed(name, key)
        return await self.site.http.patch(path, json={"mode": mode}, headers=headers)

    async def leave(self, label: str, name: str = "sue", key: str = "") -> httpx.Response:
        return await self.site.http.delete(f"{self.path}/{label}", headers=keyed(name, key))

    async def help(self, name: str = "alice") -> httpx.Response:
        return await self.site.http.post(f"/v1/calls/{self.call}/help", headers=auth(name))

    async def asking(self, name: str = "sue") -> list[str]:
        """The calls whose agents ask for help."""
        response = await self.site.http.get("/v1/help", headers=auth(name))
        assert response.status_code == 200, response.text
        return [each["conference_sid"] for each in response.json()["items"]]


@pytest_asyncio.fixture(loop_scope="session")
async def floor(site: Site) -> Floor:
    return Floor(site, await site.call())


@pytest_asyncio.fixture(loop_scope="session")
async def teams(temporal: Client) -> AsyncIterator[Site]:
    async with site_with(temporal, handover_teams=TEAMS) as made:
        yield made


async def test_monitor_whisper_barge_and_leave(floor: Floor) -> None:
    label = await floor.joined()
    for mode, state, heard_by in (
        ("whisper", "whispering", ["agent"]),
        ("barge", "barging", ["caller", "agent"]),
        ("monitor", "listening", []),
    ):
        response = await floor.mode(label, mode)
        assert response.status_code == 200, response.text
        assert (response.json()["state"], response.json()["heard_by"]) == (state, heard_by)
    assert (await floor.leave(label)).status_code == 204
    await floor.until(label, "left")
    view = (await floor.read()).json()
    assert view["is_over"]
    told = [(each["heard"], each["who"], each["by"]) for each in view["journal"]]
    assert ("Whisper", "v1", "key:sue") in told
    assert all(each["at"] > 0 for each in view["journal"])
    late = await floor.mode(label, "barge")
    assert (late.status_code, late.json()["code"]) == (409, "supervisor_has_left")


@pytest.mark.parametrize(("phone", "asked", "is_detected"), [
    ("client:sue", None, False),
    ("client:sue", True, True),
    ("+12025550142", None, True),
    ("+12025550142", False, False),
])  # fmt: skip
async def test_a_mailbox_is_told_apart_where_a_number_is_rung(
    floor: Floor, phone: str, asked: bool | None, is_detected: bool
) -> None:
    more = {} if asked is None else {"detect_machine": asked}
    response = await floor.join(name="crm", supervisor=phone, **more)
    assert response.status_code == 202, response.text
    label = response.json()["id"]
    await floor.room.ringing(label)
    dial = next(each for each in floor.room.given if getattr(each, "label", "") == label)
    path = f"/twilio/amd/supervision/{floor.call}/{label}"
    assert (dial.detect_machine, dial.amd_path) == (is_detected, path if is_detected else "")


async def test_same_key_is_the_same_supervisor(floor: Floor) -> None:
    first = await floor.join(key="k-1")
    again = await floor.join(key="k-1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await floor.join("whisper", key="k-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await floor.read()).json()["supervisors"]) == 1


async def test_key_is_remembered_by_the_next_supervision(floor: Floor) -> None:
    first = await floor.join(key="k-1")
    label = first.json()["id"]
    await floor.room.ringing(label)
    assert (await floor.leave(label)).status_code == 204
    await floor.until(label, "left")
    await floor.joined(supervisor="client:tom")
    again = await floor.join(key="k-1")
    assert again.json()["id"] == label
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_repetitions_are_answered_past_the_rate(temporal: Client) -> None:
    async with site_with(temporal, handover_starts_per_minute=1) as slow:
        floor = Floor(slow, await slow.call())
        answers = [await floor.join(key="k-1") for _ in range(3)]
        assert [each.status_code for each in answers] == [202, 202, 202]
        other = await floor.join(supervisor="client:tom")
        assert other.status_code == 429


async def test_fifty_joins_at_once_with_one_key_ring_one_phone(floor: Floor) -> None:
    answers = await asyncio.gather(*(floor.join(key="k-1") for _ in range(50)))
    assert {each.status_code for each in answers} == {202}
    assert len({each.json()["id"] for each in answers}) == 1
    await floor.room.ringing(answers[0].json()["id"])
    assert floor.room.asked.count("add_participant") == 1


async def test_refusals_carry_a_code_and_the_buttons(floor: Floor) -> None:
    label = await floor.joined()
    floor.room._change(AGENT, held=True)
    refused = await floor.mode(label, "whisper")
    assert refused.status_code == 409
    assert refused.json()["code"] == "coach_target_unavailable"
    assert refused.json()["supervisor"]["heard_by"] == []
    assert floor.room.leg_of(label).muted
    twice = await floor.join()
    assert (twice.status_code, twice.json()["code"]) == (409, "supervises_already")


async def test_take_over(floor: Floor) -> None:
    label = await floor.joined()
    taken = await floor.mode(label, "take_over")
    assert (taken.status_code, taken.json()["state"]) == (200, "took_over")
    assert AGENT not in floor.room.legs
    (fact,) = await floor.site.heard(f"call/{floor.call}")
    assert (fact["kind"], fact["address"]) == ("agent_replaced", "client:sue")
    assert fact["call_sid"] == taken.json()["call_sid"]


async def test_take_over_waits_for_the_transfer(site: Site) -> None:
    view = await site.started()
    floor = Floor(site, view["conference_sid"])
    label = await floor.joined()
    refused = await floor.mode(label, "take_over")
    assert (refused.status_code, refused.json()["code"]) == (409, "transfer_in_progress")
    assert refused.json()["transfer_id"] == view["id"]
    assert AGENT in floor.room.legs
    says = "Complete or cancel it" if refused.json()["allowed"] else "ends within seconds"
    assert says in refused.json()["detail"]


async def test_take_over_waits_for_the_hold(floor: Floor) -> None:
    label = await floor.joined()
    hold = hold_workflow_id(floor.call)  # whatever lives under this id holds the caller
    await floor.site.temporal.start_workflow(FakeCompanion.run, id=hold, task_queue=TASK_QUEUE)
    refused = await floor.mode(label, "take_over")
    assert (refused.status_code, refused.json()["code"]) == (409, "caller_on_hold")
    assert AGENT in floor.room.legs
    await floor.site.temporal.get_workflow_handle(hold).terminate()
    assert (await floor.mode(label, "take_over")).status_code == 200


async def test_who_may_not_be_a_supervisor(floor: Floor) -> None:
    missing = dict.fromkeys(("supervisor",))
    for body, status, field in (
        ({"mode": "take_over"}, 422, "mode"),
        ({"mode": "monitor", **missing}, 422, "supervisor"),
        ({"mode": "monitor", "supervisor": "client:alice"}, 422, "supervisor"),
        ({"mode": "monitor", "supervisor": "+999"}, 422, "supervisor"),
        ({"mode": "monitor", "coaching": True}, 422, "coaching"),
        ({"mode": "monitor", "endConferenceOnExit": True}, 422, "endConferenceOnExit"),
    ):
        headers = {**auth("sue"), "Idempotency-Key": uuid.uuid4().hex}
        response = await floor.site.http.post(floor.path, json=body, headers=headers)
        assert response.status_code == status, (body, response.text)
        assert response.json()["errors"][0]["field"] == field
    keyless = await floor.site.http.post(floor.path, json={"mode": "monitor"}, headers=auth("sue"))
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_missing")


# --- rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "seen", "done"), [
    ("alice", 200, 403), ("mallory", 404, 404), ("sue", 200, 202), ("crm", 200, 202),
])  # fmt: skip
async def test_z7_who_may_supervise(floor: Floor, name: str, seen: int, done: int) -> None:
    assert (await floor.read(name)).status_code == seen
    assert (await floor.join(name=name)).status_code == done
    label = f"{'0' * 16}-v9"
    assert (await floor.mode(label, "barge", name)).status_code in (done, 404)
    assert (await floor.leave(label, name)).status_code in (done, 404)


async def test_a_supervisor_acts_on_calls_of_the_own_team(teams: Site) -> None:
    own = Floor(teams, await teams.call("client:alice"))
    other = Floor(teams, await teams.call("client:bob"))
    label = await own.joined()
    assert (await own.mode(label, "whisper")).status_code == 200
    assert (await other.join()).status_code == 404
    assert (await other.read()).status_code == 404
    listed = (await teams.http.get("/v1/calls", headers=auth("sue"))).json()["items"]
    seen = {each["conference_sid"] for each in listed}
    assert own.call in seen
    assert other.call not in seen


async def test_z7_teams_bound_transfers_too(teams: Site) -> None:
    ids = []
    for agent, target in (("client:alice", "client:carol"), ("client:bob", "client:carol")):
        body = start_body(new_conference(), target, agent=agent)
        ids.append((await teams.start("crm", body)).json()["id"])
        await teams.first_step(ids[-1].partition("-")[0])
    for number, status in enumerate((200, 404)):
        path = f"/v1/transfers/{ids[number]}"
        assert (await teams.http.get(path, headers=auth("sue"))).status_code == status
        cancelled = await teams.http.post(f"{path}/cancel", headers=auth("sue"))
        assert cancelled.status_code == status


async def test_a_token_names_its_teams(teams: Site) -> None:
    floor = Floor(teams, await teams.call("client:bob"))
    for claimed, status in ((["support"], 200), (["sales"], 404), ([], 404)):
        given = token(sub="tom", role="supervisor", teams=claimed)
        headers = {"Authorization": f"Bearer {given}"}
        assert (await teams.http.get(floor.path, headers=headers)).status_code == status


async def test_a_hidden_supervisor_is_not_shown_to_the_agent(floor: Floor) -> None:
    unsupervised = (await floor.read("alice")).json()
    label = await floor.joined(policy={"hidden": True})
    for mode in ("monitor", "barge"):
        assert (await floor.mode(label, mode)).status_code == 200
        assert (await floor.read("alice")).json() == unsupervised, "not even that there is one"
    assert (await floor.help()).json()["state"] == "asked"
    assert (await floor.read("alice")).json()["help"]["state"] == "open"
    shown = await floor.joined(supervisor="client:tom")
    seen = (await floor.read("alice")).json()
    assert [each["id"] for each in seen["supervisors"]] == [shown]
    assert seen["journal"] == []
    assert len((await floor.read("sue")).json()["supervisors"]) == 2


# --- help -----------------------------------------------------------------------------------------


async def test_help_is_seen_and_the_first_to_take_it_is_joined(teams: Site) -> None:
    own = Floor(teams, await teams.call("client:alice"))
    other = Floor(teams, await teams.call("client:bob"))
    assert (await own.help()).status_code == 202
    assert (await other.help("bob")).status_code == 202
    for _ in range(200):
        if own.call in await own.asking():
            break
        await asyncio.sleep(0.05)
    assert own.call in await own.asking()
    assert other.call not in await own.asking()
    taken = await own.join(takes_help=True)
    assert taken.status_code == 202
    late = await own.join(takes_help=True, supervisor="client:tom")
    assert (late.status_code, late.json()["code"]) == (409, "help_taken")
    seen = (await own.read("alice")).json()
    assert seen["help"]["state"] == "taken"
    assert seen["help"]["taken_by"] == taken.json()["id"]


async def test_help_can_be_withdrawn_and_asked_for_again(floor: Floor) -> None:
    assert (await floor.help()).status_code == 202
    assert (await floor.help()).json()["help"]["state"] == "open"
    path = f"/v1/calls/{floor.call}/help"
    gone = await floor.site.http.delete(path, headers=auth("alice"))
    assert gone.status_code == 204
    assert (await floor.read("alice")).json()["help"]["state"] == "withdrawn"
    assert (await floor.help()).json()["help"]["state"] == "open"


@pytest.mark.parametrize(("name", "status"), [
    ("alice", 202), ("mallory", 404), ("sue", 403), ("crm", 202),
])  # fmt: skip
async def test_z7_who_may_ask_for_help(floor: Floor, name: str, status: int) -> None:
    assert (await floor.help(name)).status_code == status


async def test_agent_who_has_left_the_call_does_not_ask_for_help(site: Site) -> None:
    """Seed 300288: the transfer that the agent had started was not over yet."""
    transfer = await site.started(LEFT_BY_AGENT)
    gone = Floor(site, transfer["conference_sid"])
    refused = await gone.help()
    assert (refused.status_code, refused.json()["code"]) == (403, "not_on_call")
    there = Floor(site, (await site.started())["conference_sid"])
    assert (await there.help()).status_code == 202


async def test_agents_are_not_shown_who_asks(floor: Floor) -> None:
    for path in ("/v1/help", "/v1/help/events"):
        response = await floor.site.http.get(path, headers=auth("alice"))
        assert response.status_code == 403


@pytest.mark.parametrize("is_withdrawn", [True, False])
async def test_help_that_nobody_asks_for_cannot_be_taken(floor: Floor, is_withdrawn: bool) -> None:
    """Also where no supervision lives that could refuse it."""
    if is_withdrawn:
        assert (await floor.help()).status_code == 202
        path = f"/v1/calls/{floor.call}/help"
        assert (await floor.site.http.delete(path, headers=auth("alice"))).status_code == 204
    late = await floor.join(takes_help=True)
    assert (late.status_code, late.json()["code"]) == (409, "help_taken")
    assert (await floor.read()).json()["supervisors"] == []
    assert floor.room.asked == []
    assert (await floor.join()).status_code == 202, "without it, everybody may join"


async def test_help_is_not_asked_for_any_more_when_the_call_is_over(floor: Floor) -> None:
    assert (await floor.help()).status_code == 202
    for _ in range(200):
        if floor.call in await floor.asking():
            break
        await asyncio.sleep(0.05)
    fields = {"ConferenceSid": floor.call, "StatusCallbackEvent": "conference-end"}
    assert (await floor.site.webhook("/twilio/conference", fields)).status_code == 204
    for _ in range(200):
        if floor.call not in await floor.asking():
            break
        await asyncio.sleep(0.05)
    assert floor.call not in await floor.asking()
    assert (await floor.read()).json()["help"]["state"] == "lapsed"
