"""Rooms: who comes in, when a room starts, how it ends, and what becomes of the legs."""

import pytest

from simulator.core.errors import TwilioError
from simulator.core.phones import Behavior
from tests.simulator.network_kit import EVENTS, NUMBER, World


def test_lone_caller_hears_wait_music_until_somebody_comes(world: World) -> None:
    caller, room = world.caller_in_room()
    assert world.network.fetch_conference(room)["status"] == "init"
    assert caller.hears == "wait music"
    agent = world.add(room)
    assert world.network.fetch_conference(room)["status"] == "in-progress"
    assert caller.hears == agent.hears == "conversation"
    assert world.events() == ["participant-join", "participant-join", "conference-start"]


def test_room_does_not_start_while_nobody_starts_it(world: World) -> None:
    caller, room = world.caller_in_room(attributes='startConferenceOnEnter="false"')
    agent = world.add(room, StartConferenceOnEnter="false")
    assert not world.hears(caller, agent)
    assert world.network.fetch_conference(room)["status"] == "init"
    world.network.switches.put({"unstarted_room_status": "in-progress"})
    assert world.network.fetch_conference(room)["status"] == "in-progress"
    world.add(room, "client:starter")
    assert world.hears(caller, agent)


def test_another_wait_url_is_heard_at_once(world: World) -> None:
    world.documents["http://app/wait"] = "<Response><Say>a new tune</Say></Response>"
    caller, room = world.caller_in_room()
    world.network.update_participant(room, caller.sid, {"WaitUrl": "http://app/wait"})
    world.advance()
    assert caller.hears == "speech: a new tune"
    assert world.events()[-1] == "participant-modify"


def test_room_that_ends_cancels_the_leg_that_still_rings(world: World) -> None:
    _, room = world.caller_in_room()
    world.network.phones.behave("client:x", Behavior("ring"))
    ringing = world.network.create_participant(room, {"From": NUMBER, "To": "client:x"})
    world.advance()
    world.network.update_conference(room, {"Status": "completed"})
    left = [p for p in world.callbacks() if p["StatusCallbackEvent"] == "participant-leave"]
    told = {p["CallSid"]: p["ParticipantCallStatus"] for p in left}
    assert told[ringing["call_sid"]] == "canceled"
    assert world.network.fetch_call(ringing["call_sid"])["status"] == "canceled"


def test_empty_wait_url_is_silence_and_a_wait_document_ends_in_silence(world: World) -> None:
    caller, _ = world.caller_in_room(attributes='waitUrl=""')
    assert caller.hears == "silence"
    world.documents["http://app/wait"] = "<Response><Say>please wait</Say></Response>"
    second, _ = world.caller_in_room("other", 'waitUrl="http://app/wait"')
    assert second.hears == "speech: please wait"
    world.advance(10)
    assert second.hears == "silence"


def test_wait_document_with_an_empty_redirect_goes_round(world: World) -> None:
    world.documents["http://app/wait"] = "<Response><Play>m.mp3</Play><Redirect/></Response>"
    caller, _ = world.caller_in_room(attributes='waitUrl="http://app/wait"')
    world.advance(17)
    assert caller.hears == "play: m.mp3"
    assert len(world.callbacks("http://app/wait")) == 4


def test_forbidden_verb_in_a_wait_document_is_an_alert(world: World) -> None:
    world.documents["http://app/wait"] = "<Response><Dial>+15550009999</Dial></Response>"
    world.caller_in_room(attributes='waitUrl="http://app/wait"')
    assert 13201 in world.alerts() or 13238 in world.alerts()


def test_room_survives_with_one_leg_left(world: World) -> None:
    caller, room = world.caller_in_room()
    agent = world.add(room)
    world.network.calls.finish(agent, "completed", by="phone")
    assert world.network.fetch_conference(room)["status"] == "in-progress"
    assert caller.hears == "silence"
    world.network.calls.finish(caller, "completed", by="phone")
    shown = world.network.fetch_conference(room)
    assert shown["status"] == "completed"
    assert shown["reason_conference_ended"] == "last-participant-left"
    assert shown["call_sid_ending_conference"] == caller.sid
    assert world.network.list_participants(room)["participants"] == []


def test_exit_flag_ends_the_room_and_the_others_go_on_with_their_twiml(world: World) -> None:
    document = (
        f"<Response><Dial><Conference {EVENTS}>room</Conference></Dial>"
        "<Say>goodbye</Say></Response>"
    )
    caller = world.call_in(document)
    assert caller.participant is not None
    room = caller.participant.conference.sid
    agent = world.add(room, EndConferenceOnExit="true")
    world.network.calls.finish(agent, "completed", by="phone")
    world.advance(2)
    assert world.spoken_to(caller) == ["goodbye"]
    assert caller.status == "completed"
    end = world.callbacks()[-1]
    assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    assert end["CallSidEndingConference"] == agent.sid
    reasons = {p["CallSid"]: p["ReasonParticipantLeft"] for p in world.callbacks()[-3:-1]}
    assert reasons == {
        agent.sid: "participant_hung_up",
        caller.sid: "moderator_ended_conference",
    }


