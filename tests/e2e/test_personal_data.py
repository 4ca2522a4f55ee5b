"""Numbers and names that are planted in a story are nowhere to be read but by those who may."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterable

import pytest
from temporalio.client import Client

from tests.e2e.scene import Scene
from tests.e2e.stack import Stack
from tests.e2e.troupe import Troupe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

CALLER = "+15550107331"
BUSY = "+15550107332"
SIP = "sip:philomenawhittlesea@example.com"
PLANTED = (CALLER, BUSY, "philomenawhittlesea")
"""Long enough for their middles to be looked for in base64."""


def spellings(secret: str) -> tuple[bytes, ...]:
    """A secret as it may stand in a log, a form, an address or a payload."""
    bare = secret.lstrip("+")
    encoded = [base64.b64encode(b"." * shift + bare.encode())[4:-4] for shift in range(3)]
    return (bare.encode(), bare[:1].upper().encode() + bare[1:].encode(), *encoded)


def traces(place: str, content: bytes, planted: Iterable[str] = PLANTED) -> list[str]:
    """Where planted words can be read in some content."""
    return [
        f"{secret} in {place}"
        for secret in planted
        if any(spelling in content for spelling in spellings(secret))
    ]


async def raw_places(stack: Stack) -> AsyncIterator[tuple[str, bytes]]:
    """All that Temporal stores and shows, as somebody without a key sees it."""
    client = await Client.connect(stack.temporal_address)
    async for listed in client.list_workflows():
        handle = client.get_workflow_handle(listed.id, run_id=listed.run_id)
        described = await handle.describe()
        yield f"id {listed.id}", listed.id.encode()
        yield f"description of {listed.id}", described.raw_description.SerializeToString()
        yield f"list entry of {listed.id}", listed.raw_info.SerializeToString()
        async for event in handle.fetch_history_events():
            yield f"history of {listed.id}", event.SerializeToString()


async def test_planted_numbers_and_names_are_found_nowhere(stack: Stack, troupe: Troupe) -> None:
    agent = await troupe.free_agent()
    scene = Scene(stack, CALLER, agent, **{"target": BUSY, "next target": SIP})
    await scene.phones.behave(BUSY, "busy")
    await scene.open()
    await scene.transfer("warm", "target", "next target")
    await scene.answers("next target")
    await scene.until("consulting")
    await scene.press("complete")
    view = await scene.over()
    assert view["state"] == "completed"
    await scene.everybody_goes()

    assert CALLER in str(view), "whoever may read it reads it"
    found: list[str] = []
    seen = 0
    async for place, content in raw_places(stack):
        seen += scene.conference_sid.encode() in content
        found += traces(place, content)
    assert seen > 10, "the histories of the story were looked through"
    for name, process in stack.processes.items():
        if name != "simulator":
            found += traces(f"log of {name}", process.log.read_bytes().lower())
    figures = {name: await stack.http.get(url) for name, url in stack.metrics_urls.items()}
    assert "handover_outcomes_total" in "".join(each.text for each in figures.values())
    for name, answer in figures.items():
        found += traces(f"metrics of {name}", answer.content.lower())
    assert not found, found


async def test_o1_secrets_are_found_nowhere(stack: Stack, troupe: Troupe) -> None:
    """After a story, and after refusals in which each secret was shown to the api."""
    names = ("TWILIO_AUTH_TOKEN", "TWILIO_API_KEY_SECRET", "HANDOVER_CODEC_KEYS")
    secrets = [stack.settings[name].rpartition(":")[2] for name in names] + [*stack.keys.values()]
    assert all(len(secret) >= 20 for secret in secrets)
    agent = await troupe.free_agent()
    scene = Scene(stack, CALLER, agent, target="client:bob")
    await scene.open()
    await scene.transfer("warm", "target")
    await scene.press("cancel")
    await scene.over()
    await scene.everybody_goes()
    for secret in secrets:
        for path in (f"/v1/transfers/{secret}", f"/v1/calls?limit={secret}"):
            headers = {"Authorization": f"Bearer {secret}", "X-Twilio-Signature": secret}
            answer = await stack.http.get(stack.api_url + path, headers=headers)
            assert answer.status_code < 500
    found: list[str] = []
    async for place, content in raw_places(stack):
        found += traces(place, content, secrets)
    for name, process in stack.processes.items():
        if name != "simulator":
            found += traces(f"log of {name}", process.log.read_bytes(), secrets)
    for name, url in stack.metrics_urls.items():
        found += traces(f"metrics of {name}", (await stack.http.get(url)).content, secrets)
    assert not found, [each.rpartition(" in ")[2] for each in found]


async def test_the_search_would_find_them() -> None:
    """The net has no holes: it catches each spelling of each planted word."""
    for secret in PLANTED:
        for content in (secret, secret.title(), f"To=%2B{secret.lstrip('+')}"):
            assert traces("somewhere", content.lower().encode())
        for shift in range(3):
            encoded = base64.b64encode(b"x" * shift + secret.encode() + b" and more")
            assert traces("somewhere", encoded)
