"""TwiML on a leg: each verb, what the person hears, and what the debugger says about mistakes."""

import pytest

from simulator.core.documents import DocumentError, parse
from simulator.core.phones import Behavior
from tests.simulator.network_kit import CALLER, NUMBER, World


def respond(*verbs: str) -> str:
    return f"<Response>{''.join(verbs)}</Response>"


def test_say_play_pause_take_their_time_then_the_call_ends(world: World) -> None:
    call = world.call_in(respond("<Say>one two</Say><Play>a.mp3</Play><Pause length='2'/>"))
    assert (call.status, call.hears) == ("in-progress", "speech: one two")
    world.advance(1)
    assert call.hears == "play: a.mp3"
    world.advance(5)
    assert call.hears == "silence"
    world.advance(2)
    assert call.status == "completed"
    assert world.network.fetch_call(call.sid)["duration"] == "7"


def test_reject_never_answers(world: World) -> None:
    assert world.call_in(respond("<Reject/>")).status == "no-answer"
    busy = world.call_in(respond("<Reject reason='busy'/>"))
    assert (busy.status, busy.started_at) == ("busy", None)


def test_redirect_resolves_relative_addresses(world: World) -> None:
    world.documents["http://app/next/page"] = respond("<Say>arrived</Say>")
    call = world.call_in(respond("<Redirect method='GET'>next/page</Redirect>"))
    assert world.sent[-1].method == "GET"
    assert world.spoken_to(call) == ["arrived"]


def test_redirect_without_end_is_stopped(world: World) -> None:
    call = world.call_in(respond("<Redirect/>"))
    assert call.status == "completed"
    assert world.alerts() == [11215]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("<Response><Say>unfinished</Response>", 12100),
        ("", 12100),
        ("<Answer/>", 12102),
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Response>&x;</Response>', 0),
    ],
)
def test_bad_documents(world: World, document: str, code: int) -> None:
    call = world.call_in(document)
    assert call.status == "completed"
    assert world.alerts() == ([code] if code else [])
    assert not any("root:" in text for text in world.spoken_to(call))


def test_entities_are_not_resolved() -> None:
    entity = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    document = f"{entity}<Response><Say>&x;</Say></Response>"
    assert parse(document)[0].text in ("", "&x;")
    with pytest.raises(DocumentError):
        parse("no xml at all")


def test_unknown_verb_is_told_and_skipped(world: World) -> None:
    call = world.call_in(respond("<Shout>hey</Shout><Stream/><Say>on we go</Say>"))
    assert world.spoken_to(call) == ["on we go"]
    assert world.alerts() == [12200, 12200]
    assert "not a TwiML verb" in world.network.alerts[0].message
    assert "not simulated" in world.network.alerts[1].message


def test_failing_document_asks_the_fallback_with_the_error(world: World) -> None:
    world.documents["http://app/fallback"] = respond("<Say>sorry</Say>")
    number = world.network.list_numbers()["incoming_phone_numbers"][0]["sid"]
    world.network.update_number(number, {"VoiceFallbackUrl": "http://app/fallback"})
    call = world.network.dial_in(CALLER, NUMBER)
    world.advance()
    assert world.spoken_to(call) == ["sorry"]
    asked = world.callbacks("http://app/fallback")[0]
    assert (asked["ErrorCode"], asked["ErrorUrl"]) == ("11200", "http://app/voice")


def test_without_a_fallback_twilio_apologizes_and_hangs_up(world: World) -> None:
    call = world.network.dial_in(CALLER, NUMBER)
    world.advance()
    assert call.status == "completed"
    assert world.spoken_to(call) == ["an application error has occurred"]


def test_gather_takes_digits_by_count_by_key_and_by_time(world: World) -> None:
    world.documents["http://app/menu"] = respond("<Say>thanks</Say><Pause length='60'/>")
    gather = "<Gather {0} action='/menu' timeout='3'><Say>press a key</Say></Gather>"
    for attributes, keys, digits in (
        ("numDigits='2'", "123", "12"),
        ("", "45#", "45"),
        ("finishOnKey='*'", "6*", "6"),
        ("", "78", "78"),
    ):
        call = world.call_in(respond(gather.format(attributes)))
        world.network.phones.digits(CALLER, keys, call.sid)
        world.advance(4)
        assert world.callbacks("http://app/menu")[-1]["Digits"] == digits
        assert world.spoken_to(call)[-1] == "thanks"
        world.network.phones.hangup(CALLER)


def test_gather_without_digits_goes_on(world: World) -> None:
    call = world.call_in(respond("<Gather timeout='2' action='/menu'/><Say>nothing heard</Say>"))
    world.advance(1)
    assert world.spoken_to(call) == []
    world.advance(1)
    assert world.spoken_to(call) == ["nothing heard"]
    assert world.callbacks("http://app/menu") == []