def test_dial_action_after_a_room_has_no_dial_call_sid(world: World) -> None:
    world.documents["http://app/after"] = "<Response><Hangup/></Response>"
    caller = world.call_in(
        '<Response><Dial action="/after"><Conference>room</Conference></Dial></Response>'
    )
    assert caller.participant is not None
    room = caller.participant.conference.sid
    world.network.update_conference(room, {"Status": "completed"})
    world.advance()
    asked = world.callbacks("http://app/after")[0]
    assert asked["DialCallStatus"] == "answered"
    assert "DialCallSid" not in asked
    assert world.network.fetch_conference(room)["call_sid_ending_conference"] is None
    assert caller.status == "completed"


def test_kicked_leg_continues_or_is_hung_up_by_switch(world: World) -> None:
    for setting, spoken in (("continue", ["still here"]), ("hang_up", [])):
        world.network.switches.put({"kicked_leg": setting})
        caller = world.call_in(
            "<Response><Dial><Conference>room</Conference></Dial><Say>still here</Say></Response>",
            caller=f"+1555777000{len(setting)}",
        )
        assert caller.participant is not None
        world.network.delete_participant(caller.participant.conference.sid, caller.sid)
        world.advance()
        assert world.spoken_to(caller) == spoken


def test_kick_of_an_exit_flagged_leg_and_of_the_last_one(world: World) -> None:
    _, room = world.caller_in_room()
    agent = world.add(room, EndConferenceOnExit="true")
    world.network.delete_participant(room, agent.sid)
    assert world.network.fetch_conference(room)["reason_conference_ended"] == (
        "participant-with-end-conference-on-exit-kicked"
    )
    assert agent.status == "completed"
    caller, room = world.caller_in_room()
    world.network.delete_participant(room, caller.sid)
    ended = world.network.fetch_conference(room)["reason_conference_ended"]
    assert ended == "last-participant-kicked"


def test_redirect_of_a_call_counts_as_leaving(world: World) -> None:
    caller, room = world.caller_in_room()
    agent = world.add(room, EndConferenceOnExit="true")
    world.network.update_call(agent.sid, {"Twiml": "<Response><Say>over here</Say></Response>"})
    world.advance()
    assert world.spoken_to(agent) == ["over here"]
    assert world.network.fetch_conference(room)["status"] == "completed"
    left = [p for p in world.callbacks() if p["StatusCallbackEvent"] == "participant-leave"]
    assert left[0]["ReasonParticipantLeft"] == "participant_updated_via_api"
    assert left[0]["ParticipantCallStatus"] == "in-progress"
    assert caller.status == "completed"


def test_only_the_creator_of_a_room_chooses_its_callbacks(world: World) -> None:
    _, room = world.caller_in_room(attributes="")
    world.add(
        room,
        ConferenceStatusCallback="http://app/late",
        ConferenceStatusCallbackEvent="start join leave end",
    )
    assert world.callbacks("http://app/late") == []
    world.add("fresh", "client:b", ConferenceStatusCallback="http://app/fresh")
    world.add("fresh", "client:c")
    told = [p["StatusCallbackEvent"] for p in world.callbacks("http://app/fresh")]
    assert told == ["conference-start"]


def test_name_is_free_again_after_the_end(world: World) -> None:
    caller, first = world.caller_in_room()
    world.network.calls.finish(caller, "completed", by="phone")
    _, second = world.caller_in_room()
    assert first != second
    listed = world.network.list_conferences({"FriendlyName": "room"})["conferences"]
    assert [room["sid"] for room in listed] == [second, first]
    live = world.network.list_conferences({"FriendlyName": "room", "Status": "init"})
    assert [room["sid"] for room in live["conferences"]] == [second]


def test_failed_dial_is_told_as_a_leave_without_a_join(world: World) -> None:
    _, room = world.caller_in_room()
    for kind, status in (("busy", "busy"), ("unreachable", "failed"), ("reject", "busy")):
        world.network.phones.behave("client:x", Behavior(kind))
        world.add(room, "client:x")
        told = world.callbacks()[-1]
        assert told["StatusCallbackEvent"] == "participant-leave"
        assert told["ReasonParticipantLeft"] == "participant_add_failed"
        assert told["ParticipantCallStatus"] == status
    world.network.phones.behave("client:x", Behavior("no_answer"))
    world.add(room, "client:x", Timeout="5")
    world.advance(9)
    assert len(world.network.list_participants(room)["participants"]) == 2
    world.advance(2)
    assert world.callbacks()[-1]["ParticipantCallStatus"] == "no-answer"
    assert "conference-end" not in world.events()


