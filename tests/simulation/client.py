"""Temporal's client as the api uses it, in front of the stand-in server.

The api's own code for starts, facts, records and requests runs on this unchanged.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.engine.temporal import REQUEST_ID
from tests.simulation.driver import CONVERTER, FAILURES, as_payload, from_payload
from tests.simulation.temporal import Run, Server

STATUS = {
    "running": WorkflowExecutionStatus.RUNNING,
    "completed": WorkflowExecutionStatus.COMPLETED,
    "failed": WorkflowExecutionStatus.FAILED,
    "cancelled": WorkflowExecutionStatus.CANCELED,
    "terminated": WorkflowExecutionStatus.TERMINATED,
}
_MISSING = object()


def _error(status: RPCStatusCode, text: str) -> RPCError:
    return RPCError(text, status, b"")


class Description:
    """What a client is told of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.id, self.run_id = run.id, run.run_id
        self.status = STATUS[run.status]
        self.history_length = run.history.events
        self._memo = dict(run.memo)
        closed = run.closed_at
        self.close_time = datetime.fromtimestamp(closed, UTC) if closed else None

    async def memo_value(self, key: str, default: Any = _MISSING, *, type_hint: Any = None) -> Any:
        payload = self._memo.get(key)
        if payload is None:
            if default is _MISSING:
                raise KeyError(key)
            return default
        known = self._run.decoded.get((key, type_hint))
        if known is None or known[0] is not payload:
            known = (payload, from_payload(payload, type_hint))
            self._run.decoded[key, type_hint] = known
        return known[1]

    async def memo(self) -> dict[str, Any]:
        return {key: from_payload(payload) for key, payload in self._memo.items()}


class Handle:
    """One workflow, by its id."""

    def __init__(self, client: Client, workflow_id: str, run_id: str | None, hint: Any) -> None:
        self._client = client
        self.id, self.run_id, self._hint = workflow_id, run_id, hint

    def _run(self) -> Run:
        runs = self._client.server.runs.get(self.id, [])
        found = [run for run in runs if self.run_id in (None, run.run_id)]
        if not found:
            raise _error(RPCStatusCode.NOT_FOUND, "workflow not found")
        return found[-1]

    def _live(self) -> Run:
        run = self._run()
        if not run.is_running:
            raise _error(RPCStatusCode.NOT_FOUND, "workflow execution already completed")
        return run

    async def signal(self, name: str, value: Any, *, rpc_metadata: Any = None) -> None:
        await self._client.trip()
        request_id = str((rpc_metadata or {}).get(REQUEST_ID, ""))
        self._client.server.signal(self._live(), name, [as_payload(value)], request_id)
        await self._client.back()

    async def describe(self, **_: Any) -> Description:
        await self._client.trip()
        description = Description(self._run())
        await self._client.back()
        return description

    async def execute_update(
        self,
        name: str,
        value: Any,
        *,
        id: str,  # noqa: A002 - the SDK's signature
        result_type: Any = None,
        **_: Any,
    ) -> Any:
        await self._client.trip()
        run = self._run()
        if not run.is_running and id not in run.updates:
            raise _error(RPCStatusCode.NOT_FOUND, "workflow execution already completed")
        update = self._client.server.update(run, name, [as_payload(value)], id)
        outcome = await asyncio.shield(update.outcome)
        if not update.accepted and not run.is_running and isinstance(outcome, Failure):
            kind = outcome.application_failure_info.type
            if kind == "AcceptedUpdateCompletedWorkflow":
                raise _error(RPCStatusCode.NOT_FOUND, "workflow execution already completed")
        await self._client.back()
        if isinstance(outcome, Failure):
            raise WorkflowUpdateFailedError(FAILURES.from_failure(outcome, CONVERTER))
        return from_payload(outcome, result_type)

    async def result(self) -> Any:
        await self._client.trip()
        outcome = await asyncio.shield(self._run().result)
        if isinstance(outcome, Failure):
            raise WorkflowFailureError(cause=FAILURES.from_failure(outcome, CONVERTER))
        return from_payload(outcome, self._hint)


