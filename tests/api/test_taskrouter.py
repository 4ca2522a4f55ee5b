"""TaskRouter mode: callers into the queue, workers through the whisper into the room."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from temporalio.client import Client

from api.engine.temporal import EngineUnreachableError
from api.webhooks import voice
from tests.api.conftest import TASKROUTER, Site, new_conference, site_with, start_body
from tests.api.fakes import AT_ONCE
from tests.api.signing import BASE_URL, signed_headers
from tests.api.test_webhooks import document, verbs
from workflows.messages import call_workflow_id, inbound_workflow_id, transfer_workflow_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALL = "CA" + "5" * 32
ROOM = "WT" + "b" * 32
WHERE = urlencode({"room": ROOM, "task": "WT" + "a" * 32, "reservation": "WR" + "d" * 32})
WHISPER = "Call from {caller_name}[, queue {queue}]. {reason} {notes}"
CONTEXT = {
    "reason": "Wants a <refund>",
    "notes": 'Said "now" & hung up. ]]></Say><Dial>+19005550100</Dial>',
    "attributes": {"caller_name": "Jo {queue} Meyer", "order": "4711"},
}
SAID = (
    "Call from Jo {queue} Meyer, queue Support. Wants a <refund> "
    'Said "now" & hung up. ]]></Say><Dial>+19005550100</Dial>'
)


async def transfer(site: Site, target: Any = "queue:Support", **more: Any) -> tuple[str, str]:
    """A running transfer: its conference, and the label of its first attempt."""
    body = start_body(new_conference(), target, agent="client:alice", **more)
    response = await site.start("crm", body)
    assert response.status_code == 202, response.text
    conference_sid, _, part = response.json()["id"].partition("-")
    await site.first_step(conference_sid)
    return conference_sid, f"{part}-t1s"


def assigned(conference_sid: str, label: str, step: str = "", more: str = "") -> str:
    return f"/twilio/voice/assigned{step}/{conference_sid}/{label}?{WHERE}{more}"


# --- callers --------------------------------------------------------------------------------------


async def test_caller_is_put_into_the_queue_and_no_workflow_is_started(routed: Site) -> None:
    call_sid = "CA" + uuid.uuid4().hex
    fields = {"CallSid": call_sid, "From": "+12025550143", "CallerName": 'Jo "<J>" Müller'}
    tree = document(await routed.webhook("/twilio/voice/inbound", fields))
    assert verbs(tree) == ["Enqueue", "Task"]
    queue, task = tree.find("Enqueue"), tree.find("Enqueue/Task")
    assert dict(queue.attrib) == {
        "workflowSid": TASKROUTER["twilio_workflow_sid"],
        "action": f"{BASE_URL}/twilio/voice/ended",
    }
    assert dict(task.attrib) == {"priority": "0", "timeout": "3600"}
    assert json.loads(task.text) == {"type": "inbound", "caller_name": 'Jo "<J>" Müller'}
    described = routed.app.state.parts.engine.temporal.describe
    assert await described(inbound_workflow_id(call_sid)) is None


async def test_caller_needs_no_temporal_and_no_agents(temporal: Client) -> None:
    async with site_with(temporal, **TASKROUTER, handover_agents="") as site:
        fields = {"CallSid": CALL, "From": "+12025550143"}
        tree = document(await site.webhook("/twilio/voice/inbound", fields))
        assert verbs(tree) == ["Enqueue", "Task"]
        assert json.loads(tree.find("Enqueue/Task").text) == {"type": "inbound"}


@pytest.mark.parametrize(
    ("result", "follows"),
    [
        ("error", ["Say", "Hangup"]),
        ("queue-full", ["Say", "Hangup"]),
        ("system-error", ["Say", "Hangup"]),
        ("leave", ["Say", "Hangup"]),
        ("hangup", ["Hangup"]),
        ("redirected", ["Hangup"]),
        ("bridged", ["Hangup"]),
    ],
)
async def test_caller_who_talked_to_nobody_hears_why(
    routed: Site, result: str, follows: list[str]
) -> None:
    fields = {"CallSid": CALL, "QueueResult": result, "QueueSid": "QU1", "QueueTime": "9"}
    assert verbs(document(await routed.webhook("/twilio/voice/ended", fields))) == follows


# --- rooms that TaskRouter made -------------------------------------------------------------------


def room_event(conference_sid: str, kind: str, **more: str) -> dict[str, str]:
    return {
        "StatusCallbackEvent": kind,
        "ConferenceSid": conference_sid,
        "FriendlyName": ROOM,
        "CallSid": CALL,
        **more,
    }


async def test_call_gets_one_owner_however_many_events_its_room_has(
    routed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    conference_sid = new_conference()
    client = routed.temporal
    started = []
    own = await routed.app.state.parts.engine.temporal.client()
    start = own.start_workflow

    async def counted(*given: Any, **more: Any) -> Any:
        started.append(more["id"])
        return await start(*given, **more)

    monkeypatch.setattr(own, "start_workflow", counted)
    for kind in ("participant-join", "participant-join", "conference-start", "participant-join"):
        response = await routed.webhook("/twilio/conference", room_event(conference_sid, kind))
        assert response.status_code == 204
    assert started == [call_workflow_id(conference_sid)]
    handle = client.get_workflow_handle(call_workflow_id(conference_sid))
    description = await handle.describe()
    assert description.search_attributes
    assert await routed.heard(call_workflow_id(conference_sid)) == []
    ended = room_event(conference_sid, "conference-end")
    await routed.webhook("/twilio/conference", ended)
    call = await handle.result()
    assert call["room_name"] == ROOM
    # Late news must not bring it back, whoever hears it first.
    routed.app.state.parts.engine.facts._begun.clear()
    await routed.webhook("/twilio/conference", room_event(conference_sid, "participant-join"))
    assert (await handle.describe()).run_id == description.run_id


async def test_a_call_whose_first_events_were_lost_has_its_owner_when_somebody_leaves(
    routed: Site,
) -> None:
    conference_sid = new_conference()
    leave = room_event(conference_sid, "participant-leave")
    assert (await routed.webhook("/twilio/conference", leave)).status_code == 204
    described = routed.app.state.parts.engine.temporal.describe
    assert await described(call_workflow_id(conference_sid)) is not None


@pytest.mark.parametrize(
    "fields",
    [
        room_event(new_conference(), "conference-end"),
        room_event(new_conference(), "participant-join", FriendlyName="CA" + "1" * 32),
        room_event(new_conference(), "participant-join", FriendlyName="WT1"),
    ],
    ids=["end", "our own room", "another name"],
)
async def test_other_events_start_nothing(routed: Site, fields: dict[str, str]) -> None:
    assert (await routed.webhook("/twilio/conference", fields)).status_code == 204
    described = routed.app.state.parts.engine.temporal.describe
    assert await described(call_workflow_id(fields["ConferenceSid"])) is None


async def test_silent_engine_makes_a_first_event_503(
    routed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*given: Any) -> None:
        raise EngineUnreachableError

    monkeypatch.setattr(routed.app.state.parts.engine.facts, "begin_call", silent)
    fields = room_event(new_conference(), "conference-start")
    assert (await routed.webhook("/twilio/conference", fields)).status_code == 503


# --- workers --------------------------------------------------------------------------------------


async def test_worker_joins_at_once_when_nothing_is_to_be_said(routed: Site) -> None:
    conference_sid, label = await transfer(routed)
    tree = document(await routed.webhook(assigned(conference_sid, label), {"CallSid": CALL}))
    assert verbs(tree) == ["Dial", "Conference"]
    room = tree.find("Dial/Conference")
    assert room.text == ROOM
    assert dict(room.attrib) == {
        "endConferenceOnExit": "false",
        "beep": "false",
        "participantLabel": label,
        "statusCallback": f"{BASE_URL}/twilio/conference/{conference_sid}",
        "statusCallbackEvent": "start end join leave",
    }
    fact = (await routed.heard(transfer_workflow_id(conference_sid)))[-1]
    assert (fact["kind"], fact["label"], fact["call_sid"]) == ("leg_answered", label, CALL)


async def test_whisper_is_said_and_escaped(temporal: Client) -> None:
    async with site_with(temporal, **TASKROUTER, handover_whisper=WHISPER) as site:
        conference_sid, label = await transfer(site, context=CONTEXT)
        answer = await site.webhook(assigned(conference_sid, label), {"CallSid": CALL})
        tree = document(answer)
        assert verbs(tree) == ["Say", "Dial", "Conference"]
        assert tree.find("Say").text == SAID
        conference_sid, label = await transfer(site, "worker:Anna", context={"notes": "Be kind."})
        answer = await site.webhook(assigned(conference_sid, label), {"CallSid": CALL})
        assert document(answer).find("Say").text == "Call from . Be kind."


async def test_worker_who_must_accept_is_asked(temporal: Client) -> None:
    given = {**TASKROUTER, "handover_whisper": WHISPER, "handover_whisper_accept": True}
    async with site_with(temporal, **given) as site:
        conference_sid, label = await transfer(site, context=CONTEXT)
        path = assigned(conference_sid, label)
        tree = document(await site.webhook(path, {"CallSid": CALL}))
        assert verbs(tree) == ["Gather", "Say"]
        gather = tree.find("Gather")
        assert gather.get("numDigits") == "1"
        assert gather.get("actionOnEmptyResult") == "true"
        assert gather.get("action") == BASE_URL + assigned(conference_sid, label, "-choice")
        assert gather.find("Say").text.endswith("To take the call, press 1.")
        assert "refund" not in gather.get("action")


async def test_target_may_demand_acceptance_by_itself(routed: Site) -> None:
    conference_sid, label = await transfer(routed)
    path = assigned(conference_sid, label, more="&accept=press_1")
    assert verbs(document(await routed.webhook(path, {"CallSid": CALL}))) == ["Gather", "Say"]


@pytest.mark.parametrize(
    ("digits", "follows"), [("1", ["Dial", "Conference"]), ("2", ["Say", "Hangup"])]
)
async def test_choice_is_told_and_obeyed(routed: Site, digits: str, follows: list[str]) -> None:
    conference_sid, label = await transfer(routed)
    path = assigned(conference_sid, label, "-choice")
    tree = document(await routed.webhook(path, {"CallSid": CALL, "Digits": digits}))
    assert verbs(tree) == follows
    fact = (await routed.heard(transfer_workflow_id(conference_sid)))[-1]
    willing = digits == "1"
    assert (fact["kind"], fact["willing"]) == ("leg_screened", willing)
    assert fact["cause"] == ("" if willing else "rejected")


async def test_worker_who_comes_too_late_is_put_into_no_room(routed: Site) -> None:
    over, label = await transfer(routed, AT_ONCE)
    await routed.ended(over)
    alive, _ = await transfer(routed)
    for path in (
        assigned(over, label),
        assigned(new_conference(), label),
        assigned(alive, "f" * 16 + "-t1s"),
        assigned(over, label, "-choice"),
    ):
        tree = document(await routed.webhook(path, {"CallSid": CALL, "Digits": "1"}))
        assert verbs(tree) == ["Say", "Hangup"]
    assert await routed.heard(transfer_workflow_id(alive)) == []


async def test_worker_who_picks_up_while_temporal_restarts_is_put_through(
    routed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    conference_sid, label = await transfer(routed)
    facts = routed.app.state.parts.engine.facts
    tell, asked = facts.tell, []

    async def back_soon(*given: Any) -> Any:
        asked.append(given)
        if len(asked) < 3:
            raise EngineUnreachableError
        return await tell(*given)

    monkeypatch.setattr(facts, "tell", back_soon)
    tree = document(await routed.webhook(assigned(conference_sid, label), {"CallSid": CALL}))
    assert verbs(tree) == ["Dial", "Conference"]
    assert len(asked) == 3


async def test_worker_is_sent_away_while_the_engine_is_silent(
    routed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*given: Any) -> None:
        raise EngineUnreachableError

    monkeypatch.setattr(voice, "PATIENCE_SECONDS", 0.3)
    conference_sid, label = await transfer(routed)
    monkeypatch.setattr(routed.app.state.parts.engine.facts, "tell", silent)
    for step in ("", "-choice"):
        path = assigned(conference_sid, label, step)
        tree = document(await routed.webhook(path, {"CallSid": CALL, "Digits": "1"}))
        assert verbs(tree) == ["Say", "Hangup"]


async def test_end_of_a_workers_leg_is_told_by_get(routed: Site) -> None:
    conference_sid, label = await transfer(routed)
    path = f"/twilio/status/transfer/{conference_sid}/{label}?" + urlencode(
        {
            "task": "WT" + "a" * 32,
            "taskCallSid": "CA" + "1" * 32,
            "AccountSid": "AC" + "0" * 32,
            "CallSid": CALL,
            "CallStatus": "no-answer",
        }
    )
    headers = {"X-Twilio-Signature": signed_headers(path, [])["X-Twilio-Signature"]}
    response = await routed.http.get(path, headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    fact = (await routed.heard(transfer_workflow_id(conference_sid)))[-1]
    assert (fact["kind"], fact["cause"], fact["label"]) == ("leg_ended", "no_answer", label)


# --- the same whisper outside TaskRouter ----------------------------------------------------------


async def test_target_outside_taskrouter_hears_the_same_whisper(temporal: Client) -> None:
    async with site_with(temporal, handover_whisper=WHISPER) as site:
        target = {"address": "+12025550123", "accept": "press_1"}
        conference_sid, label = await transfer(site, target, context=CONTEXT)
        path = f"/twilio/voice/screen/{conference_sid}/{label}?room={'CA' + '7' * 32}"
        tree = document(await site.webhook(path, {"CallSid": CALL}))
        assert verbs(tree) == ["Gather", "Say"]
        said = tree.find("Gather/Say").text
        assert said == SAID.replace(", queue Support", "") + " To take the call, press 1."
        other = path.replace(conference_sid, new_conference())
        tree = document(await site.webhook(other, {"CallSid": CALL}))
        assert verbs(tree) == ["Say", "Hangup"]
