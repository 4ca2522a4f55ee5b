"""Twilio is down: while this runs, no new transfer is begun."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ActivityError

from workflows.dispatch_order import carry_out
from workflows.dispatch_provider import probe_order

with workflow.unsafe.imports_passed_through():
    from workflows.messages import PROVIDER_WORKFLOW_ID, TASK_QUEUE, TASK_SECONDS

OUTAGE_SECONDS_MAX = 3600.0
"""A worker that still finds Twilio down tells so again."""


@workflow.defn(name="ProviderWorkflow")
class ProviderWorkflow:
    """An outage of Twilio, begun by the worker that found it. Ends when Twilio answers a probe of
    whichever worker. Id: `provider`."""

    @workflow.run
    async def run(self) -> None:
        """Probe until there is an answer."""
        try:
            await carry_out(probe_order(OUTAGE_SECONDS_MAX))
        except ActivityError:
            workflow.logger.error("Twilio was down for as long as anybody probed")


async def tell_outage(client: Client) -> None:
    """See that the outage is known. One that is known already is left alone."""
    await client.start_workflow(
        ProviderWorkflow.run,
        id=PROVIDER_WORKFLOW_ID,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        execution_timeout=timedelta(seconds=OUTAGE_SECONDS_MAX + 60.0),
        task_timeout=timedelta(seconds=TASK_SECONDS),
        static_summary="Twilio is down: no new transfer is begun",
    )
