"""Parked calls and their tasks: Enqueue with a workflow, Dial Queue with a reservation."""

import json

import pytest

from tests.simulator.network_kit import CALLER, NUMBER
from tests.simulator.openapi import DATA
from tests.simulator.taskrouter.kit import ASSIGN, Centre, form


@pytest.fixture
def centre() -> Centre:
    return Centre(assign=False)


def test_attributes_are_those_of_the_call_and_the_document(centre: Centre) -> None:
    caller = centre.enqueue('{"skill": "billing", "from": "mine"}')
    task = centre.task()
    sample = json.loads(
        (DATA / "payloads/taskrouter/task_attributes_from_enqueue.json").read_text()
    )
    assert set(sample) <= set(task.attributes)
    assert task.attributes["call_sid"] == caller.sid
    assert (task.attributes["skill"], task.attributes["from"]) == ("billing", "mine")
    assert (task.attributes["to"], task.attributes["direction"]) == (NUMBER, "inbound")


def test_priority_and_timeout_of_the_task(centre: Centre) -> None:
    centre.call_in(
        f'<Response><Enqueue workflowSid="{centre.workflow}">'
        '<Task priority="5" timeout="30">{}</Task></Enqueue></Response>'
    )
    task = centre.task()
    assert (task.priority, task.timeout) == (5, 30)
    centre.advance(30)
    assert task.reason == "Task TTL Exceeded"


def test_hanging_up_cancels_the_task(centre: Centre) -> None:
    centre.enqueue()
    task = centre.task()
    centre.network.phones.hangup(CALLER)
    centre.advance()
    assert (task.status, task.reason) == ("canceled", "hangup")


def test_leaving_the_queue_cancels_the_task(centre: Centre) -> None:
    centre.documents["http://app/wait"] = "<Response><Leave/></Response>"
    caller = centre.enqueue(attributes='waitUrl="http://app/wait"')
    assert centre.task().status == "canceled"
    assert centre.spoken_to(caller) == ["bye"]


def test_sending_the_call_elsewhere_cancels_the_task(centre: Centre) -> None:
    caller = centre.enqueue()
    centre.network.update_call(caller.sid, {"Twiml": "<Response><Say>x</Say></Response>"})
    assert centre.task().status == "canceled"


def test_unknown_workflow_is_an_alert_and_the_call_waits(centre: Centre) -> None:
    centre.workflow = "WW" + "0" * 32
    caller = centre.enqueue()
    assert centre.alerts() == [14220]
    assert caller.member is not None


def test_assigned_task_survives_its_parked_caller(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    centre.enqueue()
    centre.order(centre.pending(alice), ReservationStatus="accepted")
    centre.network.phones.hangup(CALLER)
    centre.advance()
    assert centre.task().status == "assigned"
    assert centre.alerts() == [14223]


def dial_queue(sid: str, more: str = "") -> str:
    return (
        f'<Response><Dial><Queue reservationSid="{sid}" {more}/></Dial><Say>after</Say></Response>'
    )


def test_dial_queue_accepts_and_bridges(centre: Centre) -> None:
    """The worker's own leg asks for the call: `call` instruction, then Dial Queue (T-11)."""
    centre.workflow = centre.add_workflow({"default_filter": {"queue": centre.queue}})
    alice = centre.add_worker("alice")
    centre.phone("alice")
    centre.documents["http://app/whisper"] = "<Response><Say>an agent comes</Say></Response>"

    def answer(fields: dict[str, str]) -> dict[str, str]:
        whisper = 'url="http://app/whisper"'
        centre.documents["http://app/agent"] = dial_queue(fields["ReservationSid"], whisper)
        return {"instruction": "call", "from": NUMBER, "url": "http://app/agent"}

    centre.answers[ASSIGN] = answer
    caller = centre.enqueue()
    centre.advance(2)
    task = centre.task()
    assert task.status == "assigned"
    assert centre.spoken_to(caller) == ["an agent comes"]
    assert caller.bridge is not None
    centre.network.phones.hangup(CALLER)
    centre.advance()
    assert task.status == "wrapping"
    (reservation,) = alice.open.values()
    assert reservation.worker_call is not None
    assert "after" in centre.spoken_to(reservation.worker_call)


def test_dial_queue_refuses_what_it_cannot_have(centre: Centre) -> None:
    alice = centre.add_worker("alice")
    centre.enqueue()
    reservation = centre.pending(alice)
    centre.order(reservation, ReservationStatus="accepted")
    agent = centre.call_in(dial_queue(reservation.sid), caller="+15557770009")
    assert centre.alerts() == [14217]
    assert "after" in centre.spoken_to(agent)
    centre.call_in(dial_queue("WR" + "0" * 32), caller="+15557770008")
    assert centre.alerts()[-1] == 14215


def test_parked_call_of_a_deleted_task_goes_on_waiting(centre: Centre) -> None:
    caller = centre.enqueue()
    centre.rest.tasks.delete(centre.sid, centre.task().sid)
    assert caller.member is not None
    centre.rest.workflows.update(centre.sid, centre.workflow, form(FriendlyName="renamed"))
    centre.network.phones.hangup(CALLER)
    centre.advance()
    assert centre.alerts() == []
