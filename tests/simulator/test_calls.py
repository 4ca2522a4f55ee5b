"""Calls over REST: created, ended, redirected, listed; progress callbacks; who answered."""

from typing import Any

import pytest

from simulator.core.errors import TwilioError
from simulator.core.phones import Behavior, PhoneError
from tests.simulator.network_kit import CALLER, NUMBER, World

PROGRESS = {
    "StatusCallback": "http://app/progress",
    "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
}
WAIT = "<Response><Pause length='600'/></Response>"


def create(world: World, to: str = "client:x", **params: Any) -> str:
    asked = {"From": NUMBER, "To": to, "Twiml": WAIT, **params}
    sid: str = world.network.create_call(asked)["sid"]
    return sid


def status(world: World, sid: str) -> str:
    return str(world.network.fetch_call(sid)["status"])


def test_create_answers_queued_and_dials_afterwards(world: World) -> None:
    body = world.network.create_call({"From": NUMBER, "To": "client:x", "Twiml": WAIT})
    assert (body["status"], body["direction"]) == ("queued", "outbound-api")
    assert body["start_time"] is body["end_time"] is body["duration"] is None
    assert body["phone_number_sid"].startswith("PN")
    world.advance()
    assert status(world, body["sid"]) == "ringing"


def test_progress_callbacks_number_themselves(world: World) -> None:
    world.network.phones.behave("client:x", Behavior("answer_then_hangup", 1, 4, 61))
    create(world, **PROGRESS)
    world.advance(62)
    told = world.callbacks("http://app/progress")
    assert [(p["CallStatus"], p["SequenceNumber"]) for p in told] == [
        ("initiated", "0"),
        ("ringing", "1"),
        ("in-progress", "2"),
        ("completed", "3"),
    ]
    assert told[-1]["CallDuration"] == "61"
    assert told[-1]["Duration"] == "2"
    assert told[-1]["SipResponseCode"] == "200"


@pytest.mark.parametrize(
    ("behavior", "end", "code"),
    [
        (Behavior("busy"), "busy", "486"),
        (Behavior("reject", 1), "busy", "603"),
        (Behavior("unreachable"), "failed", "404"),
        (Behavior("no_answer"), "no-answer", "487"),
    ],
)
def test_every_failure_is_completed_with_its_own_status(
    world: World, behavior: Behavior, end: str, code: str
) -> None:
    world.network.phones.behave("client:x", behavior)
    create(world, StatusCallback="http://app/progress", Timeout="10")
    world.advance(15)
    told = world.callbacks("http://app/progress")
    assert [(p["CallStatus"], p["SipResponseCode"]) for p in told] == [(end, code)]


def test_timeout_has_five_seconds_more(world: World) -> None:
    sid = create(world, Timeout="10")
    world.advance(14.9)
    assert status(world, sid) == "ringing"
    world.advance(0.2)
    assert status(world, sid) == "no-answer"


def test_canceled_leaves_an_answered_call_alone_and_completed_ends_any(world: World) -> None:
    ringing, answered = create(world), create(world, "client:y")
    world.advance()
    world.network.phones.answer("client:y")
    for sid in (ringing, answered):
        world.network.update_call(sid, {"Status": "canceled"})
    assert (status(world, ringing), status(world, answered)) == ("canceled", "in-progress")
    again = create(world, "client:z")
    world.advance()
    for sid in (answered, again):
        world.network.update_call(sid, {"Status": "completed"})
    assert (status(world, answered), status(world, again)) == ("completed", "canceled")


def test_redirect_of_a_finished_call_is_21220(world: World) -> None:
    sid = create(world)
    world.network.update_call(sid, {"Status": "completed"})
    with pytest.raises(TwilioError) as error:
        world.network.update_call(sid, {"Url": "http://app/other"})
    assert (error.value.status, error.value.code) == (400, 21220)
    assert error.value.message == "Call is not in-progress. Cannot redirect."


def test_delete_waits_for_the_end(world: World) -> None:
    sid = create(world)
    with pytest.raises(TwilioError) as error:
        world.network.delete_call(sid)
    assert error.value.code == 20009
    world.network.update_call(sid, {"Status": "canceled"})
    world.network.delete_call(sid)
    with pytest.raises(TwilioError):
        world.network.fetch_call(sid)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"Twiml": ""}, 21205),
        ({"Twiml": "x" * 4001}, 20001),
        ({"Url": "ftp://x"}, 21205),
        ({"ApplicationSid": "AP" + "0" * 32}, 21218),
        ({"MachineDetection": "perhaps"}, 21234),
        ({"Method": "PATCH"}, 21209),
    ],
)
def test_bad_parameters_are_refused(world: World, params: dict[str, str], code: int) -> None:
    with pytest.raises(TwilioError) as error:
        create(world, **params)
    assert error.value.code == code
    assert not world.network.calls_by_sid


def test_application_stands_for_its_urls(world: World) -> None:
    world.documents["http://app/from-app"] = "<Response><Say>from the app</Say></Response>"
    app = world.network.create_application(
        {"FriendlyName": "mine", "VoiceUrl": "http://app/from-app"}
    )
    world.network.phones.behave("client:x", Behavior("answer"))
    sid = create(world, ApplicationSid=app["sid"])
    world.advance()
    assert world.spoken_to(world.network.call(sid)) == ["from the app"]


