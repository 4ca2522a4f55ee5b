"""Whom an owner left behind, in every combination, and what is done for them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from activities.guardian.remedy import (
    ACCEPT_TASK,
    DIVERT,
    END_LEG,
    END_ROOM,
    END_TASK,
    RESUME,
    Left,
    Step,
    is_ours,
    remedy,
)
from activities.room import CONNECTED, RINGING, Room, RoomLeg

CF = "CF" + "1" * 32
CALLER, AGENT, TARGET, OTHER = ("CA" + letter * 32 for letter in "abcd")
PART = "0123456789abcdef"
TALKS = RoomLeg(status=CONNECTED)
RINGS = RoomLeg(status=RINGING)
HOLDS = RoomLeg(status=CONNECTED, held=True)

TRANSFER = Left(CF, True, PART, CALLER, AGENT, (TARGET,))
CALL = Left(CF, False, CF[2:18], CALLER, AGENT, ())


def room(**legs: RoomLeg | None) -> Room:
    """Who is there: caller, agent and target as given; the target has the transfer's label."""
    sids = {"caller": CALLER, "agent": AGENT, "target": TARGET}
    labels = {"caller": "caller", "agent": "", "target": f"{PART}-t1"}
    there = tuple(
        replace(leg, call_sid=sids[party], label=labels[party])
        for party, leg in legs.items()
        if leg is not None
    )
    return Room(CF, "room", is_live=bool(there), legs=there)


def steps(left: Left, seen: Room, *more_live: str) -> list[Step]:
    live = [leg.call_sid for leg in seen.legs]
    return list(remedy(left, seen, [*live, *more_live]))


def after(seen: Room, done: list[Step]) -> Room:
    """The room once the steps were taken."""
    legs = list(seen.legs)
    for step in done:
        if step.what in (END_LEG, DIVERT):
            legs = [leg for leg in legs if leg.call_sid != step.key]
        elif step.what == RESUME:
            legs = [replace(leg, held=False) if leg.call_sid == step.key else leg for leg in legs]
        elif step.what == END_ROOM:
            legs = []
    return replace(seen, legs=tuple(legs), is_live=bool(legs))


ROOMS = [
    room(caller=caller, agent=agent, target=target)
    for caller, agent, target in itertools.product(
        (None, TALKS, HOLDS), (None, TALKS, HOLDS), (None, RINGS, TALKS, HOLDS)
    )
]


@pytest.mark.parametrize("seen", ROOMS, ids=lambda seen: "+".join(_words(seen)) or "nobody")
def test_after_the_remedy_nobody_waits_for_nothing(seen: Room) -> None:
    done = steps(TRANSFER, seen)
    then = after(seen, done)
    assert steps(TRANSFER, then) == [], "the remedy does not come to an end"
    assert all(leg.status == CONNECTED for leg in then.legs), "a phone rings for nobody"
    if not any(leg.call_sid == CALLER for leg in seen.legs):
        assert not then.legs, "legs of a call without a caller"
        return
    assert not any(leg.held for leg in then.legs), "somebody waits on hold"
    assert len(then.legs) != 1 or then.legs[0].call_sid != CALLER, "the caller is alone"
    assert (Step(DIVERT, CALLER) in done) == (not _company(seen))


@pytest.mark.parametrize("seen", ROOMS, ids=lambda seen: "+".join(_words(seen)) or "nobody")
def test_nobody_hears_what_was_not_meant_for_them(seen: Room) -> None:
    """Before the caller is taken off hold beside an agent, the target has gone."""
    done = steps(TRANSFER, seen)
    if Step(RESUME, CALLER) in done and _there(seen, AGENT):
        first = next(i for i, step in enumerate(done) if step.what == RESUME)
        assert not _there(after(seen, done[:first]), TARGET)


def test_who_talks_goes_on_talking() -> None:
    assert steps(TRANSFER, room(caller=TALKS, agent=TALKS, target=TALKS)) == []
    assert steps(TRANSFER, room(caller=TALKS, target=TALKS)) == []
    assert steps(CALL, room(caller=TALKS, agent=TALKS)) == []


def test_hold_of_somebody_else_is_left_alone() -> None:
    held = room(caller=HOLDS, agent=TALKS)
    assert steps(replace(TRANSFER, is_hold_foreign=True), held) == []
    assert steps(CALL, held) == []


def test_leg_that_no_room_shows_is_ended_by_its_call() -> None:
    assert steps(TRANSFER, room(caller=TALKS, agent=TALKS), TARGET) == [Step(END_LEG, TARGET)]


