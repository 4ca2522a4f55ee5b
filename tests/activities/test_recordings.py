"""Recordings: paused and resumed with a proof, by SID, and never begun."""

from __future__ import annotations

import pytest
from twilio.rest import Client

from activities.errors import RECORDED, UNAVAILABLE, UNMET, TwilioError
from activities.participants import HoldInput, Participants
from activities.recordings import EVERY, Recordings, RecordingsInput
from activities.settings import TwilioSettings
from tests.activities.telephony import Telephony, attempt, attempts

CHANGE = "conference_recordings.update"
LIST = "conference_recordings.list"


@pytest.fixture
def recordings(sdk: Client, settings: TwilioSettings) -> Recordings:
    return Recordings(sdk, settings)


def recorded(phones: Telephony) -> str:
    """People talk and are recorded; answers the recording's SID."""
    phones.people_talk()
    return begin(phones)


def begin(phones: Telephony) -> str:
    with phones.runtime.act() as network:
        return str(network.create_conference_recording(phones.room, {})["sid"])


def change(phones: Telephony, sid: str, status: str) -> None:
    """Somebody else changes a recording."""
    with phones.runtime.act() as network:
        network.update_conference_recording(phones.room, sid, {"Status": status})


def status(phones: Telephony, sid: str) -> str:
    return str(phones.runtime.network.fetch_conference_recording(phones.room, sid)["status"])


async def test_what_is_recorded_is_read(phones: Telephony, recordings: Recordings) -> None:
    sid = recorded(phones)
    given = RecordingsInput(phones.room)
    assert (await attempt(recordings.read_recordings, given)).running == (sid,)
    change(phones, sid, "paused")
    found = await attempt(recordings.read_recordings, given)
    assert (found.running, found.paused) == ((), (sid,))
    change(phones, sid, "stopped")
    found = await attempt(recordings.read_recordings, given)
    assert (found.running, found.paused) == ((), ())
    unknown = RecordingsInput("CF" + "f" * 32)
    assert (await attempt(recordings.read_recordings, unknown)).running == ()


async def test_pause_is_read_back_and_leaves_no_silence(
    phones: Telephony, recordings: Recordings
) -> None:
    sid = recorded(phones)
    paused = await attempt(recordings.pause_recordings, RecordingsInput(phones.room))
    assert (paused.running, paused.paused, paused.changed) == ((), (sid,), (sid,))
    assert status(phones, sid) == "paused"
    assert phones.forms(CHANGE) == [{"Status": "paused", "PauseBehavior": "skip"}]
    assert phones.asked == [LIST, CHANGE, LIST]


async def test_a_pause_without_effect_is_no_pause(
    phones: Telephony, recordings: Recordings
) -> None:
    sid = recorded(phones)
    given = RecordingsInput(phones.room)
    with phones.fault(CHANGE, "no_effect"), pytest.raises(TwilioError) as raised:
        await attempt(recordings.pause_recordings, given)
    assert raised.value.type == UNAVAILABLE
    assert status(phones, sid) == "in-progress"
    await attempt(recordings.pause_recordings, given, 2)
    assert status(phones, sid) == "paused"


@pytest.mark.parametrize("kind", ["timeout_after", "reset_before"])
async def test_a_pause_of_unknown_outcome_is_settled_by_the_next_attempt(
    phones: Telephony, recordings: Recordings, kind: str
) -> None:
    sid = recorded(phones)
    with phones.fault(CHANGE, kind):
        paused = await attempts(recordings.pause_recordings, RecordingsInput(phones.room))
    assert paused.paused == (sid,)
    assert status(phones, sid) == "paused"