def test_record_is_a_voicemail(world: World) -> None:
    world.documents["http://app/done"] = respond("<Hangup/>")
    call = world.call_in(
        respond("<Record action='/done' recordingStatusCallback='http://app/rec' maxLength='30'/>")
    )
    world.advance(5)
    asked = world.callbacks("http://app/done")[0]
    assert asked["RecordingDuration"] == "5"
    assert world.callbacks("http://app/rec")[0]["RecordingSid"] == asked["RecordingSid"]
    listed = world.network.list_call_recordings(call.sid)["recordings"]
    assert [recording["sid"] for recording in listed] == [asked["RecordingSid"]]


def test_hanging_up_in_the_middle_keeps_the_recording(world: World) -> None:
    call = world.call_in(respond("<Record/>"))
    world.advance(3)
    world.network.phones.hangup(CALLER)
    assert world.network.list_call_recordings(call.sid)["recordings"][0]["duration"] == "3"


# -- Dial to phones ----------------------------------------------------------------------------


def test_dial_bridges_and_its_action_learns_how_it_went(world: World) -> None:
    world.documents["http://app/after"] = respond("<Say>bye</Say>")
    world.network.phones.behave("client:agent", Behavior("answer_then_hangup", 2, 4, 10))
    call = world.call_in(
        respond("<Dial action='/after' callerId='+15550001111'><Client>agent</Client></Dial>")
    )
    assert call.hears == "ringing"
    world.advance(2)
    assert call.hears == "conversation"
    child = next(iter(world.network.phones.get("client:agent").calls.values()))
    assert (child.direction, child.parent_sid) == ("outbound-dial", call.sid)
    world.advance(10)
    asked = world.callbacks("http://app/after")[0]
    assert asked["DialCallStatus"] == "completed"
    assert asked["DialCallSid"] == child.sid
    assert asked["DialCallDuration"] == "10"
    assert asked["DialBridged"] == "true"
    assert world.spoken_to(call) == ["bye"]
    changes = [e.what for e in world.network.ledger.select(kind="hearing")]
    assert changes == ["begins", "begins", "ends", "ends"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("busy", "busy"), ("unreachable", "failed"), ("no_answer", "no-answer"), ("reject", "busy")],
)
def test_dial_that_fails_says_how(world: World, kind: str, status: str) -> None:
    world.network.phones.behave("+15550002222", Behavior(kind))
    call = world.call_in(
        respond("<Dial timeout='10' action='/after'><Number>+15550002222</Number></Dial>")
    )
    world.advance(10)
    assert world.callbacks("http://app/after")[0]["DialCallStatus"] == status
    assert call.ended_at is not None


def test_first_to_answer_wins_and_the_others_stop_ringing(world: World) -> None:
    world.network.phones.behave("client:slow", Behavior("answer", 9))
    world.network.phones.behave("client:fast", Behavior("answer", 2))
    call = world.call_in(
        respond("<Dial><Client>slow</Client><Client>fast</Client></Dial><Say>after</Say>")
    )
    world.advance(3)
    assert call.bridge is not None
    assert call.bridge.other(call).phone == "client:fast"
    assert not world.network.phones.get("client:slow").calls
    world.network.phones.hangup("client:fast")
    world.advance()
    assert world.spoken_to(call) == ["after"]


def test_whisper_runs_before_the_bridge_and_may_not_dial(world: World) -> None:
    world.documents["http://app/whisper"] = respond("<Say>a caller for you</Say>")
    world.network.phones.behave("+15550002222", Behavior("answer"))
    dial = respond("<Dial><Number url='/whisper'>+15550002222</Number></Dial>")
    call = world.call_in(dial)
    child = next(iter(world.network.phones.get("+15550002222").calls.values()))
    assert (child.hears, call.hears) == ("speech: a caller for you", "ringing")
    world.advance(3)
    assert (child.hears, call.hears) == ("conversation", "conversation")
    world.documents["http://app/whisper"] = respond("<Dial>+15550003333</Dial>")
    world.call_in(dial, caller="+15557770009")
    assert world.alerts() == [13201]


def test_caller_who_hangs_up_stops_the_dialling(world: World) -> None:
    world.call_in(respond("<Dial><Client>agent</Client></Dial>"))
    child = next(iter(world.network.phones.get("client:agent").calls.values()))
    world.network.phones.hangup(CALLER)
    assert child.status == "canceled"


def test_answer_on_bridge_keeps_the_caller_ringing(world: World) -> None:
    world.network.phones.behave("client:agent", Behavior("answer", 3))
    call = world.call_in(respond("<Dial answerOnBridge='true'><Client>agent</Client></Dial>"))
    world.advance(1)
    assert call.status == "ringing"
    world.advance(2)
    assert call.status == "in-progress"


