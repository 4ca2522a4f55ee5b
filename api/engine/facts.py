"""Telling workflows what the network reported, and starting the set-up of an inbound call."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.engine.starts import TASK_SECONDS, shown
from api.engine.temporal import REQUEST_ID, Temporal, bounded
from workflows.machine.events import Fact
from workflows.messages import (
    FACT,
    TASK_QUEUE,
    StartInboundInput,
    call_workflow_id,
    inbound_workflow_id,
    transfer_workflow_id,
)


class Facts:
    """Carries facts in. Raises `EngineUnreachableError` when Temporal is silent."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal

    async def tell(self, conference_sid: str, fact: Fact, token: str) -> str:
        """Tells the call's transfer, or the call's own workflow when no transfer is under way.

        `token` is Twilio's, the same for each repetition of one event: repetitions are dropped by
        Temporal. The answer is who heard it: `transfer`, `call`, or `nobody` for old news.
        """
        owners = {
            "transfer": transfer_workflow_id(conference_sid),
            "call": call_workflow_id(conference_sid),
        }
        for owner, workflow_id in owners.items():
            if await self._signal(workflow_id, fact, token):
                return owner
        return "nobody"

    async def _signal(self, workflow_id: str, fact: Fact, token: str) -> bool:
        """Whether there was a live workflow to hear it."""
        client = await self._temporal.client()
        handle = client.get_workflow_handle(workflow_id)
        metadata = {REQUEST_ID: f"{fact.kind}-{token}"} if token else {}
        try:
            async with bounded():
                await handle.signal(FACT, asdict(fact), rpc_metadata=metadata)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def begin_inbound(self, order: StartInboundInput) -> None:
        """Starts the set-up of an inbound call, once however often Twilio asks."""
        client = await self._temporal.client()
        first = shown(order.agents[0]) if order.agents else "nobody"
        try:
            async with bounded():
                await client.start_workflow(
                    "InboundWorkflow",
                    order,
                    id=inbound_workflow_id(order.call_sid),
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    task_timeout=timedelta(seconds=TASK_SECONDS),
                    static_summary=f"inbound: offered to {first}",
                    rpc_metadata={REQUEST_ID: f"inbound-{order.call_sid}"},
                )
        except WorkflowAlreadyStartedError:
            return
