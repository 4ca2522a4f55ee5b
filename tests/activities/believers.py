"""Temporal as the guardian's activities see it: workflows with views, without a server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus as Status
from temporalio.service import RPCError, RPCStatusCode

from activities.guardian.rescue import RescueReport

Json = dict[str, Any]
Act = Callable[..., Awaitable[RescueReport]]
"""Makes one rescue."""
TYPES = ("WarmTransferWorkflow", "CallWorkflow")


@dataclass
class Believer:
    """One run of a workflow."""

    id: str
    view: Json
    run_id: str = "run-1"
    status: Status = Status.RUNNING
    closed_at: float | None = None
    failures: int = 0
    task: str = ""

    @property
    def close_time(self) -> datetime | None:
        """As an execution of the SDK has it."""
        return datetime.fromtimestamp(self.closed_at, UTC) if self.closed_at else None

    @property
    def raw_description(self) -> Any:
        """As far as it is looked at."""
        return SimpleNamespace(pending_workflow_task=SimpleNamespace(attempt=self.failures + 1))

    async def memo_value(self, name: str, default: Any) -> Any:
        """A memo field, as Temporal's converter gives it back: mappings and lists."""
        return {"view": self.view, "task": self.task}.get(name, default)

    def cut_off(self, status: Status = Status.TERMINATED) -> None:
        """End it by force, now."""
        self.status, self.closed_at = status, time.time()


@dataclass
class Written:
    """The activity that asks, as Temporal knows it."""

    temporal: Believers

    async def heartbeat(self, *details: Any, rpc_timeout: timedelta) -> None:
        """Heard as any other of its heartbeats, but surely."""
        if not self.temporal.is_reached:
            raise RPCError("nobody there", RPCStatusCode.UNAVAILABLE, b"")
        activity.heartbeat(*details)


@dataclass
class Believers:
    """Stands in for Temporal's client."""

    all: list[Believer] = field(default_factory=list)
    listed: list[Believer] | None = None
    """What lists show, when that is not what is so."""
    knows_problems: bool = True
    is_reached: bool = True
    is_silent: bool = False
    lists: int = 0

    def add(self, workflow_id: str, *people: Json, **view: Any) -> Believer:
        """A running workflow with these people."""
        sid = workflow_id.partition("/")[2]
        shown = {"conference_sid": sid, "people": list(people), "since": 0.0, **view}
        made = Believer(workflow_id, shown)
        self.all.append(made)
        return made

    async def list_workflows(self, query: str, page_size: int) -> AsyncIterator[Believer]:
        """The few queries that are made."""
        self.lists += 1
        shown = self.all if self.listed is None else self.listed
        if "TemporalReportedProblems" in query:
            if not self.knows_problems:
                raise RPCError("no such attribute", RPCStatusCode.INVALID_ARGUMENT, b"")
            shown = [each for each in shown if each.failures >= 5]
        elif " OR CloseTime > " in query:
            shown = list(shown)
        elif "ExecutionStatus = 'Running'" in query:
            shown = [each for each in shown if each.status is Status.RUNNING]
        else:
            shown = [each for each in shown if each.closed_at]
        for each in list(shown):
            yield each

    def get_async_activity_handle(self, task_token: bytes) -> Any:
        """A handle that writes down what an activity says of itself."""
        return Written(self)

    def get_workflow_handle(self, workflow_id: str, run_id: str | None = None) -> Any:
        """A handle that can be described and terminated."""
        found = [each for each in self.all if each.id == workflow_id]
        found = [each for each in found if run_id in (None, each.run_id)]

        async def describe() -> Believer:
            if self.is_silent:
                await asyncio.Event().wait()
            if not self.is_reached:
                raise RPCError("out of reach", RPCStatusCode.UNAVAILABLE, b"")
            if not found:
                raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
            return found[-1]

        async def terminate(reason: str) -> None:
            found[-1].cut_off()

        return SimpleNamespace(describe=describe, terminate=terminate)


def person(party: str, call_sid: str = "", presence: str = "present", **more: Any) -> Json:
    """One person of a view."""
    return {"party": party, "call_sid": call_sid, "presence": presence, **more}
