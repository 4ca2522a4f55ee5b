"""Hold and resume over HTTP: who may, what is answered, and what a transfer has to do with it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from tests.api.conftest import Site, auth, new_conference, start_body
from tests.api.rooms import ROOMS
from tests.workflows.room import AGENT, CALLER
from workflows.messages import hold_workflow_id, transfer_workflow_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOB = "client:bob"


async def hold(
    site: Site, name: str, call: str, body: Any = None, key: str | None = None
) -> httpx.Response:
    headers = {**auth(name), **({"Idempotency-Key": key} if key else {})}
    return await site.http.post(f"/v1/calls/{call}/hold", json=body, headers=headers)


async def resume(site: Site, name: str, call: str) -> httpx.Response:
    return await site.http.post(f"/v1/calls/{call}/resume", headers=auth(name))


async def read(site: Site, name: str, call: str) -> httpx.Response:
    return await site.http.get(f"/v1/calls/{call}/hold", headers=auth(name))


async def held(site: Site, call: str) -> dict[str, Any]:
    """The hold once the caller was read back as held."""
    async with asyncio.timeout(15):
        while True:
            view = (await read(site, "crm", call)).json()
            if view["is_held"]:
                return dict(view)


async def over(site: Site, call: str) -> dict[str, Any]:
    """The hold after its end."""
    await site.temporal.get_workflow_handle(hold_workflow_id(call)).result()
    return dict((await read(site, "crm", call)).json())


async def test_hold_is_accepted_and_shown_with_a_running_timer(site: Site) -> None:
    call = await site.call()
    answer = await hold(site, "alice", call)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/calls/{call}/hold"
    assert answer.json()["agent_address"] == "client:alice"
    view = await held(site, call)
    assert view["state"] == "held"
    assert view["allowed"] == ["resume"]
    assert view["limit_at"] == pytest.approx(view["started_at"] + 1800, abs=5)
    later = (await read(site, "alice", call)).json()
    assert later["hold_seconds"] > view["hold_seconds"], "nothing happened, and time went on"
    item = (await site.http.get(f"/v1/calls/{call}", headers=auth("alice"))).json()
    assert item["hold"]["state"] == "held"
    assert {person["party"]: person["held"] for person in item["people"]}["caller"] is True
    await resume(site, "alice", call)


async def test_resume_gives_the_caller_back(site: Site) -> None:
    call = await site.call()
    await hold(site, "alice", call)
    await held(site, call)
    answer = await resume(site, "alice", call)
    assert answer.status_code == 200, answer.text
    view = await over(site, call)
    assert (view["state"], view["reason"], view["decided_by"]) == (
        "resumed",
        "resumed_by_agent",
        "agent",
    )
    assert not ROOMS.rooms[call].legs[CALLER].held
    assert [entry["state_to"] for entry in view["journal"]][-1] == "resumed"
    again = await resume(site, "alice", call)
    assert (again.status_code, again.json()["code"]) == (409, "not_on_hold")
    assert again.json()["allowed"] == []


async def test_policy_is_heeded(site: Site) -> None:
    call = await site.call()
    policy = {"seconds_max": 600.0, "reminder_seconds": 0.0, "at_max": "recover"}
    await hold(site, "alice", call, {"policy": policy})
    view = await held(site, call)
    assert view["limit_at"] == view["deadline_at"]
    assert view["limit_at"] == pytest.approx(view["started_at"] + 600, abs=5)
    assert view["at_limit"] == "recover"
    await resume(site, "alice", call)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"seconds_max": 30.0, "reminder_seconds": 30.0}, "less than seconds_max"),
        ({"notice_seconds": 3.0}, "at least 10"),
        ({"seconds_max": 5.0}, "seconds_max"),
        ({"hold_url": "https://example.com/a.mp3"}, "hold_url"),
    ],
)
async def test_policy_that_makes_no_sense_is_refused(
    site: Site, policy: dict[str, Any], words: str
) -> None:
    answer = await hold(site, "alice", await site.call(), {"policy": policy})
    assert answer.status_code == 422
    assert words in answer.text


async def test_second_hold_is_refused_and_a_repeated_one_replayed(site: Site) -> None:
    call, key = await site.call(), f"key-{uuid.uuid4()}"
    first = await hold(site, "alice", call, key=key)
    again = await hold(site, "alice", call, key=key)
    assert again.status_code == 202
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    other = await hold(site, "alice", call, {"agent": "client:alice"}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    await held(site, call)
    second = await hold(site, "alice", call)
    assert (second.status_code, second.json()["code"]) == (409, "hold_in_progress")
    assert second.json()["allowed"] == ["resume"]
    await resume(site, "alice", call)
    await over(site, call)
    late = await hold(site, "alice", call, key=key)
    assert late.json()["is_over"], "the key is remembered after the end"
    third = await hold(site, "alice", call)
    assert third.status_code == 202
    assert third.json()["id"] != first.json()["id"]
    old = await hold(site, "alice", call, key=key)
    assert old.json()["id"] == first.json()["id"], "and after the next hold"
    await held(site, call)
    await resume(site, "alice", call)


async def test_hundred_clicks_are_one_hold(site: Site) -> None:
    call, key = await site.call(), f"key-{uuid.uuid4()}"
    answers = await asyncio.gather(*(hold(site, "alice", call, key=key) for _ in range(30)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    await held(site, call)
    assert ROOMS.rooms[call].asked == ["hold_participant"]
    await resume(site, "alice", call)


async def test_hold_is_refused_while_a_transfer_runs(site: Site) -> None:
    call = (await site.started())["conference_sid"]
    for ask in (hold, resume):
        answer = await ask(site, "alice", call)
        assert (answer.status_code, answer.json()["code"]) == (409, "transfer_in_progress")
    assert "hold_participant" not in ROOMS.rooms[call].asked


async def test_resume_is_refused_once_a_transfer_took_over(site: Site) -> None:
    call = await site.call()
    await hold(site, "alice", call)
    await held(site, call)
    assert (await site.start("alice", start_body(call))).status_code == 202
    answer = await resume(site, "alice", call)
    assert (answer.status_code, answer.json()["code"]) == (409, "transfer_in_progress")
    assert answer.json()["transfer_id"].startswith(call)
    assert "resume_participant" not in ROOMS.rooms[call].asked


async def test_transfer_from_hold_is_told_of_it(site: Site) -> None:
    call = await site.call()
    await hold(site, "alice", call)
    await held(site, call)
    await site.start("alice", start_body(call))
    handle = site.temporal.get_workflow_handle(transfer_workflow_id(call))
    first = (await handle.fetch_history()).events[0].workflow_execution_started_event_attributes
    order = first.input.payloads[0].data
    assert b'"is_on_hold":true' in order


async def test_who_may_hold_and_resume(site: Site) -> None:
    """bob is on the call too, mallory is not; sue supervises, the CRM is a service."""
    for name, body, status in (
        ("alice", None, 202),
        ("alice", {"agent": BOB}, 403),
        ("mallory", None, 404),
        ("sue", None, 202),
        ("crm", {"agent": "client:alice"}, 202),
        ("crm", {"agent": BOB}, 409),
    ):
        call = await site.call()
        answer = await hold(site, name, call, body)
        assert answer.status_code == status, (name, answer.text)
        if status == 202:
            await held(site, call)
            assert (await resume(site, "mallory", call)).status_code == 404
            assert (await resume(site, name, call)).status_code == 200


async def test_unknown_calls_look_like_those_of_others(site: Site) -> None:
    for ask in (hold, resume, read):
        unknown = await ask(site, "alice", new_conference())
        others = await ask(site, "mallory", await site.call())
        assert unknown.status_code == others.status_code == 404
        assert unknown.json() == others.json()


async def test_call_without_a_hold_has_none_to_show(site: Site) -> None:
    call = await site.call()
    assert (await read(site, "alice", call)).status_code == 404
    answer = await resume(site, "alice", call)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_on_hold")


async def test_agent_whose_hold_rings_them_back_may_still_see_it(site: Site) -> None:
    """The agent's phone is gone, the hold is alive: it is theirs."""
    call = await site.call()
    await hold(site, "alice", call)
    await held(site, call)
    handle = site.temporal.get_workflow_handle(hold_workflow_id(call))
    await handle.signal("fact", {"kind": "leg_ended", "call_sid": AGENT})
    async with asyncio.timeout(15):
        while (view := (await read(site, "alice", call)).json())["state"] == "held":
            continue
    assert view["people"][1]["presence"] in ("gone", "dialed")
    await handle.terminate()
    ended = (await read(site, "crm", call)).json()
    assert (ended["state"], ended["reason"], ended["is_held"]) == (
        "failed",
        "engine_fault",
        False,
    )