def test_supervisor_is_no_company() -> None:
    seen = room(caller=HOLDS)
    listens = RoomLeg(OTHER, label=f"{PART}-v1", muted=True)
    assert steps(TRANSFER, replace(seen, legs=(*seen.legs, listens))) == [Step(DIVERT, CALLER)]


def test_supervisor_who_took_over_is_company() -> None:
    talks = RoomLeg(OTHER, label=f"{PART}-v1")
    seen = room(caller=TALKS)
    assert steps(replace(CALL, call_sids=(OTHER,)), replace(seen, legs=(*seen.legs, talks))) == []


@pytest.mark.parametrize("caller", [TALKS, HOLDS])
@pytest.mark.parametrize("target", [TALKS, HOLDS])
def test_supervisor_who_took_over_has_the_caller_and_the_target_goes(
    caller: RoomLeg, target: RoomLeg
) -> None:
    """Found by races: the target of a transfer that was ended by force was let in to them."""
    talks = RoomLeg(OTHER, label=f"{PART}-v1")
    seen = room(caller=caller, target=target)
    seen = replace(seen, legs=(*seen.legs, talks))
    resumed = [Step(RESUME, CALLER)] if caller.held else []
    done = steps(replace(TRANSFER, heirs=(OTHER,)), seen)
    assert done == [Step(END_LEG, TARGET), *resumed]
    only_listens = steps(TRANSFER, seen)
    assert Step(END_LEG, TARGET) not in only_listens, "the target has the caller, alone"


def test_strangers_room_is_never_ended() -> None:
    strange = Room(CF, "room", legs=(RoomLeg(OTHER, label="theirs"),))
    assert steps(Left(CF, False, CF[2:18]), strange) == []


@pytest.mark.parametrize("label", [f"{PART}-t1s", f"{PART}-t2", f"{PART}-r1"])
def test_who_was_rung_and_is_alone_in_a_room_without_an_owner_is_let_go(label: str) -> None:
    """A phone picked up too late: TwiML, which knows rooms by name only, made a new one."""
    alone = Room(CF, "room", legs=(RoomLeg(TARGET, label=label),))
    assert steps(Left(CF, False, CF[2:18]), alone) == [Step(END_ROOM)]
    together = replace(alone, legs=(*alone.legs, RoomLeg(OTHER)))
    assert steps(Left(CF, False, CF[2:18]), together) == []


def test_caller_who_was_not_known_yet_is_who_is_neither_agent_nor_target() -> None:
    seen = room(caller=HOLDS, agent=TALKS)
    seen = replace(seen, legs=tuple(replace(leg, label="") for leg in seen.legs))
    assert steps(replace(TRANSFER, caller_call_sid=""), seen) == [Step(RESUME, CALLER)]


def test_tasks_of_those_who_are_not_there_are_ended() -> None:
    left = replace(
        TRANSFER, task_sid="WT1", dialled_tasks=(("WT2", TARGET), ("WT3", OTHER), ("WT4", ""))
    )
    tasks = steps(left, room(caller=TALKS, target=TALKS))
    assert [step.key for step in tasks if step.what == END_TASK] == ["WT3", "WT4", "WT1"]
    assert tasks[3:] == [Step(ACCEPT_TASK, "WT2", call_sid=TARGET)], "it may still be on offer"
    assert Step(END_TASK, "WT1") not in steps(left, room(caller=TALKS, agent=TALKS))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("caller", True),
        (f"{PART}-t1", True),
        (f"{PART}-t12s", True),
        (f"{PART}-r1", True),
        (f"{PART}-v3", True),
        (f"{PART}-x1", False),
        (f"{PART[:-1]}-t1", False),
        (f"{PART}-t1 ", False),
        ("", False),
        ("agent", False),
    ],
)
def test_labels_of_ours(label: str, expected: bool) -> None:
    assert is_ours(label) is expected


def _there(seen: Room, call_sid: str) -> bool:
    return any(leg.call_sid == call_sid and leg.status == CONNECTED for leg in seen.legs)


def _company(seen: Room) -> bool:
    return _there(seen, AGENT) or _there(seen, TARGET)


def _words(seen: Room) -> list[str]:
    names = {CALLER: "caller", AGENT: "agent", TARGET: "target"}
    return [
        names[leg.call_sid] + ("-held" if leg.held else "" if leg.status == CONNECTED else "-rings")
        for leg in seen.legs
    ]
