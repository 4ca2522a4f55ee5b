"""Builds the application: `uvicorn --factory api.app:create_app`.

The only place where things are put together. Tests call it with settings and a client of their own.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.client import Client

import workflows.connection
from api import errors, operation
from api.audit import Audit, Audited
from api.auth.tokens import Tokens
from api.dependencies import Engine, Parts
from api.engine.controls import Controls
from api.engine.facts import Facts
from api.engine.holds import Holds
from api.engine.provider import Provider, ProviderDownError
from api.engine.recordings import Recordings
from api.engine.records import Records
from api.engine.requests import Requests
from api.engine.starts import Starts
from api.engine.streams import Streams
from api.engine.supervisions import Supervisions
from api.engine.tasks import Tasks
from api.engine.temporal import EngineUnreachableError, Temporal
from api.limits import BodyLimit, DialRate, StartRate
from api.metrics import Metrics
from api.numbers import DialingRules
from api.routes import (
    calls,
    codec,
    controls,
    events,
    guardian,
    health,
    help_wanted,
    holds,
    page,
    recordings,
    supervisors,
    transfers,
)
from api.settings import Settings, SettingsError, load_settings
from api.webhooks import announcements, assigned, status, taskrouter, voice
from api.webhooks.signature import Signatures
from workflows import logs
from workflows.encryption import EncryptionCodec

DESCRIPTION = """Moves a live phone call from one person to another and never loses the caller.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Every answer about a transfer
holds `allowed`: the requests that make sense now.
"""

ROUTES = (
    transfers,
    events,
    calls,
    holds,
    controls,
    recordings,
    supervisors,
    help_wanted,
    guardian,
    health,
    page,
    status,
    voice,
    announcements,
    taskrouter,
    assigned,
)
"""The modules whose routers the application has."""


def create_app(settings: Settings | None = None, client: Client | None = None) -> FastAPI:
    """The application. Without arguments: settings from the environment, Temporal when needed.

    A missing or contradictory setting ends the process with one message that names it.
    """
    try:
        if settings is None:
            settings = load_settings()
            logs.configure(settings.handover_log_format)
        connection = workflows.connection.load_settings()
    except (SettingsError, workflows.connection.SettingsError) as error:
        raise SystemExit(str(error)) from None

    async def connect() -> Client:
        # One attempt: whoever asks next makes another.
        return await workflows.connection.connect(settings=connection, seconds_max=0.0)

    parts = _parts(settings, Temporal(connect, client))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with operation.served(app, settings.handover_operation_address):
            yield
            await parts.engine.streams.close()

    app = FastAPIOffline(
        title="Handover",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url="/docs",
        redoc_url=None,
    )
    app.state.parts = parts
    app.state.signatures = Signatures(
        settings.public_base_url, settings.twilio_account_sid, settings.auth_tokens
    )
    for module in ROUTES:
        app.include_router(module.router)
    if connection.codec_keys is not None:
        keys = EncryptionCodec(connection.codec_keys)
        app.include_router(codec.codec_router(keys, settings.handover_web_ui_origins))
    errors.install(app)
    app.add_exception_handler(EngineUnreachableError, _on_unreachable)
    app.add_exception_handler(ProviderDownError, _on_provider_down)
    app.state.audit = Audit()
    app.add_middleware(Audited, audit=app.state.audit)
    app.add_middleware(BodyLimit)
    app.add_middleware(operation.Doors, operation_address=settings.handover_operation_address)
    app.add_middleware(Observed, metrics=parts.metrics)
    return app


def _parts(settings: Settings, temporal: Temporal) -> Parts:
    """Everything that the routes are given."""
    records = Records(temporal)
    provider = Provider(temporal)
    engine = Engine(
        temporal=temporal,
        records=records,
        provider=provider,
        starts=Starts(temporal, records, provider),
        requests=Requests(temporal),
        recordings=Recordings(temporal),
        holds=Holds(temporal, records, provider),
        controls=Controls(temporal),
        tasks=Tasks(temporal),
        facts=Facts(temporal, records),
        streams=Streams(temporal, settings.handover_events_poll_seconds),
        supervisions=Supervisions(temporal, provider),
    )
    rules = DialingRules(
        own_number=settings.twilio_number,
        countries=frozenset(settings.handover_allowed_countries),
        sip_domains=frozenset(settings.handover_allowed_sip_domains),
        has_taskrouter=settings.is_taskrouter,
    )
    return Parts(
        settings=settings,
        engine=engine,
        tokens=Tokens(settings),
        metrics=Metrics(),
        rules=rules,
        rate=StartRate(settings.handover_starts_per_minute),
        dials=DialRate(settings.handover_dials_per_minute),
    )


async def _on_unreachable(request: Request, error: Exception) -> Response:
    return errors.unreachable().response()


async def _on_provider_down(request: Request, error: Exception) -> Response:
    return errors.provider_down().response()


class Observed:
    """Counts requests by route, and gives each answer the headers that every answer has."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                names = {name.lower() for name, _ in headers}
                headers.append((b"x-content-type-options", b"nosniff"))
                headers.append((b"referrer-policy", b"no-referrer"))
                if b"cache-control" not in names:
                    headers.append((b"cache-control", b"no-store"))
                route = getattr(scope.get("route"), "path", "none")
                seconds = time.perf_counter() - begun
                self._metrics.request(route, scope["method"], message["status"], seconds)
            await send(message)

        await self._app(scope, receive, observed)
