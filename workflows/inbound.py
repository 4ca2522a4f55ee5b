"""The set-up of an inbound call: find the caller's conference, then hand over to the call's owner.

A conference has no SID before somebody is in it, and the callback that tells may be lost. So the
set-up starts with the call's own SID, finds the room by reading, and starts `call/{ConferenceSid}`.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

from workflows.call import CallWorkflow
from workflows.dispatch import find_room_order
from workflows.dispatch_order import carry_out

with workflow.unsafe.imports_passed_through():
    from workflows.machine.model import Kind
    from workflows.messages import (
        MEMO_VIEW,
        SEARCH_KIND,
        TASK_SECONDS,
        StartCallInput,
        StartInboundInput,
        call_workflow_id,
    )
    from workflows.views import begin_call, call_view_of

KIND = SearchAttributeKey.for_keyword(SEARCH_KIND)


@workflow.defn(name="InboundWorkflow")
class InboundWorkflow:
    """One inbound call until its conference is known. Id: `inbound/{CallSid}`."""

    @workflow.run
    async def run(self, given: StartInboundInput) -> str:
        """Answers the SID of the call's conference, or nothing if the caller did not get there."""
        try:
            room = await carry_out(find_room_order(given.room_name))
        except ActivityError:
            return ""
        call = StartCallInput(
            conference_sid=room.conference_sid,
            room_name=given.room_name,
            caller_call_sid=given.call_sid,
            caller_address=given.caller_address,
            agents=given.agents,
            accepted_at=given.accepted_at,
            ring_seconds=given.ring_seconds,
            is_recorded=given.is_recorded,
        )
        kind = SearchAttributePair(KIND, Kind.INBOUND.value)
        try:
            await workflow.start_child_workflow(
                CallWorkflow.run,
                call,
                id=call_workflow_id(room.conference_sid),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                task_timeout=timedelta(seconds=TASK_SECONDS),
                memo={MEMO_VIEW: call_view_of(begin_call(call))},
                search_attributes=TypedSearchAttributes([kind]),
                static_summary="an inbound call",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the call has its owner already")
        return call.conference_sid
