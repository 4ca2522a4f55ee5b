"""Participants over REST: labels, flags, coaching, the exit flag that silently does nothing."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.errors import TwilioError
from simulator.core.phones import Behavior
from tests.simulator.network_kit import NUMBER, World


def refused(world: World, room: str, **params: Any) -> tuple[int, int]:
    with pytest.raises(TwilioError) as error:
        world.network.create_participant(room, {"From": NUMBER, "To": "client:x", **params})
    return error.value.status, error.value.code


def test_create_answers_queued_with_both_sids(world: World) -> None:
    body = world.network.create_participant("room", {"From": NUMBER, "To": "client:x"})
    assert body["status"] == "queued"
    assert body["call_sid"].startswith("CA")
    assert body["conference_sid"].startswith("CF")
    assert body["queue_time"] == "0"
    world.advance()
    assert world.network.list_participants(body["conference_sid"])["participants"][0]["status"] == (
        "ringing"
    )


def test_dead_room_is_16022_with_the_status_of_the_switch(world: World) -> None:
    caller, room = world.caller_in_room()
    world.network.calls.finish(caller, "completed", by="phone")
    assert refused(world, room) == (404, 16022)
    world.network.switches.put({"dead_conference_status": 400})
    assert refused(world, room) == (400, 16022)
    assert refused(world, "CF" + "0" * 32) == (400, 16022)


@pytest.mark.parametrize(
    "label", ["", "a/b", "a%2Fb", "x" * 129, "CA" + "0123456789abcdef" * 2], ids=repr
)
def test_bad_labels_are_16024(world: World, label: str) -> None:
    _, room = world.caller_in_room()
    assert refused(world, room, Label=label) == (400, 16024)


def test_label_is_taken_while_its_holder_is_active_and_free_afterwards(world: World) -> None:
    _, room = world.caller_in_room()
    world.network.phones.behave("client:agent", Behavior("ring"))
    first = world.network.create_participant(
        room, {"From": NUMBER, "To": "client:agent", "Label": "agent"}
    )
    assert refused(world, room, Label="agent") == (400, 16026)
    world.advance()
    world.network.update_call(first["call_sid"], {"Status": "completed"})
    world.network.phones.behave("client:agent", Behavior("answer"))
    again = world.add(room, Label="agent")
    assert world.network.fetch_participant(room, "agent")["call_sid"] == again.sid


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"To": ""}, 21201),
        ({"From": ""}, 21213),
        ({"To": "+1asd"}, 21211),
        ({"From": "nobody"}, 21212),
        ({"To": "+15550002222", "From": "client:x"}, 21212),
        ({"Timeout": "4"}, 21208),
        ({"StatusCallback": "not a url"}, 21205),
        ({"AsyncAmd": "true"}, 21263),
        ({"Coaching": "true"}, 20001),
        ({"CallSidToCoach": "CA" + "0" * 32}, 16028),
        ({"MaxParticipants": "1"}, 20001),
    ],
)
def test_bad_parameters_are_refused_and_nothing_is_dialled(
    world: World, params: dict[str, str], code: int
) -> None:
    _, room = world.caller_in_room()
    assert refused(world, room, **params)[1] == code
    assert len(world.network.calls_by_sid) == 1


def test_full_room_refuses(world: World) -> None:
    _, room = world.caller_in_room()
    world.add(room)
    assert refused(world, room, MaxParticipants="2")[1] == 16020


def test_mute_and_hold_are_independent(world: World) -> None:
    caller, room = world.caller_in_room()
    agent = world.add(room)
    update = world.network.update_participant
    update(room, caller.sid, {"Muted": "true"})
    assert world.hears(caller, agent)
    assert not world.hears(agent, caller)
    update(room, caller.sid, {"Hold": "true"})
    assert caller.hears == "hold music"
    assert not world.hears(caller, agent)
    body = update(room, caller.sid, {"Hold": "false"})
    assert (body["hold"], body["muted"]) == (False, True)
    assert not world.hears(agent, caller)
    assert update(room, caller.sid, {"Muted": "nonsense"})["muted"] is False
    assert world.hears(agent, caller)
    assert world.events()[-4:] == [
        "participant-mute", "participant-hold", "participant-unhold", "participant-unmute",
    ]  # fmt: skip


def test_hold_url_is_asked_with_get_and_played(world: World) -> None:
    world.documents["http://app/hold"] = "<Response><Say>hold the line</Say></Response>"
    caller, room = world.caller_in_room()
    world.add(room)
    world.network.update_participant(
        room, caller.sid, {"Hold": "true", "HoldUrl": "http://app/hold"}
    )
    world.advance()
    assert world.sent[-1].method == "GET"
    assert caller.hears == "speech: hold the line"
    world.network.update_participant(room, caller.sid, {"Hold": "false"})
    assert caller.hears == "conversation"


def test_exit_flag_on_a_held_participant_is_echoed_and_lost(world: World) -> None:
    caller, room = world.caller_in_room()
    agent = world.add(room)
    update = world.network.update_participant
    update(room, agent.sid, {"Hold": "true"})
    world.network.ignored.clear()
    assert update(room, agent.sid, {"EndConferenceOnExit": "true"})["end_conference_on_exit"]
    assert world.network.ignored == ["EndConferenceOnExit"]
    assert "participant-modify" not in world.events()
    update(room, agent.sid, {"Hold": "false"})
    world.network.delete_participant(room, agent.sid)
    assert caller.live


def test_held_exit_flag_may_read_back_as_what_is_in_force() -> None:
    world = World(held_exit_flag_reads_back="in_force")
    _, room = world.caller_in_room()
    agent = world.add(room)
    world.network.update_participant(room, agent.sid, {"Hold": "true"})
    body = world.network.update_participant(room, agent.sid, {"EndConferenceOnExit": "true"})
    assert body["end_conference_on_exit"] is True
    assert world.network.fetch_participant(room, agent.sid)["end_conference_on_exit"] is False


@pytest.mark.parametrize(
    "steps",
    [
        [{"Hold": "true"}, {"Hold": "false", "EndConferenceOnExit": "true"}],
        [{"Hold": "true"}, {"Hold": "false"}, {"EndConferenceOnExit": "true"}],
        [{"EndConferenceOnExit": "true"}, {"Hold": "true"}],
    ],
)
def test_exit_flag_works_with_or_after_or_before_the_hold(
    world: World, steps: list[dict[str, str]]
) -> None:
    caller, room = world.caller_in_room()
    agent = world.add(room)
    for step in steps:
        world.network.update_participant(room, agent.sid, step)
    assert "participant-modify" in world.events()
    world.network.delete_participant(room, agent.sid)
    assert not caller.live


def test_coach_is_heard_by_the_coachee_alone(world: World) -> None:
    caller, room = world.caller_in_room()
    agent = world.add(room)
    coach = world.add(room, "client:coach", CallSidToCoach=agent.sid)
    assert world.hears(agent, coach)
    assert not world.hears(caller, coach)
    assert world.hears(coach, caller)
    assert world.hears(coach, agent)
    world.network.update_participant(room, coach.sid, {"CallSidToCoach": caller.sid})
    assert world.hears(caller, coach)
    assert not world.hears(agent, coach)
    body = world.network.update_participant(room, coach.sid, {"Coaching": "false"})
    assert body["call_sid_to_coach"] is None
    assert world.hears(agent, coach)
    assert world.hears(caller, coach)


def test_coachee_on_hold_is_16027_and_the_refused_update_changes_nothing(world: World) -> None:
    caller, room = world.caller_in_room()
    agent = world.add(room)
    world.network.update_participant(room, caller.sid, {"Hold": "true"})
    assert refused(world, room, CallSidToCoach=caller.sid) == (400, 16027)
    with pytest.raises(TwilioError):
        world.network.update_participant(
            room, agent.sid, {"Muted": "true", "CallSidToCoach": caller.sid}
        )
    assert world.network.fetch_participant(room, agent.sid)["muted"] is False


def test_list_filters(world: World) -> None:
    caller, room = world.caller_in_room()
    agent = world.add(room)
    world.network.update_participant(room, caller.sid, {"Hold": "true"})

    def listed(**params: str) -> list[str]:
        return [
            p["call_sid"] for p in world.network.list_participants(room, params)["participants"]
        ]

    assert listed(Hold="true") == [caller.sid]
    assert listed(Hold="false") == [agent.sid]
    assert listed(Muted="true") == []
    assert listed(Coaching="false", PageSize="1") == [caller.sid]


def test_ringing_participant_may_be_invisible(world: World) -> None:
    world.network.switches.put({"ringing_participants_listed": False})
    _, room = world.caller_in_room()
    world.network.phones.behave("client:x", Behavior("ring"))
    body = world.network.create_participant(room, {"From": NUMBER, "To": "client:x", "Label": "x"})
    world.advance()
    assert len(world.network.list_participants(room)["participants"]) == 1
    with pytest.raises(TwilioError):
        world.network.fetch_participant(room, "x")
    world.network.phones.answer("client:x")
    world.advance()
    assert world.network.fetch_participant(room, "x")["call_sid"] == body["call_sid"]


def test_delete_of_a_ringing_participant_cancels_or_is_refused(world: World) -> None:
    _, room = world.caller_in_room()
    world.network.phones.behave("client:x", Behavior("ring"))
    for setting in ("refuse", "cancel"):
        world.network.switches.put({"delete_ringing_participant": setting})
        body = world.network.create_participant(room, {"From": NUMBER, "To": "client:x"})
        world.advance()
        if setting == "refuse":
            with pytest.raises(TwilioError):
                world.network.delete_participant(room, body["call_sid"])
            world.network.update_call(body["call_sid"], {"Status": "canceled"})
        else:
            world.network.delete_participant(room, body["call_sid"])
        assert world.network.fetch_call(body["call_sid"])["status"] == "canceled"
        assert world.callbacks()[-1]["ReasonParticipantLeft"] == "participant_add_failed"


def test_one_who_has_gone_is_not_connected(world: World) -> None:
    caller, room = world.caller_in_room()
    agent = world.add(room)
    world.network.calls.finish(agent, "completed", by="phone")
    with pytest.raises(TwilioError) as gone:
        world.network.update_participant(room, agent.sid, {"Hold": "true"})
    assert gone.value.message == f"Participant is not connected {agent.sid}"
    world.network.switches.put({"not_connected_status": 400})
    with pytest.raises(TwilioError) as gone:
        world.network.delete_participant(room, agent.sid)
    assert gone.value.status == 400
    assert caller.live


def test_excess_of_calls_per_second_waits_in_the_queue() -> None:
    world = World(calls_per_second=2.0)
    bodies = [
        world.network.create_participant(f"room {n}", {"From": NUMBER, "To": f"client:{n}"})
        for n in range(4)
    ]
    assert [body["queue_time"] for body in bodies] == ["0", "500", "1000", "1500"]
    world.advance(0.9)
    statuses = [world.network.fetch_call(body["call_sid"])["status"] for body in bodies]
    assert statuses == ["ringing", "ringing", "queued", "queued"]
    waiting = world.network.conference(bodies[3]["conference_sid"]).participants
    assert [p.status for p in waiting.values()] == ["queued"]
    world.advance(1)
    assert world.network.fetch_call(bodies[3]["call_sid"])["status"] == "ringing"


def test_early_media_lets_a_lone_caller_hear_the_ringing(world: World) -> None:
    caller, room = world.caller_in_room()
    agent = world.add(room)
    world.network.calls.finish(agent, "completed", by="phone")
    world.network.phones.behave("client:x", Behavior("answer", 5.0))
    world.network.create_participant(room, {"From": NUMBER, "To": "client:x"})
    world.advance(1)
    assert caller.hears == "ringing"
    world.advance(5)
    assert caller.hears == "conversation"


def test_announcement_reaches_one_participant_only(world: World) -> None:
    world.documents["http://app/secret"] = "<Response><Say>only you</Say></Response>"
    caller, room = world.caller_in_room()
    agent = world.add(room)
    world.network.update_participant(room, agent.sid, {"AnnounceUrl": "http://app/secret"})
    world.advance(3)
    assert world.spoken_to(agent) == ["only you"]
    assert world.spoken_to(caller) == []
    told = world.callbacks()[-1]
    assert (told["StatusCallbackEvent"], told["AnnounceUrl"]) == (
        "announcement-end",
        "http://app/secret",
    )


STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["Hold", "Muted", "Coaching", "EndConferenceOnExit", "leave", "hangup"]),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_hearing_follows_the_flags_whatever_happens(steps: list[tuple[int, str, bool]]) -> None:
    """The ledger, replayed, must give exactly the pairs that the flags call for."""
    world = World()
    caller, room = world.caller_in_room()
    legs = [caller, *(world.add(room, f"client:{n}") for n in range(3))]
    for index, what, on in steps:
        leg = legs[index]
        if leg.participant is None:
            continue
        if what == "hangup":
            world.network.calls.finish(leg, "completed", by="phone")
        elif what == "leave":
            world.network.delete_participant(room, leg.sid)
        elif what == "Coaching":
            other = legs[(index + 1) % 4]
            params = {"Coaching": on, "CallSidToCoach": other.sid if on else None}
            if not on or (other.participant and not other.participant.hold):
                world.network.update_participant(room, leg.sid, params)
        else:
            world.network.update_participant(room, leg.sid, {what: on})
        world.advance()
    replayed: set[tuple[str, str]] = set()
    for entry in world.network.ledger.select(kind="hearing"):
        pair = (entry.detail["speaker"], entry.detail["listener"])
        assert (pair in replayed) is (entry.what == "ends")
        replayed ^= {pair}
    people = [leg.participant for leg in legs if leg.participant is not None]
    expected = {
        (s.call.sid, li.call.sid)
        for s in people
        for li in people
        if s is not li
        and not (s.hold or li.hold or s.muted)
        and s.call_sid_to_coach in (None, li.call.sid)
    }
    assert replayed == expected
