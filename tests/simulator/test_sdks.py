"""The official SDKs, as shipped, make calls, page, update and read errors against the simulator."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from tests.simulator.network_kit import NUMBER
from tests.simulator.stack import ACCOUNT_SID, AUTH_TOKEN, KEY_SECRET, KEY_SID, Stack
from tests.simulator.test_http import call_in

API = "https://api.twilio.com"
NODE = Path(__file__).with_name("node")


class SimulatorClient(TwilioHttpClient):  # type: ignore[misc]
    """The SDK's own client; only the address is another one."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=10)
        self.base = base

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        return super().request(method, url.replace(API, self.base), *args, **options)


class AsyncSimulatorClient(AsyncTwilioHttpClient):  # type: ignore[misc]
    def __init__(self, base: str) -> None:
        super().__init__(timeout=10)
        self.base = base

    async def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        return await super().request(method, url.replace(API, self.base), *args, **options)


def story(client: Client, room: str) -> None:
    """Everything the synchronous client does; runs in a thread beside the simulator."""
    people = client.conferences(room).participants
    made = people.create(
        from_=NUMBER,
        to="client:agent",
        label="agent",
        status_callback_event=["ringing", "answered"],
    )
    assert (made.status, made.label, made.muted) == ("queued", "agent", False)
    assert made.date_created.tzinfo is not None
    with pytest.raises(TwilioRestException) as taken:
        people.create(from_=NUMBER, to="client:agent", label="agent")
    assert (taken.value.status, taken.value.code) == (400, 16026)
    assert people("agent").update(hold=True).hold is True
    assert people("agent").update(hold=False, muted=True).muted is True
    assert people("agent").fetch().call_sid == made.call_sid
    assert [one.call_sid for one in people.list(muted=True)] == [made.call_sid]
    assert people("agent").delete() is True
    with pytest.raises(TwilioRestException) as gone:
        people("agent").fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)


def calls_story(client: Client) -> None:
    for index in range(5):
        client.calls.create(from_=NUMBER, to=f"client:p{index}", twiml="<Response/>")
    first = client.calls.page(page_size=2)
    assert len(list(first)) == 2
    following = first.next_page()
    assert len(list(following)) == 2
    assert following.previous_page() is not None
    every = client.calls.list(page_size=2)
    assert {call.to for call in every} >= {f"client:p{index}" for index in range(5)}
    call = client.calls.create(from_=NUMBER, to="client:x", url="http://127.0.0.1:9/none")
    assert (call.status, call.direction) == ("queued", "outbound-api")
    assert client.calls(call.sid).update(status="canceled").status == "canceled"
    with pytest.raises(TwilioRestException) as error:
        client.calls(call.sid).update(twiml="<Response/>")
    assert error.value.code == 21220
    assert client.calls(call.sid).delete() is True
    queue = client.queues.create(friendly_name="line", max_size=3)
    assert client.queues(queue.sid).fetch().current_size == 0
    assert client.queues(queue.sid).members.list() == []
    number = client.incoming_phone_numbers.list(phone_number=NUMBER)[0]
    assert number.update(voice_url="http://127.0.0.1:9/other").voice_url.endswith("/other")
    assert client.api.accounts(ACCOUNT_SID).fetch().status == "active"
    app = client.applications.create(friendly_name="web", voice_url="http://127.0.0.1:9/app")
    assert client.applications(app.sid).fetch().voice_method == "POST"


async def test_python_sdk(stack: Stack) -> None:
    _, room = await call_in(stack)
    client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=SimulatorClient(stack.address))
    await asyncio.to_thread(story, client, room)
    await asyncio.to_thread(calls_story, client)
    rooms = await asyncio.to_thread(
        lambda: client.conferences.list(friendly_name="support", status="init")
    )
    assert [one.sid for one in rooms] == [room]
    ended = await asyncio.to_thread(lambda: client.conferences(room).update(status="completed"))
    assert (ended.status, ended.reason_conference_ended) == (
        "completed",
        "conference-ended-via-api",
    )


async def test_python_sdk_with_a_key_and_a_wrong_token(stack: Stack) -> None:
    http = SimulatorClient(stack.address)
    by_key = Client(KEY_SID, KEY_SECRET, ACCOUNT_SID, http_client=http)
    assert await asyncio.to_thread(lambda: by_key.calls.list(limit=1)) == []
    wrong = Client(ACCOUNT_SID, "wrong", http_client=http)
    with pytest.raises(TwilioRestException) as error:
        await asyncio.to_thread(lambda: wrong.calls("CA" + "0" * 32).fetch())
    assert (error.value.status, error.value.code) == (401, 20003)


async def test_asynchronous_python_sdk(stack: Stack) -> None:
    _, room = await call_in(stack)
    http = AsyncSimulatorClient(stack.address)
    client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
    try:
        people = client.conferences(room).participants
        made = await people.create_async(from_=NUMBER, to="client:agent", label="agent")
        await stack.control("PUT", "/phones/client:agent/behavior", {"kind": "answer"})
        assert made.status == "queued"
        held = await people("agent").update_async(hold=True, hold_url="http://127.0.0.1:9/hold")
        assert held.hold is True
        assert len(await people.list_async()) == 2
        assert [one.call_sid async for one in await people.stream_async(hold=True)] == [
            made.call_sid
        ]
        assert await people("agent").delete_async() is True
        with pytest.raises(TwilioRestException) as error:
            await people.create_async(from_=NUMBER, to="client:agent", label="caller")
        assert error.value.code == 16026
    finally:
        await http.close()


async def test_node_sdk(stack: Stack) -> None:
    if not (NODE / "node_modules" / "twilio").is_dir():
        pytest.skip("the Node SDK is not installed; `make test` does that")
    _, room = await call_in(stack)
    process = await asyncio.create_subprocess_exec(
        "node", str(NODE / "drive.mjs"), stack.address, ACCOUNT_SID, AUTH_TOKEN, NUMBER, room,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, problems = await process.communicate()
    assert process.returncode == 0, problems.decode()
    saw = json.loads(out)
    assert saw["made"]["status"] == "queued"
    assert (saw["made"]["label"], saw["made"]["end"]) == ("agent", True)
    assert saw["made"]["date"].endswith("Z")
    assert saw["call"] == {"status": "queued", "direction": "outbound-api"}
    assert (saw["taken"]["name"], saw["taken"]["code"]) == ("RestException", 16026)
    assert (saw["missing"]["status"], saw["missing"]["code"]) == (404, 20404)
    assert (saw["held"], saw["unheld"]) == (True, [False, True])
    assert saw["fetched"] is True
    assert saw["listed"] == [saw["madeSid"]]
    assert (saw["calls"], saw["pages"]) == (8, 5)
    assert saw["removed"] is True
    assert saw["rooms"] == [room]
    assert saw["ended"] == ["completed", "conference-ended-via-api"]
    assert saw["canceled"] == "canceled"
    assert saw["number"] == ["Front desk", "http://127.0.0.1:9/voice"]
