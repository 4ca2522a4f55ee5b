"""Hold, resume, remove: done, read back, and never when it would leave somebody alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from activities.errors import GONE, UNAVAILABLE, UNMET, TwilioError
from activities.participants import HELD, HoldInput, Participants, RemoveInput, ResumeInput
from activities.settings import TwilioSettings
from tests.activities.telephony import AGENT, CALLER, TARGET, Telephony, attempt, attempts


async def test_hold_is_read_back(phones: Telephony, participants: Participants) -> None:
    caller, agent = phones.people_talk()
    room = await attempt(participants.hold_participant, HoldInput(phones.room, caller))
    assert phones.leg(caller).hold
    assert {leg.call_sid: leg.held for leg in room.legs} == {caller: True, agent: False}
    assert phones.asked == ["participants.update", "participants.list"]
    assert phones.forms("participants.update") == [{"Hold": "true"}]


async def test_hold_audio_of_ones_own_is_asked_for(
    phones: Telephony, participants: Participants, settings: TwilioSettings
) -> None:
    caller, _ = phones.people_talk()
    participants._settings = settings.model_copy(
        update={"handover_hold_url": "https://media.example/hold.mp3"}
    )
    await attempt(participants.hold_participant, HoldInput(phones.room, caller))
    (form,) = phones.forms("participants.update")
    assert form["HoldUrl"] == "https://media.example/hold.mp3"
    assert form["HoldMethod"] == "GET"


async def test_nobody_is_changed_whose_leg_was_never_found(
    phones: Telephony, participants: Participants
) -> None:
    """Without a SID the request would go to the list of all participants."""
    phones.people_talk()
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.resume_participant, ResumeInput(phones.room, ""))
    assert (raised.value.type, phones.asked) == (GONE, [])


async def test_a_hold_without_effect_is_tried_again(
    phones: Telephony, participants: Participants
) -> None:
    caller, _ = phones.people_talk()
    with (
        phones.fault("participants.update", "no_effect"),
        pytest.raises(TwilioError) as raised,
    ):
        await attempt(participants.hold_participant, HoldInput(phones.room, caller))
    assert raised.value.type == UNAVAILABLE
    await attempt(participants.hold_participant, HoldInput(phones.room, caller), 2)
    assert phones.leg(caller).hold


@pytest.mark.parametrize("status", [404, 400])
async def test_who_has_left_is_gone(
    phones: Telephony, participants: Participants, status: int
) -> None:
    caller, _ = phones.people_talk(agent_flag=False)
    phones.switch(not_connected_status=status)
    phones.hangs_up(CALLER)
    for activity, given in (
        (participants.hold_participant, HoldInput(phones.room, caller)),
        (participants.resume_participant, ResumeInput(phones.room, caller)),
    ):
        with pytest.raises(TwilioError) as raised:
            await attempt(activity, given)  # type: ignore[arg-type]
        assert raised.value.type == GONE


async def test_nobody_is_believed_gone_by_one_404(
    phones: Telephony, participants: Participants
) -> None:
    """FM-C7-F30: a caller who was believed gone was hung up on."""
    caller, _ = phones.people_talk(agent_flag=False)
    phones.change(caller, Hold="true")
    with (
        phones.fault("participants.update", "status", status=404, times=1),
        pytest.raises(TwilioError) as raised,
    ):
        await attempt(participants.resume_participant, ResumeInput(phones.room, caller))
    assert raised.value.type == UNAVAILABLE
    await attempt(participants.resume_participant, ResumeInput(phones.room, caller), 2)
    assert not phones.leg(caller).hold


# --- taking a call over -------------------------------------------------------------------------


def taking_over(phones: Telephony, **given: str) -> HoldInput:
    return HoldInput(phones.room, exit_flags_off=True, **given)


async def test_exit_flags_go_off_before_the_hold(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(caller_flag=True, agent_flag=True)
    given = taking_over(phones, call_sid=caller, agent_call_sid=agent)
    room = await attempt(participants.hold_participant, given)
    for sid in (caller, agent):
        assert not phones.leg(sid).end_on_exit_in_force
    assert phones.leg(caller).hold
    assert not phones.leg(agent).hold
    forms = phones.forms("participants.update")
    assert [form.get("Hold") for form in forms][-1] == "true"
    assert all("EndConferenceOnExit" in form for form in forms[:-1])
    held = room.find(caller)
    assert held is not None
    assert held.held
    assert {leg.call_sid: leg.exit_flag for leg in room.legs} == {caller: True, agent: True}
    assert room.room_name == "room-1"
    phones.hangs_up(AGENT)
    assert phones.status(caller) == "in-progress", "the agent's leaving ended the room"


@pytest.mark.parametrize("reads_back", ["asked", "in_force"])
async def test_the_flag_of_a_held_leg_goes_off_with_hold_false_in_the_same_request(
    phones: Telephony, participants: Participants, reads_back: str
) -> None:
    phones.switch(held_exit_flag_reads_back=reads_back)
    caller, agent = phones.people_talk(caller_flag=True, agent_flag=True)
    phones.change(agent, Hold="true")
    phones.change(caller, Hold="true")
    given = taking_over(phones, call_sid=caller, agent_call_sid=agent)
    await attempt(participants.hold_participant, given)
    for sid in (caller, agent):
        assert not phones.leg(sid).end_on_exit_in_force
        assert phones.leg(sid).hold, "who was on hold before is on hold again"
    both = [f for f in phones.forms("participants.update") if "EndConferenceOnExit" in f]
    assert all(form["Hold"] == "false" for form in both)


async def test_without_flags_nothing_is_switched_and_nothing_is_remembered(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    heard: list[object] = []
    given = taking_over(phones, call_sid=caller, agent_call_sid=agent)
    await attempt(participants.hold_participant, given, 1, heard)
    assert heard == []
    assert sorted(phones.asked[:2]) == ["conferences.fetch", "participants.list"]
    assert phones.asked[2:] == ["participants.update", "participants.list"]


async def test_flags_are_told_even_if_an_earlier_attempt_has_switched_them_off(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=True)
    given = taking_over(phones, call_sid=caller, agent_call_sid=agent)
    with phones.fault("participants.update", "reset_before", skip=1):
        room = await attempts(participants.hold_participant, given)
    assert {leg.call_sid: leg.exit_flag for leg in room.legs} == {caller: False, agent: True}


async def test_a_flag_that_stays_on_stops_the_hold(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=True)
    given = taking_over(phones, call_sid=caller, agent_call_sid=agent)
    with (
        phones.fault("participants.update", "no_effect"),
        pytest.raises(TwilioError) as raised,
    ):
        await attempt(participants.hold_participant, given)
    assert raised.value.type == UNAVAILABLE
    assert not phones.leg(caller).hold


async def test_the_caller_is_who_is_not_the_agent(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk()
    by_address = taking_over(phones, agent_address=AGENT)
    room = await attempt(participants.hold_participant, by_address)
    assert {leg.call_sid: leg.address for leg in room.legs} == {caller: CALLER, agent: AGENT}
    assert phones.leg(caller).hold
    assert not phones.leg(agent).hold


async def test_an_agent_who_came_back_on_another_leg_is_found_by_address(
    phones: Telephony, participants: Participants
) -> None:
    caller, _ = phones.people_talk()
    given = taking_over(phones, agent_call_sid="CA" + "f" * 32, agent_address=AGENT)
    await attempt(participants.hold_participant, replace(given, call_sid=caller))
    assert phones.leg(caller).hold


async def test_nobody_is_guessed_to_be_the_caller(
    phones: Telephony, participants: Participants
) -> None:
    phones.people_talk()
    phones.enter(TARGET)
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.hold_participant, taking_over(phones, agent_address=AGENT))
    assert raised.value.type == UNMET
    assert raised.value.report.room is not None
    assert len(raised.value.report.room.legs) == 3
    assert "participants.update" not in phones.asked


async def test_a_leg_with_a_label_is_not_the_caller(
    phones: Telephony, participants: Participants
) -> None:
    caller, _ = phones.people_talk()
    phones.enter(TARGET, Label="supervisor-1", Muted="true")
    await attempt(participants.hold_participant, taking_over(phones, agent_address=AGENT))
    assert phones.leg(caller).hold


async def test_nothing_is_changed_without_the_agent(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    phones.hangs_up(AGENT)
    for given in (
        taking_over(phones, call_sid=caller, agent_call_sid=agent),
        taking_over(phones, agent_address=AGENT),
    ):
        with pytest.raises(TwilioError) as raised:
            await attempt(participants.hold_participant, given)
        assert raised.value.type == UNMET
    assert not phones.leg(caller).hold


async def test_a_call_that_is_over_is_gone(phones: Telephony, participants: Participants) -> None:
    caller, agent = phones.people_talk(agent_flag=True)
    phones.hangs_up(AGENT)
    with pytest.raises(TwilioError) as raised:
        await attempt(
            participants.hold_participant,
            taking_over(phones, call_sid=caller, agent_call_sid=agent),
        )
    assert raised.value.type == GONE


# --- resume -------------------------------------------------------------------------------------


async def test_resume_restores_the_flags_of_those_still_there(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    phones.change(caller, Hold="true")
    gone = "CA" + "e" * 32
    given = ResumeInput(phones.room, caller, exit_flags_on=(agent, gone))
    room = await attempt(participants.resume_participant, given)
    assert not phones.leg(caller).hold
    assert phones.leg(agent).end_on_exit_in_force
    assert {leg.call_sid: leg.exit_flag for leg in room.legs} == {caller: False, agent: True}
    forms = phones.forms("participants.update")
    assert forms == [{"Hold": "false"}, {"EndConferenceOnExit": "true"}]


async def test_a_resume_without_effect_is_tried_again(
    phones: Telephony, participants: Participants
) -> None:
    caller, _ = phones.people_talk()
    phones.change(caller, Hold="true")
    with phones.fault("participants.update", "no_effect"):
        await attempts(participants.resume_participant, ResumeInput(phones.room, caller))
    assert not phones.leg(caller).hold


async def test_nobody_is_taken_off_hold_for_the_sake_of_a_flag(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    phones.change(caller, Hold="true")
    phones.change(agent, Hold="true")
    given = ResumeInput(phones.room, caller, exit_flags_on=(agent,))
    await attempt(participants.resume_participant, given)
    assert phones.leg(agent).hold


# --- remove -------------------------------------------------------------------------------------


def removal(phones: Telephony, agent: str, caller: str, **more: str) -> RemoveInput:
    return RemoveInput(phones.room, agent, caller, **more)


async def test_the_agent_leaves_those_who_talk(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    target = phones.enter(TARGET)
    given = removal(phones, agent, caller, other_call_sid=target)
    room = await attempt(participants.remove_participant, given)
    assert {leg.call_sid for leg in room.legs} == {caller, target}
    assert phones.status(agent) == "completed"
    assert phones.status(caller) == "in-progress"
    again = await attempt(participants.remove_participant, given, 2)
    assert again.find(agent) is None
    assert phones.asked.count("participants.delete") == 1


@pytest.mark.parametrize("who", ["caller", "target"])
async def test_nobody_is_left_with_somebody_on_hold(
    phones: Telephony, participants: Participants, who: str
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    target = phones.enter(TARGET)
    phones.change(caller if who == "caller" else target, Hold="true")
    with pytest.raises(TwilioError) as raised:
        await attempt(
            participants.remove_participant,
            removal(phones, agent, caller, other_call_sid=target),
        )
    assert raised.value.type == UNMET
    assert raised.value.report.room is not None
    assert phones.status(agent) == "in-progress"


@pytest.mark.parametrize("who", [CALLER, TARGET])
async def test_nobody_is_left_alone(
    phones: Telephony, participants: Participants, who: str
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    target = phones.enter(TARGET)
    phones.hangs_up(who)
    with pytest.raises(TwilioError) as raised:
        await attempt(
            participants.remove_participant,
            removal(phones, agent, caller, other_call_sid=target),
        )
    assert raised.value.type == UNMET
    assert phones.status(agent) == "in-progress"


async def test_a_phone_that_rings_is_nobody_to_be_left_with(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    phones.behaves(TARGET, "no_answer")
    target = phones.enter(TARGET)
    with pytest.raises(TwilioError) as raised:
        await attempt(
            participants.remove_participant,
            removal(phones, agent, caller, other_call_sid=target),
        )
    assert raised.value.type == UNMET


async def test_a_caller_on_hold_may_be_left_waiting(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    given = removal(phones, agent, caller, require=HELD)
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.remove_participant, given)
    assert raised.value.type == UNMET
    phones.change(caller, Hold="true")
    await attempt(participants.remove_participant, given)
    assert phones.status(agent) == "completed"
    assert phones.leg(caller).hold


async def test_an_exit_flag_that_came_back_is_switched_off_before_the_removal(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=True)
    target = phones.enter(TARGET)
    given = removal(phones, agent, caller, other_call_sid=target)
    await attempt(participants.remove_participant, given)
    assert phones.status(agent) == "completed"
    assert phones.status(caller) == phones.status(target) == "in-progress"


@pytest.mark.parametrize("kind", ["timeout_after", "reset_after", "timeout_before", "no_effect"])
async def test_an_unknown_removal_is_settled_by_the_next_attempt(
    phones: Telephony, participants: Participants, kind: str
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    target = phones.enter(TARGET)
    given = removal(phones, agent, caller, other_call_sid=target)
    with phones.fault("participants.delete", kind):
        room = await attempts(participants.remove_participant, given)
    assert room.find(agent) is None
    assert phones.status(agent) == "completed"


@pytest.mark.parametrize("status", [404, 400])
async def test_who_leaves_while_being_removed_is_removed(
    phones: Telephony, participants: Participants, status: int
) -> None:
    """The list still shows the agent; the removal finds nobody."""
    caller, agent = phones.people_talk(agent_flag=False)
    phones.change(caller, Hold="true")
    given = removal(phones, agent, caller, require=HELD)
    listed = participants._client.conferences(phones.room).participants
    assert len(await listed.list_async()) == 2
    original = phones.runtime.network.delete_participant

    def leave_first(room: str, key: str) -> None:
        phones.runtime.network.phones.hangup(AGENT)
        original(room, key)

    phones.switch(not_connected_status=status)
    phones.runtime.network.delete_participant = leave_first  # type: ignore[method-assign]
    room = await attempt(participants.remove_participant, given)
    assert room.find(agent) is None


# --- supervisors ----------------------------------------------------------------------------------

SUPERVISOR = "client:sue"
LABEL = "0123456789abcdef-v1"


async def test_whoever_coaches_the_leaver_is_muted_before_the_removal(
    phones: Telephony, participants: Participants
) -> None:
    """Also where Twilio lets everybody hear a coach whose coached participant has gone."""
    phones.switch(coach_of_one_who_left="becomes_audible")
    caller, agent = phones.people_talk(agent_flag=False)
    target = phones.enter(TARGET)
    coach = phones.enter(SUPERVISOR, Label=LABEL, CallSidToCoach=agent)
    given = removal(phones, agent, caller, other_call_sid=target)
    await attempt(participants.remove_participant, given)
    assert phones.asked.index("participants.update") < phones.asked.index("participants.delete")
    assert phones.leg(coach).muted
    with phones.runtime.act() as network:
        heard = network.ledger.select(call_sid=coach, kind="hearing")
    speaker = [each.detail["listener"] for each in heard if each.detail["speaker"] == coach]
    assert set(speaker) == {agent}


async def test_a_removal_without_a_coach_asks_for_nothing_more(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    target = phones.enter(TARGET)
    phones.enter(SUPERVISOR, Label=LABEL, Muted="true")
    phones.forget_requests()
    await attempt(
        participants.remove_participant, removal(phones, agent, caller, other_call_sid=target)
    )
    assert "participants.update" not in phones.asked


async def test_a_supervisor_is_not_taken_for_the_caller(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk()
    phones.enter(SUPERVISOR, Label=LABEL, Muted="true")
    given = HoldInput(phones.room, exit_flags_off=True, agent_call_sid=agent)
    await attempt(participants.hold_participant, given)
    assert phones.leg(caller).hold


async def test_caller_who_leaves_during_the_claim_is_told_from_a_room_that_is_over(
    phones: Telephony, participants: Participants, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent is still there: the call is not over for everybody."""
    caller, agent = phones.people_talk(agent_flag=False)
    update = participants._update

    async def leaves_first(conference_sid: str, call_sid: str, **changes: Any) -> None:
        if changes.get("hold"):
            phones.hangs_up(CALLER)
        await update(conference_sid, call_sid, **changes)

    monkeypatch.setattr(participants, "_update", leaves_first)
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.hold_participant, taking_over(phones, agent_call_sid=agent))
    room = raised.value.report.room
    assert raised.value.type == GONE
    assert room is not None
    assert room.is_live
    assert [leg.call_sid for leg in room.legs] == [agent]
    assert room.find(caller) is None
