"""Assignment callbacks and the instructions they are answered with."""

import json
from typing import Any

import pytest

from simulator.core.errors import TwilioError
from simulator.core.outbox import Reply
from simulator.core.phones import Behavior
from tests.simulator.network_kit import CALLER, NUMBER
from tests.simulator.openapi import DATA
from tests.simulator.taskrouter.kit import ASSIGN, CONFERENCE, FALLBACK, Centre, form

CALL = {"instruction": "call", "from": NUMBER, "url": "http://app/agent", "accept": "true"}
DEQUEUE = {"instruction": "dequeue", "from": NUMBER}
AGENT = "<Response><Say>hello agent</Say><Pause length='60'/></Response>"


@pytest.fixture
def centre() -> Centre:
    centre = Centre()
    centre.documents["http://app/agent"] = AGENT
    return centre


def test_callback_has_the_documented_fields(centre: Centre) -> None:
    centre.add_worker("alice", level=3)
    task = centre.add_task(attributes={"a": "ä"})
    (fields,) = centre.callbacks(ASSIGN)
    sample = json.loads((DATA / "payloads/callbacks/assignment_callback.json").read_text())
    assert set(fields) == set(sample)
    assert fields["Timestamp"] == str(int(centre.network.clock.now))
    assert json.loads(fields["TaskAttributes"]) == {"a": "ä"}
    assert json.loads(fields["WorkerAttributes"])["level"] == 3
    assert fields["ReservationSid"] in task.reservations
    assert task.status == "reserved"


@pytest.mark.parametrize(
    "bad",
    [
        Reply(500),
        Reply(0, error="connect"),
        Reply(200, '{"instruction": "accept"}', "text/plain"),
        Reply(200, "no json", "application/json"),
        Reply(200, "[]", "application/json"),
        Reply(200, '{"instruction": "dance"}', "application/json"),
        Reply(200, '{"instruction": "call"}', "application/json"),
        None,
    ],
)
def test_bad_answer_goes_to_the_fallback(centre: Centre, bad: Reply | None) -> None:
    centre.rest.workflows.update(
        centre.sid, centre.workflow, form(FallbackAssignmentCallbackUrl=FALLBACK)
    )
    centre.answers[ASSIGN] = lambda _: bad
    centre.answers[FALLBACK] = {"instruction": "accept"}
    centre.add_worker("alice", contact_uri="nowhere")
    task = centre.add_task()
    centre.advance(5)
    assert centre.offered(task) == [("alice", "accepted")]
    assert centre.alerts()


def test_two_bad_answers_cancel_the_reservation(centre: Centre) -> None:
    centre.rest.workflows.update(
        centre.sid, centre.workflow, form(FallbackAssignmentCallbackUrl=FALLBACK)
    )
    centre.answers[ASSIGN] = centre.answers[FALLBACK] = lambda _: None
    alice = centre.add_worker("alice")
    task = centre.add_task()
    centre.advance(9.9)
    assert task.status == "reserved"
    centre.advance(0.1)
    assert centre.offered(task) == [("alice", "canceled")]
    assert (task.status, alice.activity.name) == ("pending", "Available")
    centre.advance(1)
    assert task.status == "reserved"


def test_answer_after_five_seconds_is_not_heard(centre: Centre) -> None:
    centre.answers[ASSIGN] = lambda _: None
    centre.add_worker("alice")
    centre.add_task()
    fetch = next(f for f in centre.sent if f.url == ASSIGN)
    centre.advance(5)
    fetch.reply(Reply(200, '{"instruction": "accept"}', "application/json"))
    assert centre.offered(centre.task())[0] == ("alice", "canceled")


def test_accept_and_reject(centre: Centre) -> None:
    centre.add_worker("alice")
    bob = centre.add_worker("bob")
    answers = {
        "alice": {"instruction": "reject", "activity_sid": centre.activities["Offline"]},
        "bob": {"instruction": "accept"},
    }
    names = {w.sid: w.name for w in centre.space.workers.values()}
    centre.answers[ASSIGN] = lambda fields: answers[names[fields["WorkerSid"]]]
    task = centre.add_task()
    assert centre.offered(task) == [("alice", "rejected"), ("bob", "accepted")]
    assert [w.activity.name for w in centre.space.workers.values()] == ["Offline", "Available"]
    assert bob.open