class Client:
    """Starts, and hands out handles. Answers nothing while the server is down."""

    def __init__(self, server: Server) -> None:
        self.server = server

    async def trip(self) -> None:
        """The way there. A server that is down refuses."""
        await self.server.loop.passing(self.hop())
        if not self.server.is_up:
            raise _error(RPCStatusCode.UNAVAILABLE, "the server is down")

    async def back(self) -> None:
        """The way back: the answer may be lost on it, though the request took effect."""
        await self.server.loop.passing(self.hop())
        if not self.server.is_up:
            raise _error(RPCStatusCode.UNAVAILABLE, "the server went down")

    def hop(self) -> float:
        """How long one message takes."""
        return self.server.hop()

    def get_workflow_handle(
        self, workflow_id: str, *, run_id: str | None = None, result_type: Any = None
    ) -> Handle:
        return Handle(self, workflow_id, run_id, result_type)

    async def start_workflow(
        self,
        workflow: str,
        value: Any,
        *,
        id: str,  # noqa: A002 - the SDK's signature
        result_type: Any = None,
        memo: dict[str, Any] | None = None,
        id_reuse_policy: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy: WorkflowIDConflictPolicy = WorkflowIDConflictPolicy.UNSPECIFIED,
        rpc_metadata: Any = None,
        **_: Any,
    ) -> Handle:
        await self.trip()
        request_id = str((rpc_metadata or {}).get(REQUEST_ID, ""))
        runs = self.server.runs.get(id, [])
        same = next((run for run in runs if request_id and run.request_id == request_id), None)
        if same is None:
            latest = runs[-1] if runs else None
            same = self._standing(latest, id, workflow, id_reuse_policy, id_conflict_policy)
        if same is None:
            fields: dict[str, Payload] = {
                key: as_payload(each) for key, each in (memo or {}).items()
            }
            same = self.server.start(workflow, id, [as_payload(value)], fields, request_id)
        await self.back()
        return Handle(self, id, same.run_id, result_type)

    async def execute_update_with_start_workflow(
        self,
        name: str,
        value: Any,
        *,
        start_workflow_operation: Any,
        id: str,  # noqa: A002 - the SDK's signature
        result_type: Any = None,
    ) -> Any:
        """Not one request, as at the server, but two: what may come between is possible here."""
        given = start_workflow_operation._start_workflow_input
        handle = await self.start_workflow(
            given.workflow,
            *given.args,
            id=given.id,
            id_reuse_policy=given.id_reuse_policy,
            id_conflict_policy=given.id_conflict_policy,
        )
        return await handle.execute_update(name, value, id=id, result_type=result_type)

    @staticmethod
    def _standing(
        latest: Run | None,
        workflow_id: str,
        workflow: str,
        reuse: WorkflowIDReusePolicy,
        conflict: WorkflowIDConflictPolicy,
    ) -> Run | None:
        """The run that stands in for a new one; None if a new one may begin."""
        if latest is None:
            return None
        if latest.is_running:
            if conflict is WorkflowIDConflictPolicy.USE_EXISTING:
                return latest
            raise WorkflowAlreadyStartedError(workflow_id, workflow)
        failed_only = reuse is WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
        if reuse is WorkflowIDReusePolicy.REJECT_DUPLICATE or (
            failed_only and latest.status == "completed"
        ):
            raise WorkflowAlreadyStartedError(workflow_id, workflow)
        return None


class WorkersClient(Client):
    """The client that activities have. Its messages take times of their own, so that what a worker
    asks shifts nothing else; a worker that is cut off asks in vain."""

    def __init__(
        self, server: Server, worker: Any, latency: Random, hops: tuple[float, float]
    ) -> None:
        super().__init__(server)
        self._worker = worker
        self._latency = latency
        self._least, self._most = hops

    async def trip(self) -> None:
        if not self._worker.is_up:
            raise _error(RPCStatusCode.UNAVAILABLE, "the worker is cut off")
        await super().trip()

    def hop(self) -> float:
        return self._latency.uniform(self._least, self._most)

    def get_async_activity_handle(self, task_token: bytes) -> Attempt:
        """The attempt that asks."""
        return Attempt(self)


class Attempt:
    """An attempt of an activity, as the server knows it."""

    def __init__(self, client: WorkersClient) -> None:
        self._client = client

    async def heartbeat(self, *details: Any, rpc_timeout: timedelta) -> None:
        """Back when the server has written it down."""
        await self._client.trip()
        activity.heartbeat(*details)
