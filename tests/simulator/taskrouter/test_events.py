"""What TaskRouter tells: order, fields, filter, the list of events, the ledger."""

import json
from itertools import pairwise
from typing import Any

import pytest

from simulator.core.errors import TwilioError
from tests.simulator.openapi import DATA
from tests.simulator.taskrouter.kit import EVENTS, Centre, form

PAYLOADS = DATA / "payloads"
# What the assembled samples leave out, or have only in some cases.
OURS = {
    "Sid", "TimestampMs", "TaskVersion", "ReservationVersion", "WorkflowFilterName",
    "WorkerPreviousActivityName", "WorkerVersion",
}  # fmt: skip


@pytest.fixture
def centre() -> Centre:
    return Centre(assign=False)


def one_task(centre: Centre) -> None:
    alice = centre.add_worker("alice", "Offline")
    task = centre.add_task()
    centre.advance(20)
    centre.go(alice, "Available")
    centre.advance(10)
    centre.order(centre.pending(alice), ReservationStatus="accepted")
    centre.advance(292)
    centre.update_task(task, AssignmentStatus="completed", Reason="done")


def test_order_of_events_is_the_one_seen_at_twilio(centre: Centre) -> None:
    one_task(centre)
    seen = json.loads((PAYLOADS / "events/observed_event_timeline.json").read_text())
    told = [t for t in centre.told() if t.split(".")[0] != "worker"]
    assert told == [event["event_type"] for event in seen]


@pytest.mark.parametrize(
    ("kind", "sample"),
    [
        ("reservation.created", "taskrouter.reservation.created.json"),
        ("task.completed", "taskrouter.task.completed.json"),
        ("worker.activity.update", "taskrouter.worker.activity.update.json"),
    ],
)
def test_fields_of_events(centre: Centre, kind: str, sample: str) -> None:
    one_task(centre)
    theirs = json.loads((PAYLOADS / "events" / sample).read_text())
    ours = next(p for p in centre.callbacks(EVENTS) if p["EventType"] == kind)
    assert set(theirs) <= set(ours)
    assert set(ours) - set(theirs) <= OURS
    assert all(isinstance(value, str) for value in ours.values())


def test_filter_chooses_events(centre: Centre) -> None:
    centre.rest.workspaces.update(
        centre.sid, form(EventsFilter="task.created, reservation.accepted")
    )
    centre.sent.clear()
    one_task(centre)
    assert centre.told() == ["task.created", "reservation.accepted"]


def test_timestamps_may_be_iso(centre: Centre) -> None:
    centre.network.switches.put({"taskrouter_timestamp": "iso"})
    centre.add_task()
    assert centre.callbacks(EVENTS)[-1]["Timestamp"].endswith("Z")


def test_events_are_listed_and_filtered(centre: Centre) -> None:
    one_task(centre)
    task = centre.task()

    def listed(**params: Any) -> list[str]:
        events = centre.rest.events.read(centre.sid, form(**params))["events"]
        return [event["event_type"] for event in events]

    assert listed(EventType="reservation.accepted") == ["reservation.accepted"]
    assert listed(TaskSid=task.sid)[-1] == "workflow.entered"
    (reservation,) = task.reservations
    assert listed(ReservationSid=reservation) == [
        "reservation.completed", "reservation.accepted", "reservation.created",
    ]  # fmt: skip
    centre.advance(1000)
    assert listed(EventType="task.created") == []
    assert listed(EventType="task.created", Minutes=60) == ["task.created"]
    assert listed(EventType="task.created", StartDate="1970-01-01T00:00:00Z") == ["task.created"]
    with pytest.raises(TwilioError):
        listed(StartDate="yesterday")
    (event,) = centre.rest.events.read(centre.sid, form(EventType="task.completed", Minutes=60))[
        "events"
    ]
    assert event["event_data"]["task_completed_reason"] == "done"
    assert centre.rest.events.fetch(centre.sid, event["sid"])["sid"] == event["sid"]


def test_ledger_tells_every_change_with_its_time(centre: Centre) -> None:
    one_task(centre)
    entries = centre.network.ledger.select(kind="reservation")
    assert [entry.what for entry in entries] == ["created", "accepted", "completed"]
    assert [round(b.at - a.at) for a, b in pairwise(entries)] == [10, 292]
    assert entries[0].detail["worker"] == "alice"
