"""The connection to Temporal: made when first needed, bounded in time, and with request ids.

Temporal answers a repeated request id with the run that the first one started, even when that run
is over, and drops a signal whose request id it has seen. The SDK draws a new id for each call, so
the caller of an rpc names one in its metadata, and the wrapped service writes it into the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from types import TracebackType

from temporalio.api.workflowservice.v1 import (
    SignalWorkflowExecutionRequest,
    SignalWorkflowExecutionResponse,
    StartWorkflowExecutionRequest,
    StartWorkflowExecutionResponse,
)
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.client import WorkflowExecutionStatus as Status
from temporalio.service import RPCError, RPCStatusCode, WorkflowService

from workflows.connection import UnreachableError

REQUEST_ID = "handover-request-id"
"""Metadata key of an rpc that names its request id. It is taken out before the request is sent."""

RPC_SECONDS = 2.5
"""One round trip takes 2 ms. Twilio gives a webhook 15 s, a desktop should hear sooner."""

UNREACHABLE = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
    }
)

LIVE = frozenset({Status.RUNNING, Status.CONTINUED_AS_NEW})
"""States of a workflow that is under way."""

Metadata = Mapping[str, str | bytes]
Connect = Callable[[], Awaitable[Client]]


class EngineUnreachableError(Exception):
    """Temporal did not answer in time. Whether the request took effect is not known."""


class bounded:  # noqa: N801 - it reads like `asyncio.timeout`, whose rule it follows
    """Turns silence, and refusals that pass, into `EngineUnreachableError`."""

    __slots__ = ("_limit",)

    def __init__(self, seconds: float = RPC_SECONDS) -> None:
        self._limit = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, traceback)
        except TimeoutError as silence:
            raise EngineUnreachableError from silence
        is_passing = isinstance(error, RPCError) and error.status in UNREACHABLE
        if is_passing or isinstance(error, TimeoutError):
            raise EngineUnreachableError from error


class NamedRequests(WorkflowService):
    """The workflow service, with request ids that the caller may name."""

    async def start_workflow_execution(
        self,
        req: StartWorkflowExecutionRequest,
        retry: bool = False,
        metadata: Metadata = {},  # noqa: B006 - the signature of the SDK; never changed here
        timeout: timedelta | None = None,  # noqa: ASYNC109 - the signature of the SDK
    ) -> StartWorkflowExecutionResponse:
        """Starts, under the named request id if there is one."""
        name, rest = _take_name(metadata)
        req.request_id = name or req.request_id
        return await super().start_workflow_execution(req, retry, rest, timeout)

    async def signal_workflow_execution(
        self,
        req: SignalWorkflowExecutionRequest,
        retry: bool = False,
        metadata: Metadata = {},  # noqa: B006 - the signature of the SDK; never changed here
        timeout: timedelta | None = None,  # noqa: ASYNC109 - the signature of the SDK
    ) -> SignalWorkflowExecutionResponse:
        """Signals, under the named request id if there is one."""
        name, rest = _take_name(metadata)
        req.request_id = name or req.request_id
        return await super().signal_workflow_execution(req, retry, rest, timeout)


def _take_name(metadata: Metadata) -> tuple[str, Metadata]:
    """The named request id, and the metadata without it."""
    name = metadata.get(REQUEST_ID, "")
    rest = {key: value for key, value in metadata.items() if key != REQUEST_ID}
    return str(name), rest


def with_named_requests(client: Client) -> Client:
    """The same client; its rpcs now heed `REQUEST_ID`."""
    service = client.service_client
    if not isinstance(service.workflow_service, NamedRequests):
        service.workflow_service = NamedRequests(service)
    return client


class Temporal:
    """Hands out the client. Connects at the first use, and again after a connect that failed."""

    def __init__(self, connect: Connect, client: Client | None = None) -> None:
        self._connect = connect
        self._client = with_named_requests(client) if client else None
        self._lock = asyncio.Lock()

    async def client(self) -> Client:
        """The connected client. Raises `EngineUnreachableError` after `RPC_SECONDS` at the most."""
        if self._client is None:
            async with bounded(), self._lock:
                if self._client is None:
                    try:
                        self._client = with_named_requests(await self._connect())
                    except (RuntimeError, UnreachableError) as error:
                        raise EngineUnreachableError from error
        return self._client

    async def describe(
        self, workflow_id: str, run_id: str | None = None
    ) -> WorkflowExecutionDescription | None:
        """What Temporal holds of a workflow, its memo included; None if there is none."""
        client = await self.client()
        try:
            async with bounded():
                return await client.get_workflow_handle(workflow_id, run_id=run_id).describe()
        except RPCError as error:
            if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                return None
            raise

    async def is_healthy(self) -> bool:
        """Whether Temporal serves, asked for one second at the most."""
        try:
            client = await self.client()
            async with bounded(1.0):
                return await client.service_client.check_health()
        except (EngineUnreachableError, RPCError):
            return False
