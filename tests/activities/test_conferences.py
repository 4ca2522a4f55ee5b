"""Find a room, look into it, end it."""

from __future__ import annotations

from typing import cast

import pytest
from temporalio.client import Client as Temporal
from temporalio.exceptions import ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.conferences import Conferences, EndRoomInput, FindRoomInput, ReadRoomInput
from activities.errors import UNAVAILABLE, TwilioError
from tests.activities.believers import Believers
from tests.activities.telephony import (
    AGENT,
    CALLER,
    ROOM_NAME,
    TARGET,
    Telephony,
    attempt,
    attempts,
)

LABEL = "0123456789abcdef-1"


async def test_the_live_room_of_a_name_is_found(
    phones: Telephony, conferences: Conferences
) -> None:
    with pytest.raises(TwilioError) as raised:
        await attempt(conferences.find_room, FindRoomInput(ROOM_NAME))
    assert raised.value.type == UNAVAILABLE
    assert raised.value.category is ApplicationErrorCategory.BENIGN, "this is how every call begins"
    phones.people_talk(agent_flag=True)
    yesterday = phones.room
    phones.hangs_up(AGENT)
    with pytest.raises(TwilioError):
        await attempt(conferences.find_room, FindRoomInput(ROOM_NAME))
    phones.room = ""
    phones.people_talk()
    room = await attempt(conferences.find_room, FindRoomInput(ROOM_NAME))
    assert (room.conference_sid, room.room_name, room.is_live) == (phones.room, ROOM_NAME, True)
    assert phones.room != yesterday


async def test_a_room_with_one_person_is_found(phones: Telephony, conferences: Conferences) -> None:
    phones.enter(CALLER)
    assert (await attempt(conferences.find_room, FindRoomInput(ROOM_NAME))).is_live


async def test_everybody_in_the_room_is_read(phones: Telephony, conferences: Conferences) -> None:
    caller, agent = phones.people_talk()
    phones.change(caller, Hold="true")
    phones.change(agent, Muted="true")
    room = await attempt(conferences.read_room, ReadRoomInput(phones.room))
    assert room.is_live
    assert room.room_name == ROOM_NAME
    held, flagged = room.find(caller), room.find(agent)
    assert held is not None
    assert flagged is not None
    assert (held.held, held.muted, held.exit_flag) == (True, False, False)
    assert (flagged.held, flagged.muted, flagged.exit_flag) == (False, True, True)


@pytest.mark.parametrize("is_listed", [True, False])
async def test_an_expected_leg_that_is_not_shown_is_asked_for(
    phones: Telephony, conferences: Conferences, is_listed: bool
) -> None:
    phones.switch(ringing_participants_listed=is_listed)
    caller, agent = phones.people_talk(agent_flag=False)
    phones.behaves(TARGET, "no_answer")
    target = phones.enter(TARGET, Label=LABEL)
    phones.hangs_up(CALLER)
    given = ReadRoomInput(phones.room, call_sids=(caller, agent, target), labels=(LABEL,))
    room = await attempt(conferences.read_room, given)
    assert {leg.call_sid: leg.status for leg in room.legs} == {
        agent: "connected",
        target: "ringing",
        caller: "ended",
    }
    assert len(room.legs) == 3


@pytest.mark.parametrize("knows", ["the caller", "nobody yet", "not in time", "no such owner"])
async def test_the_owner_is_asked_who_the_caller_is(
    phones: Telephony, conferences: Conferences, believers: Believers, knows: str
) -> None:
    """A room of TaskRouter's has no labels. That nobody tells is no failure of the look."""
    caller, agent = phones.people_talk()
    owner = f"call/{phones.room}"
    if knows != "no such owner":
        told = caller if knows in ("the caller", "not in time") else ""
        people = [{"party": "target", "call_sid": agent}, {"party": "caller", "call_sid": told}]
        believers.add(owner, *people)
    believers.is_silent = knows == "not in time"
    given = ReadRoomInput(phones.room, owner_id=owner, owner_view="view")
    environment = ActivityEnvironment(client=cast(Temporal, believers))
    room = await environment.run(conferences.read_room, given)
    assert room.caller_call_sid == (caller if knows == "the caller" else "")
    assert {leg.call_sid for leg in room.legs} == {caller, agent}


async def test_a_room_that_is_over_is_read_as_over(
    phones: Telephony, conferences: Conferences
) -> None:
    caller, agent = phones.people_talk(agent_flag=True)
    phones.hangs_up(AGENT)
    room = await attempt(conferences.read_room, ReadRoomInput(phones.room, (caller, agent)))
    assert not room.is_live
    assert {leg.status for leg in room.legs} == {"ended"}
    unknown = await attempt(conferences.read_room, ReadRoomInput("CF" + "f" * 32))
    assert not unknown.is_live


async def test_the_end_of_a_room_is_the_end_of_our_legs(
    phones: Telephony, conferences: Conferences
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    phones.behaves(TARGET, "no_answer")
    target = phones.enter(TARGET)
    phones.hangs_up(CALLER)
    given = EndRoomInput(phones.room, (agent, target))
    await attempt(conferences.end_room, given)
    for leg in (caller, agent, target):
        assert phones.status(leg) not in ("queued", "ringing", "in-progress")
    await attempt(conferences.end_room, given, 2)


@pytest.mark.parametrize("kind", ["timeout_after", "reset_before"])
@pytest.mark.parametrize("route", ["conferences.update", "calls.update"])
async def test_an_unknown_end_is_settled_by_the_next_attempt(
    phones: Telephony, conferences: Conferences, route: str, kind: str
) -> None:
    _, agent = phones.people_talk(agent_flag=False)
    with phones.fault(route, kind):
        await attempts(conferences.end_room, EndRoomInput(phones.room, (agent,)))
    assert phones.status(agent) == "completed"
    room = await attempt(conferences.read_room, ReadRoomInput(phones.room))
    assert not room.is_live


async def test_a_room_that_refuses_to_end_is_ended_leg_by_leg(
    phones: Telephony, conferences: Conferences
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    with phones.fault("conferences.update", "status", status=400, code=16099):
        await attempt(conferences.end_room, EndRoomInput(phones.room))
    assert phones.status(caller) == phones.status(agent) == "completed"
