"""A phone rings at most once, whatever becomes of the request that rings it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.client import Client as Temporal
from temporalio.client import WorkflowExecutionStatus
from twilio.rest import Client

from activities.calls import Calls, CreateCallInput, EndLegInput
from activities.creating import AddedLeg
from activities.errors import GONE, REFUSED, UNAVAILABLE, TwilioError
from activities.owners import Owners
from activities.participants import AddInput, Participants
from activities.settings import TwilioSettings
from tests.activities.believers import TYPES, Believers, person
from tests.activities.settings import NUMBER
from tests.activities.telephony import CALLER, TARGET, Telephony, attempt, attempts, with_asker

LABEL = "0123456789abcdef-1"
LOST_AFTER = [
    {"kind": "timeout_after"},
    {"kind": "reset_after"},
]
LOST_BEFORE = [
    {"kind": "timeout_before"},
    {"kind": "reset_before"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 429},
]

Fault = dict[str, Any]


def named(fault: Fault) -> str:
    return f"{fault['kind']}-{fault.get('status', '')}"


def to_add(phones: Telephony, **more: Any) -> AddInput:
    path = f"/twilio/status/transfer/{phones.room}/{LABEL}"
    return AddInput(phones.room, LABEL, TARGET, 20.0, path, **more)


def to_call(phones: Telephony, **more: Any) -> CreateCallInput:
    path = f"/twilio/status/transfer/{phones.room}/{LABEL}"
    return CreateCallInput(phones.room, LABEL, TARGET, 20.0, "/twilio/voice/x", path, **more)


def just_now() -> dict[str, datetime]:
    return {"scheduled_time": datetime.now(UTC)}


async def test_what_is_asked_for_a_participant(
    phones: Telephony, participants: Participants
) -> None:
    phones.people_talk()
    phones.behaves(TARGET, "no_answer")
    added = await attempt(participants.add_participant, to_add(phones))
    assert not added.is_adopted
    assert phones.status(added.call_sid) == "ringing"
    (form,) = phones.forms("participants.create")
    assert form["StatusCallback"] == (
        f"http://127.0.0.1:8000/twilio/status/transfer/{phones.room}/{LABEL}"
    )
    assert form["StatusCallbackEvent"] == ["answered", "completed"]
    for name, value in {
        "From": NUMBER,
        "To": TARGET,
        "Label": LABEL,
        "Timeout": "20",
        "EndConferenceOnExit": "false",
        "Beep": "false",
        "EarlyMedia": "true",
        "Muted": "false",
    }.items():
        assert form[name] == value, name
    assert "MachineDetection" not in form
    assert "CallSidToCoach" not in form


async def test_a_machine_is_looked_for_and_a_coach_is_set_up_on_request(
    phones: Telephony, participants: Participants
) -> None:
    _, agent = phones.people_talk()
    given = to_add(
        phones, detect_machine=True, amd_path="/twilio/amd/x", muted=True, coach_call_sid=agent
    )
    added = await attempt(participants.add_participant, given)
    (form,) = phones.forms("participants.create")
    assert form["MachineDetection"] == "Enable"
    assert form["AmdStatusCallback"] == "http://127.0.0.1:8000/twilio/amd/x"
    assert (form["Coaching"], form["CallSidToCoach"]) == ("true", agent)
    assert phones.status(added.call_sid)


@pytest.mark.parametrize("fault", LOST_AFTER, ids=named)
async def test_a_participant_that_was_made_unseen_is_adopted(
    phones: Telephony, participants: Participants, fault: Fault
) -> None:
    phones.people_talk()
    phones.behaves(TARGET, "no_answer")
    with phones.fault("participants.create", **fault):
        added = await attempts(participants.add_participant, to_add(phones))
    assert added.is_adopted
    assert phones.effects("participants.create") == 1
    assert phones.asked == ["participants.create", "participants.fetch"]


@pytest.mark.parametrize("fault", LOST_BEFORE, ids=named)
async def test_a_participant_that_was_not_made_is_made_once(
    phones: Telephony, participants: Participants, fault: Fault
) -> None:
    phones.people_talk()
    with phones.fault("participants.create", **fault):
        added = await attempts(participants.add_participant, to_add(phones))
    assert not added.is_adopted
    assert phones.effects("participants.create") == 1
    looks = phones.asked.count("participants.fetch")
    assert looks == (0 if fault.get("status") == 429 else 2), "two looks, or none after a 429"
    assert {form["Label"] for form in phones.forms("participants.create")} == {LABEL}


@pytest.mark.parametrize("first", LOST_AFTER + LOST_BEFORE, ids=named)
@pytest.mark.parametrize("look", [{"kind": "reset_before"}, {"kind": "status", "status": 503}])
async def test_a_look_that_fails_is_no_look(
    phones: Telephony, participants: Participants, first: Fault, look: Fault
) -> None:
    phones.people_talk()
    with (
        phones.fault("participants.create", **first),
        phones.fault("participants.fetch", **look),
    ):
        await attempts(participants.add_participant, to_add(phones))
    assert phones.effects("participants.create") == 1


async def test_a_429_that_is_followed_by_an_unknown_outcome_is_looked_up(
    phones: Telephony, participants: Participants
) -> None:
    phones.people_talk()
    with (
        phones.fault("participants.create", "status", status=429),
        phones.fault("participants.create", "reset_after", skip=0, count=1),
    ):
        added = await attempts(participants.add_participant, to_add(phones))
    assert added.is_adopted
    assert phones.effects("participants.create") == 1


async def test_what_an_attempt_knew_is_not_believed_two_attempts_later(
    phones: Telephony, participants: Participants
) -> None:
    """The attempt in between may have asked, and died without a word."""
    phones.people_talk()
    for known in ("clear", "absent"):
        phones.forget_requests()
        heard = [{"known": known, "attempt": 1}]
        with pytest.raises(TwilioError) as raised:
            await attempt(participants.add_participant, to_add(phones), 3, heard)
        assert raised.value.type == UNAVAILABLE
        assert phones.asked == ["participants.fetch"]


async def test_the_second_look_comes_a_second_later(
    phones: Telephony, participants: Participants
) -> None:
    phones.people_talk()
    with pytest.raises(TwilioError) as raised:
        await attempt(participants.add_participant, to_add(phones), 2)
    assert raised.value.next_retry_delay == timedelta(seconds=1)


async def test_a_label_in_use_is_a_leg_to_adopt(
    phones: Telephony, participants: Participants
) -> None:
    phones.people_talk()
    there = phones.enter(TARGET, Label=LABEL)
    added = await attempt(participants.add_participant, to_add(phones))
    assert added == AddedLeg(there, is_adopted=True)
    assert phones.effects("participants.create") == 0


async def test_a_room_that_is_over_is_gone_and_no_new_one_is_made(
    phones: Telephony, participants: Participants
) -> None:
    phones.people_talk(agent_flag=True)
    phones.hangs_up("client:anna")
    for status in (404, 400):
        phones.switch(dead_conference_status=status)
        with pytest.raises(TwilioError) as raised:
            await attempt(participants.add_participant, to_add(phones))
        assert raised.value.type == GONE
    assert phones.effects("participants.create") == 0


@pytest.mark.parametrize(("code", "cause"), [(21211, "failed"), (21215, "blocked")])
async def test_a_refusal_is_final(
    phones: Telephony, participants: Participants, code: int, cause: str
) -> None:
    phones.people_talk()
    with (
        phones.fault("participants.create", "status", status=400, code=code, message=TARGET),
        pytest.raises(TwilioError) as raised,
    ):
        await attempts(participants.add_participant, to_add(phones))
    assert raised.value.type == REFUSED
    assert (raised.value.report.code, raised.value.report.cause) == (code, cause)
    assert TARGET not in str(raised.value)
    assert phones.asked == ["participants.create"]


# --- legs that hear something before they join --------------------------------------------------


async def test_what_is_asked_for_a_call(phones: Telephony, calls: Calls) -> None:
    phones.people_talk()
    given = to_call(phones, detect_machine=True, amd_path="/twilio/amd/x")
    await attempt(calls.create_call, given, **just_now())
    (form,) = phones.forms("calls.create")
    for name, value in {
        "From": NUMBER,
        "To": TARGET,
        "Url": "http://127.0.0.1:8000/twilio/voice/x",
        "Timeout": "20",
        "MachineDetection": "Enable",
        "AsyncAmd": "true",
        "AsyncAmdStatusCallback": "http://127.0.0.1:8000/twilio/amd/x",
    }.items():
        assert form[name] == value, name


@pytest.mark.parametrize("kind", ["no_answer", "busy", "answer"])
@pytest.mark.parametrize("fault", LOST_AFTER, ids=named)
async def test_a_call_that_was_made_unseen_is_adopted_even_when_it_is_over(
    phones: Telephony, calls: Calls, fault: Fault, kind: str
) -> None:
    phones.people_talk()
    phones.behaves(TARGET, kind)
    with phones.fault("calls.create", **fault):
        added = await attempts(calls.create_call, to_call(phones), **just_now())
    assert added.is_adopted
    assert phones.effects("calls.create") == 1


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_a_call_that_was_made_unseen_is_adopted_though_temporals_clock_is_not_twilios(
    phones: Telephony, calls: Calls, minutes: int
) -> None:
    phones.people_talk()
    phones.behaves(TARGET, "no_answer")

    def temporals() -> datetime:
        return datetime.now(UTC) + timedelta(minutes=minutes)

    scheduled, heard = temporals(), list[Any]()
    told = {"scheduled_time": scheduled, "started_time": temporals()}
    with phones.fault("calls.create", kind="timeout_after"), pytest.raises(TwilioError):
        await attempt(calls.create_call, to_call(phones), 1, heard, **told)
    told = {"scheduled_time": scheduled, "started_time": temporals()}
    added = await attempt(calls.create_call, to_call(phones), 2, heard, **told)
    assert added.is_adopted
    assert phones.effects("calls.create") == 1


@pytest.mark.parametrize("fault", LOST_BEFORE, ids=named)
async def test_a_call_that_was_not_made_is_made_once(
    phones: Telephony, calls: Calls, fault: Fault
) -> None:
    phones.people_talk()
    with phones.fault("calls.create", **fault):
        added = await attempts(calls.create_call, to_call(phones), **just_now())
    assert not added.is_adopted
    assert phones.effects("calls.create") == 1


@pytest.mark.parametrize("make", [to_add, to_call])
async def test_an_older_call_to_the_same_number_is_not_ours(
    phones: Telephony, calls: Calls, participants: Participants, make: Callable[..., Any]
) -> None:
    phones.people_talk()
    phones.enter(TARGET)
    phones.forget_requests()
    scheduled = {"scheduled_time": datetime.now(UTC) + timedelta(seconds=30)}
    activity: Any = calls.create_call if make is to_call else participants.add_participant
    route = "calls.create" if make is to_call else "participants.create"
    with phones.fault(route, "reset_before"):
        added = await attempts(activity, make(phones), **scheduled)
    assert not added.is_adopted
    assert phones.effects(route) == 1


async def test_of_two_calls_to_one_number_none_is_taken_for_ours(
    phones: Telephony, calls: Calls
) -> None:
    phones.people_talk()
    for _ in range(2):
        phones.enter(TARGET)
    phones.forget_requests()
    with (
        phones.fault("calls.create", "reset_before"),
        pytest.raises(TwilioError) as raised,
    ):
        await attempts(calls.create_call, to_call(phones), 4, **just_now())
    assert raised.value.type == UNAVAILABLE
    assert phones.effects("calls.create") == 0
    assert phones.asked.count("calls.create") == 1


async def test_the_caller_is_never_rung(phones: Telephony, calls: Calls) -> None:
    phones.people_talk()
    await attempt(calls.create_call, to_call(phones), **just_now())
    assert all(form["To"] != CALLER for form in phones.forms("calls.create"))


@pytest.mark.parametrize("make", [to_add, to_call])
async def test_phone_whose_workflow_was_ended_meanwhile_is_not_left_ringing(
    phones: Telephony, calls: Calls, participants: Participants, make: Callable[..., Any]
) -> None:
    phones.people_talk()
    phones.behaves(TARGET, "no_answer")
    activity: Any = calls.create_call if make is to_call else participants.add_participant
    ended = with_asker(status=WorkflowExecutionStatus.TERMINATED)
    added = await attempt(activity, make(phones), temporal=ended, **just_now())
    assert phones.status(added.call_sid) == "canceled"
    unknown = await attempt(activity, make(phones), temporal=Believers(), **just_now())
    assert phones.status(unknown.call_sid) == "canceled"


@pytest.mark.parametrize("temporal", [Believers(is_reached=False), Believers(is_silent=True)])
@pytest.mark.parametrize("make", [to_add, to_call])
async def test_phone_rings_on_while_temporal_cannot_say_whether_it_is_wanted(
    phones: Telephony,
    calls: Calls,
    participants: Participants,
    make: Callable[..., Any],
    temporal: Believers,
) -> None:
    phones.people_talk()
    phones.behaves(TARGET, "no_answer")
    activity: Any = calls.create_call if make is to_call else participants.add_participant
    added = await attempt(activity, make(phones), temporal=temporal, **just_now())
    assert phones.status(added.call_sid) == "ringing"


@pytest.fixture
def minded(sdk: Client, settings: TwilioSettings, believers: Believers) -> Calls:
    """Calls that know what other workflows know."""
    owners = Owners(cast(Temporal, believers), TYPES, "view", "handover")
    return Calls(sdk, settings, owners)


@pytest.mark.parametrize("is_over", [False, True])
async def test_call_that_another_workflow_knows_is_not_taken_for_ours(
    phones: Telephony, minded: Calls, believers: Believers, is_over: bool
) -> None:
    """Two transfers dial one number in the same second, and the second request is lost."""
    phones.people_talk()
    phones.behaves(TARGET, "no_answer")
    first = (await attempt(minded.create_call, to_call(phones), **just_now())).call_sid
    known = believers.add("transfer/CFother", person("target", first, "dialed", address=TARGET))
    if is_over:
        known.cut_off(WorkflowExecutionStatus.COMPLETED)
    with phones.fault("calls.create", "reset_before"):
        added = await attempts(minded.create_call, to_call(phones), **just_now())
    assert not added.is_adopted
    assert added.call_sid != first


async def test_call_is_not_ours_for_sure_while_another_workflow_waits_to_be_told_of_its_own(
    phones: Telephony, minded: Calls, believers: Believers
) -> None:
    phones.people_talk()
    phones.behaves(TARGET, "no_answer")
    other = believers.add("transfer/CFother", person("target", "", "dialed", address=TARGET))
    heard: list[Any] = []
    with phones.fault("calls.create", "timeout_after"):
        for number in (1, 2, 3):
            with pytest.raises(TwilioError) as raised:
                await attempt(minded.create_call, to_call(phones), number, heard, **just_now())
            assert raised.value.type == UNAVAILABLE
    other.view["people"] = [person("target", "CA" + "0" * 32, "dialed", address=TARGET)]
    added = await attempt(minded.create_call, to_call(phones), 4, heard, **just_now())
    assert added.is_adopted
    assert phones.effects("calls.create") == 1


async def test_ringing_phone_of_another_workflow_is_not_ended_as_a_doubtful_one(
    phones: Telephony, minded: Calls, believers: Believers
) -> None:
    phones.people_talk()
    phones.behaves(TARGET, "no_answer")
    theirs = (await attempt(minded.create_call, to_call(phones), **just_now())).call_sid
    believers.add("transfer/CFother", person("target", theirs, "ringing", address=TARGET))
    dialed_at = datetime.now(UTC).timestamp()
    doubtful = EndLegInput(phones.room, LABEL, to=TARGET, is_doubtful=True, dialed_at=dialed_at)
    with pytest.raises(TwilioError) as raised:
        await attempt(minded.end_leg, doubtful)
    assert raised.value.type == UNAVAILABLE
    assert phones.status(theirs) == "ringing"
    ours = (await attempt(minded.create_call, to_call(phones), **just_now())).call_sid
    await attempt(minded.end_leg, doubtful)
    assert (phones.status(theirs), phones.status(ours)) == ("ringing", "canceled")
