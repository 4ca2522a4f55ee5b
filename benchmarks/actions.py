"""How many actions Temporal Cloud would bill for a workflow, counted from its history.

The rules are those of Temporal's page on actions
(https://docs.temporal.io/cloud/actions). What leaves no event is not seen here: queries, heartbeats
and updates that a validator refused. A signal to another workflow is counted where it arrives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

CHILD_ACTIONS = 2
"""A child workflow costs its parent two; its own start is one of them."""

_ONE_EACH = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activity",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continue as new",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: "options",
    EventType.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED: "nexus",
}


def actions_of(events: Iterable[HistoryEvent]) -> Counter[str]:
    """Billable actions by kind; `.total()` is what is billed."""
    counted: Counter[str] = Counter()
    tasks_with_markers: set[int] = set()
    for event in events:
        if kind := _ONE_EACH.get(event.event_type):
            counted[kind] += 1
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            started = event.workflow_execution_started_event_attributes
            is_paid_elsewhere = (
                started.HasField("parent_workflow_execution") or started.continued_execution_run_id
            )
            counted["start"] += 0 if is_paid_elsewhere else 1
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            attempt = event.activity_task_started_event_attributes.attempt
            counted["activity retry"] += max(0, attempt - 1)
        elif event.event_type == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            counted["child"] += CHILD_ACTIONS
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            marker = event.marker_recorded_event_attributes
            if marker.marker_name == "core_local_activity":
                tasks_with_markers.add(marker.workflow_task_completed_event_id)
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            metering = event.workflow_task_completed_event_attributes.metering_metadata
            counted["local activity retry"] += metering.nonfirst_local_activity_execution_attempts
    counted["local activities"] = len(tasks_with_markers)
    return +counted