def test_leg_that_fails_while_alone_ends_its_room(world: World) -> None:
    world.network.phones.behave("client:x", Behavior("busy"))
    body = world.network.create_participant("solo", {"From": NUMBER, "To": "client:x"})
    world.advance()
    shown = world.network.fetch_conference(body["conference_sid"])
    assert (shown["status"], shown["reason_conference_ended"]) == (
        "completed",
        "last-participant-left",
    )


def test_room_with_a_ringing_leg_lives_on_or_not_by_switch(world: World) -> None:
    for keeps, status in ((True, "in-progress"), (False, "completed")):
        world.network.switches.put({"ringing_leg_keeps_room": keeps})
        caller, room = world.caller_in_room()
        agent = world.add(room)
        world.network.phones.behave("client:x", Behavior("ring"))
        ringing = world.network.create_participant(room, {"From": NUMBER, "To": "client:x"})
        world.advance()
        for leg in (caller, agent):
            world.network.calls.finish(leg, "completed", by="phone")
        assert world.network.fetch_conference(room)["status"] == status
        expected = "ringing" if keeps else "canceled"
        assert world.network.fetch_call(ringing["call_sid"])["status"] == expected
        world.network.calls.finish(world.network.call(ringing["call_sid"]), "canceled", by="phone")


@pytest.mark.parametrize("how", ["star", "time"])
def test_leg_leaves_the_room_by_star_or_by_time_limit_and_goes_on(world: World, how: str) -> None:
    world.caller_in_room()
    leaver = world.call_in(
        "<Response><Dial hangupOnStar='true' timeLimit='30'><Conference>room</Conference></Dial>"
        "<Say>out again</Say></Response>",
        caller="+15557770002",
    )
    if how == "star":
        world.network.phones.digits("+15557770002", "1*")
    else:
        world.advance(30)
    assert world.spoken_to(leaver) == ["out again"]
    assert world.events().count("participant-leave") == 1


def test_nothing_is_planned_once_everybody_has_gone(world: World) -> None:
    """A simulation runs until nothing is left to happen: no timer may outlive its leg."""
    world.documents["http://app/wait"] = "<Response><Play loop='0'>m.mp3</Play></Response>"
    caller, room = world.caller_in_room(attributes='waitUrl="http://app/wait"')
    agent = world.add(room)
    world.network.phones.behave("client:far", Behavior("answer"))
    other = world.call_in(
        "<Response><Dial><Client>far</Client></Dial></Response>", caller="+15557770002"
    )
    world.advance(1)
    for leg in (caller, agent, other):
        world.network.calls.finish(leg, "completed", by="phone")
    world.advance()
    assert not world.network.live_calls
    assert not world.network.live_rooms
    assert world.network.clock.next_at() is None


def test_update_of_an_ended_room_is_refused(world: World) -> None:
    _, room = world.caller_in_room()
    world.network.update_conference(room, {"Status": "completed"})
    with pytest.raises(TwilioError) as refused:
        world.network.update_conference(room, {"Status": "completed"})
    assert refused.value.status == 400


def test_bad_conference_attributes_are_alerts(world: World) -> None:
    world.caller_in_room(attributes='muted="maybe" beep="loud" endConferenceOnExit="si"')
    assert set(world.alerts()) == {13230, 13231, 13235}


def test_label_in_use_by_twiml_sends_the_call_to_the_next_verb(world: World) -> None:
    _, room = world.caller_in_room(attributes='participantLabel="caller"')
    second = world.call_in(
        "<Response><Dial><Conference participantLabel='caller'>room</Conference></Dial>"
        "<Say>taken</Say></Response>",
        caller="+15557770002",
    )
    assert world.alerts() == [16025]
    assert world.spoken_to(second) == ["taken"]
    assert len(world.network.list_participants(room)["participants"]) == 1


def test_announcement_to_everybody_then_its_end_is_told(world: World) -> None:
    world.documents["http://app/news"] = "<Response><Say>closing soon</Say></Response>"
    caller, room = world.caller_in_room()
    agent = world.add(room)
    world.network.update_conference(room, {"AnnounceUrl": "http://app/news"})
    world.advance()
    assert caller.hears == agent.hears == "speech: closing soon"
    world.advance(5)
    assert world.spoken_to(caller) == world.spoken_to(agent) == ["closing soon"]
    assert world.callbacks()[-1]["StatusCallbackEvent"] == "announcement-end"
    assert caller.hears == "conversation"


def test_nobody_hears_anybody_after_the_end_and_the_ledger_says_so(world: World) -> None:
    caller, room = world.caller_in_room(attributes=EVENTS)
    agent = world.add(room)
    world.network.update_conference(room, {"Status": "completed"})
    changes = [
        (e.what, e.detail["speaker"], e.detail["listener"])
        for e in world.network.ledger.select(kind="hearing", conference_sid=room)
    ]
    both = sorted([(caller.sid, agent.sid), (agent.sid, caller.sid)])
    assert changes == [("begins", *pair) for pair in both] + [("ends", *pair) for pair in both]
