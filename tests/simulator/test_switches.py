"""Each switch in its other position: the behaviour an application must also be able to live with.

Those that belong to one rule are tested beside that rule: kicked legs, ringing legs, exit flags.
"""

from typing import Any

import pytest

from simulator.core.phones import Behavior
from simulator.switches import Switches
from tests.simulator.network_kit import EVENTS, NUMBER, ROOM, World
from tests.simulator.stack import Stack


@pytest.mark.parametrize(("setting", "heard"), [("silence", "silence"), ("music", "wait music")])
def test_what_a_lone_participant_hears(setting: str, heard: str) -> None:
    world = World(lone_participant_hears=setting)
    caller, room = world.caller_in_room()
    agent = world.add(room)
    world.network.calls.finish(agent, "completed", by="phone")
    assert caller.hears == heard


@pytest.mark.parametrize(
    ("setting", "early", "joins"),
    [("answer", True, 1), ("ringing", True, 2), ("ringing", False, 1)],
)
def test_when_the_join_of_a_ringing_leg_is_told(setting: str, early: bool, joins: int) -> None:
    world = World(join_event_at=setting)
    _, room = world.caller_in_room()
    world.network.phones.behave("client:x", Behavior("answer", 5))
    params = {"From": NUMBER, "To": "client:x", "EarlyMedia": early}
    world.network.create_participant(room, params)
    world.advance(1)
    assert world.events().count("participant-join") == joins
    world.advance(5)
    assert world.events().count("participant-join") == 2


@pytest.mark.parametrize("first", [0, 1])
def test_first_sequence_number(first: int) -> None:
    world = World(first_conference_sequence=first)
    world.caller_in_room()
    assert world.callbacks()[0]["SequenceNumber"] == str(first)


@pytest.mark.parametrize("told", [True, False])
def test_coachee_in_events(told: bool) -> None:
    world = World(call_sid_to_coach_in_events=told)
    _, room = world.caller_in_room()
    agent = world.add(room)
    world.add(room, "client:coach", CallSidToCoach=agent.sid)
    assert ("CallSidToCoach" in world.callbacks()[-1]) is told


def test_reason_after_a_removal() -> None:
    world = World(removed_reason="participant_hung_up")
    _, room = world.caller_in_room()
    agent = world.add(room)
    world.network.delete_participant(room, agent.sid)
    assert world.callbacks()[-1]["ReasonParticipantLeft"] == "participant_hung_up"


@pytest.mark.parametrize(("setting", "live"), [("silence", True), ("drop", False)])
def test_wait_document_that_cannot_be_fetched(setting: str, live: bool) -> None:
    world = World(wait_url_failure=setting)
    caller = world.call_in(ROOM.format(name="room", attributes='waitUrl="http://app/missing"'))
    assert caller.live is live
    assert world.alerts() == [11200]


@pytest.mark.parametrize(("setting", "joined"), [("after_detection", False), ("at_answer", True)])
def test_when_a_leg_with_machine_detection_joins(setting: str, joined: bool) -> None:
    world = World(amd_joins=setting)
    _, room = world.caller_in_room()
    leg = world.add(room, "client:x", MachineDetection="Enable", AmdStatusCallback="http://app/amd")
    assert leg.participant is not None
    assert leg.participant.joined is joined
    world.advance(3)
    assert leg.participant.joined
    assert [p["AnsweredBy"] for p in world.callbacks("http://app/amd")] == ["human"]
    assert world.events().count("participant-join") == 2


@pytest.mark.parametrize(("allowed", "alerts"), [(True, []), (False, [13238])])
def test_redirect_in_a_whisper(allowed: bool, alerts: list[int]) -> None:
    world = World(whisper_redirect=allowed)
    world.documents["http://app/whisper"] = "<Response><Redirect>/more</Redirect></Response>"
    world.documents["http://app/more"] = "<Response><Say>hello</Say></Response>"
    world.network.phones.behave("+15550002222", Behavior("answer"))
    world.call_in("<Response><Dial><Number url='/whisper'>+15550002222</Number></Dial></Response>")
    assert world.alerts() == alerts


def test_fallback_without_error_fields() -> None:
    world = World(fallback_error_fields=False)
    number = world.network.list_numbers()["incoming_phone_numbers"][0]["sid"]
    world.network.update_number(number, {"VoiceFallbackUrl": "http://app/fallback"})
    world.documents["http://app/fallback"] = "<Response/>"
    world.network.dial_in("+15557770000", NUMBER)
    world.advance()
    assert "ErrorCode" not in world.callbacks("http://app/fallback")[0]


def test_exit_flag_on_hold_may_take_effect() -> None:
    world = World(held_exit_flag_takes_effect=True)
    caller, room = world.caller_in_room(attributes=EVENTS)
    agent = world.add(room)
    world.network.update_participant(room, agent.sid, {"Hold": "true"})
    world.network.update_participant(room, agent.sid, {"EndConferenceOnExit": "true"})
    world.network.delete_participant(room, agent.sid)
    assert not caller.live


def test_lengths_of_sounds_and_of_dialling() -> None:
    world = World(word_seconds=1.0, play_seconds=7.0, dial_seconds=3.0)
    call = world.call_in("<Response><Say>one two</Say><Play>x</Play></Response>")
    world.advance(8.9)
    assert call.live
    world.advance(0.2)
    assert not call.live
    sid = world.network.create_call({"From": NUMBER, "To": "client:x", "Twiml": "<Response/>"})[
        "sid"
    ]
    world.advance(2.9)
    assert world.network.fetch_call(sid)["status"] == "queued"
    world.advance(0.2)
    assert world.network.fetch_call(sid)["status"] == "ringing"


async def test_retry_after_with_a_429(stack: Stack) -> None:
    await stack.control("PUT", "/switches", {"retry_after": 1})
    rule = {"on": "request", "kind": "status", "status": 429}
    await stack.control("POST", "/faults", rule)
    refused = await stack.rest("GET", "/Calls.json")
    assert refused.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "changes",
    [
        {"kicked_leg": "fly"},
        {"first_conference_sequence": True},
        {"unknown": 1},
        {"dial_seconds": "2"},
    ],
)
def test_refused_change_changes_nothing(changes: dict[str, Any]) -> None:
    switches = Switches()
    with pytest.raises(ValueError, match=next(iter(changes))):
        switches.put({"play_seconds": 9.0, **changes})
    assert switches == Switches()


@pytest.mark.parametrize(
    ("setting", "everybody_hears", "muted"),
    [
        ("stays_coaching", False, False),
        ("becomes_muted", False, True),
        ("becomes_audible", True, False),
    ],
)
def test_what_becomes_of_a_coach(setting: str, everybody_hears: bool, muted: bool) -> None:
    world = World(coach_of_one_who_left=setting)
    caller, room = world.caller_in_room()
    agent = world.add(room)
    coach = world.add(room, "client:coach", CallSidToCoach=agent.sid)
    assert world.hears(agent, coach)
    assert not world.hears(caller, coach)
    world.network.calls.finish(agent, "completed", by="phone")
    assert world.hears(caller, coach) is everybody_hears
    assert coach.participant is not None
    assert coach.participant.muted is muted
