"""Faults: each kind over HTTP, and the rules that aim them."""

import asyncio
from typing import Any

import aiohttp
import httpx
import pytest

from simulator.faults import FaultRule, Faults
from tests.simulator.network_kit import CALLER, NUMBER
from tests.simulator.stack import ACCOUNT_SID, AUTH_TOKEN, Stack
from tests.simulator.test_http import ROOM, add_agent, call_in


async def fault(stack: Stack, **rule: Any) -> str:
    body = await stack.control("POST", "/faults", {"on": "request", **rule})
    return str(body["faults"][0]["id"])


async def held(stack: Stack, room: str) -> bool:
    people = (await stack.rest("GET", f"/Conferences/{room}/Participants.json")).json()
    return bool(next(p["hold"] for p in people["participants"] if p["label"] == "caller"))


async def hold(stack: Stack, room: str) -> httpx.Response:
    return await stack.rest("POST", f"/Conferences/{room}/Participants/caller.json", Hold="true")


async def test_status_fault_answers_like_twilio_and_changes_nothing(stack: Stack) -> None:
    _, room = await call_in(stack)
    await fault(
        stack, kind="status", status=429, retry_after=3, route="participants.update", count=1
    )
    refused = await hold(stack, room)
    assert (refused.status_code, refused.json()["code"]) == (429, 20429)
    assert refused.headers["retry-after"] == "3"
    assert not await held(stack, room)
    assert (await hold(stack, room)).status_code == 200
    rules = (await stack.control("GET", "/faults"))["faults"]
    assert [(rule["seen"], rule["hits"]) for rule in rules] == [(2, 1)]


@pytest.mark.parametrize(
    ("kind", "effect"),
    [
        ("reset_before", False),
        ("reset_after", True),
        ("timeout_before", False),
        ("timeout_after", True),
    ],
)
async def test_broken_connections_with_and_without_effect(
    stack: Stack, kind: str, effect: bool
) -> None:
    _, room = await call_in(stack)
    await fault(stack, kind=kind, route="POST /Participants/*", seconds=0.05)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectError)):
        await hold(stack, room)
    await stack.control("DELETE", "/faults")
    assert await held(stack, room) is effect
    log = (await stack.control("GET", "/requests?route=participants.update"))["requests"]
    assert [(entry["status"], entry["effect"]) for entry in log] == [(None, effect)]


