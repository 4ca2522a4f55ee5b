"""The guardian's rescues at a simulated network."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus as Status

from activities.ending import DOUBT_SECONDS_MAX
from tests.activities.believers import Act, Believers, person
from tests.activities.telephony import CALLER, TARGET, Telephony
from tests.activities.test_guardian import LABEL, PART, dial


async def test_caller_left_in_a_consult_is_back_with_the_agent(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    caller, agent = phones.people_talk()
    target = phones.enter(TARGET, Label=LABEL)
    phones.change(caller, Hold="true")
    dead = believers.add(
        f"transfer/{phones.room}",
        person("caller", caller, held=True),
        person("agent", agent),
        person("target", target, label=LABEL),
        id=f"{phones.room}-{PART}",
    )
    dead.cut_off()
    report = await act(dead, phones.room)
    assert report.did == ("end_leg", "resume")
    assert (phones.status(target), phones.leg(caller).hold) == ("completed", False)
    again = await act(dead, phones.room)
    assert (again.did, again.is_settled) == ((), True)


@pytest.mark.parametrize("whose", ["the dead transfer's", "another's", "perhaps another's"])
async def test_phone_of_which_nobody_was_told_is_hung_up(
    act: Act, phones: Telephony, believers: Believers, whose: str
) -> None:
    """Seed 27818: the transfer was ended by force as its dial was answered, and Twilio did not list
    who rang. The caller comes off hold before it is looked for."""
    phones.switch(ringing_participants_listed=False)
    caller, agent = phones.people_talk()
    phones.change(caller, Hold="true")
    target = dial(phones)
    dead = believers.add(
        f"transfer/{phones.room}",
        person("caller", caller, held=True),
        person("agent", agent),
        person("target", presence="dialed", label=LABEL, address=TARGET),
        id=f"{phones.room}-{PART}",
        attempts=[{"dialed_at": time.time()}],
    )
    dead.cut_off()
    if whose != "the dead transfer's":
        knows = target if whose == "another's" else ""
        other = person("target", knows, "ringing", address=TARGET)
        believers.add("transfer/CF" + "2" * 32, other).run_id = "run-2"
    report = await act(dead, phones.room)
    assert report.did == ("resume",), "nobody waits for it"
    again = await act(dead, phones.room)
    assert again.is_settled is (whose != "perhaps another's")
    later = datetime.now(UTC) + timedelta(seconds=DOUBT_SECONDS_MAX)
    last = await act(dead, phones.room, scheduled_time=later)
    assert last.is_settled, "nobody is looked for for ever"
    assert not phones.leg(caller).hold
    assert (phones.status(target) == "ringing") is (whose != "the dead transfer's")


async def test_two_rescues_at_once_do_no_harm(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    caller, agent = phones.people_talk()
    target = dial(phones)
    phones.change(caller, Hold="true")
    dead = believers.add(
        f"transfer/{phones.room}",
        person("caller", caller, held=True),
        person("agent", agent),
        person("target", target, "ringing", label=LABEL),
        id=f"{phones.room}-{PART}",
    )
    dead.cut_off()
    await asyncio.gather(*(act(dead, phones.room) for _ in range(2)))
    assert phones.status(target) in ("completed", "canceled")
    assert not phones.leg(caller).hold
    assert phones.status(agent) == "in-progress"


async def test_lonely_caller_hears_the_apology(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    caller = phones.enter(CALLER, Label="caller")
    dead = believers.add(f"call/{phones.room}", person("caller", caller))
    dead.cut_off()
    assert (await act(dead, phones.room)).did == ("divert",)
    assert phones.status(caller) == "in-progress"


async def test_nothing_is_done_while_another_transfer_runs(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    caller, agent = phones.people_talk()
    phones.change(caller, Hold="true")
    people = person("caller", caller, held=True), person("agent", agent)
    dead = believers.add(f"transfer/{phones.room}", *people)
    dead.cut_off()
    believers.add(f"transfer/{phones.room}", *people).run_id = "run-2"
    report = await act(dead, phones.room)
    assert (report.did, report.is_settled) == ((), False)
    assert phones.leg(caller).hold


async def test_hold_of_an_agent_outlives_a_dead_transfer(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    caller, agent = phones.people_talk()
    phones.change(caller, Hold="true")
    dead = believers.add(
        f"transfer/{phones.room}", person("caller", caller), person("agent", agent)
    )
    dead.cut_off()
    believers.add(f"hold/{phones.room}")
    assert (await act(dead, phones.room)).did == ()
    assert phones.leg(caller).hold


async def test_stuck_workflow_is_ended_and_its_caller_given_back(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    caller, agent = phones.people_talk()
    phones.change(caller, Hold="true")
    stuck = believers.add(
        f"transfer/{phones.room}", person("caller", caller, held=True), person("agent", agent)
    )
    report = await act(stuck, phones.room, is_stuck=True)
    assert (report.did, stuck.status) == ((), Status.RUNNING), "one failure is a worker's death"
    stuck.failures = 3
    assert (await act(stuck, phones.room, is_stuck=True)).did == ("resume",)
    assert stuck.status is Status.TERMINATED


@pytest.mark.parametrize("is_watched", [False, True])
async def test_people_who_talk_are_watched_again(
    act: Act, phones: Telephony, believers: Believers, is_watched: bool
) -> None:
    caller, agent = phones.people_talk()
    people = person("caller", caller), person("agent", agent)
    dead = believers.add(f"call/{phones.room}", *people)
    dead.cut_off()
    if is_watched:
        believers.add(f"call/{phones.room}", *people).run_id = "run-2"
    report = await act(dead, phones.room)
    assert report.did == ()
    assert (report.watch is None) == is_watched
    if report.watch is not None:
        assert report.watch.caller_call_sid == caller


async def test_hold_whose_workflow_was_ended_by_force_is_ended(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    caller, agent = phones.people_talk()
    phones.change(caller, Hold="true")
    people = person("caller", caller, held=True), person("agent", agent)
    dead = believers.add(f"hold/{phones.room}", *people)
    believers.add(f"call/{phones.room}", person("caller", caller), person("agent", agent))
    dead.cut_off()
    assert (await act(dead, phones.room)).did == ("resume",)
    assert not phones.leg(caller).hold


async def test_caller_in_a_room_of_ours_that_nobody_knows_hears_the_apology(
    act: Act, phones: Telephony, believers: Believers
) -> None:
    phones.enter(CALLER, Label="caller")
    assert (await act(None, phones.room)).did == ("divert",)
