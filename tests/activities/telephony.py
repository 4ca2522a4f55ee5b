"""A simulated telephone network behind Twilio's REST face, and what tests ask of it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.client import Client as Temporal
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from simulator.core.model import Participant
from simulator.core.phones import Behavior
from simulator.faults import FaultRule
from simulator.http.app import TASKROUTER_PREFIX
from simulator.http.rest import RestFace
from simulator.http.runtime import Runtime
from simulator.http.taskrouter import TaskRouterFace
from simulator.settings import Settings
from tests.activities.believers import Believer, Believers
from tests.activities.settings import ACCOUNT, API_KEY, NUMBER

G = TypeVar("G")
R = TypeVar("R")

CALLER, AGENT, TARGET = "+15550100002", "client:anna", "+15550100003"
ROOM_NAME = "room-1"


class Telephony:
    """The network, its faults and its log of requests."""

    def __init__(self, runtime: Runtime, url: str) -> None:
        self.runtime = runtime
        self.url = url
        self.room = ""

    def people_talk(self, caller_flag: bool = False, agent_flag: bool = True) -> tuple[str, str]:
        """Caller and agent in a room; answers their call SIDs, caller first."""
        caller = self.enter(CALLER, EndConferenceOnExit=_word(caller_flag))
        agent = self.enter(AGENT, EndConferenceOnExit=_word(agent_flag))
        self.forget_requests()
        return caller, agent

    def enter(self, address: str, **wishes: str) -> str:
        """Somebody joins the room, and answers at once unless the phone does otherwise."""
        with self.runtime.act() as network:
            if network.phones.get(address).behavior.kind == "ring":
                network.phones.behave(address, Behavior("answer"))
            form = {"From": NUMBER, "To": address, "Beep": "false", **wishes}
            made = network.create_participant(self.room or ROOM_NAME, form)
        self.room = str(made["conference_sid"])
        return str(made["call_sid"])

    def behaves(self, address: str, kind: str) -> None:
        """What a phone does by itself."""
        with self.runtime.act() as network:
            network.phones.behave(address, Behavior(kind))

    def hangs_up(self, address: str) -> None:
        with self.runtime.act() as network:
            network.phones.hangup(address)

    def answers(self, address: str) -> None:
        with self.runtime.act() as network:
            network.phones.answer(address)

    def change(self, call_sid: str, **wishes: str) -> None:
        """Somebody else changes a participant."""
        with self.runtime.act() as network:
            network.update_participant(self.room, call_sid, wishes)

    def leg(self, call_sid: str) -> Participant:
        """A participant as it really is."""
        return self.runtime.network.conference(self.room).participants[call_sid]

    def status(self, call_sid: str) -> str:
        """A call's status as it really is."""
        return str(self.runtime.network.fetch_call(call_sid)["status"])

    def switch(self, **switches: Any) -> None:
        self.runtime.network.switches.put(switches)

    @contextmanager
    def fault(self, route: str, kind: str, **more: Any) -> Iterator[None]:
        """Within this block something goes wrong, once unless told otherwise."""
        rule = self.runtime.faults.add(
            FaultRule("request", kind, route=route, **{"count": 1, **more})
        )
        try:
            yield
        finally:
            self.runtime.faults.remove(rule.id)

    def forget_requests(self) -> None:
        self.runtime.requests.clear()

    @property
    def asked(self) -> list[str]:
        """The operations that were asked for, in order."""
        return [str(each["route"]) for each in self.runtime.requests]

    def forms(self, route: str) -> list[dict[str, Any]]:
        """What was sent to one operation."""
        return [dict(each["params"]) for each in self.runtime.requests if each["route"] == route]

    def effects(self, route: str) -> int:
        """How often an operation really did something."""
        return sum(1 for r in self.runtime.requests if r["route"] == route and r["effect"])


def faces(runtime: Runtime) -> ASGIApp:
    """Twilio's two faces, without the simulator's own."""
    voice, taskrouter = RestFace(runtime), TaskRouterFace(runtime)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        face = taskrouter if scope["path"].startswith(TASKROUTER_PREFIX) else voice
        await face(scope, receive, send)

    return app


def _word(flag: bool) -> str:
    return "true" if flag else "false"


@asynccontextmanager
async def telephony() -> AsyncIterator[Telephony]:
    """A network on a free port, as long as the block lasts."""
    runtime = Runtime(
        Settings(
            account_sid=ACCOUNT,
            api_key_sid=API_KEY,
            api_key_secret="secret-of-the-key",
            seed="tests",
            switches={"calls_per_second": 0.0},
        )
    )
    await runtime.open()
    # Named TCP, or asyncio leaves Nagle on, which costs 40 ms per answer.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    # Neither `serve`, which takes pytest's signals, nor `shutdown`, which waits for a tenth of a
    # second: times the number of tests.
    config = uvicorn.Config(faces(runtime), lifespan="off", log_level="error")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    try:
        yield Telephony(runtime, f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        for listener in server.servers:
            listener.close()
        await runtime.close()


async def attempt(
    activity: Callable[[G], Awaitable[R]],
    given: G,
    number: int = 1,
    heard: Any = (),
    temporal: Believers | None = None,
    **info: Any,
) -> R:
    """One attempt of an activity. `heard` are the heartbeat details of the attempts before. Without
    `temporal` the workflow that asked for it runs."""
    environment = ActivityEnvironment(client=cast(Temporal, temporal or with_asker()))
    environment.info = replace(
        environment.info,
        attempt=number,
        heartbeat_details=list(heard),
        started_time=datetime.now(UTC),
    )
    environment.info = replace(environment.info, **info)
    if isinstance(heard, list):
        converter = environment.payload_converter

        def hear(*details: Any) -> None:
            """As the next attempt is told it."""
            heard[:] = converter.from_payloads(converter.to_payloads(details))

        environment.on_heartbeat = hear
    return await environment.run(activity, given)


def with_asker(**more: Any) -> Believers:
    """Temporal, with the workflow that asks for what is attempted; `more` is told of its run."""
    asked = ActivityEnvironment.default_info()
    run_id = str(asked.workflow_run_id)
    return Believers([Believer(str(asked.workflow_id), {}, run_id=run_id, **more)])


async def attempts(
    activity: Callable[[G], Awaitable[R]], given: G, maximum: int = 8, **info: Any
) -> R:
    """Attempts as the server would make them, without its pauses."""
    heard: list[Any] = []
    for number in range(1, maximum + 1):
        try:
            return await attempt(activity, given, number, heard, **info)
        except ApplicationError as error:
            if error.non_retryable or number == maximum:
                raise
    raise AssertionError("unreachable")