def test_late_instruction_is_an_alert_and_changes_nothing(centre: Centre) -> None:
    def answer(fields: dict[str, str]) -> dict[str, Any]:
        centre.rest.tasks.update(
            centre.sid, fields["TaskSid"], form(AssignmentStatus="canceled", Reason="x")
        )
        return CALL

    centre.answers[ASSIGN] = answer
    centre.add_worker("alice")
    task = centre.add_task()
    assert centre.offered(task) == [("alice", "canceled")]
    assert centre.alerts() == [40114]


@pytest.mark.parametrize(("at", "before"), [("answer", "reserved"), ("instruction", "assigned")])
def test_call_dials_the_worker_and_runs_its_document(at: str, before: str) -> None:
    centre = Centre(call_accepts_at=at)
    centre.documents["http://app/agent"] = AGENT
    centre.answers[ASSIGN] = CALL
    alice = centre.add_worker("alice")
    centre.phone("alice", after=4)
    task = centre.add_task()
    assert task.status == before
    centre.advance(4)
    (reservation,) = alice.open.values()
    assert reservation.worker_call is not None
    assert task.attributes == {"worker_call_sid": reservation.worker_call.sid}
    assert centre.spoken_to(reservation.worker_call) == ["hello agent"]
    assert task.status == "assigned"
    centre.network.phones.hangup("client:alice")
    centre.advance()
    assert task.status == "assigned"


def test_call_without_accept_leaves_the_reservation_pending(centre: Centre) -> None:
    centre.answers[ASSIGN] = {**CALL, "accept": False}
    alice = centre.add_worker("alice")
    centre.phone("alice")
    task = centre.add_task()
    assert task.status == "reserved"
    centre.order(centre.pending(alice), ReservationStatus="accepted")
    assert task.status == "assigned"


@pytest.mark.parametrize(
    ("outcome", "activity", "kind"),
    [
        ("canceled", "Available", "busy"),
        ("rejected", "Available", "reject"),
        ("timeout", "Offline", "unreachable"),
    ],
)
def test_worker_leg_that_comes_to_nothing(outcome: str, activity: str, kind: str) -> None:
    centre = Centre(worker_leg_failed=outcome)
    centre.answers[ASSIGN] = CALL
    alice = centre.add_worker("alice")
    centre.phone("alice", kind)
    task = centre.add_task()
    assert centre.offered(task) == [("alice", outcome)]
    assert (task.status, alice.activity.name) == ("pending", activity)
    assert 40113 in centre.alerts()


@pytest.mark.parametrize(("timer", "statuses"), [("paused", ["canceled"]), ("runs", ["timeout"])])
def test_reservation_time_out_while_the_worker_rings(timer: str, statuses: list[str]) -> None:
    centre = Centre(reservation_timer_in_setup=timer)
    centre.answers[ASSIGN] = {**CALL, "timeout": 30}
    centre.add_worker("alice")
    task = centre.add_task()
    centre.advance(36)
    assert [status for _, status in centre.offered(task)][:1] == statuses


def test_dequeue_bridges_worker_and_caller(centre: Centre) -> None:
    centre.answers[ASSIGN] = {
        **DEQUEUE,
        "status_callback_url": "http://app/progress",
        "status_callback_events": "answered,completed",
    }
    alice = centre.add_worker("alice")
    centre.phone("alice", after=2)
    caller = centre.enqueue()
    centre.advance(2)
    task = centre.task()
    assert task.status == "assigned"
    assert caller.bridge is not None
    assert caller.hears == "conversation"
    centre.advance(30)
    centre.network.phones.hangup("client:alice")
    centre.advance()
    assert task.status == "wrapping"
    assert "bye" in centre.spoken_to(caller)
    urls = [f for f in centre.sent if f.url.startswith("http://app/progress")]
    assert [f.method for f in urls] == ["GET", "GET"]
    assert urls[0].url.endswith(f"?taskCallSid={caller.sid}")
    assert centre.seconds(alice)["seconds"]["busy"] == 30.0


