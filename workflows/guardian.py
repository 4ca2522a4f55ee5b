"""The guardian: tells workflows what callbacks did not, and looks after what nobody owns.

It decides nothing about a call: it looks, and tells. Whoever is told classifies the news like any
other, so that news which is late, doubled or wrong by now changes nothing. It remembers nothing
that matters: killed at any point, the next look finds what is still to be found.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from workflows.call import CallWorkflow
from workflows.dispatch_guardian import (
    EXPECTED,
    PAGE,
    TOLD_TO_CALL,
    Finding,
    GuardReport,
    RescueReport,
    fact_of,
    guard_order,
    rescue_order,
    task_order,
    watch_of,
)
from workflows.dispatch_order import Order, carry_out
from workflows.inbound import KIND
from workflows.shell import now

with workflow.unsafe.imports_passed_through():
    from workflows.machine.events import Fact, OwnerEnded
    from workflows.machine.model import Kind
    from workflows.messages import (
        FACT,
        GUARDIAN_TASK_QUEUE,
        GUARDIAN_WORKFLOW_ID,
        MEMO_VIEW,
        TASK_QUEUE,
        TASK_SECONDS,
        GuardianFinding,
        GuardianInput,
        GuardianView,
        StartCallInput,
        call_workflow_id,
    )
    from workflows.telemetry import GuardianTelemetry
    from workflows.views import begin_call, call_view_of

ROUNDS_MAX = 200
"""Rounds of one run, of some seven history events each; then it goes on as a new run."""
LATEST_MAX = 20
"""How many findings are shown."""
SETTLED_SECONDS = 7200.0
"""How long a complete rescue is remembered: longer than who was cut off is listed."""
FAILURES_MAX = 3
"""A worker that dies fails one step or two."""


@workflow.defn(name="GuardianWorkflow")
class GuardianWorkflow:
    """Looks every few seconds, for ever. Id: `guardian`."""

    @workflow.init
    def __init__(self, given: GuardianInput) -> None:
        since = given.view.since or now()
        self._carried = replace(given, view=replace(given.view, since=since))
        self._telemetry = GuardianTelemetry()
        self._rescues: set[asyncio.Task[None]] = set()

    @workflow.run
    async def run(self, given: GuardianInput) -> None:
        """Round after round: look, show, tell. Rescues go on beside the next look."""
        for _ in range(ROUNDS_MAX):
            try:
                report: GuardReport = await carry_out(guard_order(self._carried))
            except ActivityError:
                workflow.logger.error("no look could be had for a long time")
                continue
            self._note(report)
            for finding in report.findings:
                await self._tell(finding)
                if (order := rescue_order(finding)) is not None:
                    self._beside(self._rescue(finding, order))
                if (order := task_order(finding)) is not None:
                    self._beside(self._close_task(finding, order))
            if workflow.info().is_continue_as_new_suggested():
                break
        await workflow.wait_condition(lambda: not self._rescues)
        workflow.continue_as_new(self._carried)

    def _note(self, report: GuardReport) -> None:
        """Count and show what was found."""
        view = self._carried.view
        counts = Counter(view.findings)
        counts.update(each.kind for each in report.findings)
        new = tuple(
            GuardianFinding(report.looked_at, each.kind, each.workflow_id, each.conference_sid)
            for each in reversed(report.findings)
        )
        view = replace(
            view,
            looked_at=report.looked_at,
            seconds=round(report.seconds, 3),
            looks=view.looks + report.looks,
            looks_failed=view.looks_failed + report.looks_failed,
            calls=report.calls,
            rooms=report.rooms,
            owners=report.owners,
            findings=dict(counts),
            latest=(*new, *view.latest)[:LATEST_MAX],
        )
        settled = {key: until for key, until in self._carried.settled.items() if until > now()}
        self._carried = replace(self._carried, view=view, quiet=report.quiet, settled=settled)
        workflow.upsert_memo({MEMO_VIEW: view})
        self._telemetry.looked(report.looks, report.looks_failed)
        for finding in report.findings:
            level = logging.ERROR if finding.kind in PAGE else logging.WARNING
            level = logging.INFO if finding.kind in EXPECTED else level
            self._telemetry.found(finding.kind, finding.workflow_id, level)

    async def _tell(self, finding: Finding) -> None:
        """Tell the very run that was looked at; one that has ended since needs no news."""
        fact = fact_of(finding, now())
        if fact is None:
            return
        await self._signal(finding.workflow_id, finding.run_id, fact)

    async def _tell_call(self, conference_sid: str) -> None:
        """The call may have looked at its people just before, and shows one of them on hold, or it
        says nothing of somebody whom the dead transfer's last word still shows."""
        await self._signal(call_workflow_id(conference_sid), None, OwnerEnded(at=now()))

    async def _signal(self, workflow_id: str, run_id: str | None, fact: Fact) -> None:
        owner = workflow.get_external_workflow_handle(workflow_id, run_id=run_id)
        try:
            await owner.signal(FACT, asdict(fact))
        except ApplicationError:
            workflow.logger.info("who was to be told has ended since")

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._rescues.add(task)
        task.add_done_callback(self._rescues.discard)

    async def _close_task(self, finding: Finding, order: Order) -> None:
        try:
            await carry_out(order)
        except ActivityError:
            workflow.logger.error("a task could not be closed; it is tried again")
            return
        self._count(("end_task",), finding.conference_sid)

    def _count(self, did: Sequence[str], conference_sid: str) -> None:
        """Say and show what was done."""
        view = self._carried.view
        counts = Counter(view.rescues)
        counts.update(did)
        self._carried = replace(self._carried, view=replace(view, rescues=dict(counts)))
        for each in did:
            self._telemetry.rescued(each, conference_sid)

    async def _rescue(self, finding: Finding, order: Order) -> None:
        """One rescue; what it left undone is found again by a look."""
        try:
            report: RescueReport = await carry_out(order)
        except ActivityError:
            workflow.logger.error("a rescue failed; it is tried again with one of the next looks")
            return
        watch = watch_of(report, now())
        if watch is not None:
            await self._start_watch(watch)
        if report.is_settled:
            settled = self._carried.settled | {finding.key: now() + SETTLED_SECONDS}
            self._carried = replace(self._carried, settled=settled)
        if not TOLD_TO_CALL.isdisjoint(report.did):
            await self._tell_call(finding.conference_sid)
        did = (*report.did, "watch") if watch is not None else report.did
        self._count(did, finding.conference_sid)

    async def _start_watch(self, given: StartCallInput) -> None:
        """Somebody watches the call again, to its end."""
        kind = SearchAttributePair(KIND, Kind.ROUTED.value)
        try:
            await workflow.start_child_workflow(
                CallWorkflow.run,
                given,
                id=call_workflow_id(given.conference_sid),
                task_queue=TASK_QUEUE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                task_timeout=timedelta(seconds=TASK_SECONDS),
                memo={MEMO_VIEW: call_view_of(begin_call(given))},
                search_attributes=TypedSearchAttributes([kind]),
                static_summary="a call whose first owner was ended by force",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the call has an owner again already")


async def ensure_guardian(client: Client) -> None:
    """See that the guardian runs. One that runs already is left alone, unless its own code fails
    again and again, as it may after a change of it: then another takes its place."""
    given, conflict = GuardianInput(), WorkflowIDConflictPolicy.USE_EXISTING
    handle = client.get_workflow_handle(GUARDIAN_WORKFLOW_ID)
    try:
        found = await handle.describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    else:
        given = GuardianInput(await found.memo_value(MEMO_VIEW, type_hint=GuardianView))
        if found.raw_description.pending_workflow_task.attempt > FAILURES_MAX:
            conflict = WorkflowIDConflictPolicy.TERMINATE_EXISTING
    await client.start_workflow(
        GuardianWorkflow.run,
        given,
        id=GUARDIAN_WORKFLOW_ID,
        task_queue=GUARDIAN_TASK_QUEUE,
        id_conflict_policy=conflict,
        task_timeout=timedelta(seconds=TASK_SECONDS),
        memo={MEMO_VIEW: given.view},
        static_summary="looks after what callbacks did not tell",
    )
