"""Mute, un-mute and announcements over HTTP, and the words as Twilio fetches them."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from lxml import etree

from activities.conferences import AnnounceInput
from activities.participants import MuteInput
from tests.api.conftest import Site, auth, new_conference
from tests.api.rooms import ROOMS
from tests.workflows.room import AGENT, CALLER

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET = "Your PIN is <4711-XY> & nobody's business"
"""No random SID or digest can contain the PIN by chance."""


async def post(site: Site, name: str, path: str, body: Any = None, key: str = "") -> httpx.Response:
    headers = {**auth(name), **({"Idempotency-Key": key} if key else {})}
    return await site.http.post(path, json=body, headers=headers)


async def test_mute_and_unmute_are_read_back(site: Site) -> None:
    call = await site.call()
    for verb, muted in (("mute", True), ("mute", True), ("unmute", False)):
        answer = await post(site, "alice", f"/v1/calls/{call}/{verb}")
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "conference_sid": call,
            "agent": "client:alice",
            "muted": muted,
        }
        assert ROOMS.rooms[call].legs[AGENT].muted is muted
    asked = [each for each in ROOMS.rooms[call].given if isinstance(each, MuteInput)]
    assert [each.muted for each in asked] == [True, True, False]


async def test_mute_of_a_leg_that_has_left_is_refused(site: Site) -> None:
    call = await site.call()
    ROOMS.rooms[call].fail("mute_participant", "gone")
    answer = await post(site, "alice", f"/v1/calls/{call}/mute")
    assert (answer.status_code, answer.json()["reason"]) == (409, "gone")


async def test_newer_mute_has_the_last_word(site: Site) -> None:
    """An un-mute waits for the mute before it, however long that is repeated."""
    call = await site.call()
    ROOMS.rooms[call].fail("mute_participant", "unavailable", times=2)
    first = post(site, "alice", f"/v1/calls/{call}/mute")
    second = post(site, "alice", f"/v1/calls/{call}/unmute")
    answers = [await first, await second]
    assert [answer.json()["muted"] for answer in answers] == [True, False]
    assert not ROOMS.rooms[call].legs[AGENT].muted


async def test_who_may_mute(site: Site) -> None:
    call = await site.call()
    for name, body, status in (
        ("alice", None, 200),
        ("alice", {"agent": "client:bob"}, 403),
        ("mallory", None, 404),
        ("sue", None, 200),
        ("crm", {"agent": "client:alice"}, 200),
        ("crm", {"agent": "client:bob"}, 409),
        ("crm", {"muted": "yes"}, 422),
    ):
        answer = await post(site, name, f"/v1/calls/{call}/mute", body)
        assert answer.status_code == status, (name, answer.text)
    assert (await post(site, "crm", f"/v1/calls/{new_conference()}/mute")).status_code == 404


@pytest.mark.parametrize(
    ("to", "leg"), [("all", ""), ("caller", CALLER), ("agent", AGENT)], ids=str
)
async def test_announcement_is_spoken_to_whom_it_is_meant_for(
    site: Site, to: str, leg: str
) -> None:
    call = await site.call()
    answer = await post(site, "alice", f"/v1/calls/{call}/announce", {"text": SECRET, "to": to})
    assert answer.status_code == 202, answer.text
    (asked,) = [each for each in ROOMS.rooms[call].given if isinstance(each, AnnounceInput)]
    assert asked.call_sid == leg
    assert asked.path == f"/twilio/announce/{call}/{answer.json()['id']}"
    said = await site.webhook(asked.path, {"CallSid": CALLER})
    assert [each.text for each in etree.fromstring(said.content)] == [SECRET]
    assert b"<4711-XY>" not in said.content, "escaped"


async def test_words_stand_in_no_address_and_in_no_answer(site: Site) -> None:
    call = await site.call()
    answer = await post(site, "alice", f"/v1/calls/{call}/announce", {"text": SECRET})
    (asked,) = [each for each in ROOMS.rooms[call].given if isinstance(each, AnnounceInput)]
    for shown in (asked.path, answer.text):
        assert "PIN" not in shown
        assert "4711-XY" not in shown


async def test_same_key_is_spoken_once(site: Site) -> None:
    call, key = await site.call(), f"key-{uuid.uuid4()}"
    body = {"text": "Hello.", "to": "caller"}
    first = await post(site, "alice", f"/v1/calls/{call}/announce", body, key)
    again = await post(site, "alice", f"/v1/calls/{call}/announce", body, key)
    assert first.json() == again.json()
    assert ROOMS.rooms[call].asked == ["announce"]


async def test_announcement_to_nobody_is_refused(site: Site) -> None:
    call = await site.call()
    for body, status in (
        ({"text": "Hello.", "to": "target"}, 409),
        ({"text": ""}, 422),
        ({"text": "x" * 501}, 422),
        ({"text": "Hello.", "to": "+12025550143"}, 422),
        ({"text": "Hello.", "url": "https://example.com"}, 422),
    ):
        answer = await post(site, "alice", f"/v1/calls/{call}/announce", body)
        assert answer.status_code == status, answer.text
    answer = await post(site, "mallory", f"/v1/calls/{call}/announce", {"text": "Hello."})
    assert answer.status_code == 404
    assert ROOMS.rooms[call].asked == []


async def test_addresses_that_nobody_made_are_silent(site: Site) -> None:
    for path in (
        f"/twilio/announce/{new_conference()}/{'0' * 16}",
        f"/twilio/announce/CFx/{'0' * 16}",
        f"/twilio/announce/{new_conference()}/..",
    ):
        said = await site.webhook(path, {"CallSid": CALLER})
        assert said.status_code in (200, 404)
        if said.status_code == 200:
            assert list(etree.fromstring(said.content)) == []


async def test_notice_and_reminder_are_what_the_settings_say(site: Site) -> None:
    settings = site.app.state.parts.settings
    for path, words in (
        ("/twilio/announce/hold-notice", settings.handover_hold_notice),
        ("/twilio/announce/hold-reminder", settings.handover_hold_reminder),
    ):
        said = await site.webhook(path, {"CallSid": CALLER})
        assert [each.text for each in etree.fromstring(said.content)] == [words]
