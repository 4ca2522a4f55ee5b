"""Poison at every door of Twilio's: genuinely signed, and not to be believed. FM-*-F29.

A signature says who sent something, not that it makes sense. Whatever comes, the answer is no
fault of ours, whoever is on a call notices nothing, and the next genuine event is heard.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus
from xml.etree import ElementTree

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

import api.webhooks
from api.app import create_app
from tests.api.conftest import (
    TASKROUTER,
    Site,
    make_settings,
    new_conference,
    site_with,
    start_body,
)
from tests.api.signing import ACCOUNT, BASE_URL, Pairs, form, signature, signed_headers
from tests.api.test_signature import FORM, flat
from workflows.messages import transfer_workflow_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

POISON = {
    "nul": "a\x00b",
    "line-break": "a\r\nX-Injected: 1\n\x1b[31m",
    "right-to-left": "\u202e0010\u202c",
    "emoji": "\U0001f4de" * 50,
    "digits": "9" * 10_000,
    "markup": '"><Dial>+15550100999</Dial><!--',
    "template": "${jndi:ldap://x}{{7*7}}%s%n{0}",
    "path": "../../v1/transfers",
    "json": '{"handover": {"conference_sid": 7, "label": ["x"]}}',
    "deep": "[" * 5_000,
    "number": "1e999",
}
"""By what is wrong with it."""


def names() -> list[str]:
    """Every parameter that the code of the webhooks looks at."""
    assert api.webhooks.__file__
    texts = (file.read_text() for file in Path(api.webhooks.__file__).parent.glob("*.py"))
    found = {name for text in texts for name in re.findall(r'get\("([A-Z]\w+)"\)', text)}
    assert {"CallSid", "ConferenceSid", "TaskAttributes", "Digits"} <= found
    return sorted(found - {"AccountSid"})


def doors() -> list[str]:
    """Every webhook's path, with a transfer's own names in it."""
    routes = flat(create_app(make_settings()).routes)
    paths = {route.path for route in routes if getattr(route, "path", "").startswith("/twilio")}
    assert len(paths) >= 13
    return sorted(paths)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def routed(temporal: Client) -> AsyncIterator[Site]:
    """One application for all of it: what one request did to it, the next would show."""
    async with site_with(temporal, **TASKROUTER) as made:
        yield made


NAMES = names()
DOORS = pytest.mark.parametrize("door", doors())


def through(door: str, conference_sid: str = "CF" + "0" * 32, label: str = "x-t1") -> str:
    """The door of one leg."""
    given = {
        "owner": "transfer",
        "conference_sid": conference_sid,
        "label": label,
        "part": "0123456789abcdef",
    }
    return re.sub(r"\{(\w+)\}", lambda name: given[name.group(1)], door)


async def send(site: Site, path: str, pairs: Pairs) -> httpx.Response:
    given = [("AccountSid", ACCOUNT), *pairs]
    return await site.http.post(path, content=form(given), headers=signed_headers(path, given))


def assert_sound(answer: httpx.Response) -> None:
    """No fault of ours; and what is to be spoken is well-formed and dials nobody."""
    assert answer.status_code in (200, 204, 400, 403, 404, 413, 415, 422), answer.text
    assert "x-injected" not in answer.headers
    if answer.content and "xml" in answer.headers.get("content-type", ""):
        document = ElementTree.fromstring(answer.content)  # noqa: S314
        numbers = [each.text or "" for each in document.iter("Dial")]
        assert not any("555" in number for number in numbers)


@DOORS
@pytest.mark.parametrize("kind", POISON)
async def test_every_parameter_poisoned_at_once(routed: Site, door: str, kind: str) -> None:
    pairs = [(name, POISON[kind]) for name in NAMES]
    assert_sound(await send(routed, through(door), pairs))


@DOORS
async def test_one_parameter_poisoned_beside_others_that_are_sound(routed: Site, door: str) -> None:
    sound = {
        "CallSid": "CA" + "1" * 32,
        "ConferenceSid": "CF" + "0" * 32,
        "CallStatus": "in-progress",
        "StatusCallbackEvent": "participant-leave",
        "EventType": "reservation.timeout",
        "TaskSid": "WT" + "1" * 32,
        "Digits": "1",
    }
    kinds = itertools.cycle(POISON.values())
    for name in NAMES:
        pairs = list({**sound, name: next(kinds)}.items())
        assert_sound(await send(routed, through(door), pairs))


@DOORS
async def test_unknown_events_and_states_are_answered_and_ignored(routed: Site, door: str) -> None:
    for name in ("CallStatus", "StatusCallbackEvent", "EventType", "AnsweredBy", "QueueResult"):
        pairs = [("CallSid", "CA" + "1" * 32), (name, "unheard-of")]
        assert_sound(await send(routed, through(door), pairs))


@DOORS
async def test_doubled_parameters_do_not_confuse(routed: Site, door: str) -> None:
    pairs = [(name, value) for name in ("CallSid", "ConferenceSid") for value in ("x", "y", "")]
    assert_sound(await send(routed, through(door), pairs))


@DOORS
@pytest.mark.parametrize(
    "raw", [b"%FF%FE=%C3%28", b"CallSid=%ED%A0%80", b"\xff\xfe=\x80", b"&&=&="]
)
async def test_bytes_that_are_no_text(routed: Site, door: str, raw: bytes) -> None:
    path = through(door)
    head = form([("AccountSid", ACCOUNT)])
    text = (head + b"&" + raw).decode("latin-1")
    pairs = parse_qsl(text, keep_blank_values=True, errors="replace")
    for signed in (signature(BASE_URL + path, pairs), signature(BASE_URL + path)):
        headers = {"Content-Type": FORM, "X-Twilio-Signature": signed}
        assert_sound(await routed.http.post(path, content=head + b"&" + raw, headers=headers))


@DOORS
@pytest.mark.parametrize(
    "media_type", ["application/json", "text/plain", "multipart/form-data", ""]
)
async def test_body_of_another_form(routed: Site, door: str, media_type: str) -> None:
    body = b'{"CallSid": "CA11111111111111111111111111111111"}'
    path = f"{through(door)}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"Content-Type": media_type, "X-Twilio-Signature": signature(BASE_URL + path)}
    assert_sound(await routed.http.post(path, content=body, headers=headers))


@DOORS
async def test_a_megabyte_is_not_read(routed: Site, door: str) -> None:
    path, pairs = through(door), [("AccountSid", ACCOUNT), ("CallSid", "1" * 1_000_000)]
    answer = await routed.http.post(path, content=form(pairs), headers=signed_headers(path, pairs))
    assert answer.status_code == 413


@pytest.mark.parametrize("door", [door for door in doors() if "{" in door])
@pytest.mark.parametrize("kind", ["nul", "right-to-left", "emoji", "digits", "path", "markup"])
async def test_address_that_is_poisoned(routed: Site, door: str, kind: str) -> None:
    path = re.sub(r"\{\w+\}", quote(POISON[kind], safe=""), door)
    assert_sound(await send(routed, path, [("CallSid", "CA" + "1" * 32)]))


async def test_whoever_is_on_a_call_notices_nothing_and_the_next_event_is_heard(
    site: Site,
) -> None:
    conference_sid = new_conference()
    started = await site.start("crm", start_body(conference_sid, agent="client:alice"))
    assert started.status_code == 202
    await site.first_step(conference_sid)
    owner = transfer_workflow_id(conference_sid)
    label = f"{started.json()['id'].rpartition('-')[2]}-t1"
    path = f"/twilio/status/transfer/{conference_sid}/{label}"
    for kind, value in POISON.items():
        for name in ("CallSid", "CallStatus"):
            good = {"CallSid": "CA" + uuid.uuid4().hex, "CallStatus": "unheard-of"}
            assert_sound(await send(site, path, list({**good, name: value}.items())))
        for where in (quote(value[:200], safe=""), quote_plus(value[:200])):
            bad = f"/twilio/status/transfer/{conference_sid}/{where}"
            assert_sound(await send(site, bad, [("CallSid", "x"), ("CallStatus", "busy")])), kind
    assert await site.heard(owner) == []
    call = "CA" + uuid.uuid4().hex
    genuine = await send(site, path, [("CallSid", call), ("CallStatus", "in-progress")])
    assert genuine.status_code in (200, 204)
    (fact,) = await site.heard(owner)
    assert (fact["call_sid"], fact["label"]) == (call, label)
