"""Legs that nobody wants any more, on a call that goes on: which are ended, and which are not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import pytest
from temporalio.client import Client as Temporal
from temporalio.client import WorkflowExecutionStatus as Status
from temporalio.testing import ActivityEnvironment
from twilio.rest import Client

from activities.guardian.rescue import Rescue, RescueInput
from activities.guardian.strays import strays, suspects
from activities.owners import Owner, Person
from activities.room import CONNECTED, ENDED, RINGING, Room, RoomLeg
from activities.settings import TwilioSettings
from tests.activities.believers import TYPES, Believers, person
from tests.activities.telephony import TARGET, Telephony
from tests.activities.test_guardian import LABEL, PART, Look, kinds, look, quickly, sdk

__all__ = ["look", "quickly", "sdk"]

CF = "CF" + "c" * 32
LATER = "fedcba9876543210"
KINDS = ("transfer", "hold")
CALLER = RoomLeg("CAcaller", "caller")
AGENT = RoomLeg("CAagent", f"{'c' * 16}-t1")
SUE = RoomLeg("CAsue", f"{LATER}-v1")
BOB = RoomLeg("CAbob", LABEL)


def owner(kind: str, *people: Person, part: str = "", closed_at: float = 0.0) -> Owner:
    return Owner(
        f"{kind}/{CF}",
        f"run-{part}",
        is_running=not closed_at,
        conference_sid=CF,
        people=people,
        part=part,
        closed_at=closed_at,
    )


ALICE = Person("agent", "CAagent", presence="present")
CALL = owner("call", Person("caller", "CAcaller", presence="present"),
             Person("target", "CAbob", presence="present"))  # fmt: skip
"""Between transfers it takes for its agent whoever it finds: here the one who is to go."""


def over(presence: str, part: str = PART, party: str = "target", at: float = 1.0) -> Owner:
    """A transfer that is over and left bob's leg so."""
    bob = Person(party, "CAbob", LABEL, presence)
    return owner("transfer", bob, ALICE, part=part, closed_at=at)


def ended(
    *legs: RoomLeg, past: Iterable[Owner] = (), beside: Iterable[Owner] = ()
) -> tuple[str, ...]:
    room = Room(CF, legs=legs)
    return tuple(leg.call_sid for leg in strays(room, (CALL, *beside), past, KINDS))


@pytest.mark.parametrize("word", ["gone", "dialed", "ringing", "screened", "leaving"])
def test_leg_that_was_not_to_stay_goes(word: str) -> None:
    assert ended(CALLER, AGENT, BOB, past=[over(word)]) == ("CAbob",)


def test_leg_of_which_its_transfer_knew_nothing_goes() -> None:
    knew_nothing = owner("transfer", ALICE, part=PART, closed_at=1.0)
    assert ended(CALLER, AGENT, BOB, past=[knew_nothing]) == ("CAbob",)


def test_target_who_has_the_call_stays() -> None:
    assert ended(CALLER, AGENT, BOB, past=[over("present")]) == ()


def test_leg_of_a_workflow_that_nobody_knows_stays() -> None:
    assert ended(CALLER, AGENT, BOB) == ()
    assert ended(CALLER, AGENT, BOB, past=[owner("transfer", part=LATER, closed_at=1.0)]) == ()


def test_later_word_counts() -> None:
    """Whoever got the call in one transfer may be the agent of the next, and let go by it."""
    first = over("present")
    assert ended(CALLER, AGENT, BOB, past=[over("gone", LATER, "agent", 2.0), first]) == ("CAbob",)
    assert ended(CALLER, AGENT, BOB, past=[over("present", LATER, "agent", 2.0), first]) == ()


@pytest.mark.parametrize(
    ("agent", "is_cut_off", "is_followed", "is_ended"),
    [
        ("present", True, True, True),
        ("present", True, False, False),
        ("present", False, True, False),
        ("gone", True, True, False),
        ("leaving", True, True, False),
    ],
)
@pytest.mark.parametrize("is_running", [True, False])
def test_target_of_a_transfer_that_was_ended_by_force_is_nobody_to_the_next_one(
    agent: str, is_cut_off: bool, is_followed: bool, is_ended: bool, is_running: bool
) -> None:
    """Alone, the guardian's rescue decides; and once the agent had been let go, it is the target's
    call."""
    people = Person("agent", "CAagent", presence=agent), Person("target", "CAbob", LABEL, "present")
    first = replace(owner("transfer", *people, part=PART, closed_at=1.0), is_cut_off=is_cut_off)
    next_one = owner("transfer", people[0], part=LATER, closed_at=0.0 if is_running else 2.0)
    others = [next_one] if is_followed else []
    given = {"past": [first, *others]} if not is_running else {"past": [first], "beside": others}
    assert ended(CALLER, AGENT, BOB, **given) == (("CAbob",) if is_ended else ())


def test_nobody_is_left_alone_for_the_sake_of_order() -> None:
    gone = over("gone")
    assert ended(CALLER, BOB, past=[gone]) == ()
    assert ended(CALLER, SUE, BOB, past=[gone]) == ()
    assert ended(AGENT, BOB, past=[gone]) == (), "without the caller the call is over anyhow"
    other = RoomLeg("CAbob2", f"{PART}-t2")
    assert ended(CALLER, BOB, other, past=[gone]) == (), "one of two who were to go is somebody"