def test_dequeue_in_a_single_task_workspace_completes_and_moves_the_worker() -> None:
    centre = Centre(multi=False)
    centre.answers[ASSIGN] = {
        **DEQUEUE,
        "post_work_activity_sid": centre.activities["Unavailable"],
    }
    alice = centre.add_worker("alice")
    centre.phone("alice")
    centre.enqueue()
    task = centre.task()
    centre.network.phones.hangup(CALLER)
    centre.advance()
    assert (task.status, alice.activity.name) == ("completed", "Unavailable")
    assert not centre.network.phones.get("client:alice").calls


def test_redirect_points_the_parked_call_elsewhere(centre: Centre) -> None:
    centre.documents["http://app/other"] = "<Response><Say>moved</Say><Pause/></Response>"
    centre.add_worker("alice")
    caller = centre.enqueue()
    task = centre.task()
    (reservation,) = task.reservations.values()
    centre.order(
        reservation,
        Instruction="redirect",
        RedirectCallSid=caller.sid,
        RedirectUrl="http://app/other",
        RedirectAccept="true",
    )
    assert task.status == "assigned"
    assert centre.spoken_to(caller) == ["moved"]


def test_supervisor_joins_the_room_unheard() -> None:
    centre = Centre()
    centre.answers[ASSIGN] = CONFERENCE
    centre.add_worker("alice")
    boss = centre.add_worker("boss", "Unavailable")
    centre.phone("alice")
    centre.phone("boss")
    caller = centre.enqueue()
    task = centre.task()
    (reservation,) = task.reservations.values()
    centre.order(
        reservation, Instruction="supervise", Supervisor=boss.sid, SupervisorMode="monitor"
    )
    (leg,) = centre.network.phones.get("client:boss").calls.values()
    assert centre.hears(leg, caller)
    assert not centre.hears(caller, leg)


REST = {
    "call": {"CallTo": "client:alice", "CallFrom": NUMBER, "CallUrl": "http://app/agent"},
    "dequeue": {"DequeueTo": "client:alice", "DequeueFrom": NUMBER},
    "conference": {"To": "client:alice", "From": NUMBER},
    "redirect": {"RedirectCallSid": "CALL", "RedirectUrl": "http://app/other"},
    "reject": {},
    "accept": {},
}


@pytest.mark.parametrize(
    ("kind", "params", "code"),
    [
        ("call", {"CallTo": "nobody"}, 40110),
        ("call", {"CallFrom": ""}, 40111),
        ("call", {"CallUrl": "/relative"}, 40112),
        ("call", {"CallStatusCallbackUrl": "x"}, 40158),
        ("dequeue", {"DequeueTo": "nobody"}, 40131),
        ("dequeue", {"DequeueFrom": ""}, 40132),
        ("dequeue", {"DequeuePostWorkActivitySid": "WA" + "0" * 32}, 40130),
        ("dequeue", {"DequeueStatusCallbackEvent": "dancing"}, 40134),
        ("dequeue", {"DequeueStatusCallbackUrl": "x"}, 40157),
        ("conference", {"To": "nobody"}, 40137),
        ("conference", {"From": "nobody"}, 40138),
        ("conference", {"PostWorkActivitySid": "WA" + "0" * 32}, 40139),
        ("conference", {"ConferenceStatusCallback": "x"}, 40159),
        ("conference", {"Timeout": "1000"}, 14233),
        ("redirect", {"RedirectCallSid": "CA" + "0" * 32}, 40120),
        ("redirect", {"RedirectUrl": ""}, 40121),
        ("reject", {"WorkerActivitySid": "WA" + "0" * 32}, 40100),
        ("dance", {}, 55555),
        ("supervise", {}, 40146),
    ],
)
def test_faulty_instructions_over_rest(kind: str, params: dict[str, str], code: int) -> None:
    centre = Centre(assign=False)
    alice = centre.add_worker("alice")
    caller = centre.enqueue()
    reservation = centre.pending(alice)
    merged = {**REST.get(kind, {}), **params}
    merged = {k: caller.sid if v == "CALL" else v for k, v in merged.items()}
    with pytest.raises(TwilioError) as caught:
        centre.order(reservation, Instruction=kind, **merged)
    assert (caught.value.code, caught.value.status) == (code, 400)
    assert reservation.status == "pending"
    assert not centre.network.phones.get("client:alice").calls


