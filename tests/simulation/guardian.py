"""The real guardian on the simulation's stage: its workflow, its activities, and what it lists.

A look that would show what the last one showed is not made: while nothing happens in the network,
no callback is sent and no workflow changes, the next round waits. What has happened is seen on the
beat of the looks, so that news is found no sooner than by a guardian that never rests.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import temporalio.activity
from temporalio import activity
from temporalio.activity import _Context
from temporalio.common import _CompositeEvent

from activities.guardian.guard import TASKS_SECONDS, Guard, GuardInput, GuardReport
from activities.guardian.left_tasks import AGE_SECONDS_MIN, OpenTasks
from activities.guardian.look import Look
from activities.guardian.rescue import Rescue
from activities.room import Room
from tests.simulation.client import Client, Description, Handle
from tests.simulation.driver import as_payload, name_of
from tests.simulation.lists import Lists
from tests.simulation.stage import Stage, worker_settings
from workflows.dispatch_guardian import ROUND_SECONDS_MAX
from workflows.guardian import GuardianWorkflow
from workflows.messages import GUARDIAN_WORKFLOW_ID, GuardianInput

_TYPES = re.compile(r"WorkflowType IN \(([^)]*)\)")
_IDS = re.compile(r"WorkflowId IN \(([^)]*)\)")
_SINCE = re.compile(r"CloseTime > '([^']+)'")

LOOK_SECONDS = 4.0
"""`HANDOVER_GUARDIAN_SECONDS`."""


class Described(Description):
    """With what the guardian asks besides."""

    def __init__(self, run: Any) -> None:
        super().__init__(run)
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
        ids = _IDS.search(query)
        if ids is not None:
            for each in re.findall(r"'([^']+)'", ids[1]):
                for run in list(self.server.runs.get(each, ())):
                    yield Described(run)
            return
        is_for_stuck = "TemporalReportedProblems" in query
        is_for_lately = "'Running' OR" in query
        for runs in list(self.server.runs.values()):
            for run in list(runs):
                begun = run.history.begun
                if name_of(begun.workflow) not in types or is_for_stuck:
                    continue
                is_wanted = since is None and run.is_running
                if since is not None and is_for_lately:
                    is_wanted = run.is_running or _is_closed(run, since[1])
                elif since is not None:
                    is_wanted = run.status != "completed" and _is_closed(run, since[1])
                if is_wanted:
                    yield Described(run)


def _is_closed(run: Any, since: str) -> bool:
    """Whether it has ended since then."""
    moment = datetime.fromisoformat(since).timestamp()
    return run.closed_at is not None and bool(run.closed_at > moment)


class _Guard(Guard):
    """Remembers what the world was like when a whole look found nothing in it."""

    def __init__(
        self, stage: Stage, temporal: Any, tasks: OpenTasks | None, lists: Lists | None
    ) -> None:
        super().__init__(stage.twilio, temporal, LOOK_SECONDS, tasks=tasks)
        self._stage = stage
        self._lists = lists
        # A task counts from some age on, and may have to wait for the next list of them.
        self._waits = AGE_SECONDS_MIN + TASKS_SECONDS + LOOK_SECONDS if tasks else 0.0
        self._version: tuple[int, int, int] = (0, 0, 0)
        self._changed_at = 0.0
        self._changes = 0
        self._seen: tuple[int, int, int] | None = None
        self.looks = 0
        self.looked_at = 0.0
        # First: whoever is told after this wakes a guardian that rests, if anything has changed.
        stage.server.listeners.insert(0, self._run_changed)

    def _run_changed(self, run: Any) -> None:
        self._changes += run.id != GUARDIAN_WORKFLOW_ID

    def version(self) -> tuple[int, int, int]:
        """Differs as soon as anything has happened that a look could show."""
        stage = self._stage
        now = stage.network.ledger.seq, stage.callbacks.count, self._changes
        if now != self._version:
            self._version, self._changed_at = now, stage.loop.time()
        return now

    def is_quiet(self) -> bool:
        """Whether another look would show what the last one showed: nothing."""
        return self.version() == self._seen

    async def _look_once(self, *given: Any) -> GuardReport:
        before, self._seen = self.version(), None
        self.looks += 1
        self.looked_at = self._stage.loop.time()
        report = await super()._look_once(*given)
        # A room without an owner counts from some age on, and what was told is told again.
        is_settled = not report.findings and not report.quiet and report.rooms <= report.owners
        if is_settled and self.looked_at - self._changed_at >= self._waits:
            self._seen = before
        return report

    async def _look_around(self) -> Look:
        if self._lists is None:
            return await super()._look_around()
        return await self._lists.look_around()

    async def _read_room(self, conference_sid: str) -> Room:
        if self._lists is None:
            return await super()._read_room(conference_sid)
        return await self._lists.read_room(conference_sid)


class Guardian:
    """Puts the guardian to work on a stage. `rests`: it makes no looks that show nothing new, and
    what it asks is no part of what a call costs, nor of the requests that a story counts.
    `lists`: how its looks list what lives; None for Twilio's SDK, as elsewhere."""

    def __init__(self, stage: Stage, rests: bool = False, lists: Lists | None = None) -> None:
        settings = worker_settings(stage.mode, stage.centre)
        twilio = stage.twilio
        temporal: Any = Visibility(stage.server)
        has_tasks = rests and stage.mode == "taskrouter"
        self._stage = stage
        tasks = OpenTasks(twilio, settings) if has_tasks else None
        self._guard = _Guard(stage, temporal, tasks, lists)
        self._rescue = Rescue(twilio, settings, temporal)
        stage.worker.learns(self.guard, self._rescue.rescue, self._rescue.end_strays)
        stage.server.workflows["GuardianWorkflow"] = GuardianWorkflow
        self._waiting: Any = None
        """The round that is not begun because nothing has happened."""
        self.run = stage.server.start(
            "GuardianWorkflow", GUARDIAN_WORKFLOW_ID, [as_payload(GuardianInput())], {}
        )
        if rests:
            stage.rest.is_counted = is_of_a_call
            self._begin_round = self.run.orders.schedule  # type: ignore[union-attr]
            self.run.orders.schedule = self._schedule  # type: ignore[method-assign, union-attr]
            stage.on_change.append(self._wake)
            stage.callbacks.on_send = self._wake

    @property
    def looks(self) -> int:
        """How many looks were made."""
        return self._guard.looks

    def _schedule(self, given: Any) -> None:
        if given.activity_type == "guard" and self._guard.is_quiet():
            self._waiting = given
        else:
            self._begin_round(given)

    def _wake(self) -> None:
        """Something has happened: the next look is made when it would have been anyhow."""
        if self._waiting is not None and not self._guard.is_quiet():
            since = self._stage.loop.time() - self._guard.looked_at
            self._release(LOOK_SECONDS - since % LOOK_SECONDS)

    def worker_died(self) -> None:
        """A round that only waits would have died as well, and be missed when its time is up."""
        if self._waiting is not None:
            self._release(ROUND_SECONDS_MAX)

    def _release(self, seconds: float) -> None:
        given, self._waiting = self._waiting, None
        self._stage.loop.call_later(seconds, self._begin, given)

    def _begin(self, given: Any) -> None:
        if self.run.is_running:
            self._begin_round(given)

    def stop(self) -> None:
        """The play is over; it would go on for ever."""
        self._stage.server.terminate(self.run)
        for task, order in self._stage.worker._running.items():
            if order.given.activity_type == "guard":
                task.cancel()

    @temporalio.activity.defn(name="guard")
    async def guard(self, given: GuardInput) -> GuardReport:
        """The real one, which may ask whether its worker is to stop: here it never is."""
        never = _CompositeEvent(thread_event=None, async_event=asyncio.Event())  # type: ignore[arg-type]
        _Context.current().worker_shutdown_event = never
        return await self._guard.guard(given)


def is_of_a_call() -> bool:
    """Whether whoever asks Twilio does so for a call, and not for the guardian."""
    if not activity.in_activity():
        return True
    return activity.info().workflow_id != GUARDIAN_WORKFLOW_ID
