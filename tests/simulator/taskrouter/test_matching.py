"""Who is offered which task: order, capacity, time-outs, skips, known workers."""

import json

import pytest

from simulator.core.errors import TwilioError
from simulator.core.taskrouter.routing import TARGET_NOT_MET, TTL_EXCEEDED, WORKFLOW_TIMEOUT
from tests.simulator.taskrouter.kit import Centre, form


@pytest.fixture
def centre() -> Centre:
    return Centre(assign=False)


def names(centre: Centre, *tasks: object) -> list[str | None]:
    """Who is reserved for each task now."""
    found = []
    for task in tasks:
        held = [r.worker.name for r in task.reservations.values() if r.status == "pending"]  # type: ignore[attr-defined]
        found.append(held[0] if held else None)
    return found


def test_longest_unoccupied_comes_first(centre: Centre) -> None:
    alice, bob = centre.add_worker("alice"), centre.add_worker("bob")
    centre.advance(10)
    first = centre.add_task()
    assert names(centre, first) == ["alice"]
    centre.order(centre.pending(alice), ReservationStatus="accepted")
    second = centre.add_task()
    assert names(centre, second) == ["bob"]
    centre.order(centre.pending(bob), ReservationStatus="accepted")
    centre.update_task(second, AssignmentStatus="completed", Reason="x")
    centre.advance(5)
    centre.update_task(first, AssignmentStatus="completed", Reason="x")
    assert names(centre, centre.add_task()) == ["bob"]


def test_priority_then_age(centre: Centre) -> None:
    low = centre.add_task(Priority=1)
    centre.advance(1)
    old, high = centre.add_task(Priority=5), centre.add_task(Priority=5)
    alice = centre.add_worker("alice")
    centre.advance()
    assert names(centre, low, old, high) == [None, "alice", None]
    centre.order(centre.pending(alice), ReservationStatus="accepted")
    centre.update_task(old, AssignmentStatus="completed", Reason="x")
    assert names(centre, low, high) == [None, "alice"]


def test_virtual_start_time_and_lifo_change_the_order() -> None:
    centre = Centre(assign=False)
    centre.advance(1_000_000_000)
    centre.add_task(settle=False)
    older = centre.add_task(VirtualStartTime="2001-01-01T00:00:00Z")
    centre.add_worker("alice")
    centre.advance()
    assert names(centre, older) == ["alice"]
    with pytest.raises(TwilioError):
        centre.add_task(VirtualStartTime="2101-01-01T00:00:00Z")
    other = Centre(assign=False)
    other.rest.queues.update(other.sid, other.queue, form(TaskOrder="LIFO"))
    other.add_task()
    other.advance(1)
    newest = other.add_task()
    other.add_worker("alice")
    other.advance()
    assert names(other, newest) == ["alice"]