@pytest.mark.parametrize(
    ("kind", "code"),
    [("call", 40114), ("dequeue", 40135), ("conference", 40136), ("redirect", 40123)],
)
def test_instruction_on_a_finished_reservation(kind: str, code: int) -> None:
    centre = Centre(assign=False)
    alice = centre.add_worker("alice")
    caller = centre.enqueue()
    reservation = centre.pending(alice)
    centre.network.phones.hangup(CALLER)
    centre.advance()
    assert (reservation.status, reservation.task.status) == ("canceled", "canceled")
    params = {k: caller.sid if v == "CALL" else v for k, v in REST[kind].items()}
    with pytest.raises(TwilioError) as caught:
        centre.order(reservation, Instruction=kind, **params)
    assert caught.value.code == code


def test_dequeue_and_conference_need_a_call() -> None:
    centre = Centre(assign=False)
    alice = centre.add_worker("alice")
    centre.add_task()
    for kind, code in (("dequeue", 40140), ("conference", 40142)):
        with pytest.raises(TwilioError) as caught:
            centre.order(centre.pending(alice), Instruction=kind, **REST[kind])
        assert caught.value.code == code


def test_reject_may_need_an_activity() -> None:
    centre = Centre(assign=False, reject_needs_activity=True)
    alice = centre.add_worker("alice")
    centre.add_task()
    with pytest.raises(TwilioError) as caught:
        centre.order(centre.pending(alice), Instruction="reject")
    assert caught.value.code == 40100


def test_conference_takes_a_caller_from_wherever_it_is() -> None:
    """A transfer's task names a call that is in another room, not in a queue."""
    centre = Centre()
    centre.answers[ASSIGN] = {**CONFERENCE, "end_conference_on_customer_exit": True}
    centre.add_worker("alice")
    centre.phone("alice")
    caller, _ = centre.caller_in_room()
    task = centre.add_task(attributes={"call_sid": caller.sid, "from": CALLER})
    assert task.status == "assigned"
    assert caller.participant is not None
    assert caller.participant.conference.name == task.sid
    centre.network.phones.hangup(CALLER)
    centre.advance()
    assert task.status == "wrapping"
    assert not centre.network.phones.get("client:alice").calls


def test_conference_dials_the_customer_of_an_outbound_task() -> None:
    centre = Centre()
    centre.answers[ASSIGN] = CONFERENCE
    centre.add_worker("alice")
    centre.phone("alice")
    centre.network.phones.behave("+15550123456", Behavior("answer", 2))
    task = centre.add_task(attributes={"outbound_to": "+15550123456"})
    assert task.status == "assigned"
    centre.advance(2)
    people = task.attributes["conference"]["participants"]
    worker, customer = (centre.network.call(people[p]) for p in ("worker", "customer"))
    assert centre.hears(worker, customer)


def test_worker_leg_is_hung_up_when_the_caller_gives_up() -> None:
    centre = Centre()
    centre.answers[ASSIGN] = CONFERENCE
    centre.add_worker("alice")
    centre.enqueue()
    task = centre.task()
    (leg,) = centre.network.phones.get("client:alice").calls.values()
    assert leg.status == "ringing"
    centre.network.phones.hangup(CALLER)
    centre.advance()
    assert leg.status == "canceled"
    assert (task.status, task.reason) == ("canceled", "hangup")
    assert centre.offered(task) == [("alice", "canceled")]


def test_conference_in_a_single_task_workspace() -> None:
    centre = Centre(multi=False)
    centre.answers[ASSIGN] = {
        **CONFERENCE,
        "end_conference_on_exit": "true",
        "post_work_activity_sid": centre.activities["Unavailable"],
    }
    alice = centre.add_worker("alice")
    centre.phone("alice")
    caller = centre.enqueue()
    task = centre.task()
    centre.network.phones.hangup("client:alice")
    centre.advance()
    assert not caller.live
    assert (task.status, alice.activity.name) == ("completed", "Unavailable")
