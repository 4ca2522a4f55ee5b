"""Each difference between a belief and a look, and each that is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.guardian.compare import (
    HOLD_DIFFERS,
    LEG_ANSWERED,
    LEG_AWAITED,
    LEG_ENDED,
    LEG_JOINED,
    LEG_JUDGED,
    LEG_LEFT,
    LEG_MOVED_ON,
    OWNER_CUT_OFF,
    ROOM_ENDED,
    abandoned,
    differences,
)
from activities.guardian.look import CallSeen, Look
from activities.owners import ON_THE_LINE, SUPERVISOR, Owner, Person
from activities.room import CONNECTED, ENDED, QUEUED, RINGING

CF = "CF" + "1" * 32
CALLER, AGENT, TARGET = ("CA" + letter * 32 for letter in "abc")
LABEL = "0123456789abcdef-t1"
SILENT_WHILE = {"call": "transfer"}


def owner(*people: Person, kind: str = "transfer", **changes: object) -> Owner:
    made = Owner(f"{kind}/{CF}", f"run-of-{kind}", conference_sid=CF, people=people)
    return replace(made, **changes)  # type: ignore[arg-type]


def leg(
    party: str = "target", sid: str = TARGET, presence: str = "present", label: str = LABEL
) -> Person:
    return Person(party, sid, label, presence)


def look(*, rooms: tuple[str, ...] = (CF,), **calls: CallSeen) -> Look:
    return Look(
        {{"c": CALLER, "a": AGENT, "t": TARGET}[k]: v for k, v in calls.items()},
        dict.fromkeys(rooms, 0.0),
    )


def found(*owners: Owner, seen: Look) -> list[tuple[str, str]]:
    return [
        (each.kind, each.person.party if each.person else "")
        for each in differences(owners, seen, SILENT_WHILE)
    ]


@pytest.mark.parametrize("status", [QUEUED, RINGING, CONNECTED, ENDED, ""])
@pytest.mark.parametrize(
    "presence", ["none", "dialed", "ringing", "screened", "present", "leaving", "gone"]
)
@pytest.mark.parametrize("label", [LABEL, LABEL + "s"])
@pytest.mark.parametrize("answered_by", ["", "human"])
@pytest.mark.parametrize("is_in_room", [None, False, True])
def test_one_leg_in_every_combination(
    presence: str, status: str, label: str, answered_by: str, is_in_room: bool | None
) -> None:
    """`status` empty: the look does not show the call."""
    seen = CallSeen(status, answered_by=answered_by, is_in_room=is_in_room)
    shown = look(t=seen) if status else look()
    rings, comes_by_twiml = presence in ("dialed", "ringing"), label.endswith("s")
    expected: list[tuple[str, str]] = []
    if presence == "present" and status == CONNECTED and is_in_room is False:
        expected = [(LEG_LEFT, "target")]
    if presence in ON_THE_LINE and status in (ENDED, ""):
        expected = [(LEG_ENDED, "target")]
    elif status == CONNECTED and (rings or presence == "screened"):
        if is_in_room and (rings or comes_by_twiml):
            expected = [(LEG_JOINED, "target")]
        elif rings:
            expected = [(LEG_ANSWERED, "target")]
        elif comes_by_twiml and is_in_room is None:
            expected = [(LEG_AWAITED, "target")]
        elif answered_by:
            expected = [(LEG_JUDGED, "target")]
    assert found(owner(leg(presence=presence, label=label)), seen=shown) == expected


@pytest.mark.parametrize(
    ("presence", "expected"),
    [("dialed", LEG_AWAITED), ("screened", LEG_AWAITED), ("present", ""), ("gone", "")],
)
def test_leg_known_by_its_label_only_is_asked_about_while_it_may_come(
    presence: str, expected: str
) -> None:
    unknown = leg(sid="", presence=presence)
    kinds = [(expected, "target")] if expected else []
    assert found(owner(unknown), seen=look()) == kinds


def test_leg_known_by_its_label_only_is_found_in_the_room() -> None:
    seen = Look({LABEL: CallSeen(CONNECTED, call_sid=TARGET, is_in_room=True)}, {CF: 0.0})
    assert found(owner(leg(sid="", presence="dialed")), seen=seen) == [(LEG_JOINED, "target")]


def test_causes_are_told_before_consequences() -> None:
    talking = owner(leg("agent", AGENT), leg("target"), leg("caller", CALLER))
    assert found(talking, seen=look(rooms=())) == [
        (LEG_ENDED, "caller"),
        (ROOM_ENDED, ""),
        (LEG_ENDED, "agent"),
        (LEG_ENDED, "target"),
    ]


def test_ended_room_is_no_news_to_who_has_nobody_on_the_line() -> None:
    assert found(owner(leg(presence="gone")), seen=look(rooms=())) == []


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("believed", [False, True])
@pytest.mark.parametrize("is_in_room", [None, True])
@pytest.mark.parametrize("kind", ["transfer", "call"])
@pytest.mark.parametrize("presence", ["present", "leaving"])
def test_hold_counts_only_where_it_is_known_and_the_room_was_read(
    held: bool, believed: bool, is_in_room: bool | None, kind: str, presence: str
) -> None:
    believing = owner(replace(leg(presence=presence), held=believed), kind=kind)
    seen = look(t=CallSeen(CONNECTED, is_in_room=is_in_room, held=held))
    kinds = [each.kind for each in differences([believing], seen, knows_holds=("transfer",))]
    counts = kind == "transfer" and is_in_room and presence == "present"
    assert kinds == ([HOLD_DIFFERS] if counts and held is not believed else [])


def test_closed_owner_is_told_nothing() -> None:
    assert found(owner(leg(), is_running=False), seen=look(rooms=())) == []


def test_call_is_told_only_of_its_rooms_end_while_a_transfer_runs() -> None:
    both = (owner(leg(), kind="call"), owner(kind="transfer"))
    assert found(*both, seen=look()) == []
    assert found(*both, seen=look(rooms=())) == [(ROOM_ENDED, "")]


@pytest.mark.parametrize(
    ("last", "closed_at", "expected"),
    [
        ("gone", 20.0, LEG_MOVED_ON),
        ("gone", 5.0, LEG_ENDED),
        ("present", 20.0, LEG_ENDED),
    ],
)
def test_leg_that_a_transfer_let_go_is_no_lost_news(
    last: str, closed_at: float, expected: str
) -> None:
    call = owner(leg("agent", AGENT), kind="call", since=10.0)
    transfer = owner(
        leg("agent", AGENT, presence=last), kind="transfer", is_running=False, closed_at=closed_at
    )
    assert found(call, transfer, seen=look()) == [(expected, "agent")]


@pytest.mark.parametrize(("last", "expected"), [("gone", LEG_MOVED_ON), ("present", LEG_LEFT)])
def test_caller_whom_a_transfer_sent_elsewhere_is_no_lost_news(last: str, expected: str) -> None:
    """Seed 701569: the room lived on, with a supervisor in it."""
    call = owner(leg("caller", CALLER), kind="call", since=10.0)
    transfer = owner(
        leg("caller", CALLER, presence=last), kind="transfer", is_running=False, closed_at=20.0
    )
    elsewhere = look(c=CallSeen(CONNECTED, is_in_room=False))
    assert found(call, transfer, seen=elsewhere) == [(expected, "caller")]


def test_keys_tell_runs_kinds_and_legs_apart() -> None:
    one = owner(leg("agent", AGENT), leg())
    other = replace(one, run_id="another")
    keys = [each.key for each in differences((one, other), look())]
    assert len(set(keys)) == len(keys) == 4


def test_supervisors_are_looked_after_whoever_runs() -> None:
    """Another run of the supervision has supervisors of its own; a transfer knows of none."""
    boss = Person(SUPERVISOR, TARGET, "0123456789abcdef-v1", "present")
    over = {"is_running": False, "is_cut_off": True}
    first, second = (
        owner(boss, kind="supervision", run_id=run, **over) for run in ("run-1", "run-2")
    )
    call = owner(leg("caller", CALLER), kind="call", **over)
    running = [owner(kind=kind, run_id="run-3") for kind in ("supervision", "transfer", "call")]
    found = abandoned([first, second, call], running, {"call": "transfer"})
    assert [(each.kind, each.owner) for each in found] == [
        (OWNER_CUT_OFF, first),
        (OWNER_CUT_OFF, second),
    ]
    assert len({each.key for each in found}) == 2


@pytest.mark.parametrize("is_asking", [True, False])
def test_room_of_a_cry_for_help_is_told_to_have_ended(is_asking: bool) -> None:
    """Seed 300288: nobody was known to be on the call, so the cry stayed open for ten minutes."""
    asked = owner(kind="supervision", is_asking=is_asking)
    assert found(asked, seen=look(rooms=())) == ([(ROOM_ENDED, "")] if is_asking else [])
    assert found(asked, seen=look()) == []
