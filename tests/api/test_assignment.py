"""Assignment callbacks and their answers, and the events of the workspace."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from api.webhooks.assignment import Policy, instruction_for
from api.webhooks.tasks import task_fact
from tests.api.conftest import Site, new_conference
from tests.api.fakes import AT_ONCE
from tests.api.signing import ACCOUNT, BASE_URL, Pairs, form, signed_headers
from workflows.machine.events import TaskEnded, WorkerDeclined, WorkerTimedOut, fact_from
from workflows.messages import transfer_workflow_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "CF" + "6" * 32
TASK, CALLERS_TASK = "WT" + "a" * 32, "WT" + "b" * 32
WORKER, RESERVATION = "WK" + "c" * 32, "WR" + "d" * 32
LABEL = "0123456789abcdef-t1s"
PII = ("+12025550143", "+12025550171", "Jo Meyer", "refund", "angry")
ASSIGNMENT, EVENTS = "/twilio/taskrouter/assignment", "/twilio/taskrouter/events"


def handover(**more: Any) -> dict[str, Any]:
    """The attributes of a task that a transfer made, as the engine writes them."""
    wish = {
        "transfer": f"{ROOM}-0123456789abcdef",
        "label": LABEL,
        "conference_sid": ROOM,
        "room": CALLERS_TASK,
        "task_sid": CALLERS_TASK,
        "requested_worker": None,
        "requested_queue": "Support",
        "skills": [],
        "reason": "refund",
        "notes": "angry",
        **more,
    }
    return {**inbound(), "caller_name": "Jo Meyer", "handover": wish}


def inbound() -> dict[str, Any]:
    """The attributes of a task that `<Enqueue>` made."""
    return {"type": "inbound", "call_sid": "CA" + "1" * 32, "from": "+12025550143"}


def callback(attributes: Any, worker: Any = None, **more: str) -> dict[str, str]:
    """An assignment callback with the fields that one carries."""
    worker = {"contact_uri": "client:bob"} if worker is None else worker
    return {
        "Timestamp": "1700000000",
        "WorkspaceSid": "WS" + "1" * 32,
        "WorkflowSid": "WW" + "2" * 32,
        "TaskQueueSid": "WQ" + "3" * 32,
        "WorkerSid": WORKER,
        "WorkerAttributes": worker if isinstance(worker, str) else json.dumps(worker),
        "TaskSid": TASK,
        "TaskAttributes": attributes if isinstance(attributes, str) else json.dumps(attributes),
        "TaskAge": "0",
        "TaskPriority": "0",
        "ReservationSid": RESERVATION,
        **more,
    }


async def assigned(site: Site, fields: dict[str, str]) -> dict[str, Any]:
    response = await site.webhook(ASSIGNMENT, fields)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return dict(response.json())


async def test_caller_and_worker_meet_in_a_conference(routed: Site) -> None:
    assert await assigned(routed, callback(inbound())) == {
        "instruction": "conference",
        "from": "+12025550100",
        "timeout": 25,
        "beep": "false",
        "beep_on_customer_entrance": "false",
        "start_conference_on_enter": "true",
        "end_conference_on_exit": "false",
        "end_conference_on_customer_exit": "false",
        "conference_status_callback": f"{BASE_URL}/twilio/conference",
        "conference_status_callback_event": "start end join leave",
    }


async def test_worker_found_for_a_transfer_is_called(routed: Site) -> None:
    answer = await assigned(routed, callback(handover(), {"contact_uri": "+12025550171"}))
    assert answer == {
        "instruction": "call",
        "to": "+12025550171",
        "from": "+12025550100",
        "url": f"{BASE_URL}/twilio/voice/assigned/{ROOM}/{LABEL}"
        f"?room={CALLERS_TASK}&task={TASK}&reservation={RESERVATION}",
        "status_callback_url": f"{BASE_URL}/twilio/status/transfer/{ROOM}/{LABEL}"
        f"?task={TASK}&reservation={RESERVATION}",
        "accept": "false",
        "timeout": 25,
    }


async def test_no_personal_data_in_addresses(routed: Site) -> None:
    for attributes in (inbound(), handover(), handover(accept="press_1")):
        answer = await assigned(routed, callback(attributes, {"contact_uri": "+12025550171"}))
        addresses = [value for value in answer.values() if str(value).startswith("http")]
        assert addresses
        for address in addresses:
            assert not [word for word in PII if word.strip("+") in address]


async def test_target_that_has_to_accept_says_so_in_the_address(routed: Site) -> None:
    answer = await assigned(routed, callback(handover(accept="press_1")))
    assert parse_qs(urlsplit(answer["url"]).query)["accept"] == ["press_1"]


async def test_room_without_a_name_is_named_by_the_callers_task(routed: Site) -> None:
    answer = await assigned(routed, callback(handover(room="")))
    assert parse_qs(urlsplit(answer["url"]).query)["room"] == [CALLERS_TASK]


WRONG: dict[str, dict[str, str]] = {
    "no JSON": callback("not JSON"),
    "no object": callback("[1]"),
    "no contact_uri": callback(inbound(), {}),
    "contact_uri of another form": callback(inbound(), {"contact_uri": 7}),
    "contact_uri is no address": callback(handover(), {"contact_uri": "bob"}),
    "worker's attributes are no JSON": callback(inbound(), "{"),
    "handover is no object": callback({"handover": "x"}),
    "handover is null": callback({"handover": None}),
    "no conference": callback(handover(conference_sid="CF1")),
    "no label": callback(handover(label="a/b")),
    "room is a number": callback(handover(room="+12025550143")),
    "room is a word with a space": callback(handover(room="a room")),
    "no room": callback(handover(room="", task_sid="")),
    "no task": callback(handover(), TaskSid="x"),
    "no reservation": callback(handover(), ReservationSid="x"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_cannot_be_done_is_rejected_with_a_reason(
    routed: Site, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await assigned(routed, WRONG[name]) == {"instruction": "reject"}
    policy = Policy(BASE_URL, "+12025550100", 25)
    instruction = instruction_for(lambda field: WRONG[name].get(field, ""), policy)
    assert instruction.because
    assert not [word for word in PII if word in capsys.readouterr().out]


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@given(
    attributes=st.text(max_size=20) | JSONISH.map(json.dumps) | st.builds(handover, room=JSONISH),
    worker=st.text(max_size=20) | JSONISH.map(json.dumps),
)
async def test_whatever_is_sent_there_is_an_instruction(attributes: Any, worker: str) -> None:
    fields = callback(attributes, worker)
    instruction = instruction_for(lambda name: fields.get(name, ""), Policy(BASE_URL, "+1", 25))
    assert instruction.word in ("conference", "call", "reject")


async def test_answer_takes_milliseconds_and_asks_nobody(deaf_app: FastAPI) -> None:
    pairs: Pairs = [("AccountSid", ACCOUNT), *callback(handover()).items()]
    headers = signed_headers(ASSIGNMENT, pairs)
    taken = []
    transport = httpx.ASGITransport(deaf_app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        for _ in range(200):
            begun = time.perf_counter()
            response = await http.post(ASSIGNMENT, content=form(pairs), headers=headers)
            taken.append(time.perf_counter() - begun)
            assert response.json()["instruction"] == "call"
    # The machine may be busy with other tests; TaskRouter waits for five seconds.
    assert sorted(taken)[197] < 0.25


# --- events ---------------------------------------------------------------------------------------


def event(kind: str, attributes: Any = None, **more: str) -> dict[str, str]:
    """A workspace event with the fields that one carries."""
    return {
        "EventType": kind,
        "Sid": "EV" + "1" * 32,
        "WorkspaceSid": "WS" + "1" * 32,
        "ResourceSid": TASK,
        "Timestamp": "1700000000",
        "TaskSid": TASK,
        "TaskAttributes": json.dumps(handover() if attributes is None else attributes),
        "TaskAssignmentStatus": "canceled",
        "WorkerSid": WORKER,
        "WorkerActivitySid": "WA" + "1" * 32,
        **more,
    }


OVER = TaskEnded(1.0, LABEL, TASK, "no_answer")
PASSED = WorkerTimedOut(1.0, LABEL, WORKER, "WA" + "1" * 32)
BEFORE = WorkerTimedOut(1.0, LABEL, WORKER, "WA" + "2" * 32)

WORKERS_LEG = "CA" + "9" * 32

TABLE: dict[str, tuple[dict[str, str], Any]] = {
    "canceled": (event("task.canceled"), OVER),
    "deleted": (event("task.deleted"), OVER),
    "system-deleted": (event("task.system-deleted"), OVER),
    "workflow timeout": (event("workflow.timeout"), OVER),
    "reservation timeout": (event("reservation.timeout"), PASSED),
    "reservation timeout, moved already": (
        event("reservation.timeout", WorkerPreviousActivitySid="WA" + "2" * 32),
        BEFORE,
    ),
    "activity of another form": (
        event("reservation.timeout", WorkerActivitySid="Available"),
        WorkerTimedOut(1.0, LABEL, WORKER, ""),
    ),
    "reservation timeout of a leg": (
        event("reservation.timeout", {**handover(), "worker_call_sid": WORKERS_LEG}),
        WorkerTimedOut(1.0, LABEL, WORKER, "WA" + "1" * 32, WORKERS_LEG),
    ),
    "declined": (event("reservation.rejected"), WorkerDeclined(1.0, LABEL)),
    "declined, with a leg": (
        event("reservation.rejected", {**handover(), "worker_call_sid": WORKERS_LEG}),
        WorkerDeclined(1.0, LABEL, WORKERS_LEG),
    ),
    "declined, leg of another form": (
        event("reservation.rejected", {**handover(), "worker_call_sid": [WORKERS_LEG]}),
        WorkerDeclined(1.0, LABEL),
    ),
    "no worker": (event("reservation.timeout", WorkerSid="anna"), None),
    "no task": (event("task.canceled", TaskSid="7"), None),
    "a caller's own task": (event("task.canceled", inbound()), None),
    "attributes of another form": (event("task.canceled", [1]), None),
    "label of another form": (event("task.canceled", handover(label="a b")), None),
    **{
        kind: (event(kind), None)
        for kind in (
            *("task.created", "task.updated", "task.completed", "task.wrapup"),
            *("reservation.created", "reservation.accepted"),
            *("reservation.canceled", "reservation.rescinded", "reservation.completed"),
            *("worker.activity.update", "task-queue.entered", "workflow.entered", "", "x.y"),
        )
    },
}


@pytest.mark.parametrize("name", TABLE)
async def test_translation(name: str) -> None:
    fields, expected = TABLE[name]
    found = task_fact(lambda field: fields.get(field, ""), 1.0)
    assert found == (None if expected is None else (ROOM, expected))


async def transfer_to_queue(routed: Site) -> tuple[dict[str, Any], str]:
    """A running transfer, and the label of its first attempt."""
    view = await routed.started("queue:Support")
    return view, f"{view['id'].partition('-')[2]}-t1s"


async def test_events_reach_the_transfer_that_made_the_task(routed: Site) -> None:
    view, label = await transfer_to_queue(routed)
    wish = handover(conference_sid=view["conference_sid"], label=label)
    for kind in ("reservation.timeout", "reservation.created", "task.canceled", "task.deleted"):
        token = {"I-Twilio-Idempotency-Token": f"{label}-{kind}"}
        response = await routed.webhook(EVENTS, event(kind, wish), token)
        assert (response.status_code, response.content) == (204, b"")
    heard = await routed.heard(transfer_workflow_id(view["conference_sid"]))
    assert [fact["kind"] for fact in heard] == ["worker_timed_out", "task_ended"]
    assert fact_from(heard[1]) is not None


async def test_events_of_other_tasks_are_nobodys_news(routed: Site) -> None:
    view, _ = await transfer_to_queue(routed)
    conference_sid = view["conference_sid"]
    over = (await routed.started(AT_ONCE))["conference_sid"]
    for wish in (
        handover(conference_sid=conference_sid, label="f" * 16 + "-t1s"),
        handover(conference_sid=new_conference()),
        handover(conference_sid=over),
        inbound(),
    ):
        assert (await routed.webhook(EVENTS, event("task.canceled", wish))).status_code == 204
    assert await routed.heard(transfer_workflow_id(conference_sid)) == []


def booked(**more: Any) -> dict[str, Any]:
    """The attributes of the task of a supervisor who took the call over."""
    return handover(label="0123456789abcdef-v1", is_booking=True, requested_worker=WORKER, **more)


async def test_worker_who_is_on_the_call_already_is_not_rung(site: Site) -> None:
    assert await assigned(site, callback(booked())) == {"instruction": "accept"}


@pytest.mark.parametrize("named", ["WK" + "0" * 32, "", "bob", None, 7])
async def test_booking_is_accepted_for_the_worker_it_names_alone(site: Site, named: Any) -> None:
    attributes = booked()
    attributes["handover"]["requested_worker"] = named
    assert await assigned(site, callback(attributes)) == {"instruction": "reject"}


async def test_nobody_is_told_of_the_end_of_a_booking() -> None:
    fields = callback(booked(), EventType="task.canceled")
    assert task_fact(lambda name: fields.get(name, ""), 1.0) is None
