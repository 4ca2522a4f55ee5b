"""Supervisors whose supervision was ended by force: silent first, then off the call, and nobody
else is."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.ending import DOUBT_SECONDS_MAX
from activities.errors import UNAVAILABLE, TwilioError
from tests.activities.believers import Act, Believer, Believers, person
from tests.activities.telephony import AGENT, CALLER, TARGET, Telephony
from tests.activities.test_guardian import LABEL, PART

SUE, SID = "client:sue", "client:sid"


def supervisor(number: int, call_sid: str, state: str, **more: Any) -> dict[str, Any]:
    """As a supervision's view shows one."""
    is_over = state in ("left", "took_over")
    told = {"id": f"{PART}-v{number}", "call_sid": call_sid, "state": state, "is_over": is_over}
    return {**told, **more}


def joins(phones: Telephony, address: str, number: int = 1, **wishes: str) -> str:
    return phones.enter(address, Label=f"{PART}-v{number}", **{"Muted": "true", **wishes})


def speakers(phones: Telephony, listener: str) -> set[str]:
    """Whom somebody has ever heard, by the ledger."""
    with phones.runtime.act() as network:
        told = network.ledger.select(conference_sid=phones.room, kind="hearing")
    return {each.detail["speaker"] for each in told if each.detail["listener"] == listener}


@pytest.mark.parametrize("worst", ["becomes_audible", "becomes_muted", "stays_coaching"])
async def test_whispering_supervisor_is_silenced_and_then_ended(
    act: Act, phones: Telephony, believers: Believers, worst: str
) -> None:
    phones.switch(coach_of_one_who_left=worst)
    caller, agent = phones.people_talk()
    boss = joins(phones, SUE)
    phones.change(boss, Coaching="true", CallSidToCoach=agent)
    phones.change(boss, Muted="false")
    phones.forget_requests()
    told = supervisor(1, boss, "whispering"), supervisor(2, agent, "left")
    dead = believers.add(f"supervision/{phones.room}", supervisors=told, agent_call_sid=agent)
    dead.cut_off()
    report = await act(dead, phones.room)
    assert (report.did, report.is_settled) == (("mute", "end_leg"), False)
    changes = [each for each in phones.asked if each.endswith(".update")]
    assert changes == ["participants.update", "calls.update"], "silent first"
    assert phones.status(boss) == "completed"
    assert phones.status(caller) == phones.status(agent) == "in-progress"
    assert boss not in speakers(phones, caller)
    again = await act(dead, phones.room)
    assert (again.did, again.is_settled, again.watch) == ((), True, None)


