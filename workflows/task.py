"""A look at one task, for whoever names a task instead of a conference."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.dispatch_order import carry_out
from workflows.dispatch_tasks import people_in, people_orders

with workflow.unsafe.imports_passed_through():
    from workflows.messages import TaskInput, TaskPeople

LOOKS_MAX = 8
LOOK_SECONDS = 0.5
"""TaskRouter writes who it brought together into the task a moment after they talk."""


@workflow.defn(name="TaskWorkflow")
class TaskWorkflow:
    """Reads who a task brought together. Id: `task/{TaskSid}/…`; ends within seconds."""

    @workflow.run
    async def run(self, given: TaskInput) -> TaskPeople:
        """Answers conference, legs and the worker's address; all empty if there is no such call."""
        return await look_up(given.task_sid, looks=1, needs_address=True)


async def look_up(
    task_sid: str, looks: int = LOOKS_MAX, *, needs_address: bool = False
) -> TaskPeople:
    """Who the task brought together, looked for `looks` times; all empty if that could not be had.
    Unless it is needed, the worker's address may be missing: the room was not to be read."""
    known = TaskPeople()
    for look in range(looks):
        if look:
            await workflow.sleep(LOOK_SECONDS, summary="until TaskRouter has told who talks")
        try:
            task, room = people_orders(task_sid)
            state = await carry_out(task)
            if not state.conference_sid or not state.caller_call_sid:
                continue
            if not needs_address:
                known = people_in(state)
            return people_in(state, await carry_out(room(state)))
        except ActivityError:
            continue
    return known
