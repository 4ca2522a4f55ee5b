"""Tasks end as their status allows, once, and at the moment their worker's leg leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.ending import DOUBT_SECONDS_MAX
from activities.errors import REFUSED, UNAVAILABLE, UNMET, TwilioError
from activities.participants import Participants, RemoveInput
from activities.task_ending import end_one_task
from activities.tasks import EndedTask, EndTaskInput, EndTasksInput
from tests.activities.centre import LABEL, LOST, Centre, in_status, made, wishes
from tests.activities.telephony import AGENT, TARGET, attempt, attempts


@pytest.mark.parametrize(
    ("status", "wrap_up", "after"),
    [
        ("pending", False, "cancelled"),
        ("pending", True, "cancelled"),
        ("reserved", False, "cancelled"),
        ("assigned", False, "completed"),
        ("assigned", True, "wrapping"),
        ("wrapping", False, "completed"),
        ("wrapping", True, "wrapping"),
        ("completed", False, "completed"),
        ("canceled", True, "cancelled"),
    ],
)
async def test_a_task_ends_as_its_status_allows_and_twice_is_once(
    centre: Centre, status: str, wrap_up: bool, after: str
) -> None:
    sid = await in_status(centre, status)
    given = EndTaskInput(sid, reason="transferred", wrap_up=wrap_up)
    assert (await attempt(centre.tasks.end_task, given)).status == after
    assert (await attempt(centre.tasks.end_task, given)).status == after
    assert centre.phones.effects("tasks.update") <= 1
    if after in ("completed", "cancelled") and status not in ("completed", "canceled"):
        assert centre.task(sid).reason == "transferred"


async def test_an_agent_is_free_when_the_task_has_ended(centre: Centre) -> None:
    sid = await in_status(centre, "assigned")
    await attempt(centre.tasks.end_task, EndTaskInput(sid, reason="left"))
    assert centre.worker("anna").open == {}


async def test_a_task_that_is_gone_has_ended(centre: Centre) -> None:
    assert (await attempt(centre.tasks.end_task, EndTaskInput("WT" + "f" * 32))).status == "gone"
    assert (await attempt(centre.tasks.end_task, EndTaskInput(label=LABEL))).status == "gone"


async def test_a_task_in_doubt_may_still_appear(centre: Centre) -> None:
    given = EndTaskInput(label=LABEL, is_doubtful=True)
    with pytest.raises(TwilioError) as raised:
        await attempt(centre.tasks.end_task, given)
    assert raised.value.type == UNAVAILABLE
    sid = await made(centre)
    assert (await attempt(centre.tasks.end_task, given)).status == "cancelled"
    assert centre.task(sid).status == "canceled"


async def test_a_task_in_doubt_for_two_minutes_was_never_made(centre: Centre) -> None:
    """Seed 102028: the call was over, and its transfer looked for another two minutes."""
    now = datetime.now(UTC)
    given = EndTaskInput(label=LABEL, is_doubtful=True, dialed_at=now.timestamp())
    soon, later = (now + timedelta(seconds=DOUBT_SECONDS_MAX + seconds) for seconds in (-1.0, 1.0))
    with pytest.raises(TwilioError) as raised:
        await attempt(centre.tasks.end_task, given, current_attempt_scheduled_time=soon)
    assert raised.value.type == UNAVAILABLE
    assert (
        await attempt(centre.tasks.end_task, given, current_attempt_scheduled_time=later)
        == EndedTask()
    )


async def test_every_task_of_a_label_ends(centre: Centre) -> None:
    """Should a create have taken effect after all looks for it."""
    sids = [await made(centre), await made(centre)]
    await attempt(centre.tasks.end_task, EndTaskInput(label=LABEL))
    assert {centre.task(sid).status for sid in sids} == {"canceled"}


@pytest.mark.parametrize("fault", LOST)
async def test_an_end_of_unknown_outcome_is_settled_by_the_next_attempt(
    centre: Centre, fault: str
) -> None:
    sid = await in_status(centre, "assigned")
    with centre.phones.fault("tasks.update", fault):
        ended = await attempts(centre.tasks.end_task, EndTaskInput(sid))
    assert ended.status == "completed"
    assert centre.phones.effects("tasks.update") == 1


async def test_what_happened_in_between_is_read_and_decided_about(centre: Centre) -> None:
    """The worker accepts between the reading and the cancelling: a stale ETag, 412."""
    sid = await in_status(centre, "reserved")
    workspace = centre.tasks._client.taskrouter.v1.workspaces(centre.space.sid)
    task = workspace.tasks(sid)
    fetch = task.fetch_with_http_info_async

    async def overtaken() -> Any:
        answer = await fetch()
        if centre.task(sid).status == "reserved":
            centre.happens("reservations.accept", centre.reservation(sid))
        return answer

    task.fetch_with_http_info_async = overtaken

    class Workspace:
        def tasks(self, _: str) -> Any:
            return task

    assert await end_one_task(Workspace(), sid, "left", wrap_up=False) == "completed"
    assert centre.phones.asked.count("tasks.update") == 2
    assert centre.phones.effects("tasks.update") == 1


@pytest.mark.parametrize(("status", "code"), [(412, 20412), (404, 20404), (400, 20001)])
async def test_an_end_that_was_refused_is_read_again(
    centre: Centre, status: int, code: int
) -> None:
    sid = await in_status(centre, "assigned")
    with centre.phones.fault("tasks.update", "status", status=status, code=code):
        given = EndTaskInput(sid)
        if status == 412:
            assert (await attempt(centre.tasks.end_task, given)).status == "completed"
        else:
            with pytest.raises(TwilioError):
                await attempt(centre.tasks.end_task, given)
            assert centre.phones.asked == ["tasks.fetch", "tasks.update", "tasks.fetch"]


# --- with the leg -------------------------------------------------------------------------------


async def talking(centre: Centre) -> tuple[str, RemoveInput]:
    """Caller, agent and target in a room, and the agent's task."""
    caller, agent = centre.phones.people_talk(agent_flag=False)
    target = centre.phones.enter(TARGET)
    sid = await in_status(centre, "assigned")
    return sid, RemoveInput(
        centre.phones.room,
        agent,
        caller,
        other_call_sid=target,
        task_sid=sid,
        task_reason="transferred",
    )


