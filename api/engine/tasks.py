"""Who a task of TaskRouter brought together: looked up by a short workflow.

The workflow's id holds the request's own part, so a repetition is answered out of Temporal, also
when TaskRouter has deleted the task since.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from api.engine.temporal import EngineUnreachableError, Temporal, bounded
from workflows.messages import TASK_QUEUE, TASK_SECONDS, TaskInput, TaskPeople, task_workflow_id

LOOK_SECONDS = 5.0
"""One request to Twilio and a second attempt. Past this somebody waits too long for their click."""


class Tasks:
    """Looks tasks up. Raises `EngineUnreachableError` when Temporal or Twilio is silent."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal

    async def people(self, task_sid: str, part: str) -> TaskPeople | None:
        """The people of a task; None if it has brought nobody together."""
        client = await self._temporal.client()
        workflow_id = f"{task_workflow_id(task_sid)}/{part}"
        try:
            async with bounded(LOOK_SECONDS):
                found = await _look(client, task_sid, workflow_id)
        except WorkflowFailureError as error:
            raise EngineUnreachableError from error
        return found if found.conference_sid else None


async def _look(client: Client, task_sid: str, workflow_id: str) -> TaskPeople:
    """What an earlier look of the same request found, else what there is now."""
    try:
        first = await _begin(
            client, task_sid, workflow_id, WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
        )
        return await first.result()
    except WorkflowAlreadyStartedError:
        earlier = client.get_workflow_handle(workflow_id, result_type=TaskPeople)
        found: TaskPeople = await earlier.result()
    if found.conference_sid:
        return found
    again = await _begin(client, task_sid, workflow_id, WorkflowIDReusePolicy.ALLOW_DUPLICATE)
    return await again.result()


async def _begin(
    client: Client, task_sid: str, workflow_id: str, reuse: WorkflowIDReusePolicy
) -> WorkflowHandle[Any, TaskPeople]:
    handle: WorkflowHandle[Any, TaskPeople] = await client.start_workflow(
        "TaskWorkflow",
        TaskInput(task_sid),
        id=workflow_id,
        task_queue=TASK_QUEUE,
        result_type=TaskPeople,
        id_reuse_policy=reuse,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        execution_timeout=timedelta(seconds=LOOK_SECONDS),
        task_timeout=timedelta(seconds=TASK_SECONDS),
        static_summary="who is on the call of this task?",
    )
    return handle