async def test_neither_a_transfer_nor_a_new_supervision_keeps_the_old_one_there(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    caller, agent = phones.people_talk()
    old, new = joins(phones, SUE, 1), joins(phones, SID, 2)
    dead = believers.add(
        f"supervision/{phones.room}", supervisors=[supervisor(1, old, "listening")]
    )
    dead.cut_off()
    believers.add(
        f"supervision/{phones.room}", supervisors=[supervisor(2, new, "listening")]
    ).run_id = "run-2"
    believers.add(f"transfer/{phones.room}", person("caller", caller), person("agent", agent))
    assert (await act(dead, phones.room)).did == ("end_leg",)
    assert phones.status(old) == "completed"
    assert phones.status(new) == phones.status(agent) == "in-progress"


async def test_supervisor_of_whom_the_supervision_had_not_learnt_is_found_by_label(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    _, agent = phones.people_talk()
    known, unknown = joins(phones, SUE, 1), joins(phones, SID, 2)
    told = supervisor(1, "", "dialing"), supervisor(3, agent, "left")
    dead = believers.add(f"supervision/{phones.room}", supervisors=told, agent_call_sid=agent)
    dead.cut_off()
    assert (await act(dead, phones.room)).did == ("end_leg", "end_leg")
    assert phones.status(known) == phones.status(unknown) == "completed"
    assert phones.status(agent) == "in-progress"


async def test_phone_that_may_still_ring_is_waited_for(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    """The dial was under way when the supervision was ended: it may take effect any moment."""
    now = time.time()
    dead = cut_off_while_dialing(phones, believers, now)
    scheduled = activity_time(now + 1)
    with pytest.raises(TwilioError) as raised:
        await act(dead, phones.room, scheduled_time=scheduled)
    assert raised.value.type == UNAVAILABLE, "not settled: it is tried again"
    phones.behaves(SUE, "no_answer")
    ringing = joins(phones, SUE)
    assert (await act(dead, phones.room, scheduled_time=scheduled)).did == ("end_leg",)
    assert phones.status(ringing) in ("completed", "canceled", "no-answer")


async def test_phone_that_never_rang_is_given_up(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    now = time.time()
    dead = cut_off_while_dialing(phones, believers, now)
    late = activity_time(now + DOUBT_SECONDS_MAX + 1)
    report = await act(dead, phones.room, scheduled_time=late)
    assert (report.did, report.is_settled) == ((), True)


def cut_off_while_dialing(phones: Telephony, believers: Believers, at: float) -> Believer:
    """A supervision that was ended by force when it had just begun to dial."""
    phones.people_talk()
    told = supervisor(1, "", "dialing", address=SUE, joined_at=at)
    dead = believers.add(f"supervision/{phones.room}", supervisors=[told])
    dead.cut_off()
    return dead


def activity_time(at: float) -> datetime:
    """As an activity is told when it was scheduled."""
    return datetime.fromtimestamp(at, UTC)


async def test_supervisor_who_was_taking_over_stays_if_the_agent_has_gone(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    caller, agent = phones.people_talk(agent_flag=False)
    boss = joins(phones, SUE, Muted="false")
    told = supervisor(1, boss, "taking_over")
    dead = believers.add(f"supervision/{phones.room}", supervisors=[told], agent_call_sid=agent)
    believers.add(f"call/{phones.room}", person("caller", caller), person("agent", boss))
    dead.cut_off()
    phones.hangs_up(AGENT)
    assert (await act(dead, phones.room)).did == ()
    assert phones.status(boss) == phones.status(caller) == "in-progress", "the caller has somebody"


async def test_supervisor_who_was_taking_over_goes_if_the_agent_is_there(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    caller, agent = phones.people_talk()
    boss = joins(phones, SUE, Muted="false")
    told = supervisor(1, boss, "taking_over")
    dead = believers.add(f"supervision/{phones.room}", supervisors=[told], agent_call_sid=agent)
    # The call was told before the removal, so that is no proof of it.
    believers.add(f"call/{phones.room}", person("caller", caller), person("agent", boss))
    dead.cut_off()
    assert (await act(dead, phones.room)).did == ("mute", "end_leg")
    assert phones.status(agent) == phones.status(caller) == "in-progress"


@pytest.mark.parametrize("is_this_run", [True, False])
async def test_supervisor_who_took_over_is_the_agent(
    act: Act, phones: Telephony, believers: Believers, is_this_run: bool
) -> None:
    """In this run of the supervision, or in an earlier one."""
    caller = phones.enter(CALLER)
    boss = joins(phones, SUE, Muted="false")
    told = [supervisor(1, boss, "took_over")] if is_this_run else [supervisor(2, "CA1", "left")]
    dead = believers.add(f"supervision/{phones.room}", supervisors=told)
    believers.add(f"call/{phones.room}", person("caller", caller), person("agent", boss))
    dead.cut_off()
    assert (await act(dead, phones.room)).did == ()
    assert phones.status(boss) == "in-progress"


async def test_coach_is_silenced_before_a_rescue_ends_whom_they_coach(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    """The target of a dead transfer goes; a whisper that had followed to it reaches nobody."""
    phones.switch(coach_of_one_who_left="becomes_audible")
    caller, agent = phones.people_talk()
    target = phones.enter(TARGET, Label=LABEL)
    boss = joins(phones, SUE)
    phones.change(caller, Hold="true")
    phones.change(boss, Coaching="true", CallSidToCoach=target)
    phones.change(boss, Muted="false")
    dead = believers.add(
        f"transfer/{phones.room}",
        person("caller", caller, held=True),
        person("agent", agent),
        person("target", target, label=LABEL),
        id=f"{phones.room}-{PART}",
    )
    believers.add(f"supervision/{phones.room}", supervisors=[supervisor(1, boss, "whispering")])
    dead.cut_off()
    assert (await act(dead, phones.room)).did == ("mute", "end_leg", "resume")
    assert boss not in speakers(phones, caller) | speakers(phones, agent)
    assert phones.status(boss) == "in-progress", "the supervision lives and keeps them quiet"


@pytest.mark.parametrize("is_muted", [True, False])
async def test_supervisor_in_a_room_that_nobody_knows_must_go(
    act: Act, phones: Telephony, believers: Believers, is_muted: bool
) -> None:
    caller = phones.enter(CALLER, Label="caller")
    agent = phones.enter(AGENT)
    boss = joins(phones, SUE, Muted="true" if is_muted else "false")
    report = await act(None, phones.room)
    assert report.did == (("end_leg",) if is_muted else ("mute", "end_leg"))
    assert phones.status(boss) == "completed"
    assert phones.status(caller) == phones.status(agent) == "in-progress"
