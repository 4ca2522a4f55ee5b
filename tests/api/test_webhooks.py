"""Webhooks on the way to the workflows, and the TwiML on the way back."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from lxml import etree

from api.app import create_app
from api.engine.temporal import EngineUnreachableError
from tests.api.conftest import Site, make_settings, new_conference, start_body
from tests.api.fakes import AT_ONCE
from tests.api.signing import ACCOUNT, BASE_URL, form, signed_headers
from workflows.messages import (
    StartInboundInput,
    call_workflow_id,
    inbound_workflow_id,
    transfer_workflow_id,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALL = "CA" + "5" * 32


def status_path(conference_sid: str, label: str = "p-t1", owner: str = "transfer") -> str:
    return f"/twilio/status/{owner}/{conference_sid}/{label}"


def progress(status: str, **more: str) -> dict[str, str]:
    return {"CallSid": CALL, "CallStatus": status, **more}


def document(response: httpx.Response) -> Any:
    """The TwiML of an answer."""
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/xml")
    return etree.fromstring(response.content)


def verbs(tree: Any) -> list[str]:
    """All verbs and nouns, in the document's order."""
    return [element.tag for element in tree.iter()][1:]


async def test_fact_goes_to_the_live_transfer(site: Site) -> None:
    view = await site.started()
    conference_sid = view["conference_sid"]
    response = await site.webhook(status_path(conference_sid), progress("in-progress"))
    assert (response.status_code, response.content) == (204, b"")
    fact = (await site.heard(transfer_workflow_id(conference_sid)))[-1]
    assert (fact["kind"], fact["call_sid"], fact["label"]) == ("leg_answered", CALL, "p-t1")
    assert fact["at"] > 1_700_000_000


async def test_fact_goes_to_the_call_when_no_transfer_is_under_way(site: Site) -> None:
    conference_sid = await site.call()
    await site.start("alice", start_body(conference_sid, AT_ONCE))
    await site.ended(conference_sid)
    event = {
        "StatusCallbackEvent": "participant-leave",
        "ConferenceSid": conference_sid,
        "CallSid": CALL,
    }
    assert (await site.webhook("/twilio/conference", event)).status_code == 204
    assert [fact["kind"] for fact in await site.heard(call_workflow_id(conference_sid))] == [
        "leg_ended"
    ]


async def test_answer_of_a_call_s_own_agent_goes_to_the_call_though_a_transfer_runs(
    site: Site,
) -> None:
    """Or the call would go on looking for an agent, and take the caller away in the end."""
    conference_sid = await site.call()
    await site.start("alice", start_body(conference_sid))
    path = f"/twilio/status/call/{conference_sid}/{conference_sid[2:18]}-t1"
    assert (await site.webhook(path, progress("in-progress"))).status_code == 204
    heard = await site.heard(call_workflow_id(conference_sid))
    assert [fact["kind"] for fact in heard] == ["leg_answered"]
    assert await site.heard(transfer_workflow_id(conference_sid)) == []


async def test_w13_late_and_unknown_calls_are_done(site: Site) -> None:
    for conference_sid in (new_conference(), (await site.started(AT_ONCE))["conference_sid"]):
        path = status_path(conference_sid)
        assert (await site.webhook(path, progress("completed"))).status_code == 204
    figures = (await site.http.get("/metrics")).text
    assert 'handover_api_facts_total{kind="leg_ended",outcome="nobody"} 2.0' in figures


async def test_w13_repetitions_of_one_event_are_heard_once(site: Site) -> None:
    view = await site.started()
    path = status_path(view["conference_sid"])
    token = {"I-Twilio-Idempotency-Token": str(uuid.uuid4())}
    answers = await asyncio.gather(
        *(site.webhook(path, progress("ringing"), token) for _ in range(50))
    )
    assert {answer.status_code for answer in answers} == {204}
    heard = await site.heard(transfer_workflow_id(view["conference_sid"]))
    assert [fact["kind"] for fact in heard] == ["leg_rang"]
    other = {"I-Twilio-Idempotency-Token": str(uuid.uuid4())}
    await site.webhook(path, progress("ringing"), other)
    assert len(await site.heard(transfer_workflow_id(view["conference_sid"]))) == 2


async def test_end_of_a_leg_that_is_told_twice_is_heard_once(site: Site) -> None:
    """Twilio reports it as progress of the call and as an event of the room, with two tokens."""
    conference_sid = (await site.started())["conference_sid"]
    leave = {
        "StatusCallbackEvent": "participant-leave",
        "ConferenceSid": conference_sid,
        "CallSid": CALL,
        "ParticipantLabel": "p-t1",
    }
    for path, fields in (
        ("/twilio/conference", leave),
        (status_path(conference_sid), progress("completed")),
        (status_path(conference_sid), progress("completed")),
    ):
        token = {"I-Twilio-Idempotency-Token": str(uuid.uuid4())}
        assert (await site.webhook(path, fields, token)).status_code == 204
    heard = await site.heard(transfer_workflow_id(conference_sid))
    assert [fact["kind"] for fact in heard] == ["leg_ended"]


