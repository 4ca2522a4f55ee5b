"""The guardian: tells workflows what callbacks did not, and looks after what nobody owns.

It decides nothing about a call: it looks, and tells. Whoever is told classifies the news like any
other, so that news which is late, doubled or wrong by now changes nothing. It remembers nothing
that matters: killed at any point, the next look finds what is still to be found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.dispatch_guardian import EXPECTED, Finding, GuardReport, fact_of, guard_order
from workflows.dispatch_order import carry_out
from workflows.shell import now

with workflow.unsafe.imports_passed_through():
    from workflows.messages import (
        FACT,
        GUARDIAN_TASK_QUEUE,
        GUARDIAN_WORKFLOW_ID,
        MEMO_VIEW,
        GuardianFinding,
        GuardianInput,
        GuardianView,
    )
    from workflows.telemetry import GuardianTelemetry

ROUNDS_MAX = 200
"""Rounds of one run, of some seven history events each; then it goes on as a new run."""
LATEST_MAX = 20
"""How many findings are shown."""
TASK_SECONDS = 3.0


@workflow.defn(name="GuardianWorkflow")
class GuardianWorkflow:
    """Looks every few seconds, for ever. Id: `guardian`."""

    @workflow.init
    def __init__(self, given: GuardianInput) -> None:
        since = given.view.since or now()
        self._carried = replace(given, view=replace(given.view, since=since))
        self._telemetry = GuardianTelemetry()

    @workflow.run
    async def run(self, given: GuardianInput) -> None:
        """Round after round: look, show, tell."""
        for _ in range(ROUNDS_MAX):
            try:
                report: GuardReport = await carry_out(guard_order(self._carried))
            except ActivityError:
                workflow.logger.error("no look could be had for a long time")
                continue
            self._note(report)
            for finding in report.findings:
                await self._tell(finding)
            if workflow.info().is_continue_as_new_suggested():
                break
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
        view = GuardianView(
            since=view.since,
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
        self._carried = replace(self._carried, view=view, told=report.told)
        workflow.upsert_memo({MEMO_VIEW: view})
        self._telemetry.looked(report.looks, report.looks_failed)
        for finding in report.findings:
            self._telemetry.found(
                finding.kind, finding.workflow_id, is_expected=finding.kind in EXPECTED
            )

    async def _tell(self, finding: Finding) -> None:
        """Tell the very run that was looked at; one that has ended since needs no news."""
        fact = fact_of(finding, now())
        if fact is None:
            return
        owner = workflow.get_external_workflow_handle(finding.workflow_id, run_id=finding.run_id)
        try:
            await owner.signal(FACT, asdict(fact))
        except ApplicationError:
            workflow.logger.info("who was to be told has ended since")


async def ensure_guardian(client: Client, given: GuardianInput) -> None:
    """See that the guardian runs. One that runs already is left alone."""
    await client.start_workflow(
        GuardianWorkflow.run,
        given,
        id=GUARDIAN_WORKFLOW_ID,
        task_queue=GUARDIAN_TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        task_timeout=timedelta(seconds=TASK_SECONDS),
        memo={MEMO_VIEW: given.view},
        static_summary="looks after what callbacks did not tell",
    )