async def test_client_that_gives_up_ends_the_hanging(stack: Stack) -> None:
    _, room = await call_in(stack)
    await fault(stack, kind="timeout_after", route="participants.update", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        await stack.http.post(
            f"{stack.root}/Conferences/{room}/Participants/caller.json",
            data={"Hold": "true"},
            auth=(ACCOUNT_SID, AUTH_TOKEN),
            timeout=0.05,
        )
    assert await held(stack, room)


async def test_no_effect_answers_what_was_asked_and_does_nothing(stack: Stack) -> None:
    _, room = await call_in(stack)
    made = await add_agent(stack, room)
    await fault(stack, kind="no_effect", method="POST")
    await fault(stack, kind="no_effect", method="DELETE")
    assert (await hold(stack, room)).json()["hold"] is True
    ended = await stack.rest("POST", f"/Calls/{made['call_sid']}.json", Status="completed")
    assert ended.json()["status"] == "completed"
    people = f"/Conferences/{room}/Participants"
    assert (await stack.rest("DELETE", f"{people}/agent.json")).status_code == 204
    ghost = await stack.rest("POST", f"{people}.json", From=NUMBER, To="client:z", Label="z")
    assert ghost.status_code == 201
    assert not await held(stack, room)
    listed = (await stack.rest("GET", f"{people}.json")).json()["participants"]
    assert [person["label"] for person in listed] == ["caller", "agent"]
    log = (await stack.control("GET", "/requests"))["requests"]
    assert not any(entry["effect"] for entry in log if entry["faults"])


async def test_latency_runs_on_the_turnable_clock(stack: Stack) -> None:
    await fault(stack, kind="latency", seconds=7, route="calls.list")
    asking = asyncio.create_task(stack.rest("GET", "/Calls.json"))
    while not (await stack.control("GET", "/requests"))["requests"]:
        pass
    await stack.advance(6.5)
    assert not asking.done()
    await stack.advance(1)
    assert (await asking).status_code == 200


async def test_dropped_callback_never_arrives_and_is_on_record(stack: Stack) -> None:
    await fault(stack, on="callback", kind="drop", event="participant-join", count=1)
    _, room = await call_in(stack)
    await add_agent(stack, room)
    assert stack.application.events() == ["participant-join", "conference-start"]
    sent = (await stack.control("GET", "/callbacks?event=participant-join"))["callbacks"]
    assert [record["outcome"] for record in sent] == ["dropped", "delivered"]


async def test_delayed_callback_arrives_later(stack: Stack) -> None:
    await fault(stack, on="callback", kind="delay", event="participant-hold", seconds=20)
    _, room = await call_in(stack)
    await hold(stack, room)
    await stack.advance(19)
    assert "participant-hold" not in stack.application.events()
    await stack.advance(2)
    assert "participant-hold" in stack.application.events()


async def test_doubled_callback_has_one_token(stack: Stack) -> None:
    await fault(stack, on="callback", kind="duplicate", times=3, event="participant-join")
    await call_in(stack)
    asked = stack.application.on("/events")
    assert len(asked) == 3
    assert len({one.headers["i-twilio-idempotency-token"] for one in asked}) == 1
    assert len({one.params["SequenceNumber"] for one in asked}) == 1


async def test_reordered_callback_arrives_after_its_successor(stack: Stack) -> None:
    _, room = await call_in(stack)
    await fault(stack, on="callback", kind="reorder", event="participant-hold", count=1, seconds=60)
    await hold(stack, room)
    await stack.rest("POST", f"/Conferences/{room}/Participants/caller.json", Hold="false")
    await stack.application.wait_for(lambda app: len(app.on("/events")) == 3)
    order = [one.params["StatusCallbackEvent"] for one in stack.application.on("/events")]
    assert order == ["participant-join", "participant-unhold", "participant-hold"]


async def test_document_that_cannot_be_fetched_asks_the_fallback(stack: Stack) -> None:
    stack.application.documents["/sorry"] = "<Response><Say>sorry</Say></Response>"
    number = {"phone_number": NUMBER, "voice_fallback_url": stack.url("/sorry")}
    await stack.control("POST", "/numbers", {**number, "voice_url": stack.url("/voice")})
    await fault(stack, on="twiml", kind="status", status=503, path="/voice")
    call = await stack.control("POST", "/calls", {"from": CALLER, "to": NUMBER})
    await stack.advance(1)
    entries = (await stack.control("GET", f"/ledger?call={call['call_sid']}&kind=spoken"))[
        "entries"
    ]
    assert [entry["what"] for entry in entries] == ["sorry"]
    assert stack.application.on("/sorry")[0].params["ErrorCode"] == "11200"
    assert [a["code"] for a in (await stack.control("GET", "/debugger"))["alerts"]] == [11200]


async def test_callback_answered_with_an_error_is_an_alert_and_not_sent_again(stack: Stack) -> None:
    stack.application.statuses["/events"] = 500
    await call_in(stack)
    alerts = (await stack.control("GET", "/debugger"))["alerts"]
    assert [alert["code"] for alert in alerts] == [16011]
    assert len(stack.application.on("/events")) == 1


async def test_connection_failure_is_tried_once_more(stack: Stack) -> None:
    stack.application.documents["/voice"] = ROOM.format(url="http://127.0.0.1:1/nobody")
    await stack.control("POST", "/calls", {"from": CALLER, "to": NUMBER})
    await stack.advance(2)
    sent = (await stack.control("GET", "/callbacks?event=participant-join"))["callbacks"]
    assert [(one["attempts"], one["outcome"]) for one in sent] == [(2, "failed")]


async def test_fragment_asks_for_more_tries_and_is_not_sent(stack: Stack) -> None:
    stack.application.statuses["/events"] = 503
    url = stack.url("/events") + "#rc=3&amp;rp=5xx"
    stack.application.documents["/voice"] = ROOM.format(url=url)
    await stack.control("POST", "/calls", {"from": CALLER, "to": NUMBER})
    await stack.advance(2)
    assert len(stack.application.on("/events")) == 4


async def test_malformed_fragment_is_11243(stack: Stack) -> None:
    url = stack.url("/events") + "#rp=always"
    stack.application.documents["/voice"] = ROOM.format(url=url)
    await stack.control("POST", "/calls", {"from": CALLER, "to": NUMBER})
    await stack.advance(2)
    assert 11243 in [a["code"] for a in (await stack.control("GET", "/debugger"))["alerts"]]


async def test_reset_reaches_a_client_of_another_kind(stack: Stack) -> None:
    await fault(stack, kind="reset_after", route="numbers.list")
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(
                f"{stack.address}{stack.root}/IncomingPhoneNumbers.json",
                headers={"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)},
            )


# -- Rules -------------------------------------------------------------------------------------


def strikes(rule: FaultRule, method: str, path: str, name: str = "") -> bool:
    faults = Faults()
    faults.add(rule)
    return bool(faults.striking(rule.on, method=method, path=path, name=name))


@pytest.mark.parametrize(
    ("route", "method", "path", "name", "fits"),
    [
        ("participants.*", "POST", "/x", "participants.update", True),
        ("participants.update", "POST", "/x", "participants.create", False),
        ("POST /Participants", "POST", "/A/Participants.json", "", True),
        ("POST /Participants", "GET", "/A/Participants.json", "", False),
        ("POST /Participants/*", "POST", "/A/Participants/CA1.json", "", True),
        ("POST /Participants/*", "POST", "/A/Participants.json", "", False),
        ("ANY /Calls", "DELETE", "/A/Calls/CA1.json", "", True),
    ],
)
def test_aiming_by_route(route: str, method: str, path: str, name: str, fits: bool) -> None:
    rule = FaultRule(on="request", kind="status", route=route)
    assert strikes(rule, method, path, name) is fits


def test_skip_count_and_seeded_probability() -> None:
    rule = FaultRule(on="request", kind="status", skip=2, count=2)
    assert [strikes(rule, "GET", "/") for _ in range(6)] == [False, False, True, True, False, False]

    def drawn(seed: int) -> list[bool]:
        rule = FaultRule(on="request", kind="status", probability=0.5, seed=seed)
        return [strikes(rule, "GET", "/") for _ in range(40)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 8 < sum(drawn(1)) < 32


@pytest.mark.parametrize(
    "rule",
    [
        {"on": "request", "kind": "drop"},
        {"on": "callback", "kind": "status"},
        {"on": "request", "kind": "status", "probability": 2},
        {"on": "request", "kind": "status", "path": "("},
        {"on": "request", "kind": "status", "colour": "red"},
    ],
)
async def test_senseless_rules_are_refused(stack: Stack, rule: dict[str, Any]) -> None:
    answer = await stack.http.post("/simulator/v1/faults", json=rule)
    assert answer.status_code == 422
