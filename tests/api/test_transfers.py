"""Starting, reading, listing transfers, and pressing the buttons."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from typing import Any

import pytest
from temporalio.client import Client

from tests.api.conftest import CALLER, Site, auth, new_conference, site_with, start_body
from tests.api.fakes import AT_ONCE
from workflows.machine.model import Kind, Target
from workflows.messages import (
    MEMO_KEYS,
    MEMO_VIEW,
    StartTransferInput,
    transfer_workflow_id,
)
from workflows.views import begin, view_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def order_of(site: Site, conference_sid: str) -> StartTransferInput:
    """What the latest transfer of a call was started with."""
    handle = site.temporal.get_workflow_handle(transfer_workflow_id(conference_sid))
    async for event in handle.fetch_history_events():
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        decoded = await site.temporal.data_converter.decode(payloads, [StartTransferInput])
        return decoded[0]  # type: ignore[no-any-return]
    raise AssertionError("no history")


async def test_start_answers_202_with_the_transfer_and_its_location(site: Site) -> None:
    conference_sid = new_conference()
    response = await site.start("crm", start_body(conference_sid, agent="client:alice"))
    assert response.status_code == 202
    view = response.json()
    assert view["conference_sid"] == conference_sid
    assert view["kind"] == "warm"
    assert response.headers["location"] == f"/v1/transfers/{view['id']}"
    assert "idempotent-replayed" not in response.headers


async def test_agent_on_the_call_starts_and_known_legs_are_filled_in(site: Site) -> None:
    conference_sid = await site.call()
    response = await site.start("alice", start_body(conference_sid))
    assert response.status_code == 202, response.text
    order = await order_of(site, conference_sid)
    assert order.agent_address == "client:alice"
    assert order.agent_call_sid == "CA" + "a" * 32
    assert order.caller_call_sid == "CA" + "c" * 32
    view = response.json()
    (caller,) = (each for each in view["people"] if each["party"] == "caller")
    assert caller["address"] == order.caller_address == CALLER


async def test_policy_and_targets_reach_the_workflow(site: Site) -> None:
    conference_sid = new_conference()
    body = start_body(
        conference_sid,
        {"address": "+12025550123", "ring_seconds": 20, "accept": "press_1"},
        "client:carol",
        kind="cold",
        agent={"address": "client:alice", "call_sid": "CA" + "9" * 32},
        policy={"release_agent": "on_dial", "recall": False, "guard_seconds": 0},
    )
    assert (await site.start("crm", body)).status_code == 202
    order = await order_of(site, conference_sid)
    assert order.kind == "cold"
    assert [target.address for target in order.targets] == ["+12025550123", "client:carol"]
    assert (order.targets[0].ring_seconds, order.targets[0].accept) == (20, "press_1")
    assert order.policy.release_agent == "on_dial"
    assert (order.policy.recall, order.policy.guard_seconds) == (False, 0)
    assert order.agent_call_sid == "CA" + "9" * 32


async def test_operator_sees_ids_in_the_summary_and_never_a_number(site: Site) -> None:
    conference_sid = new_conference()
    body = start_body(conference_sid, "+12025550123", "client:bob", agent="client:alice")
    await site.start("crm", body)
    handle = site.temporal.get_workflow_handle(transfer_workflow_id(conference_sid))
    description = await handle.describe()
    assert await description.static_summary() == "warm: client:alice to a number and 1 more"
    found = dict(description.search_attributes)
    assert found["HandoverAgent"] == ["client:alice"]
    assert found["HandoverKind"] == ["warm"]


async def test_number_of_an_agent_is_not_a_search_attribute(site: Site) -> None:
    conference_sid = new_conference()
    await site.start("crm", start_body(conference_sid, agent="+12025550177"))
    handle = site.temporal.get_workflow_handle(transfer_workflow_id(conference_sid))
    description = await handle.describe()
    assert "HandoverAgent" not in description.search_attributes


async def test_read_shows_the_journal_also_after_the_end(site: Site) -> None:
    view = await site.started(AT_ONCE)
    await site.ended(view["conference_sid"])
    response = await site.http.get(f"/v1/transfers/{view['id']}", headers=auth("sue"))
    assert response.status_code == 200
    shown = response.json()
    assert (shown["state"], shown["is_over"]) == ("completed", True)
    assert [entry["step"] for entry in shown["journal"]] == [1, 2]


async def test_each_transfer_of_a_call_stays_readable(site: Site) -> None:
    first = await site.started(AT_ONCE)
    conference_sid = first["conference_sid"]
    await site.ended(conference_sid)
    body = start_body(conference_sid, "client:carol", agent="client:alice", kind="cold")
    body["agent"] = {"address": "client:alice", "call_sid": "CA" + "1" * 32}
    second = (await site.start("crm", body)).json()
    assert second["id"] != first["id"]
    for view in (first, second):
        response = await site.http.get(f"/v1/transfers/{view['id']}", headers=auth("crm"))
        assert (response.json()["id"], response.json()["kind"]) == (view["id"], view["kind"])


async def test_second_transfer_of_a_live_call_is_refused_with_the_running_id(site: Site) -> None:
    view = await site.started()
    body = start_body(view["conference_sid"], "client:carol")
    for name, agent in (("alice", None), ("bob", None), ("sue", "client:alice")):
        response = await site.start(name, {**body, "agent": agent})
        assert response.status_code == 409, response.text
        assert response.json()["code"] == "transfer_in_progress"
        assert response.json()["transfer_id"] == view["id"]
    assert (await site.start("mallory", body)).status_code == 404


async def test_call_that_has_ended_is_not_transferred(site: Site) -> None:
    conference_sid = await site.call()
    event = {"StatusCallbackEvent": "conference-end", "ConferenceSid": conference_sid}
    await site.webhook("/twilio/conference", event)
    await site.temporal.get_workflow_handle(f"call/{conference_sid}").result()
    response = await site.start("crm", start_body(conference_sid, agent="client:alice"))
    assert (response.status_code, response.json()["code"]) == (409, "call_is_over")


async def test_agent_who_is_not_there_is_not_transferred_from(site: Site) -> None:
    conference_sid = await site.call()
    response = await site.start("sue", start_body(conference_sid, agent="client:carol"))
    assert (response.status_code, response.json()["code"]) == (409, "agent_not_on_call")


async def test_callers_own_number_is_no_target(site: Site) -> None:
    conference_sid = await site.call()
    response = await site.start("alice", start_body(conference_sid, CALLER))
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "targets.0.address"


async def test_former_target_may_transfer_on(site: Site) -> None:
    conference_sid = await site.call()
    first = (await site.start("alice", start_body(conference_sid))).json()
    path = f"/v1/transfers/{first['id']}/complete"
    assert (await site.http.post(path, headers=auth("alice"))).status_code == 200
    await site.ended(conference_sid)
    assert (await site.start("alice", start_body(conference_sid))).status_code == 404
    response = await site.start("bob", start_body(conference_sid, "client:carol"))
    assert response.status_code == 202, response.text
    order = await order_of(site, conference_sid)
    assert (order.agent_address, order.agent_call_sid) == ("client:bob", "CA" + "e" * 32)


@pytest.mark.parametrize(("verb", "state"), [("complete", "completed"), ("cancel", "cancelled")])
async def test_button_answers_the_transfer_after_the_step(
    site: Site, verb: str, state: str
) -> None:
    view = await site.started()
    response = await site.http.post(f"/v1/transfers/{view['id']}/{verb}", headers=auth("alice"))
    assert response.status_code == 200
    assert response.json()["state"] == state


@pytest.mark.parametrize(
    ("verb", "reason"), [("swap", "nobody to swap with"), ("drop-target", "the target went first")]
)
async def test_refused_button_tells_reason_and_what_is_allowed(
    site: Site, verb: str, reason: str
) -> None:
    view = await site.started()
    response = await site.http.post(f"/v1/transfers/{view['id']}/{verb}", headers=auth("alice"))
    assert response.status_code == 409
    problem = response.json()
    assert (problem["code"], problem["reason"]) == ("request_refused", reason)
    assert "cancel" in problem["allowed"]
    assert problem["transfer"]["id"] == view["id"]


async def test_button_after_the_end_tells_that_it_is_over(site: Site) -> None:
    view = await site.started(AT_ONCE)
    await site.ended(view["conference_sid"])
    response = await site.http.post(f"/v1/transfers/{view['id']}/cancel", headers=auth("alice"))
    assert response.status_code == 409
    problem = response.json()
    assert (problem["code"], problem["allowed"]) == ("transfer_is_over", [])
    assert problem["transfer"]["state"] == "completed"


async def test_old_button_never_reaches_the_next_transfer(site: Site) -> None:
    first = await site.started(AT_ONCE)
    conference_sid = first["conference_sid"]
    await site.ended(conference_sid)
    body = start_body(
        conference_sid, agent={"address": "client:alice", "call_sid": "CA" + "1" * 32}
    )
    second = (await site.start("crm", body)).json()
    response = await site.http.post(f"/v1/transfers/{first['id']}/cancel", headers=auth("crm"))
    assert (response.status_code, response.json()["code"]) == (409, "transfer_is_over")
    shown = await site.http.get(f"/v1/transfers/{second['id']}", headers=auth("crm"))
    assert not shown.json()["is_over"]


async def test_button_pressed_twice_with_one_key_is_one_request(site: Site) -> None:
    view = await site.started()
    headers = {**auth("alice"), "Idempotency-Key": f"press-{uuid.uuid4()}"}
    answers = [
        await site.http.post(f"/v1/transfers/{view['id']}/join", headers=headers) for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["step"] for answer in answers}) == 1


async def test_list_is_filtered_by_call_agent_and_state(site: Site) -> None:
    live = await site.started()
    over = await site.started(AT_ONCE)
    await site.ended(over["conference_sid"])

    async def ids(name: str, **query: str) -> set[str]:
        response = await site.http.get("/v1/transfers", params=query, headers=auth(name))
        assert response.status_code == 200, response.text
        return {view["id"] for view in response.json()["items"]}

    assert await ids("sue", call=live["conference_sid"]) == {live["id"]}
    assert await ids("sue", call=over["conference_sid"], state="completed") == {over["id"]}
    assert await ids("sue", call=over["conference_sid"], state="live") == set()
    assert await ids("sue", call=over["conference_sid"], state="over") == {over["id"]}
    assert live["id"] in await ids("sue", agent="client:alice", state="live")
    assert live["id"] in await ids("alice", call=live["conference_sid"])
    assert await ids("bob", call=live["conference_sid"]) == set()
    assert await ids("bob", agent="client:alice") == set()


async def test_list_goes_on_where_the_page_ended(site: Site) -> None:
    started = {(await site.started())["id"] for _ in range(3)}
    seen: set[str] = set()
    cursor, pages = "", 0
    while pages == 0 or cursor:
        query: dict[str, Any] = {"limit": 2, "cursor": cursor, "state": "live"}
        page = (await site.http.get("/v1/transfers", params=query, headers=auth("sue"))).json()
        seen |= {view["id"] for view in page["items"]}
        cursor, pages = page["next"], pages + 1
    assert pages > 1
    assert started <= seen


@pytest.mark.parametrize("cursor", ["AAAA", "e30=", "not base64", "é"])
async def test_cursor_that_is_not_ours_is_refused(site: Site, cursor: str) -> None:
    response = await site.http.get("/v1/transfers", params={"cursor": cursor}, headers=auth("sue"))
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "cursor"


async def test_calls_show_people_and_transfer_to_those_on_them(site: Site) -> None:
    conference_sid = await site.call()
    listed = (await site.http.get("/v1/calls", headers=auth("alice"))).json()["items"]
    mine = next(item for item in listed if item["conference_sid"] == conference_sid)
    assert {person["address"] for person in mine["people"]} == {CALLER, "client:alice"}
    assert mine["transfer"] is None
    view = (await site.start("alice", start_body(conference_sid))).json()
    await site.first_step(conference_sid)
    shown = (await site.http.get(f"/v1/calls/{conference_sid}", headers=auth("bob"))).json()
    assert shown["transfer"]["id"] == view["id"]
    hidden = await site.http.get(f"/v1/calls/{conference_sid}", headers=auth("mallory"))
    assert hidden.status_code == 404
    listed = (await site.http.get("/v1/calls", headers=auth("mallory"))).json()["items"]
    assert conference_sid not in {item["conference_sid"] for item in listed}


@pytest.mark.timeout(240)  # five hundred starts, beside other tests
async def test_f8_start_and_cancel_in_a_loop_rings_so_many_phones_and_no_more(
    temporal: Client,
) -> None:
    """Five hundred times, two phones each; the starts alone would be allowed."""
    async with site_with(temporal, handover_dials_per_minute=20) as slow:
        now = time.monotonic()
        slow.app.state.parts.dials._clock = lambda: now
        conference_sid = new_conference()
        answers: Counter[str] = Counter()
        for _ in range(500):
            body = start_body(conference_sid, "client:bob", "client:carl", agent="client:alice")
            answer = await slow.start("crm", body)
            answers[answer.json().get("code", "started")] += 1
            if answer.status_code == 202:
                path = f"/v1/transfers/{answer.json()['id']}/cancel"
                assert (await slow.http.post(path, headers=auth("crm"))).status_code == 200
                await slow.ended(conference_sid)
        assert answers == {"started": 10, "too_many_dials": 490}
        other = start_body(new_conference(), agent="client:bob")
        assert (await slow.start("crm", other)).status_code != 429


async def test_transfer_ended_from_outside_is_shown_as_failed(site: Site) -> None:
    view = await site.started()
    handle = site.temporal.get_workflow_handle(transfer_workflow_id(view["conference_sid"]))
    await handle.terminate("by an operator")
    shown = (await site.http.get(f"/v1/transfers/{view['id']}", headers=auth("crm"))).json()
    assert (shown["state"], shown["is_over"], shown["reason"]) == ("failed", True, "engine_fault")
    assert shown["allowed"] == []


async def test_request_without_a_worker_says_that_it_may_still_take_effect(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.engine.requests.ANSWER_SECONDS", 0.3)
    targets = (Target("client:bob"),)
    order = StartTransferInput(
        Kind.WARM, "a" * 16, new_conference(), "client:alice", targets, 1_700_000_000.0
    )
    handle = await site.temporal.start_workflow(
        "WarmTransferWorkflow",
        order,
        id=transfer_workflow_id(order.conference_sid),
        task_queue="a queue without a worker",
        memo={MEMO_VIEW: view_of(begin(order)), MEMO_KEYS: ()},
    )
    path = f"/v1/transfers/{order.conference_sid}-{order.part}/cancel"
    response = await site.http.post(path, headers=auth("alice"))
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert response.json()["code"] == "not_carried_out_yet"
    await handle.terminate()
