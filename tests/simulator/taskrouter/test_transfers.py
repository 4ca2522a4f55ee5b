"""The documented ladders of a transfer with TaskRouter (X-03, X-04), played by hand.

Each person's time is covered by a task of their own, and the utilisation shows it to the second.
"""

import json

import pytest

from simulator.core.model import Call
from simulator.core.taskrouter.model import Task
from tests.simulator.network_kit import CALLER, NUMBER
from tests.simulator.taskrouter.kit import ASSIGN, CONFERENCE, Centre, form


@pytest.fixture
def centre() -> Centre:
    """Alice talks to the caller; bob is free. Tasks that name a conference are transfers."""
    centre = Centre()
    target = {"queue": centre.queue, "known_worker_sid": "task.requested_agent"}
    routing = {
        "filters": [{"expression": "requested_agent != null", "targets": [target]}],
        "default_filter": {"queue": centre.queue},
    }
    centre.workflow = centre.add_workflow(routing)

    def answer(fields: dict[str, str]) -> dict[str, object]:
        attributes = json.loads(fields["TaskAttributes"])
        if "original_task" not in attributes:
            return dict(CONFERENCE)
        room = attributes["original_task"]
        centre.documents["http://app/join"] = (
            f"<Response><Dial><Conference>{room}</Conference></Dial></Response>"
        )
        url = "http://app/join"
        return {"instruction": "call", "from": NUMBER, "url": url, "accept": True}

    centre.answers[ASSIGN] = answer
    for name in ("alice", "bob"):
        centre.add_worker(name)
        centre.phone(name, after=2)
        centre.advance(1)
    return centre


def begin(centre: Centre) -> tuple[Call, Task, str]:
    """The caller, alice's task and the room, after a minute's talk."""
    caller = centre.enqueue()
    centre.advance(62)
    task = centre.task()
    return caller, task, str(task.attributes["conference"]["sid"])


def hand_over(centre: Centre, first: Task, room: str) -> Task:
    bob = next(w for w in centre.space.workers.values() if w.name == "bob")
    attributes = {
        "requested_agent": bob.sid,
        "original_task": first.sid,
        "conference_sid": room,
    }
    return centre.add_task(attributes=attributes, TaskChannel="voice", Priority=first.priority)


def leg(centre: Centre, name: str) -> Call:
    (call,) = centre.network.phones.get(f"client:{name}").calls.values()
    return call


def test_cold(centre: Centre) -> None:
    caller, first, room = begin(centre)
    network = centre.network
    network.update_participant(room, caller.sid, {"Hold": True})
    network.delete_participant(room, leg(centre, "alice").sid)
    centre.update_task(first, AssignmentStatus="completed", Reason="transferred")
    second = hand_over(centre, first, room)
    assert caller.hears == "hold music"
    centre.advance(2)
    assert (first.status, second.status) == ("completed", "assigned")
    network.update_participant(room, caller.sid, {"Hold": False})
    assert centre.hears(caller, leg(centre, "bob"))
    centre.advance(30)
    centre.network.phones.hangup(CALLER)
    centre.network.phones.hangup("client:bob")
    centre.advance()
    assert second.status == "assigned"
    centre.update_task(second, AssignmentStatus="completed", Reason="done")
    seconds = {w.name: centre.seconds(w)["seconds"] for w in centre.space.workers.values()}
    assert seconds == {
        "alice": {"reserved": 2.0, "busy": 60.0, "wrapping": 0.0},
        "bob": {"reserved": 2.0, "busy": 30.0, "wrapping": 0.0},
    }


def test_warm(centre: Centre) -> None:
    caller, first, room = begin(centre)
    network = centre.network
    network.update_participant(room, caller.sid, {"Hold": True})
    second = hand_over(centre, first, room)
    centre.advance(12)
    alice, bob = leg(centre, "alice"), leg(centre, "bob")
    assert centre.hears(alice, bob)
    assert not centre.hears(caller, bob)
    network.update_participant(room, caller.sid, {"Hold": False})
    network.delete_participant(room, alice.sid)
    centre.update_task(first, AssignmentStatus="completed", Reason="transferred")
    assert centre.hears(caller, bob)
    centre.advance(30)
    network.phones.hangup("client:bob")
    network.phones.hangup(CALLER)
    centre.update_task(second, AssignmentStatus="completed", Reason="done")
    seconds = {w.name: centre.seconds(w) for w in centre.space.workers.values()}
    assert seconds["alice"]["seconds"] == {"reserved": 2.0, "busy": 72.0, "wrapping": 0.0}
    assert seconds["bob"]["seconds"] == {"reserved": 2.0, "busy": 40.0, "wrapping": 0.0}
    assert not any(s["seconds_busy_together"] for s in seconds.values())
    assert first.status == "completed"


def test_conference_that_ends_first_wraps_the_task(centre: Centre) -> None:
    _, first, room = begin(centre)
    centre.network.update_conference(room, {"Status": "completed"})
    centre.advance()
    assert first.status == "wrapping"
    centre.rest.tasks.update(
        centre.sid, first.sid, form(AssignmentStatus="completed", Reason="late")
    )
    assert first.status == "completed"


def test_call_that_waits_for_an_acceptance_runs_into_its_time_out(centre: Centre) -> None:
    """After the answer the reservation's time counts anew; nobody accepts."""
    centre.answers[ASSIGN] = {"instruction": "call", "from": NUMBER, "url": "http://app/whisper"}
    whisper = "<Response><Gather numDigits='1'><Say>press one</Say></Gather></Response>"
    centre.documents["http://app/whisper"] = whisper
    task = centre.add_task()
    centre.advance(2 + 119)
    assert centre.offered(task) == [("alice", "pending")]
    centre.advance(1)
    assert centre.offered(task)[0] == ("alice", "timeout")
