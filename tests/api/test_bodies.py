"""What a start may ask for, and what it is told when it may not: the list SEC-F, and Z4."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from api.limits import BodyLimit, DialRate, StartRate
from api.numbers import AddressRefusedError, DialingRules
from tests.api.conftest import auth, start_body
from tests.api.signing import BASE_URL

ABROAD = f"+53{51234567}"
"""Of a country that is not allowed. There is no Cuban number for fiction."""
CF = "CF" + "0" * 32
RULES = DialingRules("+12025550100", frozenset({"US", "CA"}), frozenset({"pbx.example.com"}))


@pytest_asyncio.fixture
async def http(deaf_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(deaf_app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


async def start(http: httpx.AsyncClient, body: Any, name: str = "crm") -> httpx.Response:
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    headers = {
        **auth(name),
        "Idempotency-Key": "a-key",
        "Content-Type": "application/json",
    }
    return await http.post("/v1/transfers", content=content, headers=headers)


def body(**given: Any) -> dict[str, Any]:
    return {**start_body(CF, agent="client:alice"), **given}


def policy(**given: Any) -> dict[str, Any]:
    return body(policy=given)


def target(**given: Any) -> dict[str, Any]:
    return body(targets=[{"address": "client:bob", **given}])


WRONG: dict[str, tuple[Any, str]] = {
    "kind": (body(kind="lukewarm"), "kind"),
    "kind missing": ({"call": {}, "targets": ["client:bob"]}, "kind"),
    "unknown field": (body(url="https://x"), "url"),
    "no targets": (body(targets=[]), "targets"),
    "too many targets": (body(targets=["client:bob"] * 11), "targets"),
    "targets as text": (body(targets="client:bob"), "targets"),
    "target as number": (body(targets=[7]), "targets.0"),
    "target without address": (body(targets=[{}]), "targets.0.address"),
    "ring too short": (target(ring_seconds=4), "targets.0.ring_seconds"),
    "ring too long": (target(ring_seconds=121), "targets.0.ring_seconds"),
    "ring as text": (target(ring_seconds="20"), "targets.0.ring_seconds"),
    "accept": (target(accept="press_2"), "targets.0.accept"),
    "boolean as text": (target(detect_machine="yes"), "targets.0.detect_machine"),
    "boolean as number": (target(detect_machine=1), "targets.0.detect_machine"),
    "release": (policy(release_agent="never"), "policy.release_agent"),
    "consult": (policy(consult_seconds_max=3601), "policy.consult_seconds_max"),
    "budget": (policy(budget_seconds=0), "policy.budget_seconds"),
    "recall": (policy(recall="no"), "policy.recall"),
    "recall ring": (policy(recall_ring_seconds=1), "policy.recall_ring_seconds"),
    "guard": (policy(guard_seconds=-1), "policy.guard_seconds"),
    "unknown policy": (policy(record=True), "policy.record"),
    "conference": (body(call={"conference_sid": "CF1"}), "call.conference_sid"),
    "conference name": (body(call={"conference_sid": "my room"}), "call.conference_sid"),
    "no call": (body(call={}), "call.conference_sid"),
    "task": (body(call={"task_sid": "WT" + "0" * 32}), "call.task_sid"),
    "call as text": (body(call=CF), "call"),
    "agent": (body(agent=7), "agent"),
    "agent address": (body(agent="alice"), "agent.address"),
    "agent leg": (body(agent={"address": "client:a", "call_sid": "CA"}), "agent.call_sid"),
    "agent missing": (body(agent=None), "agent"),
    "agent itself": (body(targets=["client:alice"]), "targets.0.address"),
    "not an object": ([], "body"),
    "null": ("null", "body"),
}


@pytest.mark.parametrize(("given", "field"), WRONG.values(), ids=WRONG)
async def test_wrong_field_is_named(http: httpx.AsyncClient, given: Any, field: str) -> None:
    response = await start(http, given)
    assert response.status_code == 422, response.text
    problem = response.json()
    assert problem["code"] == "validation_error"
    assert field in [error["field"] for error in problem["errors"]]
    assert all(error["message"] for error in problem["errors"])


PRIVILEGED = (
    *("coaching", "callSidToCoach", "endConferenceOnExit", "record", "statusCallback", "url"),
    *("accountSid", "label", "holdUrl", "twimlUrl", "from", "caller_id"),
)


@pytest.mark.parametrize("name", PRIVILEGED)
async def test_z4_f6_privileged_fields_are_refused(http: httpx.AsyncClient, name: str) -> None:
    for given in (body(**{name: "x"}), target(**{name: "x"}), policy(**{name: "x"})):
        response = await start(http, given)
        assert response.status_code == 422
        assert name in response.json()["errors"][0]["field"]


async def test_every_wrong_target_is_named_without_repeating_it(http: httpx.AsyncClient) -> None:
    response = await start(http, body(targets=["+19005550123", "client:bob", ABROAD]))
    assert response.status_code == 422
    fields = [error["field"] for error in response.json()["errors"]]
    assert fields == ["targets.0.address", "targets.2.address"]
    assert "9005550123" not in response.text


REFUSED_NUMBERS = (
    *("+19005550123", "+19765550123"),  # premium
    *(ABROAD, "+18765550123", "+442079460000", "+493023125001"),  # other countries
    *(f"+{code}12345678" for code in (8816, 8821, 88233, 88351)),  # satellites, global networks
    *("911", "+911", "+1911", "112", "+112", "999", "+999", "933", "211"),  # emergency and short
    *("*67", "*820", "#31#", "00442079460000", "0114420794600", "12025550123", "(202) 555-0123"),
    *("+1 202 555 0123", "+1-202-555-0123", "+1202555abcd", "+١٢٠٢٥٥٥٠١٢٣", "＋12025550123"),
    *("+12025550123;ext=5", "+12025550123,,,9", " +12025550123", "+12025550123 ", "+12025550123\n"),
    *("+1202555012345678", "+120", "+", "", "tel:+12025550123", "+02025550123"),
    *("+12025550100", "+15005550006", "+11235550123"),
)
ALLOWED_NUMBERS = ("+12025550123", "+14165550123", "+18005550123", "+15550100", "+15551234567")


@pytest.mark.parametrize("number", REFUSED_NUMBERS)
def test_f1_f2_f4_numbers_that_are_never_dialled(number: str) -> None:
    with pytest.raises(AddressRefusedError) as raised:
        RULES.check_target(number)
    assert len(number) < 3 or number not in str(raised.value)


@pytest.mark.parametrize("number", ALLOWED_NUMBERS)
def test_f1_numbers_that_may_be_dialled(number: str) -> None:
    RULES.check_target(number)


def test_f1_fiction_needs_the_us() -> None:
    rules = DialingRules("+12025550100", frozenset({"DE"}), frozenset())
    with pytest.raises(AddressRefusedError):
        rules.check_target("+15550100")
    rules.check_target("+493023125001")


REFUSED_ADDRESSES = (
    *(
        "sip:user@10.0.0.1",
        "sip:user@metadata",
        "sip:user@other.example",
        "sip:user@PBX.example.com",
    ),
    *(
        "sip:user@pbx.example.com?X-Header=1",
        "sip:user@pbx.example.com:5060",
        "sip:@pbx.example.com",
    ),
    *(
        "sip:user@pbx.example.com;transport=tcp",
        "sip:user@pbx.example.com@x",
        "sip:pbx.example.com",
    ),
    *("sips:user@pbx.example.com", "client:../x", "client:", "client:a b", "client:bob?x=1"),
    *("client:bob\n", "client:/etc", "app:AP" + "0" * 32, "queue:support", "worker:WK1", "bob"),
)


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
def test_f5_addresses_that_are_never_dialled(address: str) -> None:
    with pytest.raises(AddressRefusedError):
        RULES.check_target(address)


@pytest.mark.parametrize(
    "address", ["client:bob", "client:bob_2@x.y", "sip:desk+7@pbx.example.com"]
)
def test_f5_addresses_that_may_be_dialled(address: str) -> None:
    RULES.check_target(address)


def test_f7_rate_is_per_agent_and_tells_when_to_come_back() -> None:
    now = [0.0]
    rate = StartRate(30, lambda: now[0])
    for _ in range(30):
        rate.take("client:alice")
    with pytest.raises(Exception, match="too_many_starts") as raised:
        rate.take("client:alice")
    assert raised.value.headers["Retry-After"] == "3"  # type: ignore[attr-defined]
    rate.take("client:bob")
    now[0] += 2.0
    rate.take("client:alice")
    with pytest.raises(Exception, match="too_many_starts"):
        rate.take("client:alice")


def test_f8_every_phone_of_a_start_counts_and_a_refusal_counts_none() -> None:
    now = [0.0]
    dials = DialRate(10, lambda: now[0])
    dials.take("client:alice", 8)
    with pytest.raises(Exception, match="too_many_dials") as raised:
        dials.take("client:alice", 3)
    assert raised.value.headers["Retry-After"] == "7"  # type: ignore[attr-defined]
    dials.take("client:alice", 2)
    now[0] += 60.0
    dials.take("client:alice", 99)


async def test_f7_agent_may_only_name_itself(http: httpx.AsyncClient) -> None:
    response = await start(http, body(agent="client:bob", targets=["client:carol"]), "alice")
    assert (response.status_code, response.json()["code"]) == (403, "not_yourself")


F11 = {
    "not JSON": "{",
    "empty": "",
    "NaN": '{"kind": NaN}',
    "infinite": '{"kind": 1e999}',
    "huge integer": '{"kind": ' + "9" * 5000 + "}",
    "name twice": '{"kind": "warm", "kind": "cold"}',
    "deep": "[" * 30_000,
    "deep objects": '{"a":' * 9_000 + "1" + "}" * 9_000,
    "not UTF-8": b'{"kind": "\xff"}',
    "lone surrogate": '{"kind": "\\ud800"}',
}


@pytest.mark.parametrize("content", F11.values(), ids=F11)
async def test_f11_json_that_is_none(http: httpx.AsyncClient, content: str | bytes) -> None:
    response = await start(http, content)
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


async def test_f11_body_without_its_type_is_refused(http: httpx.AsyncClient) -> None:
    headers = {**auth("crm"), "Idempotency-Key": "a-key", "Content-Type": "text/plain"}
    response = await http.post("/v1/transfers", content=json.dumps(body()), headers=headers)
    assert response.status_code == 422


async def test_w17_large_body_is_refused_before_it_is_read(http: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 4096

    for content in ("x" * 70_000, endless()):
        response = await http.post("/v1/transfers", content=content, headers=auth("crm"))
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


async def test_w17_slow_body_is_cut() -> None:
    sent: list[dict[str, Any]] = []

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(*given: Any) -> None:
        raise AssertionError("the application was asked")

    limited = BodyLimit(app, seconds_max=0.01)
    await limited({"type": "http", "method": "POST", "headers": []}, never, send)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
