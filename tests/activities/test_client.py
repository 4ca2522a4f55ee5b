"""The transport: one request, one answer, a limit on time, and nothing taken for what it is not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import unused_port
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from activities.client import HttpClient, TooManyRequests, UnexpectedAnswer, open_client
from activities.errors import GONE, REFUSED, UNAVAILABLE, TwilioError, ask
from tests.activities.scripted import Answer, Scripted, scripted_server
from tests.activities.settings import ACCOUNT, API_KEY, settings_for

ROOM = "CF" + "a" * 32
LEG = "CA" + "b" * 32
TO = "+15550100777"
MESSAGE = f"The number {TO} is not valid"
REFUSAL = '{"code": 21211, "message": "%s", "status": 400, "more_info": "x"}' % MESSAGE  # noqa: UP031


@pytest.fixture
async def script() -> AsyncIterator[Scripted]:
    async with scripted_server() as server:
        yield server


@pytest.fixture
async def client(script: Scripted) -> AsyncIterator[Client]:
    async with open_client(settings_for(script.url)) as made:
        yield made


async def create(client: Client) -> object:
    return await client.conferences(ROOM).participants.create_async(
        from_="+15550100001", to=TO, status_callback_event=["answered", "completed"], beep="false"
    )


async def test_what_is_asked(script: Scripted, client: Client) -> None:
    script.will_answer(Answer(201, '{"call_sid": "%s"}' % LEG))  # noqa: UP031
    await create(client)
    (asked,) = script.asked
    assert asked.method == "POST"
    assert asked.path == f"/2010-04-01/Accounts/{ACCOUNT}/Conferences/{ROOM}/Participants.json"
    assert asked.form["To"] == [TO]
    assert asked.form["StatusCallbackEvent"] == ["answered", "completed"]
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert script.user() == API_KEY


async def test_both_hosts_of_twilio_are_moved_and_no_other(script: Scripted) -> None:
    http = HttpClient(script.url)
    try:
        for host in ("api", "taskrouter"):
            answer = await http.request("GET", f"https://{host}.twilio.com/v1/x?a=1")
            assert answer.status_code == 200
        await http.request("GET", f"{script.url}/y", params={"To": TO})
    finally:
        await http.close()
    assert [asked.path for asked in script.asked] == ["/v1/x", "/v1/x", "/y"]
    assert script.asked[-1].query == {"To": [TO]}


async def test_without_a_base_url_it_is_twilio_itself() -> None:
    http = HttpClient()
    try:
        assert http._rewrite("https://api.twilio.com/x") == "https://api.twilio.com/x"
    finally:
        await http.close()


async def test_a_connection_is_used_again(script: Scripted, client: Client) -> None:
    for _ in range(5):
        await client.conferences(ROOM).fetch_async()
    assert len({asked.headers.get("Host") for asked in script.asked}) == 1
    pool = client.http_client._session.connector
    assert sum(len(each) for each in pool._conns.values()) == 1


async def test_a_silent_server_costs_no_more_than_the_limit(script: Scripted) -> None:
    script.will_answer(Answer(silent=True))
    http = HttpClient(script.url, total_seconds=0.2)
    started = time.monotonic()
    try:
        with pytest.raises(TimeoutError):
            await http.request("GET", "https://api.twilio.com/x")
    finally:
        await http.close()
    assert time.monotonic() - started < 1.0
    assert len(script.asked) == 1, "nothing is asked twice"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(script: Scripted, client: Client, status: int) -> None:
    script.will_answer(Answer(status, "", {"Location": f"{script.url}/elsewhere"}))
    with pytest.raises(UnexpectedAnswer):
        await client.conferences(ROOM).fetch_async()
    with pytest.raises(UnexpectedAnswer):
        await create(client)
    assert len(script.asked) == 2


@pytest.mark.parametrize("body", ["<html>gateway</html>", "[]", '"text"', "null", "{"])
async def test_a_page_is_no_record(script: Scripted, client: Client, body: str) -> None:
    script.will_answer(Answer(200, body))
    with pytest.raises(UnexpectedAnswer):
        await client.conferences(ROOM).fetch_async()


@pytest.mark.parametrize(
    ("header", "seconds"), [("2", 2.0), ("0.5", 0.5), ("9999", 30.0), ("soon", None), (None, None)]
)
async def test_too_many_requests_keeps_the_wait(
    script: Scripted, client: Client, header: str | None, seconds: float | None
) -> None:
    script.will_answer(Answer(429, "{}", {"Retry-After": header} if header else {}))
    with pytest.raises(TooManyRequests) as raised:
        await client.conferences(ROOM).fetch_async()
    assert raised.value.retry_after == seconds
    assert len(script.asked) == 1


async def test_an_error_of_twilio_stays_one(script: Scripted, client: Client) -> None:
    script.will_answer(Answer(400, REFUSAL))
    with pytest.raises(TwilioRestException) as raised:
        await create(client)
    assert raised.value.code == 21211


async def test_nothing_personal_is_logged_or_kept_in_an_error(
    script: Scripted, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script.will_answer(Answer(400, REFUSAL))
    with pytest.raises(TwilioError) as raised:
        await ask(create(client))  # type: ignore[arg-type]
    assert raised.value.type == REFUSED
    assert raised.value.__cause__ is None
    assert TO not in f"{raised.value} {raised.value.details} {caplog.text}"
    assert "secret-of-the-key" not in caplog.text
    assert client.http_client._test_only_last_request is None


async def test_no_connection_is_known_to_have_done_nothing() -> None:
    async with open_client(settings_for(f"http://127.0.0.1:{unused_port()}")) as client:
        with pytest.raises(TwilioError) as raised:
            await ask(client.conferences(ROOM).fetch_async())
    assert (raised.value.type, raised.value.is_unprocessed) == (UNAVAILABLE, True)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(reset=True),
        Answer(500, "oops"),
        Answer(503, '{"code": 20503, "message": "x", "status": 503}'),
        Answer(200, "<html>"),
        Answer(302, ""),
        Answer(200, '{"sid": 1}'),
    ],
)
async def test_what_tells_nothing_is_worth_another_try(
    script: Scripted, client: Client, answer: Answer
) -> None:
    script.will_answer(answer)
    listed = client.conferences(ROOM).participants.list_async()
    with pytest.raises(TwilioError) as raised:
        await ask(listed)
    assert (raised.value.type, raised.value.is_unprocessed) == (UNAVAILABLE, False)
    assert not raised.value.non_retryable


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, '{"code": 20404, "message": "x", "status": 404}', GONE),
        (404, "<html>", GONE),
        (401, '{"code": 20003, "message": "x", "status": 401}', UNAVAILABLE),
        (400, '{"code": 20001, "message": "x", "status": 400}', REFUSED),
        (500, "oops", UNAVAILABLE),
    ],
)
async def test_a_page_of_a_list_is_refused_like_a_record(
    script: Scripted, client: Client, status: int, body: str, kind: str
) -> None:
    script.will_answer(Answer(status, body))
    with pytest.raises(TwilioError) as raised:
        await ask(client.conferences(ROOM).participants.list_async())
    assert (raised.value.type, raised.value.status) == (kind, status)


async def test_cancellation_passes_through(script: Scripted, client: Client) -> None:
    script.will_answer(Answer(silent=True))
    asking = asyncio.create_task(ask(client.conferences(ROOM).fetch_async()))
    await script.is_asked()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