async def test_end_of_the_room_is_told_to_the_transfer_and_to_the_call(site: Site) -> None:
    """A caller who hangs up in a transfer ends the call too, which nobody else would tell it."""
    conference_sid = await site.call()
    await site.start("alice", start_body(conference_sid))
    event = {"StatusCallbackEvent": "conference-end", "ConferenceSid": conference_sid}
    assert (await site.webhook("/twilio/conference", event)).status_code == 204
    for workflow_id in (transfer_workflow_id(conference_sid), call_workflow_id(conference_sid)):
        assert [fact["kind"] for fact in await site.heard(workflow_id)] == ["room_ended"]


@pytest.mark.parametrize(
    "path",
    [
        "/twilio/status/transfer/CFx/label",
        f"/twilio/status/transfer/{'CF' + '0' * 32}/a%20b",
        f"/twilio/amd/transfer/{'CF' + '0' * 32}/%0A",
        "/twilio/conference/CFx",
        "/twilio/conference",
    ],
)
async def test_w15_ids_of_another_form_have_no_effect(deaf_app: FastAPI, path: str) -> None:
    pairs = [("AccountSid", ACCOUNT), ("CallSid", CALL), ("CallStatus", "ringing")]
    transport = httpx.ASGITransport(deaf_app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        response = await http.post(path, content=form(pairs), headers=signed_headers(path, pairs))
    assert response.status_code == 204


async def test_silent_engine_makes_an_event_503_so_that_twilio_may_repeat(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*given: Any) -> None:
        raise EngineUnreachableError

    monkeypatch.setattr(site.app.state.parts.engine.facts, "tell", silent)
    response = await site.webhook(status_path(new_conference()), progress("ringing"))
    assert response.status_code == 503
    figures = (await site.http.get("/metrics")).text
    assert 'handover_api_facts_total{kind="leg_rang",outcome="engine_unreachable"} 1.0' in figures


async def test_machine_detection_reaches_the_transfer(site: Site) -> None:
    view = await site.started()
    conference_sid = view["conference_sid"]
    path = f"/twilio/amd/transfer/{conference_sid}/p-t1"
    fields = {"CallSid": CALL, "AnsweredBy": "machine_start"}
    assert (await site.webhook(path, fields)).status_code == 204
    fact = (await site.heard(transfer_workflow_id(conference_sid)))[-1]
    assert (fact["kind"], fact["willing"], fact["cause"]) == ("leg_screened", False, "machine")


async def test_stray_room_is_told_to_the_owner_of_the_right_one(site: Site) -> None:
    view = await site.started()
    right, wrong = view["conference_sid"], new_conference()
    path = f"/twilio/conference/{right}"
    event = {"ConferenceSid": wrong, "CallSid": CALL, "ParticipantLabel": "p-t1s"}
    for name in ("participant-join", "participant-leave", "conference-end"):
        response = await site.webhook(path, {**event, "StatusCallbackEvent": name})
        assert response.status_code == 204
    heard = await site.heard(transfer_workflow_id(right))
    assert [fact["kind"] for fact in heard] == ["leg_joined", "leg_ended"]
    assert heard[0]["conference_sid"] == wrong


# --- inbound --------------------------------------------------------------------------------------


async def test_inbound_caller_gets_a_room_and_a_workflow_however_often_twilio_asks(
    site: Site,
) -> None:
    call_sid = "CA" + uuid.uuid4().hex
    fields = {"CallSid": call_sid, "From": "+12025550143", "To": "+12025550100"}
    answers = [await site.webhook("/twilio/voice/inbound", fields) for _ in range(3)]
    assert len({answer.content for answer in answers}) == 1
    tree = document(answers[0])
    assert verbs(tree) == ["Dial", "Conference"]
    room = tree.find("Dial/Conference")
    assert room.text == call_sid
    assert tree.find("Dial").get("action") == f"{BASE_URL}/twilio/voice/ended"
    assert dict(room.attrib) == {
        "startConferenceOnEnter": "true",
        "endConferenceOnExit": "false",
        "beep": "false",
        "participantLabel": "caller",
        "statusCallback": f"{BASE_URL}/twilio/conference",
        "statusCallbackEvent": "start end join leave",
    }
    handle = site.temporal.get_workflow_handle(
        inbound_workflow_id(call_sid), result_type=StartInboundInput
    )
    order = await handle.result()
    assert (order.room_name, order.caller_address) == (call_sid, "+12025550143")
    assert order.agents == ("client:alice", "client:bob")


async def test_w18_inbound_with_hostile_names_stays_well_formed(site: Site) -> None:
    call_sid = "CA" + uuid.uuid4().hex
    fields = {"CallSid": call_sid, "From": 'sip:"><Dial>+19005550100</Dial>@x', "CallerName": "<&>"}
    tree = document(await site.webhook("/twilio/voice/inbound", fields))
    assert verbs(tree) == ["Dial", "Conference"]


async def test_inbound_with_a_silent_engine_hears_an_apology(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*given: Any) -> None:
        raise EngineUnreachableError

    monkeypatch.setattr(site.app.state.parts.engine.facts, "begin_inbound", silent)
    tree = document(await site.webhook("/twilio/voice/inbound", {"CallSid": CALL, "From": "x"}))
    assert verbs(tree) == ["Say", "Hangup"]


async def test_inbound_without_agents_hears_an_apology(site: Site) -> None:
    app = create_app(make_settings(handover_agents=""), site.temporal)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as http:
        other = Site(app, http, site.temporal)
        tree = document(await other.webhook("/twilio/voice/inbound", {"CallSid": CALL}))
    assert verbs(tree) == ["Say", "Hangup"]


@pytest.mark.parametrize("path", ["/twilio/voice/ended", "/twilio/voice/message"])
async def test_what_follows_a_dial_or_a_message_is_the_end(site: Site, path: str) -> None:
    fields = {"CallSid": CALL, "DialCallStatus": "answered", "RecordingUrl": "https://x/y"}
    assert verbs(document(await site.webhook(path, fields))) == ["Hangup"]


# --- press 1 --------------------------------------------------------------------------------------


def screen_path(
    conference_sid: str, step: str = "", room: str = "CA" + "7" * 32, part: str = "p"
) -> str:
    return f"/twilio/voice/screen/{conference_sid}/{part}-t1s{step}?room={room}"


def part_of(view: dict[str, Any]) -> str:
    return str(view["id"]).rpartition("-")[2]


async def test_screened_target_is_asked_to_press_1(site: Site) -> None:
    view = await site.started()
    conference_sid, part = view["conference_sid"], part_of(view)
    path = screen_path(conference_sid, part=part)
    tree = document(await site.webhook(path, {"CallSid": CALL}))
    assert verbs(tree) == ["Gather", "Say"]
    gather = tree.find("Gather")
    assert gather.get("numDigits") == "1"
    assert gather.get("actionOnEmptyResult") == "true"
    assert gather.get("action") == BASE_URL + screen_path(conference_sid, "/accept", part=part)


@pytest.mark.parametrize("is_another", [False, True])
async def test_nobody_is_asked_to_take_a_call_that_is_over(site: Site, is_another: bool) -> None:
    """The transfer was ended by force while the phone rang; another may run by then."""
    view = await site.started() if is_another else {"conference_sid": new_conference()}
    tree = document(await site.webhook(screen_path(view["conference_sid"]), {"CallSid": CALL}))
    assert verbs(tree) == ["Say", "Hangup"]


async def test_target_is_asked_where_the_engine_cannot_be(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(conference_sid: str) -> None:
        raise EngineUnreachableError

    monkeypatch.setattr(site.app.state.parts.engine.records, "latest", silent)
    tree = document(await site.webhook(screen_path(new_conference()), {"CallSid": CALL}))
    assert verbs(tree) == ["Gather", "Say"]


async def test_target_that_presses_1_joins_the_room(site: Site) -> None:
    view = await site.started()
    conference_sid = view["conference_sid"]
    path = screen_path(conference_sid, "/accept")
    tree = document(await site.webhook(path, {"CallSid": CALL, "Digits": "1"}))
    room = tree.find("Dial/Conference")
    assert (verbs(tree), room.text) == (["Dial", "Conference"], "CA" + "7" * 32)
    assert room.get("participantLabel") == "p-t1s"
    assert room.get("endConferenceOnExit") == "false"
    assert room.get("statusCallback") == f"{BASE_URL}/twilio/conference/{conference_sid}"
    fact = (await site.heard(transfer_workflow_id(conference_sid)))[-1]
    assert (fact["kind"], fact["willing"], fact["label"]) == ("leg_screened", True, "p-t1s")


@pytest.mark.parametrize("digits", ["2", "", "11", "*"])
async def test_target_that_does_not_press_1_is_let_go(site: Site, digits: str) -> None:
    view = await site.started()
    path = screen_path(view["conference_sid"], "/accept")
    tree = document(await site.webhook(path, {"CallSid": CALL, "Digits": digits}))
    assert verbs(tree) == ["Say", "Hangup"]
    fact = (await site.heard(transfer_workflow_id(view["conference_sid"])))[-1]
    assert (fact["willing"], fact["cause"]) == (False, "rejected")


async def test_target_that_presses_1_too_late_is_put_into_no_room(site: Site) -> None:
    path = screen_path(new_conference(), "/accept")
    tree = document(await site.webhook(path, {"CallSid": CALL, "Digits": "1"}))
    assert verbs(tree) == ["Say", "Hangup"]


async def test_w18_room_name_is_escaped(site: Site) -> None:
    view = await site.started()
    path = screen_path(view["conference_sid"], "/accept", "%22%3E%3CDial%3E")
    tree = document(await site.webhook(path, {"CallSid": CALL, "Digits": "1"}))
    assert verbs(tree) == ["Dial", "Conference"]
    assert tree.find("Dial/Conference").text == '"><Dial>'
    path = screen_path(view["conference_sid"], "", "%22%3E%3CDial%3E&more", part_of(view))
    assert verbs(document(await site.webhook(path, {"CallSid": CALL}))) == ["Gather", "Say"]
