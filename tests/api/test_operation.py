"""Settings, health, figures, the codec endpoint, the page, and what every answer carries."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from temporalio.api.common.v1 import Payload
from temporalio.api.operatorservice.v1 import DeleteNamespaceRequest
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    ListNamespacesRequest,
    PollActivityTaskQueueRequest,
    ResetWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from api.app import create_app
from api.engine.temporal import EngineUnreachableError, Temporal, bounded
from api.operation import OperationAddressError, served
from api.settings import SettingsError, load_settings
from tests.api.conftest import KEYS, Site, auth, key_entry, make_settings
from tests.api.role import as_api
from tests.api.signing import ACCOUNT, BASE_URL
from tests.e2e.processes import free_ports
from workflows.encryption import CodecKeys, EncryptionCodec
from workflows.messages import transfer_workflow_id

NEEDED = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": "a-token",
    "TWILIO_NUMBER": "+12025550100",
    "PUBLIC_BASE_URL": "https://handover.example/",
    "HANDOVER_API_KEYS": key_entry("alice", "agent"),
}
CODEC_KEYS = "k1:" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """The needed settings and no others, in a folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL)


# --- settings -------------------------------------------------------------------------------------


def test_settings_come_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HANDOVER_ALLOWED_COUNTRIES", "DE, AT,")
    environment.setenv("HANDOVER_JWKS_ALGORITHM", "")
    settings = load_settings()
    assert settings.public_base_url == "https://handover.example"
    assert settings.handover_allowed_countries == ("DE", "AT")
    assert settings.handover_jwks_algorithm == "RS256"
    assert settings.handover_api_keys[0].principal.address == "client:alice"


@pytest.mark.parametrize("name", NEEDED)
def test_missing_setting_names_itself(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    with pytest.raises(SettingsError, match=name):
        load_settings()
    with pytest.raises(SystemExit, match=name):
        create_app()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TWILIO_ACCOUNT_SID", "AC-secret-1"),
        ("PUBLIC_BASE_URL", "http://handover.example/secret-1"),
        ("PUBLIC_BASE_URL", "secret-1.example"),
        ("HANDOVER_API_KEYS", "alice:agent:secret-1"),
        ("HANDOVER_JWT_SECRET", "secret-1"),
        ("HANDOVER_STARTS_PER_MINUTE", "secret-1"),
        ("HANDOVER_DIALS_PER_MINUTE", "9"),
        ("HANDOVER_OPERATION_ADDRESS", "secret-1"),
        ("HANDOVER_AGENT_RING_SECONDS", "1"),
        ("HANDOVER_AGENTS", "client:alice,secret-1"),
        ("TWILIO_NUMBER", "secret-1"),
        ("HANDOVER_CODEC_KEYS", "k1:secret-1"),
        ("HANDOVER_MODE", "secret-1"),
        ("TWILIO_WORKSPACE_SID", "WSsecret-1"),
        ("TWILIO_WORKFLOW_SID", "WWsecret-1"),
        ("HANDOVER_WHISPER", "secret-1 {number}"),
        ("HANDOVER_WHISPER", "secret-1 {"),
        ("HANDOVER_WHISPER", "secret-1 ["),
        ("HANDOVER_WHISPER", "secret-1 {notes.__class__}"),
        ("HANDOVER_WHISPER_ACCEPT", "secret-1"),
    ],
)
def test_wrong_setting_names_itself_without_its_value(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SystemExit, match=name) as raised:
        create_app()
    assert "secret-1" not in str(raised.value)


def test_contradictory_settings_are_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HANDOVER_JWT_SECRET", "x" * 32)
    environment.setenv("HANDOVER_JWKS_URL", "https://issuer.example/keys")
    with pytest.raises(SettingsError, match=r"HANDOVER_JWT_SECRET.*HANDOVER_JWKS_URL"):
        load_settings()


