"""Tasks: made once, accepted for one worker, read as they are; and workers put back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus
from twilio.rest import Client

from activities.conferences import Conferences, ReadRoomInput
from activities.errors import GONE, REFUSED, UNAVAILABLE, TwilioError
from activities.settings import TwilioSettings
from activities.task_marks import SKILLS_MAX, marked
from activities.tasks import (
    CreateTaskInput,
    ReadTaskInput,
    RejectInput,
    RestoreWorkerInput,
    Tasks,
)
from tests.activities.believers import Believers
from tests.activities.centre import LABEL, LOST, Centre, in_status, made, to_create, wishes, words
from tests.activities.telephony import Telephony, attempt, attempts, with_asker

# --- create -------------------------------------------------------------------------------------


async def test_what_is_asked_for_a_task(centre: Centre) -> None:
    given = to_create(priority=7, task_channel="voice")
    added = await attempt(centre.tasks.create_task, given)
    (form,) = centre.phones.forms("tasks.create")
    attributes = json.loads(str(form.pop("Attributes")))
    assert form == {
        "WorkflowSid": centre.settings.twilio_workflow_sid,
        "Timeout": "60",
        "Priority": "7",
        "TaskChannel": "voice",
    }
    assert attributes["handover_label"] == LABEL
    assert attributes["language"] == "en"
    assert not added.is_adopted
    task = centre.task(added.task_sid)
    assert (task.status, task.priority, task.channel.unique_name) == ("reserved", 7, "voice")
    assert centre.reservation(added.task_sid).worker.name == "anna"


@pytest.mark.parametrize("fault", LOST)
async def test_a_create_of_unknown_outcome_makes_one_task(centre: Centre, fault: str) -> None:
    with centre.phones.fault("tasks.create", fault):
        added = await attempts(centre.tasks.create_task, to_create())
    assert [task.sid for task in centre.all_tasks] == [added.task_sid]
    assert added.is_adopted is fault.endswith("after")
    looks = centre.phones.asked.count("tasks.list")
    assert looks == (1 if added.is_adopted else 2)


@pytest.mark.parametrize(
    ("temporal", "status"),
    [
        (with_asker(status=WorkflowExecutionStatus.TERMINATED), "canceled"),
        (with_asker(), "reserved"),
        (Believers(is_reached=False), "reserved"),
    ],
)
async def test_task_whose_workflow_was_ended_meanwhile_is_offered_to_nobody(
    centre: Centre, temporal: Believers, status: str
) -> None:
    """Seed 3025089: an operator ended the transfer as it asked for a worker, who was rung for
    nobody."""
    added = await attempt(centre.tasks.create_task, to_create(), temporal=temporal)
    assert centre.task(added.task_sid).status == status


async def test_the_second_look_for_a_task_comes_a_second_later(centre: Centre) -> None:
    with pytest.raises(TwilioError) as raised:
        await attempt(centre.tasks.create_task, to_create(), 2)
    assert raised.value.type == UNAVAILABLE
    assert raised.value.next_retry_delay == timedelta(seconds=1)
    assert centre.all_tasks == []


async def test_a_look_for_a_task_that_fails_is_no_look(centre: Centre) -> None:
    with (
        centre.phones.fault("tasks.create", "reset_before"),
        centre.phones.fault("tasks.list", "status", status=503),
    ):
        await attempts(centre.tasks.create_task, to_create())
    assert centre.phones.effects("tasks.create") == 1
    assert centre.phones.asked.count("tasks.list") == 3


async def test_a_task_of_another_label_is_not_ours(centre: Centre) -> None:
    other = await attempt(centre.tasks.create_task, replace(to_create(), label="another-1"))
    with centre.phones.fault("tasks.create", "reset_before"):
        added = await attempts(centre.tasks.create_task, to_create())
    assert added.task_sid != other.task_sid


@pytest.mark.parametrize(
    "attributes",
    [
        "[]",
        "no JSON",
        wishes(skills="german"),
        wishes(skills=[str(number) for number in range(SKILLS_MAX + 1)]),
        wishes(notes="x" * 4096),
    ],
)
async def test_what_cannot_be_routed_is_refused_unasked(centre: Centre, attributes: str) -> None:
    with pytest.raises(TwilioError) as raised:
        await attempt(centre.tasks.create_task, to_create(attributes=attributes))
    assert raised.value.type == REFUSED
    assert centre.phones.asked == []


async def test_a_refusal_of_a_task_is_final(centre: Centre) -> None:
    with pytest.raises(TwilioError) as raised:
        await attempts(centre.tasks.create_task, to_create(workflow_sid="WW" + "f" * 32))
    assert raised.value.type in (REFUSED, GONE)
    assert centre.phones.asked == ["tasks.create"]


async def test_without_taskrouter_nothing_is_asked(
    phones: Telephony, sdk: Client, settings: TwilioSettings
) -> None:
    with pytest.raises(TwilioError) as raised:
        await attempt(Tasks(sdk, settings).create_task, to_create())
    assert raised.value.type == REFUSED
    assert phones.asked == []


def test_what_taskrouter_wrote_about_another_task_is_not_carried_over() -> None:
    original = {"conference": {"sid": "CF1"}, "worker_call_sid": "CA1", "vip": True}
    text = marked(json.dumps(original), LABEL)
    assert set(json.loads(text)) >= {"vip", "handover_label"}
    assert not {"conference", "worker_call_sid"} & set(json.loads(text))


# --- read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_there", [True, False], ids=["told", "no such task"])
async def test_the_task_is_asked_who_the_caller_is(centre: Centre, is_there: bool) -> None:
    caller, agent = centre.phones.people_talk()
    sid = await made(centre)
    with centre.phones.runtime.act() as network:
        network.taskrouter.tasks.set_attributes(centre.task(sid), {"call_sid": caller})
    rooms = Conferences(centre.tasks._client, centre.tasks._settings)
    given = ReadRoomInput(centre.phones.room, task_sid=sid if is_there else "WT" + "f" * 32)
    room = await attempt(rooms.read_room, given)
    assert room.caller_call_sid == (caller if is_there else "")
    assert {leg.call_sid for leg in room.legs} == {caller, agent}


async def test_a_task_tells_its_room_and_its_people(centre: Centre) -> None:
    """As TaskRouter writes it after the conference instruction."""
    sid = await made(centre)
    seed = {
        "conference": {
            "room_name": sid,
            "sid": "CF" + "1" * 32,
            "participants": {"worker": "CA" + "1" * 32, "customer": "CA" + "2" * 32},
        },
        "call_sid": "CA" + "2" * 32,
    }
    with centre.phones.runtime.act() as network:
        network.taskrouter.tasks.set_attributes(centre.task(sid), seed)
    centre.happens("reservations.accept", centre.reservation(sid))
    state = await attempt(centre.tasks.read_task, ReadTaskInput(sid))
    assert words(state) == ("assigned", "accepted")
    assert (state.conference_sid, state.room_name) == ("CF" + "1" * 32, sid)
    assert (state.worker_call_sid, state.caller_call_sid) == ("CA" + "1" * 32, "CA" + "2" * 32)
    assert (state.worker_sid, state.worker_name) == (centre.worker("anna").sid, "anna")
    assert state.waiting_tasks_ahead is None
    assert centre.phones.asked == ["tasks.fetch", "reservations.list"]


async def test_a_task_of_ours_tells_the_room_it_was_made_for(centre: Centre) -> None:
    wish = wishes(requested_worker="anna", conference_sid="CF" + "3" * 32, room="WT1")
    await made(centre, attributes=wish)
    state = await attempt(centre.tasks.read_task, ReadTaskInput(label=LABEL))
    assert (state.conference_sid, state.room_name) == ("CF" + "3" * 32, "WT1")
    assert state.worker_call_sid == ""


async def test_the_place_in_the_queue_is_told_while_a_task_waits(centre: Centre) -> None:
    centre.goes("anna", "Offline")
    queue = wishes(requested_queue="Support")
    labels = {"first": 0, "second": 0, "urgent": 9}
    for label, priority in labels.items():
        given = CreateTaskInput(label, queue, 60, priority=priority)
        await attempt(centre.tasks.create_task, given)
    sid = await made(centre, attributes=queue)
    for number, label in enumerate(labels):
        # Twilio tells whole seconds; these came one after the other.
        task = next(t for t in centre.all_tasks if t.attributes["handover_label"] == label)
        task.created_at = task.start = task.start - 10 + number
    for label, ahead in {"first": 1, "second": 2, "urgent": 0, LABEL: 3}.items():
        state = await attempt(centre.tasks.read_task, ReadTaskInput(label=label))
        assert state.waiting_tasks_ahead == ahead, label
        assert state.workers_available == 0
        assert state.longest_wait_seconds is not None
    state = await attempt(centre.tasks.read_task, ReadTaskInput(sid, with_position=False))
    assert state.waiting_tasks_ahead is None


@pytest.mark.parametrize("route", ["tasks.list", "statistics.fetch"])
async def test_a_place_that_is_not_told_is_no_failure(centre: Centre, route: str) -> None:
    sid = await in_status(centre, "pending")
    with centre.phones.fault(route, "status", status=500):
        state = await attempt(centre.tasks.read_task, ReadTaskInput(sid))
    assert state.status == "pending"


async def test_a_task_that_is_gone_reads_gone(centre: Centre) -> None:
    for given in (ReadTaskInput("WT" + "f" * 32), ReadTaskInput(label="nobodys")):
        assert (await attempt(centre.tasks.read_task, given)).status == "gone"


# --- workers ------------------------------------------------------------------------------------


async def test_a_worker_whom_a_time_out_sent_away_is_put_back(centre: Centre) -> None:
    sid = await made(centre)
    given = RestoreWorkerInput(centre.worker("anna").sid, centre.activity_sid("Available"))
    centre.happens("reservations.time_out", centre.reservation(sid))
    assert centre.worker("anna").activity.name == "Offline"
    for _ in range(2):
        await attempt(centre.tasks.restore_worker, given)
    assert centre.worker("anna").activity.name == "Available"
    assert centre.phones.effects("workers.update") == 1


async def test_a_worker_who_has_moved_since_is_left_alone(centre: Centre) -> None:
    centre.goes("anna", "Unavailable")
    given = RestoreWorkerInput(centre.worker("anna").sid, centre.activity_sid("Available"))
    await attempt(centre.tasks.restore_worker, given)
    assert centre.worker("anna").activity.name == "Unavailable"


async def test_a_worker_who_moves_in_between_is_left_alone(centre: Centre) -> None:
    centre.goes("anna", "Offline")
    given = RestoreWorkerInput(centre.worker("anna").sid, centre.activity_sid("Available"))
    with centre.phones.fault("workers.update", "status", status=412):
        await attempt(centre.tasks.restore_worker, given)
    assert centre.phones.asked.count("workers.fetch") == 2
    assert centre.worker("anna").activity.name == "Available"


async def test_a_worker_who_is_gone_is_left_alone(centre: Centre) -> None:
    given = RestoreWorkerInput("WK" + "f" * 32, centre.activity_sid("Available"))
    await attempt(centre.tasks.restore_worker, given)
    assert "workers.update" not in centre.phones.asked


async def test_rejecting_twice_is_rejecting_once(centre: Centre) -> None:
    sid = await made(centre)
    given = RejectInput(sid, centre.reservation(sid).sid)
    await attempt(centre.tasks.reject_reservation, given)
    await attempt(centre.tasks.reject_reservation, given)
    assert centre.phones.effects("reservations.update") == 1
    assert given.reservation_sid in {
        each.sid for each in centre.task(sid).reservations.values() if each.status == "rejected"
    }


async def test_an_offer_that_is_not_open_is_not_rejected(centre: Centre) -> None:
    sid = await in_status(centre, "assigned")
    await attempt(centre.tasks.reject_reservation, RejectInput(sid, centre.reservation(sid).sid))
    assert centre.task(sid).status == "assigned"
    await attempt(centre.tasks.reject_reservation, RejectInput(sid, "WR" + "f" * 32))