def test_star_hangs_up_the_far_leg_when_asked(world: World) -> None:
    world.network.phones.behave("client:agent", Behavior("answer"))
    call = world.call_in(
        respond("<Dial hangupOnStar='true'><Client>agent</Client></Dial><Say>back</Say>")
    )
    world.network.phones.digits(CALLER, "*")
    assert world.spoken_to(call) == ["back"]


def test_relative_action_of_inline_twiml_is_15004(world: World) -> None:
    world.network.create_call(
        {
            "From": NUMBER,
            "To": "client:a",
            "Twiml": respond("<Gather action='/menu' numDigits='1'/>"),
        }
    )
    world.network.phones.behave("client:a", Behavior("answer", digits="1"))
    world.advance(2)
    assert 15004 in world.alerts()


# -- Queues ------------------------------------------------------------------------------------


def test_enqueue_parks_and_loops_its_wait_document(world: World) -> None:
    world.documents["http://app/wait"] = respond("<Say>you are next</Say>")
    call = world.call_in(respond("<Enqueue waitUrl='/wait'>support</Enqueue>"))
    queue = world.network.list_queues()["queues"][0]
    assert (queue["friendly_name"], queue["current_size"]) == ("support", 1)
    assert call.hears == "speech: you are next"
    world.advance(3)
    asked = world.callbacks("http://app/wait")
    assert len(asked) >= 2
    assert (asked[0]["QueuePosition"], asked[0]["CurrentQueueSize"]) == ("1", "1")
    member = world.network.fetch_queue_member(queue["sid"], "Front")
    assert (member["call_sid"], member["wait_time"]) == (call.sid, 3)


def test_leave_runs_the_action_with_the_result(world: World) -> None:
    world.documents["http://app/wait"] = respond("<Say>a b</Say><Leave/>")
    world.documents["http://app/left"] = respond("<Say>you left</Say>")
    call = world.call_in(respond("<Enqueue waitUrl='/wait' action='/left'>support</Enqueue>"))
    world.advance(1)
    assert world.callbacks("http://app/left")[0]["QueueResult"] == "leave"
    assert world.spoken_to(call) == ["a b", "you left"]


def test_member_update_dequeues_to_another_document(world: World) -> None:
    world.documents["http://app/agent"] = respond("<Say>connecting you</Say>")
    call = world.call_in(respond("<Enqueue action='/left'>support</Enqueue>"))
    queue = world.network.list_queues()["queues"][0]["sid"]
    world.network.update_queue_member(queue, "Front", {"Url": "http://app/agent"})
    world.advance()
    assert world.spoken_to(call) == ["connecting you"]
    assert world.callbacks("http://app/left")[0]["QueueResult"] == "redirected"


def test_dial_queue_bridges_the_longest_waiting_caller(world: World) -> None:
    world.documents["http://app/about"] = respond("<Say>an agent comes</Say>")
    first = world.call_in(respond("<Enqueue>support</Enqueue><Say>done</Say>"))
    world.call_in(respond("<Enqueue>support</Enqueue>"), caller="+15557770002")
    agent = world.call_in(
        respond("<Dial><Queue url='/about'>support</Queue></Dial><Say>next</Say>"),
        caller="client:agent",
    )
    world.advance(3)
    assert world.spoken_to(first) == ["an agent comes"]
    assert (first.hears, agent.hears) == ("conversation", "conversation")
    assert "DequeingCallSid" in world.callbacks("http://app/about")[0]
    world.network.phones.hangup("client:agent")
    world.advance()
    assert world.spoken_to(first)[-1] == "done"


def test_caller_who_hangs_up_leaves_the_queue(world: World) -> None:
    world.call_in(respond("<Enqueue action='/left'>support</Enqueue>"))
    world.network.phones.hangup(CALLER)
    assert world.network.list_queues()["queues"][0]["current_size"] == 0
    assert world.callbacks("http://app/left")[0]["QueueResult"] == "hangup"


def test_enqueue_with_a_workflow_tells_the_task_router(world: World) -> None:
    parked, left = [], []
    world.network.on_parked = parked.append
    world.network.on_unparked = lambda member, result: left.append(result)
    call = world.call_in(
        respond('<Enqueue workflowSid="WW1"><Task priority="3">{"skill": "vip"}</Task></Enqueue>')
    )
    assert parked[0].workflow_sid == "WW1"
    assert parked[0].task == {"attributes": {"skill": "vip"}, "priority": "3", "timeout": ""}
    assert world.network.list_queues()["queues"][0]["friendly_name"] == "WW1"
    world.network.queues.remove(parked[0], "bridging-in-process")
    world.advance()
    assert left == ["bridging-in-process"]
    assert call.status == "completed"
