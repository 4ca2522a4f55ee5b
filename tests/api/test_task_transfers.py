"""Transfers that name a task, go to workers and queues, and carry context."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.client import Client

from api.numbers import AddressRefusedError, DialingRules
from tests.api.conftest import Site, auth, new_conference, start_body
from tests.api.fakes import TASKS
from workflows.messages import StartTransferInput, TaskPeople, transfer_workflow_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGENT_LEG, CALLER_LEG = "CA" + "a" * 32, "CA" + "c" * 32


def new_task() -> str:
    return "WT" + uuid.uuid4().hex


@pytest.fixture
def task() -> Iterator[str]:
    """A task that brought a caller and alice together."""
    sid = new_task()
    TASKS[sid] = TaskPeople(new_conference(), CALLER_LEG, AGENT_LEG, "client:alice")
    yield sid
    TASKS.pop(sid, None)


def named(task_sid: str, *targets: Any, **more: Any) -> dict[str, Any]:
    return {**start_body("", *targets, **more), "call": {"task_sid": task_sid}}


async def order_of(temporal: Client, conference_sid: str) -> StartTransferInput:
    """What the latest transfer of a call was started with."""
    handle = temporal.get_workflow_handle(transfer_workflow_id(conference_sid))
    async for event in handle.fetch_history_events():
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        given = await temporal.data_converter.decode(payloads, [StartTransferInput])
        return StartTransferInput(**vars(given[0]))
    raise AssertionError("no history")


async def test_transfer_names_a_task(routed: Site, task: str) -> None:
    response = await routed.start("alice", named(task, "client:bob"))
    assert response.status_code == 202, response.text
    conference_sid = TASKS[task].conference_sid
    assert response.json()["conference_sid"] == conference_sid
    order = await order_of(routed.temporal, conference_sid)
    assert (order.task_sid, order.agent_address) == (task, "client:alice")
    assert (order.agent_call_sid, order.caller_call_sid) == (AGENT_LEG, CALLER_LEG)
    assert (order.wrap_up, order.context) == (False, "")


async def test_service_need_not_name_the_agent_of_a_task(routed: Site, task: str) -> None:
    response = await routed.start("crm", named(task))
    assert response.status_code == 202, response.text
    assert response.json()["agent_address"] == "client:alice"


async def test_repetition_is_answered_after_taskrouter_forgot_the_task(
    routed: Site, task: str
) -> None:
    first = await routed.start("alice", named(task), "one-key")
    TASKS.pop(task)
    second = await routed.start("alice", named(task), "one-key")
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json()["id"] == first.json()["id"]


async def test_task_that_has_no_call_yet_may_have_one_later(routed: Site) -> None:
    task_sid, key = new_task(), str(uuid.uuid4())
    refused = await routed.start("crm", named(task_sid), f"key-{key}")
    assert (refused.status_code, refused.json()["code"]) == (409, "call_not_active")
    TASKS[task_sid] = TaskPeople(new_conference(), CALLER_LEG, AGENT_LEG, "client:alice")
    assert (await routed.start("crm", named(task_sid), f"key-{key}")).status_code == 202


async def test_rights_on_a_task(routed: Site, task: str) -> None:
    unknown = new_task()
    for name, own, none in (
        ("mallory", 404, 404),
        ("alice", 202, 404),
        ("sue", 409, 409),
        ("crm", 409, 409),
    ):
        body = named(task, **({} if name in ("alice", "mallory") else {"agent": "client:alice"}))
        assert (await routed.start(name, body)).status_code == own, name
        assert (await routed.start(name, named(unknown))).status_code == none, name


async def test_supervisor_may_transfer_the_call_of_a_task(routed: Site, task: str) -> None:
    response = await routed.start("sue", named(task))
    assert response.status_code == 202, response.text


async def test_many_starts_at_once_are_one(routed: Site, task: str) -> None:
    answers = await asyncio.gather(
        *(routed.start("alice", named(task), "the-same-key") for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_look_ups_are_limited(routed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    people = routed.app.state.parts.engine.tasks.people

    async def counted(*given: Any) -> Any:
        asked.append(given)
        return await people(*given)

    monkeypatch.setattr(routed.app.state.parts.engine.tasks, "people", counted)
    taken = []
    monkeypatch.setattr(routed.app.state.parts.rate, "take", taken.append)
    await routed.start("mallory", named(new_task()))
    assert (len(asked), taken) == (1, ["look-up by key:mallory"])


# --- whose task it is that ends when the agent leaves ---------------------------------------------


async def test_room_of_a_call_names_the_agents_task(routed: Site) -> None:
    task_sid = new_task()
    conference_sid = await routed.call(room_name=task_sid)
    await routed.start("alice", start_body(conference_sid))
    assert (await order_of(routed.temporal, conference_sid)).task_sid == task_sid


async def test_agent_has_the_same_task_in_the_next_transfer(routed: Site, task: str) -> None:
    """Its own, and not the one that the room is named by."""
    conference_sid = TASKS[task].conference_sid
    await routed.start("alice", named(task))
    first = (await routed.http.get(f"/v1/calls/{conference_sid}", headers=auth("crm"))).json()
    cancel = f"/v1/transfers/{first['transfer']['id']}/cancel"
    assert (await routed.http.post(cancel, headers=auth("alice"))).status_code == 200
    await routed.ended(conference_sid)
    body = start_body(conference_sid, agent={"address": "client:alice", "call_sid": AGENT_LEG})
    assert (await routed.start("crm", body)).status_code == 202
    assert (await order_of(routed.temporal, conference_sid)).task_sid == task


async def test_worker_who_took_a_call_has_the_task_that_found_the_worker(routed: Site) -> None:
    view = await routed.started("queue:Support")
    complete = f"/v1/transfers/{view['id']}/complete"
    assert (await routed.http.post(complete, headers=auth("alice"))).status_code == 200
    await routed.ended(view["conference_sid"])
    agent = {"address": "client:bob", "call_sid": "CA" + "e" * 32}
    response = await routed.start(
        "crm", start_body(view["conference_sid"], "+12025550123", agent=agent)
    )
    assert response.status_code == 202, response.text
    order = await order_of(routed.temporal, view["conference_sid"])
    assert order.task_sid == "WT" + "e" * 32


async def test_without_taskrouter_there_is_no_task(site: Site) -> None:
    conference_sid = await site.call(room_name=new_task())
    await site.start("alice", start_body(conference_sid))
    assert (await order_of(site.temporal, conference_sid)).task_sid == ""


# --- workers, queues, context ---------------------------------------------------------------------


async def test_worker_and_queue_are_targets(routed: Site) -> None:
    conference_sid = new_conference()
    queue = {
        "address": "queue:Büro 2.Stock",
        "ring_seconds": 600,
        "skills": ["billing", "de"],
        "priority": 2**31 - 1,
    }
    body = start_body(conference_sid, "worker:Anna B.", queue, "client:bob", agent="client:alice")
    response = await routed.start("crm", {**body, "policy": {"wrap_up": True}})
    assert response.status_code == 202, response.text
    order = await order_of(routed.temporal, conference_sid)
    worker, found, phone = order.targets
    assert (worker.address, worker.ring_seconds, worker.skills) == ("worker:Anna B.", 60, ())
    assert worker.priority is None
    assert (found.ring_seconds, tuple(found.skills)) == (600, ("billing", "de"))
    assert found.priority == 2**31 - 1
    assert phone.ring_seconds == 25
    assert order.wrap_up is True


def faulty(**target: Any) -> dict[str, Any]:
    return start_body(new_conference(), target, agent="client:alice")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "quote": (faulty(address="queue:a'b"), "targets.0.address"),
    "double quote": (faulty(address='worker:a" OR 1==1'), "targets.0.address"),
    "no name": (faulty(address="queue:"), "targets.0.address"),
    "blank": (faulty(address="worker: "), "targets.0.address"),
    "too long": (faulty(address="queue:" + "x" * 65), "targets.0.address"),
    "line": (faulty(address="queue:a\nb"), "targets.0.address"),
    "machine": (faulty(address="queue:a", detect_machine=True), "targets.0.detect_machine"),
    "ring": (faulty(address="queue:a", ring_seconds=601), "targets.0.ring_seconds"),
    "phone's ring": (faulty(address="client:bob", ring_seconds=121), "targets.0.ring_seconds"),
    "phone's skills": (faulty(address="client:bob", skills=["a"]), "targets.0.skills"),
    "phone's priority": (faulty(address="client:bob", priority=1), "targets.0.priority"),
    "skills": (faulty(address="queue:a", skills=list("abcdef")), "targets.0.skills"),
    "skill": (faulty(address="queue:a", skills=["a'b"]), "targets.0.skills.0"),
    "priority": (faulty(address="queue:a", priority=2**31), "targets.0.priority"),
    "priority below": (faulty(address="queue:a", priority=-1), "targets.0.priority"),
    "task": (named("WT1", agent="client:alice"), "call.task_sid"),
    "both": (
        {
            **faulty(address="queue:a"),
            "call": {"conference_sid": new_conference(), "task_sid": new_task()},
        },
        "call",
    ),
    "agent is a queue": (
        start_body(new_conference(), agent="queue:Support"),
        "agent.address",
    ),
    "reason": ({**faulty(address="queue:a"), "context": {"reason": "x" * 201}}, "context.reason"),
    "notes": ({**faulty(address="queue:a"), "context": {"notes": "x" * 1001}}, "context.notes"),
    "attributes": (
        {**faulty(address="queue:a"), "context": {"attributes": dict.fromkeys("ab", 7)}},
        "context.attributes.a",
    ),
    "many attributes": (
        {
            **faulty(address="queue:a"),
            "context": {"attributes": {f"n{number}": "" for number in range(21)}},
        },
        "context.attributes",
    ),
    "all of it": (
        {
            **faulty(address="queue:a"),
            "context": {"attributes": {f"n{number}": "x" * 200 for number in range(20)}},
        },
        "context",
    ),
    "unknown": ({**faulty(address="queue:a"), "context": {"url": "x"}}, "context.url"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_wrong_field_is_named(routed: Site, name: str) -> None:
    body, field = WRONG[name]
    response = await routed.start("crm", body)
    assert response.status_code == 422, response.text
    assert field in [error["field"] for error in response.json()["errors"]], response.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (named("WT" + "0" * 32, agent="client:alice"), "call.task_sid"),
        (faulty(address="queue:Support"), "targets.0.address"),
        (faulty(address="worker:Anna"), "targets.0.address"),
        ({**faulty(address="client:bob"), "policy": {"wrap_up": True}}, "policy.wrap_up"),
    ],
)
async def test_direct_mode_says_what_it_lacks(site: Site, body: dict[str, Any], field: str) -> None:
    response = await site.start("crm", body)
    assert response.status_code == 422
    (fault,) = response.json()["errors"]
    assert fault["field"] == field
    assert "TaskRouter mode, which is off" in fault["message"]


async def test_context_travels_also_without_taskrouter(site: Site) -> None:
    context = {
        "reason": "refund",
        "notes": 'Grüße & "quotes" ☎',
        "attributes": {"caller_name": "Jo", "order": "4711"},
    }
    conference_sid = new_conference()
    body = start_body(conference_sid, agent="client:alice", context=context)
    response = await site.start("crm", body)
    assert response.status_code == 202, response.text
    assert json.loads((await order_of(site.temporal, conference_sid)).context) == context
    assert "refund" not in response.text


async def test_half_a_letter_is_refused(site: Site) -> None:
    """It could be stored nowhere, and would be found out only when the task is made."""
    body = start_body(new_conference(), agent="client:alice", context={"notes": "\ud800"})
    headers = {**auth("crm"), "Idempotency-Key": "k", "Content-Type": "application/json"}
    response = await site.http.post("/v1/transfers", content=json.dumps(body), headers=headers)
    assert response.status_code == 422, response.text


async def test_rules_for_names_of_workers_and_queues() -> None:
    rules = DialingRules("+12025550100", frozenset(), frozenset(), has_taskrouter=True)
    for name in ("Support", "2nd line", "a_b.c-d", "WK" + "0" * 32, "Ωμέγα"):
        rules.check_target(f"queue:{name}")
        with pytest.raises(AddressRefusedError):
            rules.check_agent(f"worker:{name}")
    for name in ("", " a", "a ", "a:b", "a/b", "a\\", "a\x00", "x" * 65):
        with pytest.raises(AddressRefusedError):
            rules.check_target(f"worker:{name}")


async def test_view_of_a_transfer_to_a_queue_tells_how_long_it_waits(routed: Site) -> None:
    view = await routed.started("queue:Support")
    assert view["queue_position"] is None
    assert view["queue_seconds"] is None


async def test_queue_in_reserve_comes_after_the_agent(routed: Site) -> None:
    policy = {"recovery_queue": "queue:Support"}
    body = start_body(new_conference(), agent="client:alice", policy=policy)
    started = (await routed.start("crm", body)).json()
    order = await order_of(routed.temporal, started["conference_sid"])
    assert [(each.address, each.is_reserve) for each in order.targets] == [
        ("client:bob", False),
        ("queue:Support", True),
    ]
    assert order.targets[-1].ring_seconds == 60.0
    handle = routed.temporal.get_workflow_handle(transfer_workflow_id(started["conference_sid"]))
    summary = await (await handle.describe()).static_summary()
    assert summary == "warm: client:alice to client:bob"


@pytest.mark.parametrize("queue", ["client:bob", "worker:Anna", "Support", "queue:", "queue:a/b"])
async def test_only_a_queue_can_be_in_reserve(routed: Site, queue: str) -> None:
    body = start_body(new_conference(), agent="client:alice", policy={"recovery_queue": queue})
    refused = await routed.start("crm", body)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["policy.recovery_queue"]


async def test_direct_mode_has_no_queue_in_reserve(site: Site) -> None:
    policy = {"recovery_queue": "queue:Support"}
    refused = await site.start("crm", start_body(new_conference(), agent="client:a", policy=policy))
    assert [error["field"] for error in refused.json()["errors"]] == ["policy.recovery_queue"]
