"""The event stream: every step once, resumable, shared, and over when the transfer is."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from api.engine.records import Records
from api.engine.streams import News
from api.routes.events import events_of
from tests.api.conftest import Site, auth
from tests.api.fakes import AT_ONCE
from workflows.machine.model import Entry, State
from workflows.messages import TransferView

pytestmark = pytest.mark.asyncio(loop_scope="session")

Event = tuple[str, int, dict[str, Any]]


def parse(text: str) -> list[Event]:
    """Server-sent events as (name, id, data)."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
    return found


async def listen(site: Site, transfer_id: str, last: str = "") -> httpx.Response:
    headers = {**auth("alice"), **({"Last-Event-ID": last} if last else {})}
    return await site.http.get(f"/v1/transfers/{transfer_id}/events", headers=headers)


async def test_ended_transfer_tells_all_its_steps_and_ends(site: Site) -> None:
    view = await site.started(AT_ONCE)
    await site.ended(view["conference_sid"])
    response = await listen(site, view["id"])
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parse(response.text)
    assert [(name, number) for name, number, _ in events] == [("step", 1), ("over", 2)]
    assert events[-1][2]["transfer"]["state"] == "completed"
    assert events[-1][2]["state_to"] == "completed"


async def test_stream_goes_on_after_the_last_event(site: Site) -> None:
    view = await site.started(AT_ONCE)
    await site.ended(view["conference_sid"])
    assert [number for _, number, _ in parse((await listen(site, view["id"], "1")).text)] == [2]
    done = await listen(site, view["id"], "2")
    assert (done.status_code, done.content) == (204, b"")
    odd = parse((await listen(site, view["id"], "not a step")).text)
    assert [number for _, number, _ in odd] == [1, 2]


async def test_stranger_hears_nothing(site: Site) -> None:
    view = await site.started()
    path = f"/v1/transfers/{view['id']}/events"
    assert (await site.http.get(path, headers=auth("mallory"))).status_code == 404
    assert (await site.http.get(path)).status_code == 401


async def test_listeners_of_one_transfer_share_one_poller(site: Site) -> None:
    view = await site.started()
    streams = site.app.state.parts.engine.streams
    record = await Records(site.app.state.parts.engine.temporal).find(view["id"])
    assert record is not None

    async def follow() -> list[int]:
        steps: list[int] = []
        async for news in streams.listen(record, -1):
            steps += [entry.step for entry in news.entries]
            if steps == [1]:
                ready.release()
        return steps

    ready = asyncio.Semaphore(0)
    followers = [asyncio.create_task(follow()) for _ in range(20)]
    for _ in followers:
        await ready.acquire()
    assert streams.open_pollers == 1
    for verb in ("join", "cancel"):
        await site.http.post(f"/v1/transfers/{view['id']}/{verb}", headers=auth("alice"))
    assert await asyncio.gather(*followers) == [[1, 2, 3]] * 20
    assert streams.open_pollers == 0


async def test_listener_that_goes_away_ends_the_looking(site: Site) -> None:
    view = await site.started()
    streams = site.app.state.parts.engine.streams
    record = await Records(site.app.state.parts.engine.temporal).find(view["id"])
    assert record is not None
    stream: AsyncIterator[News] = streams.listen(record, -1)
    await anext(stream)
    assert streams.open_pollers == 1
    await stream.aclose()  # type: ignore[attr-defined]
    assert streams.open_pollers == 0


@asynccontextmanager
async def served(site: Site) -> AsyncIterator[str]:
    """The application behind a real server; answers its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(site.app, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def test_steps_arrive_as_they_happen_over_a_real_connection(site: Site) -> None:
    view = await site.started()
    path = f"/v1/transfers/{view['id']}"
    async with served(site) as address, httpx.AsyncClient(base_url=address) as http:
        names: list[str] = []
        async with http.stream("GET", f"{path}/events", headers=auth("bob")) as response:
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    names.append(line.removeprefix("event: "))
                if line.startswith("data: ") and len(names) == 1:
                    await site.http.post(f"{path}/complete", headers=auth("alice"))
    assert names == ["step", "over"]


async def test_events_of_steps() -> None:
    view = TransferView("id", "warm", "dialing", "CF", 0.0, 0.0, step=2)
    entries = tuple(Entry(step, 0.0, "x", State.HOLDING, State.DIALING) for step in (1, 2))
    events = [event.encode().decode() for event in events_of(News(entries, view))]
    first, second = (parse(text)[0] for text in events)
    assert (first[0], first[1], "transfer" in first[2]) == ("step", 1, False)
    assert (second[0], second[1], second[2]["transfer"]["step"]) == ("step", 2, 2)
    alone = events_of(News((), view))
    assert parse(alone[0].encode().decode())[0][:2] == ("step", 2)
