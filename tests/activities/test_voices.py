"""Who hears a supervisor, against the simulator: the order of requests, and every gap between."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from temporalio.exceptions import ApplicationErrorCategory

from activities import voices
from activities.errors import GONE, REFUSED, UNMET, TwilioError
from activities.room import RoomLeg
from activities.settings import TwilioSettings
from activities.voices import APART, BARGE, SILENT, WHISPER, VoiceInput, Voices, next_change
from tests.activities.telephony import AGENT, Telephony, attempt

SUPERVISOR, LABEL = "client:sue", "0123456789abcdef-v1"


@pytest.fixture
def on(participants: Any, settings: TwilioSettings) -> Voices:
    return Voices(participants._client, settings)


def joined(phones: Telephony) -> tuple[str, str, str]:
    caller, agent = phones.people_talk(agent_flag=False)
    mine = phones.enter(SUPERVISOR, Label=LABEL, Muted="true")
    phones.forget_requests()
    return caller, agent, mine


async def speaks(on: Voices, phones: Telephony, mine: str, voice: str, agent: str = "") -> None:
    await attempt(on.set_voice, VoiceInput(phones.room, mine, voice, agent))


def listeners(phones: Telephony, mine: str) -> list[str]:
    """Whoever began to hear the supervisor, in order."""
    with phones.runtime.act() as network:
        told = network.ledger.select(call_sid=mine, kind="hearing")
    return [
        each.detail["listener"]
        for each in told
        if each.detail["speaker"] == mine and each.what == "begins"
    ]


async def test_monitor_whisper_barge_monitor(phones: Telephony, on: Voices) -> None:
    caller, agent, mine = joined(phones)
    await speaks(on, phones, mine, WHISPER, agent)
    assert listeners(phones, mine) == [agent]
    assert phones.forms("participants.update") == [
        {"Coaching": "true", "CallSidToCoach": agent},
        {"Muted": "false", "Coaching": "true", "CallSidToCoach": agent},
    ]
    phones.forget_requests()
    await speaks(on, phones, mine, BARGE)
    assert phones.forms("participants.update") == [
        {"Muted": "true"},
        {"Coaching": "false"},
        {"Muted": "false"},
    ]
    assert set(listeners(phones, mine)[1:]) == {caller, agent}
    phones.forget_requests()
    await speaks(on, phones, mine, SILENT)
    assert phones.asked == ["participants.update", "participants.list"]
    assert phones.leg(mine).muted


async def test_whisper_to_nobody_un_mutes_nobody(phones: Telephony, on: Voices) -> None:
    _, agent, mine = joined(phones)
    phones.change(agent, Hold="true")
    with pytest.raises(TwilioError) as raised:
        await speaks(on, phones, mine, WHISPER, agent)
    assert raised.value.type == UNMET
    phones.hangs_up(AGENT)
    with pytest.raises(TwilioError) as raised:
        await speaks(on, phones, mine, WHISPER, agent)
    assert raised.value.type == UNMET
    assert phones.leg(mine).muted
    assert listeners(phones, mine) == []


@pytest.mark.parametrize(("gone", "code"), [(True, 16028), (False, 16027)])
async def test_agent_lost_between_look_and_voice(
    phones: Telephony, on: Voices, monkeypatch: pytest.MonkeyPatch, gone: bool, code: int
) -> None:
    """Twilio refuses the un-mute as a whole, under the worst setting too."""
    phones.switch(coach_of_one_who_left="becomes_audible")
    _, agent, mine = joined(phones)

    def change(leg: RoomLeg, voice: str, coach: str) -> dict[str, Any] | None:
        wish = next_change(leg, voice, coach)
        if wish is not None and wish.get("muted") is False:
            phones.hangs_up(AGENT) if gone else phones.change(agent, Hold="true")
        return wish

    monkeypatch.setattr(voices, "next_change", change)
    with pytest.raises(TwilioError) as raised:
        await speaks(on, phones, mine, WHISPER, agent)
    assert (raised.value.type, raised.value.code) == (REFUSED, code)
    assert phones.leg(mine).muted
    assert listeners(phones, mine) == []


async def test_apart_hears_nothing_and_comes_back_silent(phones: Telephony, on: Voices) -> None:
    _, agent, mine = joined(phones)
    await speaks(on, phones, mine, WHISPER, agent)
    phones.forget_requests()
    await speaks(on, phones, mine, APART)
    (only,) = phones.forms("participants.update")
    assert (only["Muted"], only["Hold"]) == ("true", "true"), "by one request, and the first one"
    assert phones.asked[0] == "participants.update"
    assert phones.leg(mine).hold
    assert phones.leg(mine).muted
    await speaks(on, phones, mine, SILENT)
    assert not phones.leg(mine).hold
    assert phones.leg(mine).muted
    assert listeners(phones, mine) == [agent]


async def test_supervisor_who_left_is_gone(phones: Telephony, on: Voices) -> None:
    _, _, mine = joined(phones)
    phones.hangs_up(SUPERVISOR)
    for voice in (SILENT, BARGE):
        with pytest.raises(TwilioError) as raised:
            await speaks(on, phones, mine, voice)
        assert raised.value.type == GONE
        assert raised.value.category is ApplicationErrorCategory.BENIGN, "people hang up: no fault"


async def test_mute_without_effect_is_not_believed(phones: Telephony, on: Voices) -> None:
    caller, _, mine = joined(phones)
    await speaks(on, phones, mine, BARGE)
    with (
        phones.fault("participants.update", "no_effect", count=99),
        pytest.raises(TwilioError, match="no effect"),
    ):
        await speaks(on, phones, mine, SILENT)
    await speaks(on, phones, mine, SILENT)
    assert phones.leg(mine).muted
    assert caller


LEGS = [
    RoomLeg("M", muted=muted, held=held, coaching=bool(coach), coach_call_sid=coach)
    for muted, held, coach in itertools.product((True, False), (True, False), ("", "A", "B"))
]


@pytest.mark.parametrize("voice", [SILENT, APART, WHISPER, BARGE])
@pytest.mark.parametrize("leg", LEGS, ids=str)
def test_from_any_state_to_any_voice_through_silence(leg: RoomLeg, voice: str) -> None:
    """All 48 ways: it arrives, a voice is the last thing given, and nothing else is changed on a
    leg that can be heard."""
    names = {"call_sid_to_coach": "coach_call_sid", "hold": "held"}
    now, steps = leg, 0
    while change := next_change(now, voice, "A"):
        steps += 1
        assert steps <= voices.CHANGES_MAX
        assert now.muted or change == {"muted": True}
        fields = {**now.__dict__, **{names.get(key, key): to for key, to in change.items()}}
        if not fields["coaching"]:
            fields["coach_call_sid"] = ""
        now = RoomLeg(**fields)
    is_aimed = now.coaching and now.coach_call_sid == "A"
    assert now.muted is (voice in (SILENT, APART))
    assert now.held is (voice == APART)
    assert voice != WHISPER or is_aimed
    assert voice != BARGE or not now.coaching
