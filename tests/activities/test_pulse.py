"""A slow activity gives signs of life, and none wipes out what the next attempt must know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
)

from activities import pulse
from activities.pulse import Pulse
from tests.activities.believers import Believers

Body = Callable[[], Awaitable[str]]


class Server(ActivityOutboundInterceptor):
    """Where heartbeats go."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.changed = asyncio.Event()

    def heartbeat(self, *details: Any) -> None:
        self.heard.append(details)
        self.changed.set()

    async def hears(self, count: int) -> None:
        while len(self.heard) < count:
            self.changed.clear()
            await self.changed.wait()


class Core(ActivityInboundInterceptor):
    """What runs the activity itself."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self.outbound = outbound

    async def execute_activity(self, given: ExecuteActivityInput) -> str:
        return await self._body()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "PULSE_SECONDS", 0.01)


async def run(
    server: Server,
    core: Core,
    heard: list[Any] | None = None,
    seconds: float | None = 2.0,
    environment: ActivityEnvironment | None = None,
) -> None:
    """One attempt. `heard` is what the attempt before told."""
    beating = Pulse().intercept_activity(core)
    beating.init(server)
    environment = environment or ActivityEnvironment()
    timeout = None if seconds is None else timedelta(seconds=seconds)
    environment.info = replace(
        environment.info, heartbeat_details=heard or [], heartbeat_timeout=timeout
    )

    @activity.defn(name="anything")
    async def anything() -> None:
        given = ExecuteActivityInput(fn=anything, args=[], executor=None, headers={})
        assert await beating.execute_activity(given) == "done"

    await environment.run(anything)


async def test_a_slow_attempt_gives_signs_of_life_until_it_ends() -> None:
    server = Server()

    async def slow() -> str:
        await server.hears(3)
        return "done"

    await run(server, Core(slow))
    heard = len(server.heard)
    await asyncio.wait([asyncio.create_task(server.changed.wait())], timeout=0.05)
    assert heard == len(server.heard) >= 3


async def test_a_quick_attempt_gives_none_because_each_is_billed() -> None:
    server = Server()

    async def quick() -> str:
        return "done"

    await run(server, Core(quick))
    assert server.heard == []


async def test_an_attempt_without_a_heartbeat_time_out_gives_none() -> None:
    server, done = Server(), asyncio.Event()

    async def slow() -> str:
        await asyncio.wait([asyncio.create_task(done.wait())], timeout=0.05)
        return "done"

    await run(server, Core(slow), seconds=None)
    assert server.heard == []


async def test_what_the_attempt_before_told_is_told_again() -> None:
    server, told = Server(), {"known": "absent", "attempt": 1}

    async def slow() -> str:
        await server.hears(2)
        return "done"

    await run(server, Core(slow), heard=[told])
    assert set(map(repr, server.heard)) == {repr((told,))}


async def test_what_this_attempt_tells_takes_its_place() -> None:
    server, old, new = Server(), {"attempt": 1}, {"attempt": 2}
    core = Core(lambda: telling())

    async def telling() -> str:
        await server.hears(1)
        core.outbound.heartbeat(new)
        await server.hears(3)
        return "done"

    await run(server, core, heard=[old])
    assert server.heard[0] == (old,)
    assert server.heard[-1] == (new,)


class Slow:
    """An activity with a request under way, and a worker that may be told to end it."""

    def __init__(self) -> None:
        self.began, self.may_end = asyncio.Event(), asyncio.Event()
        self.was_cut = False
        self.environment = ActivityEnvironment()
        self.running: asyncio.Task[None]

    async def body(self) -> str:
        self.began.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_cut = True
            raise
        return "done"

    async def is_told_to_end(self, **why: bool) -> None:
        """The activity runs, and its worker is told to end it."""
        given = run(Server(), Core(self.body), environment=self.environment)
        self.running = asyncio.create_task(given)
        await self.began.wait()
        details = activity.ActivityCancellationDetails(**why)
        self.environment.cancel(cancellation_details=details)


async def test_request_under_way_is_not_cut_in_half_when_it_is_not_wanted_any_more() -> None:
    slow = Slow()
    await slow.is_told_to_end(cancel_requested=True)
    await asyncio.wait([slow.running], timeout=0.05)
    assert not slow.running.done()
    slow.may_end.set()
    await slow.running
    assert not slow.was_cut


async def test_worker_that_shuts_down_ends_what_it_does() -> None:
    slow = Slow()
    await slow.is_told_to_end(worker_shutdown=True)
    with pytest.raises(asyncio.CancelledError):
        await slow.running
    assert slow.was_cut


async def writing(server: Server, core: Core, temporal: Believers, heard: list[Any]) -> None:
    """One attempt whose words to Temporal itself end in `heard`."""
    environment = ActivityEnvironment(client=cast(Client, temporal))
    environment.on_heartbeat = lambda *details: heard.append(details)
    await run(server, core, environment=environment)


async def test_what_is_written_down_is_with_temporal_and_in_every_sign_that_follows() -> None:
    server, written, found = Server(), [], {"found": 1}

    async def body() -> str:
        await pulse.write_down(found)
        assert written == [(found,)]
        await server.hears(2)
        return "done"

    await writing(server, Core(body), Believers(), written)
    assert set(map(repr, server.heard)) == {repr((found,))}


async def test_sign_that_the_sdk_holds_back_does_not_wipe_out_what_is_written_down() -> None:
    server, written, found = Server(), [], {"found": 1}

    async def body() -> str:
        await server.hears(1)
        await pulse.write_down(found)
        assert server.heard[-1] == (found,)
        return "done"

    await writing(server, Core(body), Believers(), written)
    assert written == [(found,)]


async def test_what_cannot_be_written_down_is_an_error() -> None:
    async def body() -> str:
        with pytest.raises(RPCError):
            await pulse.write_down("found")
        return "done"

    await writing(Server(), Core(body), Believers(is_reached=False), [])
