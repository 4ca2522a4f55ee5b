"""What routes are given: annotated aliases. All of it was built by `api.app.create_app`.

All are coroutines, though none waits: FastAPI runs a plain function in a thread, and four changes
of thread per webhook cost it as much as everything else in this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from api.auth.principal import Principal, in_teams, principal_of_key
from api.auth.tokens import Tokens
from api.engine.controls import Controls
from api.engine.facts import Facts
from api.engine.holds import Holds
from api.engine.provider import Provider
from api.engine.recordings import Recordings
from api.engine.records import Records
from api.engine.requests import Requests
from api.engine.starts import Starts
from api.engine.streams import Streams
from api.engine.supervisions import Supervisions
from api.engine.tasks import Tasks
from api.engine.temporal import Temporal
from api.errors import Problem
from api.limits import DialRate, StartRate
from api.metrics import Metrics
from api.numbers import DialingRules
from api.settings import Settings
from api.webhooks.signature import Webhook

CREDENTIAL_LENGTH_MAX = 8192


@dataclass(frozen=True)
class Engine:
    """The parts that talk to Temporal."""

    temporal: Temporal
    records: Records
    provider: Provider
    starts: Starts
    requests: Requests
    recordings: Recordings
    holds: Holds
    controls: Controls
    tasks: Tasks
    facts: Facts
    streams: Streams
    supervisions: Supervisions


@dataclass(frozen=True)
class Parts:
    """Everything that an application is made of; kept on its state."""

    settings: Settings
    engine: Engine
    tokens: Tokens
    metrics: Metrics
    rules: DialingRules
    rate: StartRate
    dials: DialRate


async def parts_of(request: Request) -> Parts:
    """The parts of the application that serves this request."""
    parts: Parts = request.app.state.parts
    return parts


PartsDep = Annotated[Parts, Depends(parts_of)]

_bearer = HTTPBearer(auto_error=False, description="An API key or a JSON Web Token.")
_api_key = APIKeyHeader(name="X-API-Key", auto_error=False)


async def principal_of(
    request: Request,
    parts: PartsDep,
    _documented: Annotated[object, Security(_bearer)] = None,
    _too: Annotated[object, Security(_api_key)] = None,
) -> Principal:
    """Whoever shows a credential in a header; a 401 for everybody else.

    Nothing in the address is ever read as a credential: addresses end up in logs.
    """
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    credential = bearer.strip() if scheme.lower() == "bearer" else ""
    credential = credential or request.headers.get("x-api-key", "")
    if credential and len(credential) <= CREDENTIAL_LENGTH_MAX:
        keys = parts.settings.handover_api_keys
        principal = principal_of_key(credential, keys) or await parts.tokens.principal(credential)
        if principal is not None:
            principal = in_teams(principal, parts.settings.teams)
            # For the audit trail.
            request.state.principal = principal
            return principal
    raise Problem(
        401,
        "unauthenticated",
        "Send an API key or a current token: Authorization: Bearer …",
        {"WWW-Authenticate": "Bearer"},
    )


PrincipalDep = Annotated[Principal, Depends(principal_of)]


async def _webhook(request: Request) -> Webhook:
    webhook: Webhook = request.state.webhook
    return webhook


WebhookDep = Annotated[Webhook, Depends(_webhook)]
"""The verified request; the router's own dependency has put it there."""


async def _settings(parts: PartsDep) -> Settings:
    return parts.settings


async def _facts(parts: PartsDep) -> Facts:
    return parts.engine.facts


async def _records(parts: PartsDep) -> Records:
    return parts.engine.records


async def _controls(parts: PartsDep) -> Controls:
    return parts.engine.controls


async def _metrics(parts: PartsDep) -> Metrics:
    return parts.metrics


SettingsDep = Annotated[Settings, Depends(_settings)]
FactsDep = Annotated[Facts, Depends(_facts)]
RecordsDep = Annotated[Records, Depends(_records)]
ControlsDep = Annotated[Controls, Depends(_controls)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
