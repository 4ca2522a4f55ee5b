"""The real guardian on the simulation's stage: its workflow, its activities, and what it lists.

Most cells are played without it, which is harder on the workflows; where callbacks are lost it is
part of what is promised.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import temporalio.activity
from temporalio.activity import _Context
from temporalio.common import _CompositeEvent

from activities.guardian.guard import Guard, GuardInput, GuardReport
from activities.guardian.rescue import Rescue
from tests.simulation.client import Client, Description, Handle
from tests.simulation.driver import as_payload, name_of
from tests.simulation.stage import Stage, worker_settings
from workflows.guardian import GuardianWorkflow
from workflows.messages import GUARDIAN_WORKFLOW_ID, GuardianInput

_TYPES = re.compile(r"WorkflowType IN \(([^)]*)\)")
_SINCE = re.compile(r"CloseTime > '([^']+)'")


class Described(Description):
    """With what the guardian asks besides."""

    def __init__(self, run: Any) -> None:
        super().__init__(run)
        closed = run.closed_at
        self.close_time = datetime.fromtimestamp(closed, UTC) if closed else None  # type: ignore[assignment]
        self.raw_description = SimpleNamespace(pending_workflow_task=SimpleNamespace(attempt=1))


class _Handle(Handle):
    async def describe(self, **_: Any) -> Described:
        await self._client.trip()
        return Described(self._run())

    async def terminate(self, reason: str = "") -> None:
        await self._client.trip()
        self._client.server.terminate(self._live())


class Visibility(Client):
    """Temporal's client with lists, as the guardian's own queries ask for them."""

    def get_workflow_handle(
        self, workflow_id: str, *, run_id: str | None = None, result_type: Any = None
    ) -> Handle:
        return _Handle(self, workflow_id, run_id, result_type)

    async def list_workflows(self, query: str, **_: Any) -> AsyncIterator[Described]:
        await self.trip()
        found = _TYPES.search(query)
        types = re.findall(r"'(\w+)'", found[1]) if found else []
        since = _SINCE.search(query)
        is_for_stuck = "TemporalReportedProblems" in query
        for runs in list(self.server.runs.values()):
            for run in list(runs):
                begun = run.history.begun
                if name_of(begun.workflow) not in types or is_for_stuck:
                    continue
                if (since is None and run.is_running) or (
                    since is not None and _is_cut_off(run, since[1])
                ):
                    yield Described(run)


def _is_cut_off(run: Any, since: str) -> bool:
    """Whether it was ended from outside, or failed, since then."""
    if run.closed_at is None or run.status == "completed":
        return False
    return bool(run.closed_at > datetime.fromisoformat(since).timestamp())


class Guardian:
    """Puts the guardian to work on a stage."""

    def __init__(self, stage: Stage) -> None:
        settings = worker_settings(stage.mode, stage.centre)
        twilio = stage.twilio
        temporal: Any = Visibility(stage.server)
        self._guard = Guard(twilio, temporal)
        self._rescue = Rescue(twilio, settings, temporal)
        for each in (self.guard, self._rescue.rescue):
            definition = temporalio.activity._Definition.must_from_callable(each)
            stage.worker._activities[str(definition.name)] = definition
        stage.server.workflows["GuardianWorkflow"] = GuardianWorkflow
        stage.server.start(
            "GuardianWorkflow", GUARDIAN_WORKFLOW_ID, [as_payload(GuardianInput())], {}
        )

    @temporalio.activity.defn(name="guard")
    async def guard(self, given: GuardInput) -> GuardReport:
        """The real one, which may ask whether its worker is to stop: here it never is."""
        never = _CompositeEvent(thread_event=None, async_event=asyncio.Event())  # type: ignore[arg-type]
        _Context.current().worker_shutdown_event = never
        return await self._guard.guard(given)
