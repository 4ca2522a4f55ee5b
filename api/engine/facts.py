"""Telling workflows what the network reported, and starting the set-up of an inbound call."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.engine.records import Records
from api.engine.starts import TASK_SECONDS, shown
from api.engine.temporal import REQUEST_ID, Temporal, bounded
from workflows.machine.events import Fact, LegEnded, RoomEnded
from workflows.machine.model import Presence
from workflows.messages import (
    FACT,
    TASK_QUEUE,
    StartInboundInput,
    call_workflow_id,
    inbound_workflow_id,
    transfer_workflow_id,
)
from workflows.views import CALLER_LABEL

ON_THEIR_WAY = frozenset({Presence.LEAVING.value, Presence.GONE.value})
"""Whose end is no news to their transfer."""


class Facts:
    """Carries facts in. Raises `EngineUnreachableError` when Temporal is silent."""

    def __init__(self, temporal: Temporal, records: Records) -> None:
        self._temporal = temporal
        self._records = records

    async def tell(self, conference_sid: str, fact: Fact, token: str) -> str:
        """Tells the call's transfer, or the call's own workflow when no transfer is under way.

        The end of the room is told to both: the transfer ends by it, and so does the call, which
        would otherwise be believed to live on. `token` is Twilio's, the same for each repetition of
        one event: repetitions are dropped by Temporal. The answer is who heard it: `transfer`,
        `call`, `nobody` for old news, or `known` for the end of a leg that the transfer itself is
        ending.
        """
        if await self._is_known(conference_sid, fact):
            return "known"
        owners = {
            "transfer": transfer_workflow_id(conference_sid),
            "call": call_workflow_id(conference_sid),
        }
        heard_by = ""
        for owner, workflow_id in owners.items():
            if await self._signal(workflow_id, fact, token):
                heard_by = heard_by or owner
                if not isinstance(fact, RoomEnded):
                    break
        return heard_by or "nobody"

    async def _is_known(self, conference_sid: str, fact: Fact) -> bool:
        """Whether the transfer is removing this leg itself and hears from that what came of it.

        A signal costs, and Twilio tells each removal twice; a look at the memo costs nothing. The
        caller's hang-up never waits for it.
        """
        if not isinstance(fact, LegEnded) or fact.label == CALLER_LABEL:
            return False
        record = await self._records.latest(conference_sid)
        if record is None or not record.is_running:
            return False
        return any(
            person.call_sid == fact.call_sid and person.presence in ON_THEIR_WAY
            for person in record.view.people
        )

    async def _signal(self, workflow_id: str, fact: Fact, token: str) -> bool:
        """Whether there was a live workflow to hear it."""
        client = await self._temporal.client()
        handle = client.get_workflow_handle(workflow_id)
        name = _name(fact, token)
        metadata = {REQUEST_ID: name} if name else {}
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


def _name(fact: Fact, token: str) -> str:
    """What Temporal knows repetitions of a fact by; empty if they cannot be told apart.

    A leg ends once, but Twilio says so twice: as progress of the call, and as an event of the room.
    """
    if isinstance(fact, LegEnded) and fact.call_sid:
        return f"{fact.kind}-{fact.call_sid}-{fact.cause}"
    return f"{fact.kind}-{token}" if token else ""
