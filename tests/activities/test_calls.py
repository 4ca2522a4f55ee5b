"""End a leg, find out what became of it, send a caller to the mailbox."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from activities.calls import Calls, DivertInput, EndedLeg, EndLegInput, FindLegInput
from activities.ending import DOUBT_SECONDS_MAX
from activities.errors import GONE, UNAVAILABLE, UNMET, TwilioError
from activities.settings import TwilioSettings
from tests.activities.telephony import AGENT, CALLER, TARGET, Telephony, attempt, attempts

LABEL = "0123456789abcdef-1"
NOBODY = "CA" + "f" * 32


def rings(phones: Telephony) -> str:
    phones.people_talk(agent_flag=False)
    phones.behaves(TARGET, "no_answer")
    return phones.enter(TARGET, Label=LABEL)


@pytest.mark.parametrize("by", ["call_sid", "label"])
@pytest.mark.parametrize("is_answered", [False, True])
async def test_a_leg_is_ended_in_whatever_state_it_is(
    phones: Telephony, calls: Calls, by: str, is_answered: bool
) -> None:
    leg = rings(phones)
    if is_answered:
        phones.answers(TARGET)
    key = {"call_sid": leg} if by == "call_sid" else {"label": LABEL}
    ended = await attempt(calls.end_leg, EndLegInput(phones.room, **key))
    assert ended.status == "ended"
    assert phones.status(leg) not in ("queued", "ringing", "in-progress")
    assert phones.forms("calls.update") == [{"Status": "completed"}]


async def test_a_leg_that_is_over_is_done_and_tells_how(phones: Telephony, calls: Calls) -> None:
    phones.people_talk(agent_flag=False)
    phones.behaves(TARGET, "busy")
    leg = phones.enter(TARGET, Label=LABEL)
    assert await attempt(calls.end_leg, EndLegInput(phones.room, call_sid=leg)) == EndedLeg(
        cause="busy"
    )


@pytest.mark.parametrize("key", [{"call_sid": NOBODY}, {"label": LABEL}, {"label": "a/b"}, {}])
async def test_a_leg_that_nobody_knows_is_done(
    phones: Telephony, calls: Calls, key: dict[str, str]
) -> None:
    phones.people_talk()
    assert await attempt(calls.end_leg, EndLegInput(phones.room, **key)) == EndedLeg()


async def test_a_doubtful_leg_that_is_not_found_is_looked_for_again(
    phones: Telephony, calls: Calls
) -> None:
    phones.people_talk()
    given = EndLegInput(phones.room, label=LABEL, is_doubtful=True)
    with pytest.raises(TwilioError) as raised:
        await attempt(calls.end_leg, given)
    assert raised.value.type == UNAVAILABLE
    late = phones.enter(TARGET, Label=LABEL)
    await attempt(calls.end_leg, given, 2)
    assert phones.status(late) == "completed"


async def test_a_doubtful_leg_that_is_still_not_found_minutes_later_never_was(
    phones: Telephony, calls: Calls
) -> None:
    phones.people_talk()
    now = datetime.now(UTC)
    given = EndLegInput(
        phones.room, label=LABEL, to=TARGET, is_doubtful=True, dialed_at=now.timestamp()
    )
    soon, later = (now + timedelta(seconds=DOUBT_SECONDS_MAX + seconds) for seconds in (-1.0, 1.0))
    with pytest.raises(TwilioError) as raised:
        await attempt(calls.end_leg, given, current_attempt_scheduled_time=soon)
    assert raised.value.type == UNAVAILABLE
    # The same command, which began to look while the dial might still have taken effect.
    began = {"scheduled_time": soon, "current_attempt_scheduled_time": later}
    assert await attempt(calls.end_leg, given, 2, **began) == EndedLeg()


async def test_a_doubtful_call_is_found_by_number_and_time_if_it_is_the_only_one(
    phones: Telephony, calls: Calls
) -> None:
    leg = rings(phones)
    given = EndLegInput(
        phones.room, label="other-1", to=TARGET, is_doubtful=True, dialed_at=time.time()
    )
    second = phones.enter(TARGET)
    with pytest.raises(TwilioError) as raised:
        await attempt(calls.end_leg, given)
    assert raised.value.type == UNAVAILABLE
    assert phones.status(leg) == phones.status(second) == "ringing"
    await attempt(calls.end_leg, EndLegInput(phones.room, call_sid=leg))
    await attempt(calls.end_leg, given, 2)
    assert phones.status(second) not in ("queued", "ringing")


async def test_conversation_with_the_same_number_is_not_taken_for_a_doubtful_call(
    phones: Telephony, calls: Calls
) -> None:
    phones.people_talk(agent_flag=False)
    talking = phones.enter(TARGET)
    given = EndLegInput(
        phones.room, label="other-1", to=TARGET, is_doubtful=True, dialed_at=time.time()
    )
    with pytest.raises(TwilioError) as raised:
        await attempt(calls.end_leg, given)
    assert raised.value.type == UNAVAILABLE
    assert phones.status(talking) == "in-progress"


async def test_without_a_moment_no_call_is_guessed(phones: Telephony, calls: Calls) -> None:
    leg = rings(phones)
    await attempt(calls.end_leg, EndLegInput(phones.room, label="other-1", to=TARGET))
    assert phones.status(leg) == "ringing"


@pytest.mark.parametrize("kind", ["timeout_after", "reset_before"])
async def test_an_unknown_end_is_settled_by_the_next_attempt(
    phones: Telephony, calls: Calls, kind: str
) -> None:
    leg = rings(phones)
    with phones.fault("calls.update", kind):
        await attempts(calls.end_leg, EndLegInput(phones.room, call_sid=leg))
    assert phones.status(leg) not in ("queued", "ringing")


# --- find ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_listed", [True, False])
async def test_a_ringing_leg_is_found_listed_or_not(
    phones: Telephony, calls: Calls, is_listed: bool
) -> None:
    phones.switch(ringing_participants_listed=is_listed)
    leg = rings(phones)
    given = FindLegInput(phones.room, label=LABEL, call_sid=leg)
    (found,) = (await attempt(calls.find_leg, given)).legs
    assert (found.call_sid, found.label, found.status) == (leg, LABEL, "ringing")
    assert found.is_in_room is is_listed


@pytest.mark.parametrize(
    ("kind", "cause"), [("busy", "busy"), ("unreachable", "failed"), ("reject", "busy")]
)
async def test_a_leg_that_came_to_nothing_tells_why(
    phones: Telephony, calls: Calls, kind: str, cause: str
) -> None:
    phones.people_talk(agent_flag=False)
    phones.behaves(TARGET, kind)
    leg = phones.enter(TARGET, Label=LABEL)
    given = FindLegInput(phones.room, label=LABEL, call_sid=leg)
    (found,) = (await attempt(calls.find_leg, given)).legs
    assert (found.status, found.cause, found.is_in_room) == ("ended", cause, False)


async def test_a_leg_known_by_its_label_alone(phones: Telephony, calls: Calls) -> None:
    leg = rings(phones)
    phones.answers(TARGET)
    (found,) = (await attempt(calls.find_leg, FindLegInput(phones.room, label=LABEL))).legs
    assert (found.call_sid, found.status) == (leg, "connected")
    nobody = await attempt(calls.find_leg, FindLegInput(phones.room, label="other"))
    assert nobody.legs == ()


# --- divert -------------------------------------------------------------------------------------


async def test_the_caller_hears_the_apology_and_may_leave_a_message(
    phones: Telephony, calls: Calls, settings: TwilioSettings
) -> None:
    caller, _ = phones.people_talk(agent_flag=False)
    calls._settings = settings.model_copy(update={"handover_apology": 'Sorry <&> "you" wait'})
    await attempt(calls.divert_call, DivertInput(caller))
    (form,) = phones.forms("calls.update")
    assert '<Say>Sorry &lt;&amp;&gt; "you" wait</Say>' in form["Twiml"]
    urls = re.findall(r'(?:action|recordingStatusCallback)="([^"]+)"', form["Twiml"])
    assert urls == ["http://127.0.0.1:8000/twilio/voice/message"]
    assert phones.status(caller) == "in-progress"
    assert caller not in phones.runtime.network.conference(phones.room).participants or (
        phones.leg(caller).left
    )


async def test_a_caller_who_has_hung_up_is_gone(phones: Telephony, calls: Calls) -> None:
    caller, _ = phones.people_talk(agent_flag=False)
    phones.hangs_up(CALLER)
    for sid in (caller, NOBODY):
        with pytest.raises(TwilioError) as raised:
            await attempt(calls.divert_call, DivertInput(sid))
        assert raised.value.type == GONE


@pytest.mark.parametrize(
    ("other", "is_diverted"),
    [("agent", False), ("agent on hold", True), ("supervisor", True), ("nobody", True)],
)
async def test_caller_who_talks_with_somebody_is_not_diverted_on_request(
    phones: Telephony, calls: Calls, other: str, is_diverted: bool
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    if other == "agent on hold":
        phones.change(agent, Hold="true")
    elif other != "agent":
        phones.hangs_up(AGENT)
    if other == "supervisor":
        phones.enter(TARGET, Label=f"{'0' * 16}-v1", Muted="true")
    given = DivertInput(caller, phones.room, unless_with_anybody=True)
    if is_diverted:
        await attempt(calls.divert_call, given)
        assert "calls.update" in phones.asked
        return
    with pytest.raises(TwilioError) as raised:
        await attempt(calls.divert_call, given)
    assert raised.value.type == UNMET
    assert "calls.update" not in phones.asked


async def test_nobody_is_diverted_whose_leg_was_never_found(
    phones: Telephony, calls: Calls
) -> None:
    """Without a SID the request would go to the list of all calls."""
    phones.people_talk()
    phones.asked.clear()
    with pytest.raises(TwilioError) as raised:
        await attempt(calls.divert_call, DivertInput(""))
    assert (raised.value.type, phones.asked) == (GONE, [])


async def test_the_recording_is_reported_on_request(phones: Telephony, calls: Calls) -> None:
    caller, _ = phones.people_talk(agent_flag=False)
    await attempt(calls.divert_call, DivertInput(caller, recording_path="/twilio/recorded"))
    (form,) = phones.forms("calls.update")
    assert 'recordingStatusCallback="http://127.0.0.1:8000/twilio/recorded"' in form["Twiml"]
    assert phones.status(caller) == "in-progress"
    assert AGENT
