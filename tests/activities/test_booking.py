"""A worker who took a call over: busy by a task of their own, for which no phone is rung."""

from __future__ import annotations

import json

import pytest

from activities.tasks import BookInput, EndTasksInput
from tests.activities.centre import LOST, Centre, to_create
from tests.activities.telephony import attempt, attempts

LABEL = "0123456789abcdef-v1"
CALL = "CA" + "9" * 32


def booking(address: str = "client:anna", **more: str) -> BookInput:
    given = {"conference_sid": "CF" + "1" * 32, "call_sid": CALL, "task_channel": "voice", **more}
    return BookInput(LABEL, address, **given)


async def test_worker_with_this_phone_gets_a_task_that_is_theirs_alone(centre: Centre) -> None:
    made = await attempt(centre.tasks.book_worker, booking())
    task = centre.task(made.task_sid)
    assert centre.reservation(made.task_sid).worker.name == "anna"
    wish = task.attributes["handover"]
    assert wish["is_booking"] is True
    assert wish["requested_worker"] == centre.worker("anna").sid
    assert (wish["worker_call_sid"], task.channel.unique_name) == (CALL, "voice")
    centre.happens("reservations.reject", centre.reservation(made.task_sid), None)
    offered = {each.worker.name for each in task.reservations.values()}
    assert offered == {"anna"}, "nobody else's"


async def test_who_is_no_worker_has_no_task(centre: Centre) -> None:
    for address in ("client:nobody", "+15550100555", 'client:"quoted', "client:back\\slash"):
        assert (await attempt(centre.tasks.book_worker, booking(address))).task_sid == ""
    assert centre.all_tasks == []


async def test_what_is_known_of_the_caller_goes_along(centre: Centre) -> None:
    first = await attempt(centre.tasks.create_task, to_create(priority=3))
    made = await attempt(centre.tasks.book_worker, booking(like_task_sid=first.task_sid))
    task = centre.task(made.task_sid)
    assert (task.attributes["language"], task.priority) == ("en", 3)


@pytest.mark.parametrize("fault", LOST)
async def test_a_booking_of_unknown_outcome_makes_one_task(centre: Centre, fault: str) -> None:
    with centre.phones.fault("tasks.create", fault):
        made = await attempts(centre.tasks.book_worker, booking())
    assert [task.sid for task in centre.all_tasks] == [made.task_sid]


async def test_booking_ends_with_the_call(centre: Centre) -> None:
    """Whoever closes the tasks of a room finds it by the label of the leg."""
    centre.phones.people_talk()
    boss = centre.phones.enter("client:anna", Label=LABEL)
    room = centre.phones.room
    made = await attempt(centre.tasks.book_worker, booking(conference_sid=room, call_sid=boss))
    centre.happens("reservations.accept", centre.reservation(made.task_sid))
    assert await attempt(centre.tasks.end_tasks_of_room, EndTasksInput(room)) == 1
    assert centre.task(made.task_sid).status == "completed"


async def test_booking_of_somebody_away_waits_for_nobody_else(centre: Centre) -> None:
    centre.goes("anna", "Unavailable")
    made = await attempt(centre.tasks.book_worker, booking())
    task = centre.task(made.task_sid)
    assert (task.status, len(task.reservations)) == ("pending", 0)
    (form,) = centre.phones.forms("tasks.create")
    assert int(str(form["Timeout"])) <= 60, "it ends by itself"
    assert json.loads(str(form["Attributes"]))["handover_label"] == LABEL
