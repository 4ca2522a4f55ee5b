"""The counter of billable actions, on histories written by hand."""

from __future__ import annotations

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from benchmarks.actions import actions_of


def event(kind: str) -> HistoryEvent:
    return HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_{kind}"))


def activity_started(attempt: int) -> HistoryEvent:
    made = event("ACTIVITY_TASK_STARTED")
    made.activity_task_started_event_attributes.attempt = attempt
    return made


def marker(name: str, task: int) -> HistoryEvent:
    made = event("MARKER_RECORDED")
    made.marker_recorded_event_attributes.marker_name = name
    made.marker_recorded_event_attributes.workflow_task_completed_event_id = task
    return made


def test_each_paid_event_counts_once() -> None:
    paid = (
        "WORKFLOW_EXECUTION_STARTED",
        "WORKFLOW_EXECUTION_SIGNALED",
        "WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
        "ACTIVITY_TASK_SCHEDULED",
        "TIMER_STARTED",
        "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
    )
    assert actions_of(map(event, paid)).total() == len(paid)


def test_what_is_free_counts_nothing() -> None:
    free = (
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_COMPLETED",
        "ACTIVITY_TASK_COMPLETED",
        "TIMER_FIRED",
        "TIMER_CANCELED",
        "WORKFLOW_PROPERTIES_MODIFIED",
        "WORKFLOW_EXECUTION_UPDATE_COMPLETED",
        "WORKFLOW_EXECUTION_COMPLETED",
    )
    assert actions_of(map(event, free)) == {}


def test_each_retry_of_an_activity_counts() -> None:
    counted = actions_of([event("ACTIVITY_TASK_SCHEDULED"), activity_started(3)])
    assert counted == {"activity": 1, "activity retry": 2}


def test_a_child_costs_two_and_its_own_start_nothing() -> None:
    assert actions_of([event("START_CHILD_WORKFLOW_EXECUTION_INITIATED")]).total() == 2
    child = event("WORKFLOW_EXECUTION_STARTED")
    child.workflow_execution_started_event_attributes.parent_workflow_execution.workflow_id = "p"
    assert actions_of([child]).total() == 0


def test_a_run_that_goes_on_is_paid_by_the_one_before() -> None:
    again = event("WORKFLOW_EXECUTION_STARTED")
    again.workflow_execution_started_event_attributes.continued_execution_run_id = "run"
    assert actions_of([event("WORKFLOW_EXECUTION_CONTINUED_AS_NEW"), again]).total() == 1


def test_local_activities_count_once_per_task() -> None:
    local = "core_local_activity"
    counted = actions_of([marker(local, 4), marker(local, 4), marker(local, 9), marker("patch", 9)])
    assert counted == {"local activities": 2}