def test_supervisor_who_took_the_call_over_is_somebody() -> None:
    taken = owner("call", Person("caller", "CAcaller", presence="present"),
                  Person("target", "CAsue", presence="present"))  # fmt: skip
    assert ended(CALLER, SUE, BOB, past=[over("gone")], beside=[taken]) == ("CAbob",)


def test_phone_that_rings_for_nobody_is_somebody_to_none() -> None:
    rings = RoomLeg("CAbob", LABEL, status=RINGING)
    assert ended(CALLER, rings, past=[over("ringing")]) == ("CAbob",)


def test_leg_that_a_workflow_which_runs_dialled_or_knows_is_its_business() -> None:
    dialler = owner("transfer", part=PART)
    knows = owner("transfer", Person("agent", "CAbob", presence="present"), part=LATER)
    let_go = owner("transfer", Person("agent", "CAbob", presence="gone"), part=LATER)
    for beside, expected in ((dialler, ()), (knows, ()), (let_go, ("CAbob",))):
        assert ended(CALLER, AGENT, BOB, past=[over("gone")], beside=[beside]) == expected


@pytest.mark.parametrize("leg", [CALLER, SUE, RoomLeg("CAx"), RoomLeg("CAx", "anna"),
                                 RoomLeg("CAbob", LABEL, status=ENDED)])  # fmt: skip
def test_legs_that_no_transfer_dialled_are_not_suspected(leg: RoomLeg) -> None:
    assert suspects(Room(CF, legs=(leg,)), [CALL], KINDS) == ()
    assert suspects(Room(CF, legs=(BOB,)), [CALL], KINDS) == (BOB,)
    assert BOB.status == CONNECTED


def test_agent_whom_the_call_rang_and_nobody_knows_came_too_late() -> None:
    """Seed 48107: a dial of the call's took effect when its agent had transferred the call, and all
    news of it was lost."""
    late = RoomLeg("CAlate", AGENT.label)
    past = [over("present")]
    assert ended(CALLER, BOB, late, past=past) == ("CAlate",)
    assert ended(CALLER, late, past=past) == (), "the caller has nobody else"
    assert ended(CALLER, BOB, late, past=[owner("hold", part=LATER, closed_at=1.0)]) == ()
    assert ended(CALLER, BOB, late) == (), "the call may not have told of its agent yet"
    assert ended(CALLER, BOB, AGENT, past=past) == (), "the agent is still there"
    transfer = owner("transfer", ALICE, Person("target", "CAbob", presence="present"), part=LATER)
    assert ended(CALLER, AGENT, BOB, late, past=past, beside=[transfer]) == ("CAlate",)
    rings = owner("call", Person("target", label=late.label, presence="dialed"))
    assert suspects(Room(CF, legs=(late,)), [rings], KINDS) == ()
    assert suspects(Room(CF, legs=(late,)), [], KINDS) == ()


# --- at a simulated network ----------------------------------------------------------------------


@pytest.mark.parametrize("word", ["gone", "present"])
async def test_guardian_finds_a_stray_leg_and_ends_it(
    look: Look,
    sdk: Client,
    settings: TwilioSettings,
    phones: Telephony,
    believers: Believers,
    word: str,
) -> None:
    caller, agent = phones.people_talk()
    bob = phones.enter(TARGET, Label=LABEL)
    people = person("caller", caller), person("target", agent)
    believers.add(f"call/{phones.room}", *people)
    over = believers.add(
        f"transfer/{phones.room}",
        person("caller", caller),
        person("agent", agent),
        person("target", bob, word, label=LABEL),
        id=f"{phones.room}-{PART}",
    )
    over.cut_off(Status.COMPLETED)
    is_stray = word == "gone"
    believers.listed = believers.all[:1]
    assert not (await look()).findings, "as long as lists do not show the transfer"
    believers.listed = None
    report = await look()
    assert kinds(report) == (["leg_stray"] if is_stray else [])
    phones.forget_requests()
    lists = believers.lists
    assert kinds(await look()) == kinds(report)
    asked = believers.lists - lists
    rescue = Rescue(sdk, settings, cast(Temporal, believers))
    given = RescueInput(phones.room, TYPES, "view", "task", "handover")
    done = await ActivityEnvironment().run(rescue.end_strays, given)
    assert done.did == (("end_leg",) if is_stray else ())
    assert phones.status(bob) == ("completed" if is_stray else "in-progress")
    assert phones.status(agent) == "in-progress"
    if not is_stray:
        assert asked == LISTS_PER_LOOK, "who was to stay is asked about once"


LISTS_PER_LOOK = 3
"""Those who run, those who were cut off, those whose code fails."""


async def test_stray_leg_on_a_call_of_another_application_is_found(
    look: Look, phones: Telephony, believers: Believers
) -> None:
    """Nobody owns such a call once its transfer is over."""
    caller, agent = phones.people_talk()
    bob = phones.enter(TARGET, Label=LABEL)
    over = believers.add(
        f"transfer/{phones.room}",
        person("caller", caller),
        person("agent", agent),
        person("target", bob, "gone", label=LABEL),
        id=f"{phones.room}-{PART}",
    )
    over.cut_off(Status.COMPLETED)
    believers.listed = []
    assert not (await look()).findings, "as long as lists do not show the transfer"
    believers.listed = None
    assert kinds(await look()) == ["leg_stray"]