def removing(centre: Centre) -> Participants:
    return Participants(centre.client, centre.settings)


@pytest.mark.parametrize(("wrap_up", "status"), [(False, "completed"), (True, "wrapping")])
async def test_the_agents_task_ends_when_the_agent_leaves(
    centre: Centre, wrap_up: bool, status: str
) -> None:
    sid, given = await talking(centre)
    given = replace(given, task_wrap_up=wrap_up)
    for number in (1, 2):
        room = await attempt(removing(centre).remove_participant, given, number)
        assert room.find(given.call_sid) is None
    assert centre.task(sid).status == status
    assert centre.phones.effects("participants.delete") == 1
    assert centre.phones.effects("tasks.update") == 1
    deleted = centre.phones.asked.index("participants.delete")
    assert deleted < centre.phones.asked.index("tasks.update")


async def test_the_task_goes_on_while_the_agent_is_not_removed(centre: Centre) -> None:
    sid, given = await talking(centre)
    centre.phones.change(given.caller_call_sid, Hold="true")
    with pytest.raises(TwilioError) as raised:
        await attempt(removing(centre).remove_participant, given)
    assert raised.value.type == UNMET
    assert centre.task(sid).status == "assigned"


@pytest.mark.parametrize("fault", LOST)
async def test_a_task_that_could_not_be_ended_is_ended_by_the_next_attempt(
    centre: Centre, fault: str
) -> None:
    sid, given = await talking(centre)
    with centre.phones.fault("tasks.update", fault):
        await attempts(removing(centre).remove_participant, given)
    assert centre.task(sid).status == "completed"
    assert centre.phones.effects("participants.delete") == 1
    assert centre.phones.effects("tasks.update") == 1


async def test_whoever_hears_of_the_task_hears_that_the_leg_has_left(centre: Centre) -> None:
    _, given = await talking(centre)
    with (
        centre.phones.fault("tasks.update", "status", status=400, code=20001),
        pytest.raises(TwilioError) as raised,
    ):
        await attempt(removing(centre).remove_participant, given)
    assert raised.value.type == REFUSED
    assert raised.value.report.room is not None
    assert raised.value.report.room.find(given.call_sid) is None
    assert "the leg has left" in str(raised.value)


async def test_call_that_is_over_leaves_no_task_of_somebody_who_left_unheard(
    centre: Centre,
) -> None:
    """The leg that the task was made for is in the room no more."""
    room, other = "CF" + "1" * 32, "CF" + "2" * 32
    left = await made(centre, attributes=wishes(requested_worker="anna", conference_sid=room))
    centre.happens("reservations.accept", centre.reservation(left))
    elsewhere = await made(centre, attributes=wishes(requested_worker="ben", conference_sid=other))
    own = await made(centre, attributes=wishes(requested_worker="ben"))
    given = EndTasksInput(room, task_sid=own, reason="call ended")
    assert await attempt(centre.tasks.end_tasks_of_room, given) == 2
    assert centre.task(left).status == "completed"
    assert centre.task(own).status == "canceled"
    assert centre.task(elsewhere).status == "pending"
    centre.phones.forget_requests()
    assert await attempt(centre.tasks.end_tasks_of_room, EndTasksInput(room)) == 0
    assert centre.phones.asked == ["tasks.list"]


async def test_end_of_a_room_ends_no_task_whose_people_are_in_another(centre: Centre) -> None:
    """Seed 440397: TaskRouter makes a room for each worker it rings, of one name."""
    here, there = "CF" + "1" * 32, "CF" + "2" * 32
    sid = await made(centre, attributes=wishes(conference_sid=there))
    left = await attempt(centre.tasks.end_task, EndTaskInput(sid, conference_sid=here))
    assert left.status in ("pending", "reserved")
    ended = await attempt(centre.tasks.end_task, EndTaskInput(sid, conference_sid=there))
    assert ended.status == "cancelled"


async def test_the_task_goes_on_where_it_is_not_known_whose_it_is(centre: Centre) -> None:
    """Seed 900652: nobody was named who is to leave, and that counted as: has left."""
    sid, given = await talking(centre)
    unnamed = replace(given, call_sid="")
    with pytest.raises(TwilioError) as raised:
        await attempt(removing(centre).remove_participant, unnamed)
    assert raised.value.type == UNMET
    assert centre.task(sid).status == "assigned"
    centre.phones.hangs_up(AGENT)
    await attempt(removing(centre).remove_participant, unnamed)
    assert centre.task(sid).status == "completed"
