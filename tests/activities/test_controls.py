"""Mute, un-mute and announcements: read back, repeated, and refused where nobody is."""

from __future__ import annotations

import asyncio

import pytest

from activities.conferences import AnnounceInput, Conferences
from activities.errors import GONE, REFUSED, UNAVAILABLE, TwilioError
from activities.participants import MuteInput, Participants
from activities.settings import TwilioSettings
from simulator.core.ledger import Entry
from tests.activities.scripted import Answer, scripted_server
from tests.activities.telephony import AGENT, Telephony, attempt, attempts

PATH = "/twilio/announce/CF1/0123456789abcdef"
WORDS = "Your number in the queue is kept."
DOCUMENT = Answer(
    body=f"<Response><Say>{WORDS}</Say></Response>", headers={"Content-Type": "text/xml"}
)


def hearing(phones: Telephony) -> set[tuple[str, str]]:
    """(speaker, listener) by call SID, as it really is."""
    return set(phones.runtime.network.conference(phones.room).pairs)


async def test_mute_and_un_mute_are_read_back(
    phones: Telephony, participants: Participants
) -> None:
    caller, agent = phones.people_talk()
    await attempt(participants.mute_participant, MuteInput(phones.room, agent, True))
    assert phones.forms("participants.update") == [{"Muted": "true"}]
    assert phones.asked == ["participants.update", "participants.fetch"]
    assert hearing(phones) == {(caller, agent)}, "the muted one goes on hearing"
    phones.forget_requests()
    await attempt(participants.mute_participant, MuteInput(phones.room, agent, False))
    assert phones.forms("participants.update") == [{"Muted": "false"}]
    assert hearing(phones) == {(caller, agent), (agent, caller)}


@pytest.mark.parametrize("muted", [True, False])
async def test_a_mute_without_effect_is_not_believed(
    phones: Telephony, participants: Participants, muted: bool
) -> None:
    _, agent = phones.people_talk()
    phones.change(agent, Muted="false" if muted else "true")
    given = MuteInput(phones.room, agent, muted)
    with (
        phones.fault("participants.update", "no_effect"),
        pytest.raises(TwilioError) as raised,
    ):
        await attempt(participants.mute_participant, given)
    assert (raised.value.type, raised.value.non_retryable) == (UNAVAILABLE, False)
    await attempt(participants.mute_participant, given, 2)
    assert phones.leg(agent).muted is muted


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after", "reset_before", "reset_after"])
@pytest.mark.parametrize("route", ["participants.update", "participants.fetch"])
async def test_an_unknown_mute_is_settled_by_the_next_attempt(
    phones: Telephony, participants: Participants, route: str, kind: str
) -> None:
    _, agent = phones.people_talk()
    with phones.fault(route, kind):
        await attempts(participants.mute_participant, MuteInput(phones.room, agent, True))
    assert phones.leg(agent).muted


@pytest.mark.parametrize("status", [404, 400])
async def test_who_has_left_cannot_be_muted_and_hears_nothing(
    phones: Telephony, participants: Participants, conferences: Conferences, status: int
) -> None:
    _, agent = phones.people_talk(agent_flag=False)
    phones.switch(not_connected_status=status)
    phones.hangs_up(AGENT)
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.mute_participant, MuteInput(phones.room, agent, True))
    assert (raised.value.type, raised.value.non_retryable) == (GONE, True)
    with pytest.raises(TwilioError) as raised:
        await attempt(conferences.announce, AnnounceInput(phones.room, PATH, agent))
    assert raised.value.type in (GONE, REFUSED)
    assert raised.value.non_retryable


async def test_one_404_is_not_believed_by_a_mute(
    phones: Telephony, participants: Participants
) -> None:
    _, agent = phones.people_talk()
    given = MuteInput(phones.room, agent, True)
    with phones.fault("participants.update", "status", status=404, times=1):
        await attempts(participants.mute_participant, given)
    assert phones.leg(agent).muted


def is_spoken(phones: Telephony) -> asyncio.Event:
    """Set when somebody hears the words."""
    told = asyncio.Event()

    def look(entry: Entry) -> None:
        if entry.kind == "audio" and WORDS in entry.what:
            told.set()

    phones.runtime.network.ledger.listeners.append(look)
    return told


def heard_by(phones: Telephony) -> set[str | None]:
    """Who has heard the words, by call SID."""
    with phones.runtime.act() as network:
        return {each.call_sid for each in network.ledger.select(kind="audio") if WORDS in each.what}


@pytest.mark.parametrize("to", ["caller", "agent", "all"])
@pytest.mark.parametrize("is_held", [False, True])
async def test_announcement_is_heard_by_whom_it_is_for(
    phones: Telephony,
    conferences: Conferences,
    settings: TwilioSettings,
    to: str,
    is_held: bool,
) -> None:
    """One on hold hears what is for them alone, and nothing of what is for all."""
    caller, agent = phones.people_talk()
    if is_held:
        phones.change(caller, Hold="true")
    phones.forget_requests()
    leg = {"caller": caller, "agent": agent, "all": ""}[to]
    async with scripted_server() as words:
        words.will_answer(DOCUMENT)
        conferences._settings = settings.model_copy(update={"public_base_url": words.url})
        spoken = is_spoken(phones)
        await attempt(conferences.announce, AnnounceInput(phones.room, PATH, leg))
        await spoken.wait()
        expected = {agent} if is_held else {caller, agent}
        assert heard_by(phones) == ({leg} if leg else expected)
        (asked,) = words.asked
        assert (asked.method, asked.path) == ("POST", PATH)
    route = "participants.update" if leg else "conferences.update"
    assert phones.asked == [route]
    assert phones.forms(route) == [{"AnnounceUrl": words.url + PATH, "AnnounceMethod": "POST"}], (
        "no word stands in a request to Twilio"
    )


async def test_a_refused_announcement_is_not_repeated(
    phones: Telephony, conferences: Conferences
) -> None:
    caller, _ = phones.people_talk()
    for room, leg in ((phones.room, caller), (phones.room, "")):
        route = "participants.update" if leg else "conferences.update"
        with (
            phones.fault(route, "status", status=400, code=20001),
            pytest.raises(TwilioError) as raised,
        ):
            await attempt(conferences.announce, AnnounceInput(room, PATH, leg))
        assert (raised.value.type, raised.value.non_retryable) == (REFUSED, True)


async def test_announcement_into_a_room_that_is_over(
    phones: Telephony, conferences: Conferences
) -> None:
    phones.people_talk(agent_flag=True)
    phones.hangs_up(AGENT)
    with pytest.raises(TwilioError) as raised:
        await attempt(conferences.announce, AnnounceInput(phones.room, PATH))
    assert raised.value.type in (GONE, REFUSED)
    assert raised.value.non_retryable


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
async def test_an_announcement_of_which_nothing_is_known_may_be_asked_again(
    phones: Telephony, conferences: Conferences, kind: str
) -> None:
    """Better said twice than never: the second request begins the same text anew."""
    caller, _ = phones.people_talk()
    with phones.fault("participants.update", kind):
        await attempts(conferences.announce, AnnounceInput(phones.room, PATH, caller))
    assert phones.effects("participants.update") == (2 if kind == "timeout_after" else 1)