def test_taskrouter_mode_names_what_it_needs(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HANDOVER_MODE", "taskrouter")
    environment.setenv("TWILIO_WORKSPACE_SID", "WS" + "1" * 32)
    with pytest.raises(SettingsError, match=r"HANDOVER_MODE.*TWILIO_WORKFLOW_SID"):
        load_settings()
    environment.setenv("TWILIO_WORKFLOW_SID", "WW" + "1" * 32)
    assert load_settings().is_taskrouter
    environment.setenv("HANDOVER_MODE", "")
    environment.setenv("HANDOVER_WHISPER", "")
    environment.setenv("HANDOVER_WHISPER_ACCEPT", "")
    settings = load_settings()
    assert (settings.handover_mode, settings.handover_whisper) == ("direct", "")


def test_plain_http_is_for_the_simulator(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PUBLIC_BASE_URL", "http://api:8000")
    with pytest.raises(SettingsError, match="PUBLIC_BASE_URL"):
        load_settings()
    environment.setenv("TWILIO_BASE_URL", "http://simulator:9000")
    assert load_settings().public_base_url == "http://api:8000"


# --- Temporal out of reach ------------------------------------------------------------------------


async def out_of_reach() -> Client:
    raise RuntimeError("connection refused")


async def test_silent_engine_is_a_503_everywhere_and_the_process_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    app = create_app(make_settings())
    body = {
        "kind": "cold",
        "call": {"conference_sid": "CF" + "0" * 32},
        "agent": "client:alice",
        "targets": ["client:bob"],
    }
    transfer = f"/v1/transfers/CF{'0' * 32}-{'0' * 16}"
    headers = {**auth("crm"), "Idempotency-Key": "a-key"}
    async with client_of(app) as http:
        for method, path, given in (
            ("POST", "/v1/transfers", body),
            ("GET", "/v1/transfers", None),
            ("GET", transfer, None),
            ("GET", f"{transfer}/events", None),
            ("POST", f"{transfer}/cancel", None),
            ("GET", "/v1/calls", None),
            ("GET", f"/v1/calls/CF{'0' * 32}", None),
        ):
            response = await http.request(method, path, json=given, headers=headers)
            assert response.status_code == 503, (method, path)
            assert response.headers["retry-after"]
            assert response.json()["code"] == "engine_unreachable"
        assert (await http.get("/healthz")).status_code == 200
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")


async def test_connection_is_tried_again_after_a_failure() -> None:
    temporal = Temporal(out_of_reach)
    for _ in range(2):
        with pytest.raises(EngineUnreachableError):
            await temporal.client()


async def test_silence_is_bounded() -> None:

    begun = time.monotonic()
    with pytest.raises(EngineUnreachableError):
        async with bounded(0.01):
            await asyncio.Event().wait()
    assert time.monotonic() - begun < 1


# --- health, figures, headers ---------------------------------------------------------------------


@pytest.mark.asyncio(loop_scope="session")
async def test_alive_ready_and_figures(site: Site) -> None:
    assert (await site.http.get("/healthz")).json() == {"status": "alive"}
    assert (await site.http.get("/readyz")).json() == {"status": "ready"}
    view = await site.started("+12025550123")
    await site.http.get(f"/v1/transfers/{view['id']}", headers=auth("alice"))
    figures = (await site.http.get("/metrics")).text
    assert 'route="/v1/transfers/{transfer_id}"' in figures
    assert 'handover_api_starts_total{kind="warm",outcome="started"} 1.0' in figures
    for personal in ("12025550123", "alice", view["conference_sid"]):
        assert personal not in figures


async def test_every_answer_has_its_headers(deaf_app: FastAPI) -> None:
    async with client_of(deaf_app) as http:
        for path in ("/healthz", "/v1/calls", "/nowhere", "/twilio/conference", "/"):
            response = await http.get(path)
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["cache-control"] in ("no-store", "no-cache")


async def test_bug_is_a_problem_without_internals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = create_app(make_settings())

    async def broken(*given: Any) -> None:
        raise KeyError("internal detail")

    monkeypatch.setattr(app.state.parts.engine.temporal, "client", broken)
    async with client_of(app) as http:
        response = await http.get("/v1/calls", headers=auth("crm"))
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "internal detail" not in response.text


async def test_page_is_served_with_a_policy(deaf_app: FastAPI) -> None:
    app = create_app(make_settings(handover_simulator_url="http://127.0.0.1:9000"))
    async with client_of(app) as http:
        page = await http.get("/")
        assert page.headers["content-type"].startswith("text/html")
        policy = page.headers["content-security-policy"]
        assert "frame-src http://127.0.0.1:9000" in policy
        assert "unsafe" not in policy
        for name in ("agent.js", "hold.js", "supervise.js", "agent.css"):
            assert f"/web/{name}" in page.text
            assert (await http.get(f"/web/{name}")).status_code == 200
        config = (await http.get("/web/config.json")).json()
        assert config == {"simulator_url": "http://127.0.0.1:9000"}
        for outside in ("/web/../app.py", "/web/%2e%2e/app.py", "/web/index.html"):
            assert (await http.get(outside)).status_code == 404


# --- the codec endpoint ---------------------------------------------------------------------------


@pytest.fixture
def codec_app(environment: pytest.MonkeyPatch) -> FastAPI:
    environment.setenv("HANDOVER_CODEC_KEYS", CODEC_KEYS)
    return create_app(make_settings(handover_web_ui_origins="http://ui.example"))


def payloads(payload: Payload) -> dict[str, Any]:
    """The body that the Web UI sends."""
    metadata = {name: base64.b64encode(value).decode() for name, value in payload.metadata.items()}
    return {"payloads": [{"metadata": metadata, "data": base64.b64encode(payload.data).decode()}]}


async def sealed() -> dict[str, Any]:
    keys = CodecKeys.parse(CODEC_KEYS)
    assert keys is not None
    clear = Payload(metadata={"encoding": b"json/plain"}, data=b'"clear text"')
    return payloads((await EncryptionCodec(keys).encode([clear]))[0])


async def test_operator_reads_clear_text_and_back(codec_app: FastAPI) -> None:
    headers = {**auth("sue"), "Origin": "http://ui.example"}
    async with client_of(codec_app) as http:
        decoded = await http.post("/codec/decode", json=await sealed(), headers=headers)
        assert decoded.status_code == 200
        assert decoded.headers["access-control-allow-origin"] == "http://ui.example"
        data = decoded.json()["payloads"][0]["data"]
        assert base64.b64decode(data) == b'"clear text"'
        encoded = await http.post("/codec/encode", json=decoded.json(), headers=headers)
        assert b"clear text" not in base64.b64decode(encoded.json()["payloads"][0]["data"])


async def test_t7_codec_is_for_operators_and_known_origins(codec_app: FastAPI) -> None:
    body = await sealed()
    async with client_of(codec_app) as http:
        for way in ("decode", "encode"):
            assert (await http.post(f"/codec/{way}", json=body)).status_code == 401
            agent = await http.post(f"/codec/{way}", json=body, headers=auth("alice"))
            assert agent.status_code == 403
            for origin, allowed in (("http://ui.example", True), ("http://evil.example", False)):
                preflight = await http.options(f"/codec/{way}", headers={"Origin": origin})
                assert preflight.status_code == 204
                assert ("access-control-allow-origin" in preflight.headers) is allowed


async def test_codec_refuses_what_it_cannot_read(codec_app: FastAPI) -> None:
    other = CodecKeys.parse("k1:" + base64.b64encode(b"x" * 32).decode())
    assert other is not None
    foreign = payloads((await EncryptionCodec(other).encode([Payload(data=b"1")]))[0])
    async with client_of(codec_app) as http:
        for content in (json.dumps(foreign), "[]", "{", '{"payloads": 1}'):
            response = await http.post("/codec/decode", content=content, headers=auth("sue"))
            assert response.status_code == 422, content
            assert response.headers["content-type"] == "application/problem+json"


async def test_without_keys_there_is_no_codec(deaf_app: FastAPI) -> None:
    async with client_of(deaf_app) as http:
        response = await http.post("/codec/decode", json={}, headers=auth("sue"))
    assert response.status_code == 404


def test_all_keys_of_the_tests_have_roles() -> None:
    assert set(KEYS.values()) == {"agent", "supervisor", "service"}


async def test_page_of_the_api_needs_no_other_host(deaf_app: FastAPI) -> None:
    async with client_of(deaf_app) as http:
        page = await http.get("/docs")
        assert page.status_code == 200
        parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert parts
        for each in parts:
            assert each.startswith("/"), f"{each} is on another host"
            assert (await http.get(each)).status_code == 200


# --- the api's role at Temporal -------------------------------------------------------------------


@pytest.mark.asyncio(loop_scope="session")
async def test_t6_api_needs_the_calls_of_its_role_and_no_other(
    site: Site, temporal: Client
) -> None:
    """Each test of this folder goes through the door that is tried here."""
    view = await site.started()
    asked: set[str] = set()
    client = as_api(temporal, asked)
    handle = client.get_workflow_handle(transfer_workflow_id(view["conference_sid"]))
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    assert asked == {"DescribeWorkflowExecution"}
    service = client.workflow_service
    for refused in (
        handle.terminate("by an intruder"),
        handle.cancel(),
        handle.query("facts"),
        service.delete_workflow_execution(DeleteWorkflowExecutionRequest()),
        service.reset_workflow_execution(ResetWorkflowExecutionRequest()),
        service.list_namespaces(ListNamespacesRequest()),
        service.poll_activity_task_queue(PollActivityTaskQueueRequest()),
        client.operator_service.delete_namespace(DeleteNamespaceRequest()),
    ):
        with pytest.raises(RPCError) as raised:
            await refused
        assert raised.value.status == RPCStatusCode.PERMISSION_DENIED
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING


# --- operation's own door -------------------------------------------------------------------------

OPERATION = ("/readyz", "/metrics", "/docs", "/openapi.json", "/static-offline-docs/favicon.png")
PUBLIC = ("/", "/v1/calls", "/web/agent.js", "/twilio/conference", "/codec/decode")


async def answers_at(address: str, *paths: str) -> dict[str, int]:
    async with httpx.AsyncClient(base_url=f"http://{address}") as http:
        return {path: (await http.get(path)).status_code for path in paths}


@pytest.mark.asyncio(loop_scope="session")
async def test_a13_operation_pages_are_at_their_own_door_alone(
    temporal: Client, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("HANDOVER_CODEC_KEYS", CODEC_KEYS)
    inside, outside = (f"127.0.0.1:{port}" for port in free_ports(2))
    app = create_app(make_settings(handover_operation_address=inside), temporal)
    host, port = outside.split(":")
    server = uvicorn.Server(uvicorn.Config(app, host, int(port), log_config=None))
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn tells in no other way
            await asyncio.sleep(0.01)
        assert set((await answers_at(inside, *OPERATION)).values()) == {200}
        assert set((await answers_at(outside, *OPERATION)).values()) == {404}
        assert set((await answers_at(inside, *PUBLIC)).values()) == {404}
        assert 404 not in (await answers_at(outside, *PUBLIC)).values()
        assert (await answers_at(inside, "/healthz")) == (await answers_at(outside, "/healthz"))
        forged = {"Host": inside, "X-Forwarded-Host": inside, "X-Forwarded-Port": inside[-5:]}
        async with httpx.AsyncClient(base_url=f"http://{outside}", headers=forged) as http:
            assert (await http.get("/metrics")).status_code == 404
    finally:
        server.should_exit = True
        await serving
    with pytest.raises(httpx.ConnectError):
        await answers_at(inside, "/healthz")


async def test_operation_address_that_is_taken_stops_the_process(deaf_app: FastAPI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OperationAddressError, match="HANDOVER_OPERATION_ADDRESS"):
            async with served(deaf_app, address):
                pass