def test_call_to_an_own_number_rings_its_webhook(world: World) -> None:
    world.documents["http://app/voice"] = "<Response><Say>welcome</Say></Response>"
    sid = create(world, NUMBER, From="+15550009999")
    world.advance(0.1)
    assert status(world, sid) == "in-progress"
    inbound = world.network.list_calls({"To": NUMBER, "Status": "in-progress"})["calls"]
    assert {call["direction"] for call in inbound} == {"inbound", "outbound-api"}
    world.advance(5)
    assert status(world, sid) == "completed"


def test_caller_id_must_be_owned_when_the_switch_says_so() -> None:
    world = World(caller_id_must_be_owned=True)
    with pytest.raises(TwilioError) as error:
        create(world, From="+15559999999")
    assert error.value.code == 21210
    assert create(world).startswith("CA")


def test_list_filters_and_pages(world: World) -> None:
    sids = [create(world, f"client:{n}") for n in range(5)]
    world.network.update_call(sids[0], {"Status": "canceled"})
    world.advance()
    page = world.network.list_calls({"PageSize": "2"})
    assert [call["sid"] for call in page["calls"]] == [sids[4], sids[3]]
    assert (page["page"], page["start"], page["end"]) == (0, 0, 1)
    token = page["next_page_uri"].split("PageToken=")[1]
    create(world, "client:late")
    following = world.network.list_calls({"PageSize": "2", "Page": "1", "PageToken": token})
    assert [call["sid"] for call in following["calls"]] == [sids[2], sids[1]]
    assert following["previous_page_uri"] is not None
    canceled = world.network.list_calls({"Status": "canceled"})["calls"]
    assert [call["sid"] for call in canceled] == [sids[0]]
    assert world.network.list_calls({"StartTime>": "2000-01-01"})["calls"] == []
    with pytest.raises(TwilioError):
        world.network.list_calls({"PageSize": "1001"})


def test_time_limit_ends_an_answered_call(world: World) -> None:
    world.network.phones.behave("client:x", Behavior("answer"))
    sid = create(world, TimeLimit="30")
    world.advance(29)
    assert status(world, sid) == "in-progress"
    world.advance(2)
    assert status(world, sid) == "completed"


# -- Who answered ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "kind", "answered_by", "seconds"),
    [
        ("Enable", "answer", "human", 2),
        ("Enable", "voicemail", "machine_start", 2),
        ("DetectMessageEnd", "voicemail", "machine_end_beep", 6),
        ("DetectMessageEnd", "answer", "human", 2),
    ],
)
def test_machine_detection(
    world: World, mode: str, kind: str, answered_by: str, seconds: int
) -> None:
    _, room = world.caller_in_room()
    world.network.phones.behave("client:vm", Behavior(kind, seconds=6))
    leg = world.add(room, "client:vm", MachineDetection=mode, AmdStatusCallback="http://app/amd")
    world.advance(seconds - 0.1)
    assert leg.participant is not None
    assert not leg.participant.joined
    world.advance(0.2)
    assert leg.participant.joined
    told = world.callbacks("http://app/amd")[0]
    assert told["AnsweredBy"] == answered_by
    assert told["MachineDetectionDuration"] == str(seconds * 1000)
    assert world.network.fetch_call(leg.sid)["answered_by"] == answered_by


def test_detected_machine_tells_the_twiml_of_a_call(world: World) -> None:
    world.network.phones.behave("client:x", Behavior("voicemail"))
    create(world, Url="http://app/answered", MachineDetection="Enable")
    world.advance(3)
    assert world.callbacks("http://app/answered")[0]["AnsweredBy"] == "machine_start"


def test_asynchronous_detection_does_not_wait(world: World) -> None:
    world.network.phones.behave("client:x", Behavior("voicemail"))
    create(
        world,
        Url="http://app/answered",
        MachineDetection="Enable",
        AsyncAmd="true",
        AsyncAmdStatusCallback="http://app/amd",
    )
    world.advance()
    assert "AnsweredBy" not in world.callbacks("http://app/answered")[0]


# -- Phones ------------------------------------------------------------------------------------


def test_phone_does_what_a_person_does(world: World) -> None:
    sid = create(world)
    world.advance()
    phones = world.network.phones
    with pytest.raises(PhoneError):
        phones.digits("client:x", "1")
    phones.answer("client:x")
    assert status(world, sid) == "in-progress"
    phones.hangup("client:x")
    assert status(world, sid) == "completed"
    with pytest.raises(PhoneError):
        phones.answer("client:x")


def test_behaviours_follow_one_another(world: World) -> None:
    world.network.phones.behave(
        "client:x", Behavior("busy"), Behavior("reject"), Behavior("answer")
    )
    sids = []
    for _ in range(4):
        sids.append(create(world))
        world.advance()
    assert [status(world, sid) for sid in sids] == ["busy", "busy", "in-progress", "in-progress"]


def test_caller_gives_up_before_the_answer(world: World) -> None:
    world.call_in("<Response><Dial answerOnBridge='true'><Client>a</Client></Dial></Response>")
    call = world.network.phones.hangup(CALLER)
    assert call.status == "canceled"
    assert not world.network.live_calls


def test_custom_parameters_do_not_make_another_phone(world: World) -> None:
    create(world, "client:bob?case=7")
    world.advance()
    assert [c.status for c in world.network.phones.get("client:bob").calls.values()] == ["ringing"]
