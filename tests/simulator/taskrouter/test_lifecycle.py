"""The lives of tasks, reservations, workers and activities, and what requests may do to them."""

import json
from typing import Any

import pytest

from simulator.core.errors import TwilioError
from tests.simulator.taskrouter.kit import Centre, form


@pytest.fixture
def centre() -> Centre:
    return Centre(assign=False)


def refused(ask: Any, code: int = 20001, status: int = 400) -> str:
    with pytest.raises(TwilioError) as caught:
        ask()
    assert (caught.value.code, caught.value.status) == (code, status)
    return caught.value.message


def test_a_task_from_offer_to_end(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    task = centre.add_task()
    reservation = centre.pending(alice)
    centre.order(reservation, ReservationStatus="accepted")
    assert (task.status, reservation.status) == ("assigned", "accepted")
    centre.update_task(task, AssignmentStatus="wrapping")
    assert (task.status, reservation.status) == ("wrapping", "wrapping")
    centre.update_task(task, AssignmentStatus="completed", Reason="solved")
    assert (task.status, task.reason, reservation.status) == ("completed", "solved", "completed")
    assert centre.told("reservation") == [
        "reservation.created", "reservation.accepted", "reservation.wrapup",
        "reservation.completed",
    ]  # fmt: skip


@pytest.mark.parametrize("status", ["completed", "canceled", "wrapping", "assigned", "nonsense"])
def test_what_a_pending_task_may_become(centre: Centre, status: str) -> None:
    task = centre.add_task()
    if status == "canceled":
        centre.update_task(task, AssignmentStatus=status, Reason="gone")
        assert (task.status, task.reason) == ("canceled", "gone")
    else:
        refused(lambda: centre.update_task(task, AssignmentStatus=status, Reason="x"))
        assert task.status == "pending"


def test_assigned_task_can_be_completed_once_and_never_canceled(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    task = centre.add_task()
    centre.order(centre.pending(alice), ReservationStatus="accepted")
    refused(lambda: centre.update_task(task, AssignmentStatus="canceled", Reason="x"))
    refused(lambda: centre.update_task(task, AssignmentStatus="pending"))
    refused(lambda: centre.update_task(task, AssignmentStatus="completed"))
    centre.update_task(task, AssignmentStatus="completed", Reason="x")
    refused(lambda: centre.update_task(task, AssignmentStatus="completed", Reason="x"))
    centre.advance(300)
    refused(lambda: centre.update_task(task, AssignmentStatus="completed", Reason="x"), 20404, 404)
    refused(lambda: centre.rest.tasks.fetch(centre.sid, task.sid), 20404, 404)
    assert centre.told("task")[-1] == "task.deleted"


def test_reason_may_be_left_out_with_the_switch() -> None:
    centre = Centre(assign=False, task_reason_required=False)
    task = centre.add_task()
    centre.update_task(task, AssignmentStatus="canceled")
    assert task.status == "canceled"


def test_status_and_attributes_go_separately(centre: Centre) -> None:
    task = centre.add_task()
    refused(
        lambda: centre.update_task(task, Attributes="{}", AssignmentStatus="canceled", Reason="x")
    )
    centre.update_task(task, Attributes='{"a": 1}', Priority=4, TaskChannel="voice")
    assert (task.attributes, task.priority) == ({"a": 1}, 4)
    assert task.channel.unique_name == "voice"
    refused(lambda: centre.update_task(task, Attributes="[]"))
    refused(lambda: centre.update_task(task, Attributes=json.dumps({"a": "x" * 4096})))


def test_canceled_task_cancels_its_reservation(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    task = centre.add_task()
    centre.update_task(task, AssignmentStatus="canceled", Reason="x")
    assert centre.offered(task) == [("alice", "canceled")]
    assert not alice.open
    assert alice.activity.name == "Available"


def test_a_day_is_the_longest_assignment(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    task = centre.add_task()
    centre.order(centre.pending(alice), ReservationStatus="accepted")
    centre.advance(24 * 3600)
    assert task.sid not in centre.space.tasks
    assert not alice.open
    assert centre.told("task")[-1] == "task.system-deleted"


def test_deleting_a_task_frees_its_worker(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    task = centre.add_task()
    centre.rest.tasks.delete(centre.sid, task.sid)
    assert not alice.open
    refused(lambda: centre.rest.tasks.delete(centre.sid, task.sid), 20404, 404)


def test_reservation_can_be_moved_only_forward(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    task = centre.add_task()
    reservation = centre.pending(alice)
    refused(lambda: centre.order(reservation, ReservationStatus="completed"))
    refused(lambda: centre.order(reservation, ReservationStatus="wrapping"))
    refused(lambda: centre.order(reservation, ReservationStatus="rescinded"))
    centre.order(reservation, ReservationStatus="accepted")
    refused(lambda: centre.order(reservation, ReservationStatus="accepted"))
    refused(lambda: centre.order(reservation, ReservationStatus="rejected"))
    centre.order(reservation, ReservationStatus="wrapping")
    centre.order(reservation, ReservationStatus="completed")
    assert task.status == "completed"


def test_stale_etag_is_412_everywhere(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    task = centre.add_task()
    reservation = centre.pending(alice)
    rest = centre.rest
    for fetch, change in (
        (
            lambda: rest.tasks.fetch(centre.sid, task.sid),
            lambda: rest.tasks.update(centre.sid, task.sid, form(Priority=3)),
        ),
        (
            lambda: rest.workers.fetch(centre.sid, alice.sid),
            lambda: rest.workers.update(centre.sid, alice.sid, form(Attributes='{"x": 1}')),
        ),
        (
            lambda: rest.reservations.fetch(centre.sid, task.sid, reservation.sid),
            lambda: rest.reservations.update(
                centre.sid, task.sid, reservation.sid, form(ReservationStatus="accepted")
            ),
        ),
    ):
        fetch()
        tag = rest.etag
        rest.if_match = '"999"'
        refused(change, 20001, 412)
        rest.if_match = tag
        change()
        assert rest.etag != tag
        refused(change, 20001, 412)
        rest.if_match = None


def test_worker_names_are_unique_without_case(centre: Centre) -> None:
    centre.add_worker("Alice")
    assert "already exists" in refused(lambda: centre.add_worker("aLICE"))
    bob = centre.add_worker("bob")
    refused(lambda: centre.rest.workers.update(centre.sid, bob.sid, form(FriendlyName="ALICE")))
    centre.rest.workers.update(centre.sid, bob.sid, form(FriendlyName="BOB"))
    assert bob.name == "BOB"


def test_activity_stays_as_available_as_it_was_made(centre: Centre) -> None:
    sid = centre.activities["Offline"]
    body = centre.rest.activities.update(centre.sid, sid, form(Available="true"))
    assert body["available"] is False
    assert centre.network.ignored == ["Available"]
    made = centre.rest.activities.create(centre.sid, form(FriendlyName="Lunch"))
    assert made["available"] is False
    refused(lambda: centre.rest.activities.delete(centre.sid, sid))
    centre.rest.activities.delete(centre.sid, made["sid"])


def test_change_of_activity_leaves_reservations_alone_unless_asked(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    task = centre.add_task()
    centre.go(alice, "Unavailable")
    assert task.status == "reserved"
    refused(lambda: centre.go(alice, "Available", RejectPendingReservations=True))
    centre.go(alice, "Offline", RejectPendingReservations=True)
    assert centre.offered(task) == [("alice", "rejected")]
    assert task.status == "pending"


def test_available_worker_cannot_be_deleted(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    refused(lambda: centre.rest.workers.delete(centre.sid, alice.sid))
    centre.go(alice, "Offline")
    centre.rest.workers.delete(centre.sid, alice.sid)
    refused(lambda: centre.rest.workers.fetch(centre.sid, alice.sid), 20404, 404)


def test_single_task_workspace_shows_the_work_as_activities() -> None:
    centre = Centre(multi=False, assign=False)
    reserved, busy = (
        centre.rest.activities.create(centre.sid, form(FriendlyName=name))["sid"]
        for name in ("Reserved", "Busy")
    )
    centre.rest.queues.update(
        centre.sid,
        centre.queue,
        form(ReservationActivitySid=reserved, AssignmentActivitySid=busy),
    )
    alice = centre.add_worker("alice")
    task = centre.add_task()
    assert alice.activity.name == "Reserved"
    centre.order(centre.pending(alice), ReservationStatus="accepted")
    assert alice.activity.name == "Busy"
    centre.update_task(task, AssignmentStatus="completed", Reason="x")
    assert alice.activity.name == "Available"


def test_multitasking_stays_on_and_a_template_fills(centre: Centre) -> None:
    refused(lambda: centre.rest.workspaces.update(centre.sid, form(MultiTaskEnabled="false")))
    made = centre.rest.workspaces.create(form(FriendlyName="F", Template="FIFO"))
    assert made["multi_task_enabled"] is True
    rest = centre.rest
    assert [q["friendly_name"] for q in rest.queues.read(made["sid"], form())["task_queues"]] == [
        "Sample Queue"
    ]
    (flow,) = rest.workflows.read(made["sid"], form())["workflows"]
    assert (flow["friendly_name"], flow["task_reservation_timeout"]) == (
        "Default Fifo Workflow",
        120,
    )
    rest.workspaces.delete(made["sid"])
    refused(lambda: rest.workspaces.fetch(made["sid"]), 20404, 404)


def test_task_without_a_workflow_needs_there_to_be_one_only(centre: Centre) -> None:
    task = centre.rest.tasks.create(centre.sid, form())
    assert task["workflow_sid"] == centre.workflow
    centre.add_workflow({"default_filter": {"queue": centre.queue}})
    refused(lambda: centre.rest.tasks.create(centre.sid, form()))
    refused(lambda: centre.rest.tasks.create(centre.sid, form(WorkflowSid="WW" + "0" * 32)))
    straight = centre.rest.tasks.create(centre.sid, form(TaskQueueSid=centre.queue))
    assert straight["task_queue_sid"] == centre.queue


def test_lists_of_tasks_are_filtered_and_ordered(centre: Centre) -> None:
    centre.add_worker("alice")
    first = centre.add_task(attributes={"n": 1}, Priority=1)
    centre.advance(1)
    second = centre.add_task(attributes={"n": 2}, Priority=2)

    def listed(**params: Any) -> list[str]:
        return [t["sid"] for t in centre.rest.tasks.read(centre.sid, form(**params))["tasks"]]

    assert listed() == [first.sid, second.sid]
    assert listed(Ordering="Priority:desc,DateCreated:asc") == [second.sid, first.sid]
    assert listed(EvaluateTaskAttributes="n > 1") == [second.sid]
    assert listed(AssignmentStatus=["pending", "reserved"]) == [first.sid, second.sid]
    assert listed(AssignmentStatus="pending,assigned") == [second.sid]
    assert listed(Priority=1, WorkflowName="Flow 0", TaskQueueSid=centre.queue) == [first.sid]
    assert listed(TaskQueueName="no such") == []
    refused(lambda: listed(EvaluateTaskAttributes="n >"))
    refused(lambda: listed(Ordering="Colour:asc"))


def test_lists_of_workers_and_queues_are_filtered(centre: Centre) -> None:
    centre.add_worker("alice", level=3)
    bob = centre.add_worker("bob", "Offline", level=7)
    high = centre.add_queue("high", "level > 5")

    def workers(**params: Any) -> list[str]:
        found = centre.rest.workers.read(centre.sid, form(**params))["workers"]
        return [w["friendly_name"] for w in found]

    assert workers(Available="yes") == ["alice"]
    assert workers(Available="no", ActivityName="Offline") == ["bob"]
    assert workers(TargetWorkersExpression="level < 5 AND friendly_name == 'alice'") == ["alice"]
    assert workers(TaskQueueSid=high) == workers(TaskQueueName="high") == ["bob"]

    def queues(**params: Any) -> list[str]:
        found = centre.rest.queues.read(centre.sid, form(**params))["task_queues"]
        return [q["friendly_name"] for q in found]

    assert queues(WorkerSid=bob.sid) == ["Everybody", "high"]
    assert queues(EvaluateWorkerAttributes='{"level": 1}') == ["Everybody"]


def test_pages_follow_their_tokens(centre: Centre) -> None:
    for index in range(5):
        centre.add_worker(f"w{index}")
    first = centre.rest.workers.read(centre.sid, form(PageSize=2))
    assert first["meta"]["previous_page_url"] is None
    token = first["meta"]["next_page_url"].rsplit("=", 1)[1]
    second = centre.rest.workers.read(centre.sid, form(PageSize=2, Page=1, PageToken=token))
    assert [w["friendly_name"] for w in second["workers"]] == ["w2", "w3"]
    back = second["meta"]["previous_page_url"].rsplit("=", 1)[1]
    again = centre.rest.workers.read(centre.sid, form(PageSize=2, PageToken=back))
    assert [w["friendly_name"] for w in again["workers"]] == ["w0", "w1"]
    refused(lambda: centre.rest.workers.read(centre.sid, form(Page=1)), 40153)
    refused(lambda: centre.rest.workers.read(centre.sid, form(PageSize=1001)), 20007)


def test_utilisation_is_right_to_the_second(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    centre.advance(10)
    task = centre.add_task()
    centre.advance(4)
    centre.order(centre.pending(alice), ReservationStatus="accepted")
    centre.advance(61)
    centre.update_task(task, AssignmentStatus="wrapping")
    centre.advance(9)
    centre.update_task(task, AssignmentStatus="completed", Reason="x")
    centre.go(alice, "Offline")
    centre.advance(16)
    shown = centre.seconds(alice)
    assert shown["seconds"] == {"reserved": 4.0, "busy": 61.0, "wrapping": 9.0}
    assert shown["seconds_busy_together"] == 0.0
    assert shown["seconds_by_activity"] == {"Available": 84.0, "Offline": 16.0}
    (one,) = shown["reservations"]
    start = centre.network.clock.now - 90
    assert one["intervals"] == [
        {"state": "reserved", "from": start, "to": start + 4},
        {"state": "busy", "from": start + 4, "to": start + 65},
        {"state": "wrapping", "from": start + 65, "to": start + 74},
    ]


def test_double_booking_shows(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    centre.rest.worker_channels.update(centre.sid, alice.sid, "default", form(Capacity=2))
    centre.add_task()
    centre.add_task()
    for reservation in list(alice.open.values()):
        centre.order(reservation, ReservationStatus="accepted")
    centre.advance(5)
    assert centre.seconds(alice)["seconds_busy_together"] == 5.0


def test_statistics_count_what_happened(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    centre.advance(5)
    task = centre.add_task(Priority=2)
    centre.advance(3)
    centre.order(centre.pending(alice), ReservationStatus="accepted")
    waiting = centre.add_task()
    centre.advance(30)
    stats = centre.rest.statistics
    now = stats.queue(centre.sid, centre.queue, "RealTimeStatistics", form())
    assert (now["longest_task_waiting_sid"], now["longest_task_waiting_age"]) == (waiting.sid, 30)
    assert now["tasks_by_status"] == {"pending": 1, "reserved": 0, "assigned": 1, "wrapping": 0}
    assert now["tasks_by_priority"] == {"2": 1, "0": 1}
    assert (now["total_available_workers"], now["total_eligible_workers"]) == (1, 1)
    then = stats.queue(
        centre.sid, centre.queue, "CumulativeStatistics", form(SplitByWaitTime="2,60")
    )
    assert (then["reservations_accepted"], then["tasks_entered"]) == (1, 2)
    assert then["wait_duration_until_accepted"] == {"avg": 3, "min": 3, "max": 3, "total": 3}
    assert then["split_by_wait_time"]["2"]["above"]["reservations_accepted"] == 1
    assert then["split_by_wait_time"]["60"]["below"]["reservations_accepted"] == 1
    worker = stats.worker(centre.sid, alice.sid, form())["cumulative"]
    durations = {d["friendly_name"]: d["total"] for d in worker["activity_durations"]}
    assert durations == {"Available": 38, "Offline": 0, "Unavailable": 0}
    assert worker["reservations_created"] == 1
    space = stats.workspace(centre.sid, "Statistics", form())
    assert space["cumulative"]["tasks_created"] == 2
    assert space["realtime"]["total_workers"] == 1
    assert task.status == "assigned"
