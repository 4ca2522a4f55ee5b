"""Forged webhooks as fast as the machine makes them: who is genuine is heard beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.api.signing import form, signature
from tests.e2e.scene import Scene
from tests.e2e.stack import ACCOUNT, AGENTS, Stack

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

PATH = "/twilio/conference"
SECONDS = 10.0
CONNECTIONS = 50
AT_ONCE = 20
"""Forged requests that one connection sends without waiting for answers."""
GENUINE_EVERY_SECONDS = 0.05
P99_SECONDS_MAX = 5.0
"""Twilio waits three times as long for an answer. On idle cores it is far less; other tests run
at the same time, more of them than there are cores."""


@dataclass
class Flood:
    """What came of it."""

    refused: int = 0
    others: int = 0


@asynccontextmanager
async def flood(stack: Stack, conference_sid: str) -> AsyncIterator[Flood]:
    """Forged news of one call, on many connections, for as long as the block lasts."""
    address = urlsplit(stack.api_url)
    body = form([("AccountSid", ACCOUNT), ("ConferenceSid", conference_sid),
                 ("StatusCallbackEvent", "conference-end")])  # fmt: skip
    request = (
        f"POST {PATH} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"X-Twilio-Signature: {'A' * 27}=\r\n\r\n"
    ).encode() + body
    told = Flood()

    async def one() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            while True:
                writer.write(request * AT_ONCE)
                await writer.drain()
                for _ in range(AT_ONCE):
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    await reader.readexactly(length)
                    is_refused = head.startswith(b"HTTP/1.1 403 ")
                    told.refused += is_refused
                    told.others += not is_refused
        finally:
            writer.close()

    tasks = [asyncio.create_task(one()) for _ in range(CONNECTIONS)]
    try:
        yield told
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


async def genuine(stack: Stack, number: int) -> float:
    """Genuine news of a call that is not ours, which asks Temporal; how long its answer took."""
    pairs = [
        ("AccountSid", ACCOUNT),
        ("ConferenceSid", f"CF{number:032x}"),
        ("CallSid", f"CA{number:032x}"),
        ("StatusCallbackEvent", "participant-leave"),
    ]
    token = stack.settings["TWILIO_AUTH_TOKEN"]
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": signature(stack.api_url + PATH, pairs, token),
    }
    began = time.monotonic()
    answer = await stack.http.post(stack.api_url + PATH, content=form(pairs), headers=headers)
    assert answer.status_code == 204, answer.text
    return time.monotonic() - began


async def test_w20_genuine_webhooks_are_heard_beside_a_flood_of_forged_ones() -> None:
    async with Stack() as stack:
        scene = Scene(stack, "+15550107120", AGENTS[0], target="client:bob")
        for each in AGENTS:
            await scene.phones.behave(each, "answer" if each == AGENTS[0] else "busy")
        await scene.open()
        await scene.transfer("warm", "target")
        await scene.until("dialing")
        log = stack.processes["api"].log
        logged = log.stat().st_size
        took: list[float] = []
        async with flood(stack, scene.conference_sid) as told:
            give_up_at = time.monotonic() + SECONDS
            while time.monotonic() < give_up_at:
                took.append(await genuine(stack, len(took)))
                await asyncio.sleep(GENUINE_EVERY_SECONDS)
            assert log.stat().st_size == logged, "a forged request was logged"
            # The transfer goes on while it rains: its callbacks pass through the same door.
            await scene.answers("target")
            await scene.until("consulting")
            await scene.press("complete")
            assert (await scene.over())["state"] == "completed"
        figures = (await stack.http.get(stack.metrics_urls["api"])).text
        assert 'kind="leg_ended"' in figures
        assert 'kind="room_ended"' not in figures, "a forged request was heard"
        assert told.others == 0
        took.sort()
        assert told.refused > 20 * len(took), "it was no flood"
        assert took[int(len(took) * 0.99)] < P99_SECONDS_MAX
