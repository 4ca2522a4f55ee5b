"""A call whose people nobody has named: who is the caller, and what is left of a failed hold."""

from __future__ import annotations

from typing import Any

import pytest

from activities.errors import GONE, UNAVAILABLE, UNMET, TwilioError
from activities.participants import HoldInput, Participants, ResumeInput
from activities.room import ENDED
from tests.activities.telephony import AGENT, CALLER, TARGET, Telephony, attempt, with_asker


def unnamed(phones: Telephony) -> ResumeInput:
    return ResumeInput(phones.room, "", agent_address=AGENT)


async def test_caller_whom_nobody_named_is_taken_off_hold(
    phones: Telephony, participants: Participants
) -> None:
    caller, _ = phones.people_talk()
    phones.change(caller, Hold="true")
    room = await attempt(participants.resume_participant, unnamed(phones))
    assert not phones.leg(caller).hold
    assert room.find(caller) is not None


async def test_caller_has_gone_only_where_the_agent_is_alone(
    phones: Telephony, participants: Participants
) -> None:
    phones.people_talk(agent_flag=False)
    phones.hangs_up(CALLER)
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.resume_participant, unnamed(phones))
    assert raised.value.type == GONE
    assert raised.value.report.room is not None


async def test_caller_whom_nobody_named_is_whoever_the_agent_has_left_alone(
    phones: Telephony, participants: Participants
) -> None:
    """Seed 58534: the agent hung up as the call was being taken over, and the caller was not given
    back for minutes, because nobody could be told from the agent."""
    caller, _ = phones.people_talk(agent_flag=False)
    phones.change(caller, Hold="true")
    phones.hangs_up(AGENT)
    room = await attempt(participants.resume_participant, unnamed(phones))
    assert not phones.leg(caller).hold
    assert room.caller_call_sid == caller


@pytest.mark.parametrize("is_agent_there", [True, False], ids=["with agent", "no agent"])
async def test_nobody_is_believed_to_have_gone_where_nobody_can_tell(
    phones: Telephony, participants: Participants, is_agent_there: bool
) -> None:
    phones.people_talk(agent_flag=False)
    for each in (TARGET, "+15550100109"):
        phones.enter(each)
    if not is_agent_there:
        phones.hangs_up(AGENT)
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.resume_participant, unnamed(phones))
    assert raised.value.type == UNMET
    assert "participants.update" not in phones.asked


@pytest.mark.parametrize("is_lost", [False, True], ids=["same attempt", "next attempt"])
async def test_failed_hold_tells_who_is_who_and_which_flags_were_on(
    phones: Telephony, participants: Participants, is_lost: bool
) -> None:
    """Also where the last attempt could read nothing: the one before had switched the flag off."""
    caller, agent = phones.people_talk(agent_flag=True)
    given = HoldInput(phones.room, exit_flags_off=True, agent_address=AGENT)
    told: list[Any] = []
    with (
        phones.fault("participants.update", "reset_before", skip=1),
        pytest.raises(TwilioError) as raised,
    ):
        await attempt(participants.hold_participant, given, 1, told)
    if is_lost:
        with (
            phones.fault("participants.list", "status", status=503),
            pytest.raises(TwilioError) as raised,
        ):
            await attempt(participants.hold_participant, given, 2, told)
    error = raised.value
    assert error.type == UNAVAILABLE
    assert error.report.room is not None
    legs = {leg.call_sid: leg for leg in error.report.room.legs}
    assert set(legs) == {caller, agent}
    assert (legs[agent].address, legs[agent].exit_flag) == (AGENT, True)
    assert (legs[caller].held, legs[caller].exit_flag) == (True, False)
    assert not phones.leg(agent).end_on_exit_in_force


async def test_hold_that_found_nobody_has_nothing_to_undo(
    phones: Telephony, participants: Participants
) -> None:
    phones.people_talk()
    given = HoldInput(phones.room, exit_flags_off=True, agent_address=AGENT)
    with (
        phones.fault("participants.list", "status", status=503),
        pytest.raises(TwilioError) as raised,
    ):
        await attempt(participants.hold_participant, given)
    assert (raised.value.type, raised.value.report.room) == (UNAVAILABLE, None)


async def test_no_flag_goes_off_before_it_is_written_down(
    phones: Telephony, participants: Participants
) -> None:
    """Temporal is away, and may be until all attempts are over: nobody would know of the flag."""
    caller, agent = phones.people_talk(agent_flag=True)
    given = HoldInput(phones.room, exit_flags_off=True, agent_address=AGENT)
    away = with_asker()
    away.is_reached = False
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.hold_participant, given, temporal=away)
    assert raised.value.type == UNAVAILABLE
    assert "participants.update" not in phones.asked
    assert phones.leg(agent).end_on_exit_in_force
    assert not phones.leg(caller).hold


@pytest.mark.parametrize("flag", [True, False])
async def test_hold_is_brought_to_its_end_though_the_agent_has_hung_up_since(
    phones: Telephony, participants: Participants, flag: bool
) -> None:
    """Seed 58226: it had taken effect unheard, and nobody knew whose leg it was any more."""
    caller, agent = phones.people_talk(agent_flag=flag)
    given = HoldInput(phones.room, exit_flags_off=True, agent_address=AGENT)
    told: list[Any] = []
    with (
        phones.fault("participants.update", "timeout_after", skip=int(flag)),
        pytest.raises(TwilioError),
    ):
        await attempt(participants.hold_participant, given, 1, told)
    assert phones.leg(caller).hold
    phones.hangs_up(AGENT)
    room = await attempt(participants.hold_participant, given, 2, told)
    legs = {leg.call_sid: leg for leg in room.legs}
    assert (legs[agent].status, legs[agent].exit_flag) == (ENDED, flag)
    assert legs[caller].held
    assert not room.was_held, "it was our own hold that the second attempt has found"


async def test_caller_who_has_left_since_is_gone(
    phones: Telephony, participants: Participants
) -> None:
    phones.people_talk(agent_flag=False)
    given = HoldInput(phones.room, exit_flags_off=True, agent_address=AGENT)
    told: list[Any] = []
    with phones.fault("participants.update", "timeout_after"), pytest.raises(TwilioError):
        await attempt(participants.hold_participant, given, 1, told)
    phones.hangs_up(CALLER)
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.hold_participant, given, 2, told)
    assert raised.value.type == GONE
