"""Open tasks that nobody works on any more are found, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from temporalio.client import Client as Temporal

from activities.guardian import guard, left_tasks
from activities.guardian.guard import Guard
from activities.guardian.left_tasks import OpenTasks, left_over
from activities.guardian.look import CallSeen, Look
from activities.owners import Owner
from activities.room import CONNECTED
from activities.task_reading import workspace_of
from activities.task_state import TaskState
from activities.tasks import EndTaskInput
from tests.activities.believers import Believers, person
from tests.activities.centre import Centre, made, wishes
from tests.activities.telephony import attempt
from tests.activities.test_guardian import LOOKS

CF, WORKER = "CF" + "1" * 32, "CA" + "a" * 32
LIVE = Look({WORKER: CallSeen(CONNECTED)}, {CF: 0.0})
LABELLED = json.dumps({"handover_label": "0123456789abcdef-t1s"})


def task(status: str = "assigned", **more: Any) -> TaskState:
    known = {"conference_sid": CF, "worker_call_sid": WORKER, "age_seconds": 60}
    return TaskState("WT" + "2" * 32, status, **{"attributes": LABELLED, **known, **more})


@pytest.mark.parametrize(
    ("what", "given", "seen", "expected"),
    [
        ("its people talk", task(), LIVE, False),
        ("its worker hung up", task(), replace(LIVE, calls={}), True),
        ("its room is over", task(), Look({WORKER: CallSeen(CONNECTED)}), True),
        ("its worker's leg is not told yet", task(worker_call_sid=""), LIVE, False),
        ("it is young", task(age_seconds=5), Look(), False),
        ("it wraps up", task("wrapping"), Look(), False),
        ("it is over", task("completed"), Look(), False),
        ("it belongs to no room", task(conference_sid=""), Look(), False),
        ("it looks for somebody, for nobody", task("pending"), LIVE, True),
        ("it is offered, for nobody", task("reserved"), LIVE, True),
        ("its caller waits in a queue", task("pending", attributes="{}"), LIVE, False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_left_over(what: str, given: TaskState, seen: Look, expected: bool) -> None:
    assert bool(left_over([given], seen, [], "transfer")) is expected
    running = [Owner(f"transfer/{CF}", "run", conference_sid=CF)]
    assert not left_over([given], seen, running, "transfer"), "it is the transfer's business"


async def test_task_of_a_worker_who_hung_up_unheard_is_closed(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(left_tasks, "AGE_SECONDS_MIN", 0)
    phones = centre.phones
    caller = phones.enter("+15550100002", Label="caller")
    worker = phones.enter("client:anna", Label="0123456789abcdef-t1s")
    wish = wishes(requested_worker="anna", conference_sid=phones.room)
    sid = await made(centre, attributes=wish)
    centre.happens("reservations.accept", centre.reservation(sid))
    context = workspace_of(centre.client, centre.settings).tasks(sid)
    told = json.loads((await context.fetch_async()).attributes) | {"worker_call_sid": worker}
    await context.update_async(attributes=json.dumps(told))
    believers = Believers()
    believers.add(f"call/{phones.room}", person("caller", caller))
    tasks = OpenTasks(centre.client, centre.settings, page_size=50)

    async def look() -> list[tuple[str, str]]:
        made_now = Guard(centre.client, cast(Temporal, believers), 0.01, 50, tasks)
        report = await attempt(made_now.guard, LOOKS)
        return [(each.kind, each.task_sid) for each in report.findings]

    assert await look() == []
    phones.hangs_up("client:anna")
    assert await look() == [("task_left", sid)]
    await attempt(centre.tasks.end_task, EndTaskInput(sid, reason="call ended"))
    assert centre.task(sid).status == "completed"
    assert await look() == []