async def test_only_what_is_named_is_resumed(phones: Telephony, recordings: Recordings) -> None:
    sid = recorded(phones)
    change(phones, sid, "paused")
    other = RecordingsInput(phones.room, ("RE" + "0" * 32,))
    untouched = await attempt(recordings.resume_recordings, other)
    assert (untouched.paused, untouched.changed) == ((sid,), ())
    assert status(phones, sid) == "paused"
    await attempt(recordings.resume_recordings, RecordingsInput(phones.room))
    assert status(phones, sid) == "paused", "no name is not every name"
    resumed = await attempt(recordings.resume_recordings, RecordingsInput(phones.room, (sid,)))
    assert (resumed.running, resumed.changed) == ((sid,), (sid,))
    assert status(phones, sid) == "in-progress"


async def test_a_person_resumes_whatever_is_paused(
    phones: Telephony, recordings: Recordings
) -> None:
    sid = recorded(phones)
    change(phones, sid, "paused")
    await attempt(recordings.resume_recordings, RecordingsInput(phones.room, (EVERY,)))
    assert status(phones, sid) == "in-progress"


async def test_none_is_begun_where_there_was_none(
    phones: Telephony, recordings: Recordings
) -> None:
    phones.people_talk()
    every = RecordingsInput(phones.room, (EVERY,))
    assert (await attempt(recordings.resume_recordings, every)).running == ()
    assert (await attempt(recordings.pause_recordings, every)).paused == ()
    assert set(phones.asked) == {LIST}


async def test_a_recording_that_has_ended_is_neither_paused_nor_resumed(
    phones: Telephony, recordings: Recordings
) -> None:
    sid = recorded(phones)
    change(phones, sid, "stopped")
    every = RecordingsInput(phones.room, (EVERY, sid))
    assert (await attempt(recordings.pause_recordings, every)).changed == ()
    assert (await attempt(recordings.resume_recordings, every)).changed == ()


# --- with the hold ------------------------------------------------------------------------------


async def test_nobody_is_held_before_the_recording_is_paused(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk()
    sid = begin(phones)
    given = HoldInput(
        phones.room,
        caller,
        exit_flags_off=True,
        agent_call_sid=agent,
        pause_recordings=True,
    )
    room = await attempt(participants.hold_participant, given)
    assert phones.leg(caller).hold
    assert status(phones, sid) == "paused"
    assert room.recordings is not None
    assert room.recordings.changed == (sid,)
    holds = [each for each in phones.runtime.requests if each["params"].get("Hold") == "true"]
    pauses = [each for each in phones.runtime.requests if each["route"] == CHANGE]
    assert pauses[-1]["seq"] < holds[0]["seq"]


async def test_a_recording_that_cannot_be_paused_leaves_everybody_as_they_are(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk()
    begin(phones)
    first = HoldInput(
        phones.room,
        caller,
        exit_flags_off=True,
        agent_call_sid=agent,
        pause_recordings=True,
    )
    again = HoldInput(phones.room, caller, pause_recordings=True)
    for given in (first, again):
        with (
            phones.fault(CHANGE, "status", status=500, count=9),
            pytest.raises(TwilioError) as raised,
        ):
            await attempt(participants.hold_participant, given)
        assert raised.value.type == UNAVAILABLE
        assert raised.value.report.cause == RECORDED
        assert not phones.leg(caller).hold
        assert phones.leg(agent).end_on_exit, "flags are not touched either"


async def test_a_claim_that_is_not_met_pauses_nothing(
    phones: Telephony, participants: Participants
) -> None:
    caller, _ = phones.people_talk()
    sid = begin(phones)
    given = HoldInput(
        phones.room,
        caller,
        exit_flags_off=True,
        agent_call_sid="CA" + "f" * 32,
        pause_recordings=True,
    )
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.hold_participant, given)
    assert raised.value.type == UNMET
    assert status(phones, sid) == "in-progress"


async def test_a_hold_that_need_not_pause_does_not_look(
    phones: Telephony, participants: Participants
) -> None:
    caller, _ = phones.people_talk()
    sid = begin(phones)
    room = await attempt(participants.hold_participant, HoldInput(phones.room, caller))
    assert room.recordings is None
    assert status(phones, sid) == "in-progress"
    assert LIST not in phones.asked
