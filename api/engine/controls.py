"""Mute, un-mute and announcements: short workflows, so that each is surely carried out, once."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.engine.temporal import EngineUnreachableError, Temporal, bounded
from workflows.hold_messages import AnnounceOrder, ControlView, MuteOrder
from workflows.messages import (
    MEMO_TEXT,
    TASK_QUEUE,
    TASK_SECONDS,
    announce_workflow_id,
    control_workflow_id,
)

CARRY_OUT_SECONDS = 5.0
"""One request to Twilio, a look that it took effect, and a second attempt."""
TRIES_MAX = 3
"""The call's control workflow ends when nothing is asked of it; a request that meets its last
moment is sent to the next one."""


class Controls:
    """Has things done to a call that move nobody. Raises `EngineUnreachableError` when Temporal or
    Twilio does not answer in time: then it still may be done."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal

    async def mute(self, order: MuteOrder, key: str) -> ControlView:
        """Mutes or un-mutes one leg, after whatever was asked before it of this call."""
        client = await self._temporal.client()
        update_id = f"mute-{key or uuid.uuid4().hex}"
        for _ in range(TRIES_MAX):
            begin: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
                "ControlWorkflow",
                order.conference_sid,
                id=control_workflow_id(order.conference_sid),
                task_queue=TASK_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                task_timeout=timedelta(seconds=TASK_SECONDS),
                static_summary="mute and un-mute",
            )
            try:
                async with bounded(CARRY_OUT_SECONDS):
                    view: ControlView = await client.execute_update_with_start_workflow(
                        "mute",
                        order,
                        start_workflow_operation=begin,
                        id=update_id,
                        result_type=ControlView,
                    )
                    return view
            except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                raise EngineUnreachableError from error
            except WorkflowUpdateFailedError:
                continue
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
        raise EngineUnreachableError

    async def announce(self, order: AnnounceOrder) -> ControlView:
        """Has a text spoken, once for one `part` however often it is asked."""
        client = await self._temporal.client()
        workflow_id = announce_workflow_id(order.conference_sid, order.part)
        try:
            async with bounded():
                await client.start_workflow(
                    "AnnounceWorkflow",
                    order,
                    id=workflow_id,
                    task_queue=TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    task_timeout=timedelta(seconds=TASK_SECONDS),
                    memo={MEMO_TEXT: order.text},
                    static_summary=f"announcement to {order.to}",
                )
        except WorkflowAlreadyStartedError:
            pass
        handle = client.get_workflow_handle(workflow_id, result_type=ControlView)
        async with bounded(CARRY_OUT_SECONDS):
            view: ControlView = await handle.result()
            return view

    async def text(self, conference_sid: str, part: str) -> str:
        """What is to be spoken; empty for an announcement that nobody ordered."""
        workflow_id = announce_workflow_id(conference_sid, part)
        description = await self._temporal.describe(workflow_id)
        if description is None:
            return ""
        text: str = await description.memo_value(MEMO_TEXT, "", type_hint=str)
        return text
