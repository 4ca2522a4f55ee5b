"""The conference instruction: worker and caller meet, and how it goes wrong."""

from tests.simulator.network_kit import CALLER
from tests.simulator.taskrouter.kit import ASSIGN, CONFERENCE, Centre


def test_caller_in_a_queue_meets_the_worker() -> None:
    centre = Centre()
    centre.answers[ASSIGN] = CONFERENCE
    alice = centre.add_worker("alice")
    centre.phone("alice", after=7)
    caller = centre.enqueue('{"skill": "x"}')
    task = centre.task()
    assert task.attributes["skill"] == "x"
    assert task.attributes["call_sid"] == caller.sid
    assert task.channel.unique_name == "voice"
    assert caller.member is not None
    assert caller.member.queue.name == centre.workflow
    assert task.status == "reserved"
    centre.advance(7)
    assert task.status == "assigned"
    assert centre.offered(task) == [("alice", "accepted")]
    (reservation,) = alice.open.values()
    worker_call = reservation.worker_call
    assert worker_call is not None
    assert worker_call.participant is not None
    room = worker_call.participant.conference
    assert room.name == task.sid
    assert centre.hears(caller, worker_call)
    assert centre.hears(worker_call, caller)
    assert task.attributes["conference"] == {
        "room_name": task.sid,
        "sid": room.sid,
        "participants": {"worker": worker_call.sid, "customer": caller.sid},
    }
    assert centre.events() == ["participant-join", "participant-join", "conference-start"]
    centre.advance(60)
    centre.network.phones.hangup("client:alice")
    assert not room.ended
    centre.advance()
    centre.network.phones.hangup(CALLER)
    centre.advance()
    assert room.ended
    assert task.status == "wrapping"
    centre.advance(5)
    centre.update_task(task, AssignmentStatus="completed", Reason="done")
    assert centre.offered(task) == [("alice", "completed")]
    assert centre.seconds(alice)["seconds"] == {"reserved": 7.0, "busy": 60.0, "wrapping": 5.0}


def test_unanswered_worker_leg() -> None:
    centre = Centre()
    centre.answers[ASSIGN] = CONFERENCE
    centre.add_worker("alice")
    centre.advance(1)
    centre.add_worker("bob")
    centre.phone("alice", "busy")
    centre.phone("bob", "answer", 3)
    caller = centre.enqueue()
    centre.advance(3)
    task = centre.task()
    assert centre.offered(task) == [("alice", "canceled"), ("bob", "accepted")]
    assert caller.participant is not None
    assert 40145 in centre.alerts()
