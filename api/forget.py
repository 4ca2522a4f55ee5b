"""Deletes what Temporal stores of one call that is over: an operator's command.

    python -m api.forget CF…        all histories of the call, of every run, and their memos

It asks with the rights of whoever runs it: the api's role may delete nothing. There is no other
store of ours. Twilio's own records (calls, recordings, insights) are deleted at Twilio, and logs
hold ids but neither names nor numbers.

Exit codes: 0 deleted, or nothing was there; 1 something of the call is still under way, and nothing
was deleted; 2 a setting or the id is wrong; 3 Temporal is out of reach.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Sequence

from temporalio.api.common.v1 import WorkflowExecution as Execution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

import workflows.connection
from api.engine.temporal import LIVE
from api.schemas import CF_PATTERN
from workflows.connection import SettingsError, UnreachableError
from workflows.messages import (
    MEMO_TASK,
    MEMO_VIEW,
    CallView,
    TransferView,
    announce_workflow_id,
    call_workflow_id,
    control_workflow_id,
    hold_workflow_id,
    inbound_workflow_id,
    recording_workflow_id,
    supervision_workflow_id,
    task_workflow_id,
    transfer_workflow_id,
)

DELETED, UNDER_WAY, WRONG, UNREACHABLE = 0, 1, 2, 3
GONE_SECONDS_MAX = 150.0
"""Temporal deletes in the background, once its queues are known to be past a history: that is noted
every half a minute."""
LOOK_SECONDS = 0.1


class UnderWayError(Exception):
    """The call, or something about it, is not over; the text names the workflow."""


async def forget(client: Client, conference_sid: str) -> int:
    """Deletes every run of every workflow of the call; answers how many there were.

    Raises `UnderWayError`, before anything is deleted, and `TimeoutError` if Temporal still has one
    of them after `GONE_SECONDS_MAX`.
    """
    found = [run async for run in _runs(client, conference_sid)]
    for run in found:
        if run.status in LIVE:
            raise UnderWayError(f"{run.id} is still under way")
    for run in found:
        one = Execution(workflow_id=run.id, run_id=run.run_id)
        request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=one)
        await client.workflow_service.delete_workflow_execution(request, retry=True)
    give_up_at = time.monotonic() + GONE_SECONDS_MAX
    for run in found:
        while await _is_there(client, run):
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{run.id} is still there")
            await asyncio.sleep(LOOK_SECONDS)
    return len(found)


async def _runs(client: Client, conference_sid: str) -> AsyncIterator[WorkflowExecution]:
    """Every run of the call's workflows. Those of its set-up and of its tasks are named in the
    memos of the others."""
    further: set[str] = set()
    for workflow_id in (
        call_workflow_id(conference_sid),
        transfer_workflow_id(conference_sid),
        hold_workflow_id(conference_sid),
        supervision_workflow_id(conference_sid),
        recording_workflow_id(conference_sid),
        control_workflow_id(conference_sid),
    ):
        async for run in client.list_workflows(f"WorkflowId = '{workflow_id}'"):
            further |= await _named_in(run, workflow_id)
            yield run
    further.add(announce_workflow_id(conference_sid, ""))
    for beginning in sorted(further):
        async for run in client.list_workflows(f"WorkflowId STARTS_WITH '{beginning}'"):
            yield run


async def _named_in(run: WorkflowExecution, workflow_id: str) -> set[str]:
    """Beginnings of ids of further workflows of the call, out of the memo of this one."""
    kind = workflow_id.partition("/")[0]
    if kind == "call":
        call = await run.memo_value(MEMO_VIEW, None, type_hint=CallView)
        return {inbound_workflow_id(person.call_sid) for person in call.people
                if person.call_sid} if call else set()  # fmt: skip
    if kind != "transfer":
        return set()
    view = await run.memo_value(MEMO_VIEW, None, type_hint=TransferView)
    task_sids = {await run.memo_value(MEMO_TASK, "", type_hint=str)}
    calls: set[str] = set()
    if view is not None:
        task_sids |= {attempt.task_sid for attempt in view.attempts}
        calls = {person.call_sid for person in view.people}
    return {task_workflow_id(sid) for sid in task_sids if sid} | {
        inbound_workflow_id(sid) for sid in calls if sid
    }


async def _is_there(client: Client, run: WorkflowExecution) -> bool:
    try:
        await client.get_workflow_handle(run.id, run_id=run.run_id).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def _run(conference_sid: str) -> int:
    try:
        client = await workflows.connection.connect(seconds_max=0.0)
        number = await forget(client, conference_sid)
    except SettingsError as error:
        return _told(str(error), WRONG)
    except (UnreachableError, RPCError, TimeoutError) as error:
        return _told(str(error), UNREACHABLE)
    except UnderWayError as error:
        return _told(f"{error}; nothing was deleted. Ask again when the call is over.", UNDER_WAY)
    sys.stdout.write(f"{conference_sid}: {number} histories were deleted\n")
    return DELETED


def main(arguments: Sequence[str]) -> int:
    """Delete, tell, answer the exit code."""
    if len(arguments) != 1 or not re.fullmatch(CF_PATTERN, arguments[0]):
        return _told("python -m api.forget CF…: the SID of the call's conference", WRONG)
    return asyncio.run(_run(arguments[0]))


def _told(text: str, code: int) -> int:
    sys.stderr.write(f"forget: {text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
