"""The recording of a call: who may ask, who is asked, and what is answered on doubt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from api.webhooks.assignment import Policy, instruction_for
from tests.api.conftest import Site, auth, new_conference, site_with, start_body
from workflows.messages import (
    RecordingView,
    StartInboundInput,
    inbound_workflow_id,
    recording_workflow_id,
    transfer_workflow_id,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def recorded(temporal: Client) -> AsyncIterator[Site]:
    """An application whose calls are recorded, but for the consult."""
    async with site_with(temporal, handover_recording="conversation") as made:
        yield made


async def read(site: Site, conference_sid: str, name: str = "alice") -> httpx.Response:
    return await site.http.get(f"/v1/calls/{conference_sid}/recording", headers=auth(name))


async def ask(
    site: Site, conference_sid: str, word: str, name: str = "alice", key: str = ""
) -> httpx.Response:
    headers = {**auth(name), **({"Idempotency-Key": key} if key else {})}
    path = f"/v1/calls/{conference_sid}/recording/{word}"
    return await site.http.post(path, headers=headers)


async def test_agent_pauses_and_resumes_between_transfers(recorded: Site) -> None:
    sid = await recorded.call(is_recorded=True)
    assert (await read(recorded, sid)).json()["state"] == "recording"
    paused = await ask(recorded, sid, "pause")
    assert paused.status_code == 200, paused.text
    assert (paused.json()["state"], paused.json()["by"]) == ("paused", "person")
    assert (await read(recorded, sid)).json() == paused.json()
    resumed = await ask(recorded, sid, "resume")
    assert resumed.json()["state"] == "recording"
    assert (await read(recorded, sid)).json() == resumed.json()


async def test_a_living_transfer_is_asked_itself(recorded: Site) -> None:
    transfer = await recorded.started()
    sid = transfer["conference_sid"]
    view = (await ask(recorded, sid, "pause")).json()
    assert (view["state"], view["by"]) == ("paused", "person")
    view = (await ask(recorded, sid, "resume", "sue")).json()
    assert view["resumes_after_consult"]
    assert (await read(recorded, sid)).json() == view
    handle = recorded.temporal.get_workflow_handle(recording_workflow_id(sid))
    with pytest.raises(Exception, match="not found"):
        await handle.describe()


async def test_after_the_transfer_the_call_is_asked(recorded: Site) -> None:
    sid = await recorded.call(is_recorded=True)
    body = start_body(sid, "client:at-once", agent="client:alice")
    assert (await recorded.start("crm", body)).status_code == 202
    await recorded.ended(sid)
    assert (await ask(recorded, sid, "pause", "sue")).json()["by"] == "person"
    handle = recorded.temporal.get_workflow_handle(recording_workflow_id(sid))
    assert await handle.result(), "it ends when its word is carried out"


async def test_a_repeated_word_is_one_word(recorded: Site) -> None:
    transfer = await recorded.started()
    sid = transfer["conference_sid"]
    first = (await ask(recorded, sid, "pause", key="once")).json()
    assert (await ask(recorded, sid, "pause", key="once")).json() == first
    handle = recorded.temporal.get_workflow_handle(transfer_workflow_id(sid))
    accepted = [
        event
        async for event in handle.fetch_history_events()
        if event.HasField("workflow_execution_update_accepted_event_attributes")
    ]
    assert len(accepted) == 1


@pytest.mark.parametrize("word", ["pause", "resume"])
@pytest.mark.parametrize(
    ("name", "status"), [("alice", 200), ("sue", 200), ("crm", 200), ("mallory", 404)]
)
async def test_who_may_ask(recorded: Site, word: str, name: str, status: int) -> None:
    sid = await recorded.call(is_recorded=True)
    assert (await ask(recorded, sid, word, name)).status_code == status
    assert (await read(recorded, sid, name)).status_code == status
    unknown = await ask(recorded, new_conference(), word, name)
    assert unknown.status_code == 404
    nobody = await recorded.http.post(f"/v1/calls/{sid}/recording/{word}")
    assert nobody.status_code == 401


async def test_what_could_not_be_had_counts_as_recording(recorded: Site) -> None:
    sid = await recorded.call(is_recorded=True, ends_in="0")
    for word in ("pause", "resume"):
        refused = await ask(recorded, sid, word)
        assert refused.status_code == 503
        assert refused.json()["code"] == "recording_unchanged"
    assert (await read(recorded, sid)).json()["state"] == "recording"
    transfer = await recorded.started("client:doubtful")
    refused = await ask(recorded, transfer["conference_sid"], "resume")
    assert refused.json()["code"] == "recording_unchanged"


async def test_after_a_transfer_that_was_cut_off_it_is_looked_first(recorded: Site) -> None:
    """The fake finds that others may be talking in private."""
    sid = (await recorded.started())["conference_sid"]
    await recorded.temporal.get_workflow_handle(transfer_workflow_id(sid)).terminate()
    refused = await ask(recorded, sid, "resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "still_private")
    assert refused.headers["Retry-After"]
    assert (await ask(recorded, sid, "pause")).status_code == 200


async def test_none_is_begun_where_there_was_none(recorded: Site) -> None:
    sid = await recorded.call(ends_in="f")
    assert (await ask(recorded, sid, "pause")).json()["state"] == "none"
    refused = await ask(recorded, sid, "resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_recorded")


async def test_a_call_that_is_over_cannot_be_asked(recorded: Site) -> None:
    sid = await recorded.call(is_recorded=True)
    fields = {"ConferenceSid": sid, "StatusCallbackEvent": "conference-end", "FriendlyName": "x"}
    await recorded.webhook("/twilio/conference", fields)
    await recorded.temporal.get_workflow_handle(f"call/{sid}").result()
    assert (await ask(recorded, sid, "pause", "sue")).json()["code"] == "call_is_over"


async def test_calls_show_their_recording_where_calls_are_recorded(
    recorded: Site, site: Site
) -> None:
    sid = await recorded.call(is_recorded=True)
    path = f"/v1/calls/{sid}"
    shown = (await recorded.http.get(path, headers=auth("alice"))).json()
    assert RecordingView(**shown["recording"]).state == "recording"
    listed = (await recorded.http.get("/v1/calls?limit=100", headers=auth("sue"))).json()
    assert {item["recording"]["state"] for item in listed["items"]} <= {
        *("recording", "paused", "none", "unknown")
    }
    assert (await site.http.get(path, headers=auth("alice"))).json()["recording"] is None


# --- what begins a recording ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "is_recorded", "pauses"),
    [("none", False, False), ("conversation", True, True), ("everything", True, False)],
)
async def test_setting_decides_what_is_recorded(
    temporal: Client, setting: str, is_recorded: bool, pauses: bool
) -> None:
    async with site_with(temporal, handover_recording=setting) as site:
        call_sid = "CA" + new_conference()[2:]
        fields = {"CallSid": call_sid, "From": "+12025550143", "To": "+12025550100"}
        answer = await site.webhook("/twilio/voice/inbound", fields)
        assert ('record="record-from-start"' in answer.text) is is_recorded
        inbound = site.temporal.get_workflow_handle(
            inbound_workflow_id(call_sid), result_type=StartInboundInput
        )
        assert (await inbound.result()).is_recorded is is_recorded
        transfer = await site.started()
        handle = site.temporal.get_workflow_handle(transfer_workflow_id(transfer["conference_sid"]))
        given: dict[str, Any] = await handle.query("policy")
        assert given["pause_recordings"] is pauses


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_room_that_taskrouter_opens_is_recorded_too(is_recorded: bool) -> None:
    policy = Policy("https://handover.example", "+12025550100", 25, is_recorded)
    fields = {
        "TaskAttributes": "{}",
        "WorkerAttributes": '{"contact_uri": "client:anna"}',
    }
    body = instruction_for(lambda name: fields.get(name, ""), policy).body
    assert body.get("conference_record") == ("record-from-start" if is_recorded else None)


async def test_a_supervisor_pauses_the_recordings_of_the_own_team(temporal: Client) -> None:
    teams = "sales=client:alice,sales=key:sue,support=client:bob"
    async with site_with(temporal, handover_recording="conversation", handover_teams=teams) as site:
        own = await site.call("client:alice", is_recorded=True)
        other = await site.call("client:bob", is_recorded=True)
        assert (await ask(site, own, "pause", "sue")).status_code == 200
        for word in ("pause", "resume"):
            assert (await ask(site, other, word, "sue")).status_code == 404
        assert (await read(site, other, "sue")).status_code == 404