def test_capacity_counts_pending_reservations(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    one, two, three = centre.add_task(), centre.add_task(), centre.add_task()
    assert names(centre, one, two, three) == ["alice", None, None]
    centre.rest.worker_channels.update(centre.sid, alice.sid, "default", form(Capacity=2))
    centre.advance()
    assert names(centre, one, two, three) == ["alice", "alice", None]
    shown = centre.rest.worker_channels.fetch(centre.sid, alice.sid, "default")
    assert (shown["assigned_tasks"], shown["available_capacity_percentage"]) == (2, 0)
    voice = centre.add_task(TaskChannel="voice")
    assert names(centre, voice) == ["alice"]
    centre.rest.worker_channels.update(centre.sid, alice.sid, "sms", form(Available="false"))
    assert names(centre, centre.add_task(TaskChannel="sms")) == [None]


def test_single_task_workspace_has_one_task_per_worker() -> None:
    centre = Centre(multi=False, assign=False)
    centre.add_worker("alice")
    one, two = centre.add_task(TaskChannel="voice"), centre.add_task(TaskChannel="sms")
    assert names(centre, one, two) == ["alice", None]


def test_queue_expressions_choose_the_workers(centre: Centre) -> None:
    centre.add_worker("alice", languages=["en"])
    centre.add_worker("bob", languages=["fr", "en"])
    centre.rest.queues.update(centre.sid, centre.queue, form(TargetWorkers="languages HAS 'fr'"))
    assert names(centre, centre.add_task()) == ["bob"]
    with pytest.raises(TwilioError) as caught:
        centre.rest.queues.update(centre.sid, centre.queue, form(TargetWorkers="a-b == 1"))
    assert caught.value.code == 20001
    assert "position 1" in caught.value.message
    centre.rest.queues.update(centre.sid, centre.queue, form(TargetWorkers=""))
    assert centre.rest.queues.fetch(centre.sid, centre.queue)["target_workers"] is None
    assert names(centre, centre.add_task()) == [None]


def test_target_expression_and_order_by(centre: Centre) -> None:
    targets = [
        {
            "queue": centre.queue,
            "expression": "task.language IN worker.languages",
            "order_by": "worker.level DESC, worker.name",
        }
    ]
    centre.workflow = centre.add_workflow({"filters": [{"targets": targets}]}, assign=False)
    centre.add_worker("none", languages=["en"])
    centre.add_worker("low", languages=["en"], level=1)
    centre.add_worker("high", languages=["en"], level=9)
    centre.add_worker("other", languages=["de"], level=99)
    tasks = [centre.add_task(attributes={"language": "en"}) for _ in range(4)]
    assert names(centre, *tasks) == ["high", "low", "none", None]


def test_rejected_goes_to_the_next_worker_and_then_round(centre: Centre) -> None:
    alice, bob = centre.add_worker("alice"), centre.add_worker("bob")
    task = centre.add_task()
    centre.order(centre.pending(alice), ReservationStatus="rejected")
    assert names(centre, task) == ["bob"]
    assert task.status == "reserved"
    centre.order(
        centre.pending(bob),
        ReservationStatus="rejected",
        WorkerActivitySid=centre.activities["Unavailable"],
    )
    assert bob.activity.name == "Unavailable"
    assert names(centre, task) == [None]
    assert task.status == "pending"
    centre.advance(1)
    assert names(centre, task) == ["alice"]


def test_timed_out_worker_goes_offline_and_comes_back(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    task = centre.add_task()
    centre.advance(19)
    assert task.status == "reserved"
    centre.advance(1)
    assert centre.offered(task) == [("alice", "timeout")]
    assert (task.status, alice.activity.name) == ("pending", "Offline")
    centre.advance(60)
    centre.go(alice, "Available")
    assert names(centre, task) == ["alice"]


def test_several_workers_at_once_and_the_first_takes_it(centre: Centre) -> None:
    centre.rest.queues.update(centre.sid, centre.queue, form(MaxReservedWorkers=3))
    workers = [centre.add_worker(name) for name in "abcd"]
    task = centre.add_task()
    assert [name for name, _ in centre.offered(task)] == ["a", "b", "c"]
    centre.order(centre.pending(workers[0]), ReservationStatus="rejected")
    assert task.status == "reserved"
    centre.order(centre.pending(workers[1]), ReservationStatus="accepted")
    assert centre.offered(task) == [("a", "rejected"), ("b", "accepted"), ("c", "rescinded")]
    assert not workers[2].open


def test_targets_time_out_by_the_age_of_the_task(centre: Centre) -> None:
    second, third = centre.add_queue("second", "1==2"), centre.add_queue("third", "1==2")
    targets = [
        {"queue": centre.add_queue("first", "1==2"), "timeout": 10, "priority": 7},
        {"queue": second, "timeout": 5},
        {"queue": third, "timeout": 5, "priority": 9},
    ]
    centre.workflow = centre.add_workflow(
        {"filters": [{"filter_friendly_name": "all", "targets": targets}]}, assign=False
    )
    task = centre.add_task(Priority=3)
    seen = []
    for _ in range(4):
        seen.append((task.queue.name if task.queue else "", task.priority, task.status))
        centre.advance(5)
    assert seen == [
        ("first", 7, "pending"), ("first", 7, "pending"), ("second", 3, "pending"),
        ("third", 9, "pending"),
    ]  # fmt: skip
    assert (task.status, task.reason) == ("canceled", WORKFLOW_TIMEOUT)
    assert centre.told("task-queue", "workflow") == [
        "task-queue.created", "task-queue.created", "task-queue.created", "workflow.created",
        "workflow.entered", "task-queue.entered", "workflow.target-matched",
        "task-queue.timeout", "task-queue.moved", "workflow.target-matched",
        "task-queue.timeout", "task-queue.moved", "workflow.target-matched",
        "task-queue.timeout", "workflow.timeout",
    ]  # fmt: skip


def test_reserved_task_moves_on_only_when_it_is_free_again(centre: Centre) -> None:
    other = centre.add_queue("other", "1==2")
    targets = [{"queue": centre.queue, "timeout": 10}, {"queue": other}]
    centre.workflow = centre.add_workflow({"filters": [{"targets": targets}]}, assign=False)
    alice = centre.add_worker("alice")
    task = centre.add_task()
    centre.advance(15)
    assert task.queue is not None
    assert task.queue.name == "Everybody"
    centre.order(centre.pending(alice), ReservationStatus="rejected")
    assert task.queue.name == "other"


@pytest.mark.parametrize(("setting", "queue"), [("stay", "Everybody"), ("next", "other")])
def test_where_a_reservation_time_out_leads(setting: str, queue: str) -> None:
    centre = Centre(assign=False, reservation_timeout_target=setting)
    targets = [{"queue": centre.queue, "timeout": 100}, {"queue": centre.add_queue("other")}]
    centre.workflow = centre.add_workflow(
        {"filters": [{"targets": targets}]}, assign=False, timeout=5
    )
    centre.add_worker("alice")
    task = centre.add_task()
    centre.advance(5)
    assert task.queue is not None
    assert task.queue.name == queue


def test_last_target_falls_to_the_default(centre: Centre) -> None:
    rest = centre.add_queue("rest")
    routing = {
        "filters": [
            {"expression": "kind == 'a'", "targets": [{"queue": centre.queue, "timeout": 3}]}
        ],
        "default_filter": {"queue": rest},
    }
    centre.workflow = centre.add_workflow(routing, assign=False)
    matched, unmatched = centre.add_task(attributes={"kind": "a"}), centre.add_task()
    assert matched.queue is not None
    assert unmatched.queue is not None
    assert (matched.queue.name, unmatched.queue.name) == ("Everybody", "rest")
    centre.advance(3)
    assert (matched.queue.name, matched.status) == ("rest", "pending")


def test_nothing_matches_and_there_is_no_default(centre: Centre) -> None:
    rule = {"expression": "kind == 'a'", "targets": [{"queue": centre.queue}]}
    centre.workflow = centre.add_workflow({"filters": [rule]}, assign=False)
    task = centre.add_task()
    assert (task.status, task.reason) == ("canceled", WORKFLOW_TIMEOUT)


def test_skip_only_when_nobody_could_be_reserved_at_once(centre: Centre) -> None:
    other = centre.add_queue("other", "1==2")
    targets = [
        {"queue": centre.queue, "timeout": 60, "skip_if": "workers.available == 0"},
        {"queue": other, "skip_if": "1 == 1"},
    ]
    routing = {"filters": [{"targets": targets}], "default_filter": {"queue": other}}
    centre.workflow = centre.add_workflow(routing, assign=False)
    alice = centre.add_worker("alice")
    served, waiting = centre.add_task(), centre.add_task()
    assert served.status == "reserved"
    assert waiting.queue is not None
    assert waiting.queue.name == "Everybody"
    centre.go(alice, "Unavailable")
    skipped = centre.add_task()
    assert skipped.queue is not None
    assert skipped.queue.name == "other"
    assert skipped.step.filter is None
    assert centre.told("workflow").count("workflow.skipped") == 2


def test_known_worker(centre: Centre) -> None:
    target = {"queue": centre.queue, "known_worker_sid": "task.agent", "timeout": 30}
    rest = centre.add_queue("rest", "1==2")
    centre.workflow = centre.add_workflow(
        {"filters": [{"targets": [target, {"queue": rest}]}]}, assign=False
    )
    centre.add_worker("alice")
    bob = centre.add_worker("bob", "Unavailable")
    task = centre.add_task(attributes={"agent": bob.sid})
    assert names(centre, task) == [None]
    centre.go(bob, "Available")
    assert names(centre, task) == ["bob"]
    unknown = centre.add_task(attributes={"agent": "WK" + "0" * 32})
    absent = centre.add_task()
    for lost in (unknown, absent):
        assert lost.queue is not None
        assert lost.queue.name == "rest"
    assert centre.alerts().count(40154) == 2
    centre.rest.queues.update(centre.sid, centre.queue, form(TargetWorkers="1==2"))
    centre.add_task(attributes={"agent": bob.sid})
    assert 40152 in centre.alerts()


def test_known_worker_of_another_workspace(centre: Centre) -> None:
    other = centre.rest.workspaces.create(form(FriendlyName="other"))["sid"]
    bob = centre.rest.workers.create(other, form(FriendlyName="bob"))["sid"]
    target = {"queue": centre.queue, "known_worker_sid": bob}
    centre.workflow = centre.add_workflow({"filters": [{"targets": [target]}]}, assign=False)
    centre.add_task()
    assert 40155 in centre.alerts()


def test_known_worker_by_name(centre: Centre) -> None:
    target = {"queue": centre.queue, "known_worker_friendly_name": "bob"}
    centre.workflow = centre.add_workflow({"filters": [{"targets": [target]}]}, assign=False)
    centre.add_worker("alice")
    centre.add_worker("bob")
    assert names(centre, centre.add_task()) == ["bob"]


def test_time_to_live(centre: Centre) -> None:
    task = centre.add_task(Timeout=30)
    centre.advance(29)
    assert task.status == "pending"
    centre.advance(1)
    assert (task.status, task.reason) == ("canceled", TTL_EXCEEDED)


def test_routing_targets(centre: Centre) -> None:
    alice, bob = centre.add_worker("alice"), centre.add_worker("bob", "Offline")
    named = centre.add_task(RoutingTarget=bob.sid)
    assert names(centre, named) == ["bob"]
    polite = centre.add_task(RoutingTarget=bob.sid, IgnoreCapacity="false")
    assert names(centre, polite) == [None]
    centre.advance(9)
    assert polite.status == "pending"
    centre.advance(1)
    assert (polite.status, polite.reason) == ("canceled", TARGET_NOT_MET)
    queue = centre.add_queue("only", "friendly_name == 'alice'")
    aimed = centre.add_task(RoutingTarget=queue)
    assert names(centre, aimed) == [alice.name]
    with pytest.raises(TwilioError):
        centre.add_task(RoutingTarget="WK" + "0" * 32)


def test_ignore_capacity_may_respect_the_activity() -> None:
    centre = Centre(assign=False, ignore_capacity_reaches="available", routing_target_seconds=3)
    bob = centre.add_worker("bob", "Offline")
    task = centre.add_task(RoutingTarget=bob.sid)
    centre.advance(3)
    assert task.reason == TARGET_NOT_MET


def test_changed_workflow_can_be_evaluated_anew(centre: Centre) -> None:
    task = centre.add_task()
    other = centre.add_queue("other")
    text = json.dumps({"task_routing": {"default_filter": {"queue": other}}})
    centre.rest.workflows.update(
        centre.sid, centre.workflow, form(Configuration=text, ReEvaluateTasks="true")
    )
    assert task.queue is not None
    assert task.queue.name == "other"


@pytest.mark.parametrize(
    ("configuration", "what"),
    [
        ("no json", "Invalid JSON"),
        ("[]", "task_routing"),
        ('{"task_routing": {"filters": 1}}', "filters"),
        ('{"task_routing": {"filters": [{"expression": "1==1"}]}}', "needs targets"),
        ('{"task_routing": {"default_filter": {"queue": "WQx"}}}', "unknown TaskQueue"),
        ('{"task_routing": {"filters": [{"expression": "a-b", "targets": [{}]}]}}', "position 1"),
        ('{"task_routing": {"filters": [{"targets": [{"queue": "Q", "timeout": 0}]}]}}', "timeout"),
        (
            '{"task_routing": {"filters": [{"targets": [{"queue": "Q", "order_by": "x"}]}]}}',
            "order",
        ),
    ],
)
def test_bad_configurations_are_refused(centre: Centre, configuration: str, what: str) -> None:
    text = configuration.replace('"Q"', f'"{centre.queue}"')
    with pytest.raises(TwilioError) as caught:
        centre.rest.workflows.create(centre.sid, form(FriendlyName="x", Configuration=text))
    assert caught.value.code == 20001
    assert what in caught.value.message
